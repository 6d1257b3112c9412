"""`refilm signing`: the keys that sign links to outputs and uploads, beside a running server or without one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from refilm.cli.keys import user_number

if TYPE_CHECKING:
    from refilm.audit import AuditLog
    from refilm.keyring import Keyring

app = typer.Typer(help="List, rotate and drop the keys that sign links.", no_args_is_help=True)

Data = Annotated[Path | None, typer.Option(help="Folder of rows and bytes.", show_default=False)]


@contextmanager
def administration(data: Path | None) -> Iterator[tuple[Keyring, AuditLog]]:
    """The signing keys, and the log in which is noted what a command does to them."""
    from refilm.bootstrap.places import audit_log, open_keyring
    from refilm.cli.options import settings_with

    settings = settings_with(data=data)
    with open_keyring(settings) as keyring, closing(audit_log(settings)) as audit:
        yield keyring, audit


@app.command("list")
def list_keys(data: Data = None) -> None:
    """List the signing keys, the oldest first: id, since when, and which one signs."""
    from refilm.assets.signing import in_order
    from refilm.bootstrap.clock import now

    with administration(data) as (keyring, _):
        keys = keyring.live()
    signs = in_order(keys, now())[0]
    for key in keys:
        typer.echo(f"{key.id}  {key.created_at:%Y-%m-%d %H:%M}  {'signs' if key is signs else 'verifies'}")


@app.command()
def rotate(data: Data = None) -> None:
    """Make a new signing key. Running servers sign with it after a minute.

    Links of the key before work until they expire, those of older keys no longer.
    """
    with administration(data) as (keyring, audit):
        key, dropped = keyring.rotate()
        for event, key_id in [("signing.create", key.id), *(("signing.drop", key_id) for key_id in dropped)]:
            note(audit, event, key_id)
    typer.echo(f"made {key.id}" + (f", dropped {', '.join(dropped)}" if dropped else ""))


@app.command()
def drop(key: Annotated[str, typer.Argument(help="The id that `signing list` shows.")], data: Data = None) -> None:
    """Drop a signing key at once, with every link that it signed."""
    with administration(data) as (keyring, audit):
        keyring.drop(key)
        note(audit, "signing.drop", key)
    typer.echo(f"dropped {key}")


def note(audit: AuditLog, event: str, key_id: str) -> None:
    """Note what was done to a signing key."""
    audit.note(event, "ok", target=key_id, user=user_number())
