"""The `refilm` command. One sub-command per file; each parses, calls and prints, and nothing else.

What a command needs is imported when it runs, so that `refilm --help` answers at once.
"""

from __future__ import annotations

import sys

import typer

from refilm.domain.redaction import told_error, without_secrets
from refilm.errors import RefilmError

app = typer.Typer(
    name="refilm",
    help="A video-to-video server that you run yourself and that speaks the Runway API.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def root(version: bool = typer.Option(False, "--version", help="Print the version and exit.")) -> None:
    """A video-to-video server that you run yourself and that speaks the Runway API."""
    if version:
        from refilm import __version__

        typer.echo(__version__)
        raise typer.Exit


def register() -> None:
    """Hang every command on the app."""
    from refilm.cli import db, demo, doctor, edit, effects, engines, keys, serve, signing, worker

    app.command("serve")(serve.serve)
    app.command("worker")(worker.worker)
    app.command("edit")(edit.edit)
    app.command("demo")(demo.demo)
    app.command("effects")(effects.effects)
    app.command("engines")(engines.engines)
    app.command("doctor")(doctor.doctor)
    app.add_typer(keys.app, name="keys")
    app.add_typer(signing.app, name="signing")
    app.add_typer(db.app, name="db")


register()


def main() -> None:
    """Run the command; an error of ours is one sentence on standard error and exit status 1.

    Of any other error it is told where it was, and not what it says, which may be a secret.
    """
    try:
        app()
    except RefilmError as error:
        typer.echo(f"refilm: {without_secrets(str(error))}", err=True)
        sys.exit(1)
    except Exception as error:
        typer.echo(f"refilm: something went wrong inside. Please report this:\n{told_error(error)}", err=True)
        sys.exit(1)
