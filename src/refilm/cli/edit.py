"""`refilm edit`: one edit of one file, without a server."""

from __future__ import annotations

import json
import secrets
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, cast

import typer

from refilm.cli.keyframe import keyframes_of
from refilm.cli.options import BadArgument, settings_with
from refilm.errors import InvalidAsset

if TYPE_CHECKING:
    from refilm.config import Settings
    from refilm.domain.clip import ClipInfo
    from refilm.domain.edit import EditRequest, Keyframe, OutputFormat, OutputSpec
    from refilm.engines.base import Outcome
    from refilm.runner.spawn import OnTick

#: Numbers of a ratio from here on are pixels ("1280:720"); smaller ones are an aspect ("16:9").
LEAST_PIXELS = 64


def edit(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="The clip.")],
    prompt: Annotated[str | None, typer.Option(help="What should change, in plain words.", show_default=False)] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where the edited clip goes.", show_default=False)
    ] = None,
    reference: Annotated[list[Path] | None, typer.Option(help="A picture that steers the edit.")] = None,
    keyframe: Annotated[
        list[str] | None,
        typer.Option(
            metavar="IMAGE@TIME", help="A picture whose colours count around a time: IMAGE@3, IMAGE@25%, IMAGE@3:2-5."
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, max=4_294_967_295, help="Same seed, same pixels.")] = None,
    ratio: Annotated[str | None, typer.Option(help="Output size 1280x720, or aspect 16:9 (centre crop).")] = None,
    aspect: Annotated[
        str | None, typer.Option(help="Another shape such as 9:16: nothing is cut, bands are filled.")
    ] = None,
    output_format: Annotated[
        str, typer.Option("--format", help="mp4; prores (.mov), png_sequence (.zip) or sdr_rec709_10bit (.mp4).")
    ] = "mp4",
    prores_profile: Annotated[
        str | None,
        typer.Option(help="With --format prores: 422 Proxy, 422 LT, 422, 422 HQ, 4444 (usual) or 4444 XQ."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="gen4_aleph, or aleph2 where there are keyframes, an aspect or a format; decides the engine."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was applied as JSON.")] = False,
    plan: Annotated[bool, typer.Option(help="Print what the prompt means as JSON and edit nothing.")] = False,
) -> None:
    """Edit one local clip, without a server."""
    settings = settings_with()
    images, keyframes = keyframes_of(keyframe or [])
    spec = output_of(output_format, prores_profile, aspect)
    request = request_of(prompt, reference or [], keyframes, spec, seed, model)
    if plan:
        typer.echo(json.dumps(plan_of(settings, request), indent=2, ensure_ascii=False))
        return
    if output is None:
        raise BadArgument("say where the edited clip shall go: -o OUTPUT")
    check_suffix(output, spec.format)
    outcome = run(settings, request, source, [*(reference or []), *images], ratio, output, quiet=as_json)
    if as_json:
        typer.echo(json.dumps(outcome.applied, indent=2, ensure_ascii=False))
    else:
        typer.echo(f"{output}: {outcome.frames} frames. " + " ".join(outcome.applied.get("explanation", [])))


def output_of(name: str, profile: str | None, aspect: str | None) -> OutputSpec:
    """What shall come out, but for its size. Raises BadArgument."""
    from refilm.domain.edit import PRORES_PROFILES, TARGET_ASPECT_RATIOS, OutputFormat, OutputSpec

    if name not in set(OutputFormat):
        raise BadArgument(f"there is no format {name!r}; known are {', '.join(OutputFormat)}")
    if profile is not None and name != OutputFormat.PRORES:
        raise BadArgument("--prores-profile needs --format prores")
    if profile is not None and profile not in PRORES_PROFILES:
        raise BadArgument(f"--prores-profile {profile!r} is none of {', '.join(PRORES_PROFILES)}")
    if aspect is not None and aspect not in TARGET_ASPECT_RATIOS:
        raise BadArgument(f"--aspect {aspect!r} is none of {', '.join(TARGET_ASPECT_RATIOS)}")
    return OutputSpec(target_aspect_ratio=aspect, format=OutputFormat(name), prores_profile=profile)


def check_suffix(output: Path, output_format: OutputFormat) -> None:
    """Raise BadArgument where the output's name says that it is a file of another format."""
    from refilm.domain.edit import MEDIA_TYPES

    if output.suffix.lower() in MEDIA_TYPES.keys() - {output_format.suffix}:
        better = output.with_suffix(output_format.suffix).name
        raise BadArgument(f"--format {output_format} makes a {output_format.suffix} file; call it {better}")


def request_of(
    prompt: str | None,
    references: list[Path],
    keyframes: tuple[Keyframe, ...],
    output: OutputSpec,
    seed: int | None,
    model: str | None,
) -> EditRequest:
    """The request behind the command's arguments. Raises BadArgument."""
    from refilm.domain.edit import MAX_SEED, EditRequest, Model, OutputFormat, Reference

    steered = bool(keyframes or output.target_aspect_ratio or output.format is not OutputFormat.MP4)
    model = model or (Model.ALEPH2 if steered else Model.GEN4_ALEPH)
    if model not in set(Model):
        raise BadArgument(f"there is no model {model!r}; known are {', '.join(Model)}")
    if steered and model != Model.ALEPH2:
        raise BadArgument(f"--keyframe, --aspect and --format belong to aleph2, not to {model}")
    return EditRequest(
        model=Model(model),
        video_uri="local:",
        prompt_text=prompt,
        seed=secrets.randbelow(MAX_SEED + 1) if seed is None else seed,
        references=tuple(Reference("local:") for _ in references),
        keyframes=keyframes,
        output=output,
    )


def plan_of(settings: Settings, request: EditRequest) -> dict[str, Any]:
    """What the engine would do."""
    from refilm.engines.registry import Registry

    engine = Registry(settings.engines).get(settings.engine_for(request.model))
    return engine.plan(request, options_for(settings, request))


def options_for(settings: Settings, request: EditRequest) -> dict[str, Any]:
    """The engine's options for this request, with what interpreters say of it where the settings name any."""
    options = settings.engine_options()
    if not (settings.chat_url or settings.embedding_model):
        return options
    from refilm.bootstrap.lending import interpret_with, lent_aids
    from refilm.engines.base import never_mind
    from refilm.engines.registry import Registry

    with lent_aids(settings) as aids:
        ask = interpret_with(Registry(settings.engines), aids)
        return {**options, **ask(settings.engine_for(request.model), request, never_mind)}


def run(
    settings: Settings,
    request: EditRequest,
    source: Path,
    pictures: list[Path],
    ratio: str | None,
    output: Path,
    *,
    quiet: bool,
) -> Outcome:
    """Do the edit in a child process; the output appears whole or not at all.

    pictures: the references, then the keyframes' images.
    """
    from dataclasses import replace

    from refilm.runner.process import Runner

    runner = Runner(settings.child_limits(), sandbox=settings.sandbox_level())
    with ExitStack() as opened:
        files = [opened.enter_context(open_input(path)) for path in (source, *pictures)]
        info = runner.probe_clip(files[0])
        request = replace(request, output=replace(request.output, size=size_for(ratio, info)))
        files.append(opened.enter_context(appearing(output)))
        on_tick = opened.enter_context(progress_bar(quiet))
        return runner.edit(
            settings.engine_for(request.model),
            request,
            info,
            files,
            options=options_for(settings, request),
            seconds=settings.edit_seconds,
            on_tick=on_tick,
        )


def size_for(ratio: str | None, info: ClipInfo) -> tuple[int, int] | None:
    """The output size that "1280x720", "1280:720" or "16:9" means for a clip. Raises BadArgument."""
    from fractions import Fraction

    from refilm.media.geometry import SMALLEST_SIDE, even, parse_pair

    if ratio is None:
        return None
    try:
        width, height = parse_pair(ratio)
    except ValueError as error:
        raise BadArgument(f"--ratio {ratio!r} is not a size such as 1280x720 or an aspect such as 16:9") from error
    if min(width, height) < LEAST_PIXELS:
        scale = min(Fraction(info.width, width), Fraction(info.height, height))
        width, height = even(width * scale), even(height * scale)
    if min(width, height) < SMALLEST_SIDE:
        raise BadArgument(
            f"--ratio {ratio!r} would leave {width}x{height} of this clip; no side may be under 16 pixels"
        )
    if width % 2 or height % 2 or max(width, height) > 3840 or width * height > 3840 * 2160:
        raise BadArgument(f"--ratio {ratio!r}: sizes are even and at most 3840x2160")
    return width, height


def open_input(path: Path) -> BinaryIO:
    """A file of the user, opened for reading. Raises InvalidAsset."""
    try:
        return path.open("rb", buffering=0)
    except OSError as error:
        raise InvalidAsset(f"{path} cannot be read: {error.strerror}.") from error


@contextmanager
def appearing(path: Path) -> Iterator[BinaryIO]:
    """A new file beside `path` that takes its place on a clean exit and vanishes on an error."""
    if path.is_dir():
        raise BadArgument(f"{path} is a folder; name the file that the edited clip goes to")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False)  # noqa: SIM115
    except OSError as error:
        raise BadArgument(f"{path} cannot be written: {error.strerror}") from error
    written = Path(scratch.name)
    try:
        with scratch:
            yield cast("BinaryIO", scratch.file)
        written.chmod(0o644)
        written.replace(path)
    finally:
        written.unlink(missing_ok=True)


@contextmanager
def progress_bar(quiet: bool) -> Iterator[OnTick]:
    """A bar with percentage and remaining time on standard error, where somebody is looking."""
    if quiet or not sys.stderr.isatty():
        yield lambda _: True
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("editing"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=1.0)

        def on_tick(fraction: float) -> bool:
            progress.update(task, completed=fraction)
            return True

        yield on_tick
