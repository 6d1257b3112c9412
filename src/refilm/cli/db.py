"""`refilm db`: bring the database to what this version of Refilm needs, or ask whether it is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Upgrade the database's schema, or check it.", no_args_is_help=True)

Data = Annotated[Path | None, typer.Option(help="Folder of rows and bytes.", show_default=False)]


@app.command()
def upgrade(data: Data = None) -> None:
    """Bring the database to the schema that this version needs; make it where there is none.

    An SQLite file is copied first. Of a PostgreSQL database, make a dump before.
    """
    from refilm.bootstrap.places import upgrade_schema
    from refilm.cli.options import settings_with, start_logging
    from refilm.store.schema import HEAD

    settings = settings_with(data=data)
    start_logging(settings)
    found = upgrade_schema(settings)
    if found.is_empty:
        typer.echo(f"The database was empty; its tables are made, at schema {HEAD}.")
    elif found.is_current:
        typer.echo(f"The database is at schema {HEAD} already; there was nothing to do.")
    else:
        typer.echo(f"The database was at schema {found.revision} and is at {HEAD} now.")


@app.command()
def check(data: Data = None) -> None:
    """Say whether the database has the schema that this version needs. Exit status 1 where it has not."""
    from refilm.bootstrap.places import check_schema
    from refilm.cli.options import settings_with

    revision = check_schema(settings_with(data=data))
    typer.echo(f"The database is at schema {revision}, as this version needs it.")
