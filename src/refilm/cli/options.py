"""Settings from a command's options: an option that was given beats the environment, which beats the default."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from refilm.errors import RefilmError

if TYPE_CHECKING:
    from refilm.config import Settings


Data = Annotated[Path | None, typer.Option(help="Folder of rows and bytes.", show_default=False)]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(help="postgresql:// URL, instead of an SQLite file in the data folder.", show_default=False),
]
AssetsUrl = Annotated[
    str | None, typer.Option(help="s3://bucket/prefix or file:///folder that several share.", show_default=False)
]
Workers = Annotated[
    int | None, typer.Option(help="Edits of each pool that run at the same time. [1]", show_default=False)
]


class BadSettings(RefilmError):
    """An option or environment variable has a value that cannot be used."""


class BadArgument(RefilmError):
    """An argument of a command cannot be used."""


def settings_with(**given: Any) -> Settings:
    """Settings with the options that are not None. Raises BadSettings with one line for each that is wrong."""
    from pydantic import ValidationError
    from pydantic_settings import SettingsError

    from refilm.config import Settings

    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        lines = [f"REFILM_{'.'.join(map(str, item['loc'])).upper()}: {item['msg']}" for item in error.errors()]
        raise BadSettings("these settings cannot be used:\n  " + "\n  ".join(lines)) from error
    except SettingsError as error:
        raise BadSettings(str(error)) from error


def start_logging(settings: Settings) -> None:
    """Log as the settings say, and none of their secrets."""
    from refilm.telemetry import configure_logging

    configure_logging(settings.log_format, settings.log_level, known=settings.secrets(), content=settings.log_content)
