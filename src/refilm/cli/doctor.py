"""`refilm doctor`: what this machine has and lacks, and how to mend it."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import typer

#: Under this there is not enough room for one long edit.
LOW_DISK_BYTES = 2 << 30


@dataclass(frozen=True)
class Finding:
    """One line of the report. mend: what to do where it is not good."""

    good: bool
    what: str
    mend: str = ""


def doctor() -> None:
    """Look at this machine and say what is missing. Exit status 1 where something is."""
    findings = list(look())
    for finding in findings:
        typer.echo(f"{'ok  ' if finding.good else 'MISS'}  {finding.what}")
        if not finding.good:
            typer.echo(f"      {finding.mend}")
    if not all(finding.good for finding in findings):
        raise typer.Exit(1)


def look() -> Iterator[Finding]:
    """Every finding, cheapest first."""
    from refilm import __version__

    yield Finding(True, f"Refilm {__version__}, Python {platform.python_version()}, {platform.platform()}")
    yield Finding(True, f"{os.cpu_count()} CPU cores")
    yield from look_at_door()
    yield from look_at_disk()
    yield from look_at_assets()
    yield from look_at_media()
    yield from look_at_holes()
    yield from look_at_engines()
    yield from look_at_sandbox()
    yield Finding(True, "moderation: none")


def look_at_door() -> Iterator[Finding]:
    """Who can reach the server, and how safely."""
    from refilm.bootstrap.exposure import exposures
    from refilm.cli.options import settings_with

    settings = settings_with()
    found = list(exposures(settings))
    if not found:
        yield Finding(True, f"listens on {settings.host}, port {settings.port}")
    for exposure in found:
        yield Finding(False, exposure.what, exposure.mend)


def look_at_disk() -> Iterator[Finding]:
    """The data folder and its room."""
    from refilm.cli.options import settings_with

    data = settings_with().data
    existing = next(folder for folder in (data, *data.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    yield Finding(
        os.access(existing, os.W_OK), f"data folder {data}", "Make it writable, or set REFILM_DATA to another folder."
    )
    yield Finding(
        free > LOW_DISK_BYTES, f"{free / 2**30:.1f} GiB free for it", "Free some room, or set REFILM_DATA elsewhere."
    )


def look_at_assets() -> Iterator[Finding]:
    """The place for assets, where it is not the data folder."""
    from refilm.bootstrap.places import open_assets
    from refilm.cli.options import settings_with
    from refilm.errors import Unavailable

    settings = settings_with()
    if settings.assets_url is None:
        return
    try:
        open_assets(settings).check()
    except (Unavailable, OSError) as trouble:
        yield Finding(False, f"assets at {settings.assets_url}", str(trouble))
    else:
        yield Finding(True, f"assets at {settings.assets_url}")


def look_at_media() -> Iterator[Finding]:
    """FFmpeg's libraries and the codecs that every edit needs."""
    from refilm.media.versions import can_encode, library_versions

    versions = library_versions()
    yield Finding(True, "media libraries: " + ", ".join(f"{name} {version}" for name, version in versions.items()))
    for codec, use in (("libx264", "every output"), ("aac", "clips whose audio MP4 cannot carry")):
        yield Finding(
            can_encode(codec),
            f"encoder {codec}, for {use}",
            f"The installed PyAV has no {codec}: install the wheel, pip install --force-reinstall av.",
        )


def look_at_holes() -> Iterator[Finding]:
    """What is known to be wrong with the FFmpeg at hand, and what keeps it away from clips."""
    from refilm.bootstrap.decoders import findings_of, told_uncovered
    from refilm.cli.options import settings_with
    from refilm.media.holes import known_holes
    from refilm.media.versions import ffmpeg_build

    known, version = known_holes(), ffmpeg_build().version or "of an unknown version"
    listed = f"FFmpeg {version}, by the list of known holes of {known.checked}"
    found = findings_of(settings_with())
    if found is None:
        yield Finding(True, f"{listed}: no release, so it cannot be judged")
        return
    yield Finding(True, f"{listed}: {len(found) or 'none'} to know of")
    for each in found:
        what = f"{each.hole.cve}, {each.hole.part}"
        if each.covered:
            yield Finding(True, f"{what}; covered: {known.controls[each.hole.control]}")
        else:
            yield Finding(False, f"{what}; nothing covers it", told_uncovered(version, [each]))


def look_at_sandbox() -> Iterator[Finding]:
    """What holds in a child process, found out by starting one."""
    from refilm.cli.options import settings_with
    from refilm.errors import EngineCrash, Unavailable
    from refilm.runner.lockdown import available
    from refilm.runner.process import Runner

    settings = settings_with()
    level = settings.sandbox_level()
    what = f"child processes hold open files and no paths; sandbox={level}"
    try:
        controls = Runner(settings.child_limits(), sandbox=level).controls()
    except (Unavailable, EngineCrash) as trouble:
        yield Finding(False, f"{what}; this machine has {available().told()}", str(trouble))
    else:
        yield Finding(True, f"{what}; locked by: {controls.told()}")


def look_at_engines() -> Iterator[Finding]:
    """Whether every engine that a model needs can be loaded."""
    from refilm.cli.options import settings_with
    from refilm.domain.edit import Model
    from refilm.engines.registry import Registry
    from refilm.errors import NotFound

    settings = settings_with()
    registry = Registry(settings.engines)
    for model in Model:
        name = settings.engine_for(model)
        try:
            registry.get(name)
            yield Finding(True, f"engine {name} serves {model}")
        except (NotFound, ImportError) as error:
            yield Finding(False, f"engine {name} serves {model}", str(error))
