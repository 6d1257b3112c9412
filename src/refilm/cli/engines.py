"""`refilm engines`: which engines are installed, and what they say of themselves."""

from __future__ import annotations

import typer


def engines() -> None:
    """List the installed engines."""
    from refilm.cli.options import settings_with
    from refilm.engines.registry import Registry

    settings = settings_with()
    for info in Registry(settings.engines).list():
        capabilities = info.capabilities
        kind = "generative" if capabilities.generative else "not generative"
        typer.echo(f"{info.name}  ({info.origin}; {', '.join(capabilities.devices)}; {kind})")
        typer.echo(f"  models: {', '.join(capabilities.models)}")
        typer.echo(f"  {capabilities.summary}")
