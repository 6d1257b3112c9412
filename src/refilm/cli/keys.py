"""`refilm keys`: make, list and end API keys, beside a running server or without one."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from refilm.cli.options import BadArgument
from refilm.domain.account import USUAL_SCOPES, Key, KeyScope, NewKey
from refilm.errors import NotFound

if TYPE_CHECKING:
    from refilm.accounts import Accounts
    from refilm.audit import AuditLog
    from refilm.config import Settings

app = typer.Typer(help="Make, list and end API keys.", no_args_is_help=True)

Priority = Annotated[
    int, typer.Option(min=-100, max=100, help="Tasks of a higher priority go first.", show_default="0")
]
Data = Annotated[Path | None, typer.Option(help="Folder of rows and bytes.", show_default=False)]
Meant = Annotated[
    str, typer.Argument(help="The id that `keys list` shows, an account's name for all its keys, or a key's name.")
]
Scopes = Annotated[
    list[KeyScope] | None,
    typer.Option("--scope", help="What it may do; may be repeated. [read and create]", show_default=False),
]
Label = Annotated[
    str | None, typer.Option("--name", help="What the key is called. [like its account]", show_default=False)
]
Expires = Annotated[
    str, typer.Option(help='When it ends: in "90s", "30m", "12h", "30d" or "8w", or "never".', show_default="never")
]

_SPAN = re.compile(r"([1-9][0-9]{0,5})([smhdw])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def span_of(text: str) -> timedelta | None:
    """A span of time such as 30d; None for "never". Raises BadArgument."""
    if text == "never":
        return None
    span = _SPAN.fullmatch(text)
    if span is None:
        raise BadArgument(f'{text!r} is no span of time; write "90s", "30m", "12h", "30d", "8w" or "never".')
    return timedelta(**{_UNITS[span[2]]: int(span[1])})


@contextmanager
def administration(settings: Settings) -> Iterator[tuple[Accounts, AuditLog]]:
    """The accounts, and the log in which is noted what a command does to them."""
    from refilm.bootstrap.places import audit_log, open_accounts

    with open_accounts(settings) as accounts, closing(audit_log(settings)) as audit:
        yield accounts, audit


@app.command()
def create(
    account: Annotated[str, typer.Argument(help="The account.", metavar="NAME")],
    name: Label = None,
    scope: Scopes = None,
    expires: Expires = "never",
    priority: Priority = 0,
    data: Data = None,
) -> None:
    """Make a key for account NAME, and the account where it is new. Prints the secret, once."""
    from refilm.bootstrap.clock import now
    from refilm.cli.options import settings_with

    span = span_of(expires)
    wanted = NewKey(account, name, frozenset(scope or USUAL_SCOPES), now() + span if span else None, priority)
    with administration(settings_with(data=data)) as (accounts, audit):
        key, secret = accounts.issue(wanted)
        note(audit, "key.create", [key])
    typer.echo(secret)


@app.command("list")
def list_keys(data: Data = None) -> None:
    """List the keys: id, account, name, scopes, since when, last used, and whether they live."""
    from refilm.bootstrap.clock import now
    from refilm.bootstrap.places import open_accounts
    from refilm.cli.options import settings_with

    with open_accounts(settings_with(data=data)) as accounts:
        names = {account.id: account.name for account in accounts.all_accounts()}
        for key in accounts.all_keys():
            typer.echo(line_of(key, names[key.account], now()))


def line_of(key: Key, account: str, at: datetime) -> str:
    """A key in one line, without its secret."""
    used = f"used {minute(key.used_at)}" if key.used_at else "never used"
    words = [key.id, account, key.name, ",".join(sorted(key.scopes)), minute(key.created_at), used, state_of(key, at)]
    return "  ".join([*words, *([f"priority {key.priority}"] if key.priority else [])])


def state_of(key: Key, at: datetime) -> str:
    """Whether a key lives, and until when."""
    if key.revoked_at is not None:
        return f"revoked {minute(key.revoked_at)}"
    if key.expires_at is None:
        return "live"
    return f"{'live until' if key.is_live(at) else 'expired'} {minute(key.expires_at)}"


def minute(moment: datetime) -> str:
    """A moment to the minute, in UTC."""
    return f"{moment:%Y-%m-%d %H:%M}"


@app.command()
def revoke(name: Meant, data: Data = None) -> None:
    """Revoke keys. A running server notices within seconds."""
    from refilm.cli.options import settings_with

    with administration(settings_with(data=data)) as (accounts, audit):
        keys = found(accounts.revoke(name), name)
        note(audit, "key.revoke", keys)
    typer.echo(f"revoked {len(keys)}")


@app.command()
def expire(
    name: Meant,
    when: Annotated[str, typer.Argument(help='From now on "90s", "30m", "12h", "30d" or "8w", or "never".')],
    data: Data = None,
) -> None:
    """Let keys that are not revoked end after a time, or never."""
    from refilm.bootstrap.clock import now
    from refilm.cli.options import settings_with

    span = span_of(when)
    with administration(settings_with(data=data)) as (accounts, audit):
        keys = found(accounts.expire(name, now() + span if span else None), name)
        note(audit, "key.expire", keys)
    typer.echo(f"changed {len(keys)}")


@app.command("set")
def change(
    name: Meant,
    priority: Annotated[int, typer.Option(min=-100, max=100, help="Tasks of a higher priority go first.")],
    data: Data = None,
) -> None:
    """Change keys. It holds for tasks that are created from then on."""
    from refilm.cli.options import settings_with

    with administration(settings_with(data=data)) as (accounts, audit):
        keys = found(accounts.set_priority(name, priority), name)
        note(audit, "key.change", keys)
    typer.echo(f"changed {len(keys)}")


def found(keys: list[Key], name: str) -> list[Key]:
    """The keys, if there are any. Raises NotFound."""
    if not keys:
        raise NotFound(f"there is no live key named {name!r}; `refilm keys list` shows them")
    return keys


def note(audit: AuditLog, event: str, keys: list[Key]) -> None:
    """Note what was done to these keys."""
    for key in keys:
        audit.note(event, "ok", target=key.id, user=user_number())


def user_number() -> int | None:
    """Who runs this command, by the system's number: a command has no key of its own."""
    return os.getuid() if hasattr(os, "getuid") else None


@app.command()
def tier(
    name: Annotated[str, typer.Argument(help="The account.")],
    tier: Annotated[str | None, typer.Argument(help='One of the setting\'s tiers, or "default".')] = None,
    data: Data = None,
) -> None:
    """Show which tier account NAME was given, or give it one."""
    from refilm.cli.options import settings_with

    settings = settings_with(data=data)
    if tier is not None and tier != "default" and tier not in settings.tiers:
        raise typer.BadParameter(f'Give "default" or one of {", ".join(settings.tiers)} (REFILM_TIERS).')
    with administration(settings) as (accounts, audit):
        if tier is not None:
            accounts.set_tier(name, None if tier == "default" else tier)
            note_account(accounts, audit, name)
        given = accounts.tier(name)
    typer.echo("default" if given is None else given)


@app.command()
def credits(
    name: Annotated[str, typer.Argument(help="The account.")],
    amount: Annotated[str | None, typer.Argument(help='Credits left from now on, or "uncounted".')] = None,
    data: Data = None,
) -> None:
    """Show what account NAME has left to spend, or set it."""
    from refilm.cli.options import settings_with

    if amount is not None and amount != "uncounted" and not (amount.isascii() and amount.isdigit()):
        raise typer.BadParameter('Give a whole number, or "uncounted".')
    with administration(settings_with(data=data)) as (accounts, audit):
        if amount is not None:
            accounts.set_credits(name, None if amount == "uncounted" else int(amount))
            note_account(accounts, audit, name)
        left = accounts.credits(name)
    typer.echo("uncounted" if left is None else left)


def note_account(accounts: Accounts, audit: AuditLog, name: str) -> None:
    """Note that an account was changed."""
    target = next(account.id for account in accounts.all_accounts() if account.name == name)
    audit.note("account.change", "ok", target=target, user=user_number())
