"""`refilm keys`: make, list and revoke API keys, beside a running server or without one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from refilm.errors import NotFound

app = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True)

Priority = Annotated[
    int, typer.Option(min=-100, max=100, help="Tasks of a higher priority go first.", show_default="0")
]
Data = Annotated[Path | None, typer.Option(help="Folder of rows and bytes.", show_default=False)]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="The account.")], priority: Priority = 0, data: Data = None
) -> None:
    """Make a key for account NAME, and the account where it is new. Prints the secret, once."""
    from refilm.bootstrap.places import open_accounts
    from refilm.cli.options import settings_with

    with open_accounts(settings_with(data=data)) as accounts:
        typer.echo(accounts.create_key(name, priority))


@app.command("list")
def list_keys(data: Data = None) -> None:
    """List the keys: id, name, since when, whether revoked, and the priority where it is not 0."""
    from refilm.bootstrap.places import open_accounts
    from refilm.cli.options import settings_with

    with open_accounts(settings_with(data=data)) as accounts:
        for key in accounts.all_keys():
            state = f"revoked {key.revoked_at:%Y-%m-%d %H:%M}" if key.revoked_at else "live"
            urgency = f"  priority {key.priority}" if key.priority else ""
            typer.echo(f"{key.id}  {key.name}  {key.created_at:%Y-%m-%d %H:%M}  {state}{urgency}")


@app.command()
def revoke(
    name_or_id: Annotated[str, typer.Argument(help="An account's name, or the id that `keys list` shows.")],
    data: Data = None,
) -> None:
    """Revoke the live keys of that name or id. A running server notices within seconds."""
    from refilm.bootstrap.places import open_accounts
    from refilm.cli.options import settings_with

    with open_accounts(settings_with(data=data)) as accounts:
        count = accounts.revoke(name_or_id)
    if not count:
        raise NotFound(f"there is no live key named {name_or_id!r}; `refilm keys list` shows them")
    typer.echo(f"revoked {count}")


@app.command("set")
def change(
    name_or_id: Annotated[str, typer.Argument(help="An account's name, or the id that `keys list` shows.")],
    priority: Annotated[int, typer.Option(min=-100, max=100, help="Tasks of a higher priority go first.")],
    data: Data = None,
) -> None:
    """Change the live keys of that name or id. It holds for tasks that are created from then on."""
    from refilm.bootstrap.places import open_accounts
    from refilm.cli.options import settings_with

    with open_accounts(settings_with(data=data)) as accounts:
        count = accounts.set_priority(name_or_id, priority)
    if not count:
        raise NotFound(f"there is no live key named {name_or_id!r}; `refilm keys list` shows them")
    typer.echo(f"changed {count}")


@app.command()
def tier(
    name: Annotated[str, typer.Argument(help="The account.")],
    tier: Annotated[str | None, typer.Argument(help='One of the setting\'s tiers, or "default".')] = None,
    data: Data = None,
) -> None:
    """Show which tier account NAME was given, or give it one."""
    from refilm.bootstrap.places import open_accounts
    from refilm.cli.options import settings_with

    settings = settings_with(data=data)
    if tier is not None and tier != "default" and tier not in settings.tiers:
        raise typer.BadParameter(f'Give "default" or one of {", ".join(settings.tiers)} (REFILM_TIERS).')
    with open_accounts(settings) as accounts:
        if tier is not None:
            accounts.set_tier(name, None if tier == "default" else tier)
        given = accounts.tier(name)
    typer.echo("default" if given is None else given)


@app.command()
def credits(
    name: Annotated[str, typer.Argument(help="The account.")],
    amount: Annotated[str | None, typer.Argument(help='Credits left from now on, or "uncounted".')] = None,
    data: Data = None,
) -> None:
    """Show what account NAME has left to spend, or set it."""
    from refilm.bootstrap.places import open_accounts
    from refilm.cli.options import settings_with

    if amount is not None and amount != "uncounted" and not (amount.isascii() and amount.isdigit()):
        raise typer.BadParameter('Give a whole number, or "uncounted".')
    with open_accounts(settings_with(data=data)) as accounts:
        if amount is not None:
            accounts.set_credits(name, None if amount == "uncounted" else int(amount))
        left = accounts.credits(name)
    typer.echo("uncounted" if left is None else left)
