"""The effects engine: joins the prompt compiler, the executor and the media streams. It invents nothing: it can
recolour, restyle, and let it snow, and refuses the rest with a sentence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, BinaryIO

from refilm.domain.edit import EditRequest, Model
from refilm.engines.base import Capabilities, Inputs, OnEvent, Outcome, Progress
from refilm.engines.effects.operators import OPERATORS
from refilm.engines.effects.plan import Plan, RefusedClause, Step
from refilm.errors import UnsupportedEdit

if TYPE_CHECKING:
    from refilm.engines.effects.context import TimedPlanes
    from refilm.engines.effects.executor import Executor
    from refilm.engines.effects.planes import Planes

_USUAL_RATE = Fraction(25)
_REFERENCE_PIXELS = 640
_LIBRARIES = ("av", "numpy", "numba", "opencv-python-headless", "scipy")


class EffectsEngine:
    """Colour grades, weather, light and painted looks, on any processor. See `engines.base.Engine`."""

    name = "effects"
    capabilities = Capabilities(
        models=(Model.GEN4_ALEPH, Model.ALEPH2),
        generative=False,
        summary=(
            "Recolours and restyles a clip on the processor: grades, a reference picture's colours, night, snow, "
            "watercolour, cartoon, vignette, grain. It cannot add, remove or replace things, and says so."
        ),
        devices=("cpu",),
    )

    def warm(self) -> None:
        """Load every kernel and every module that an edit needs, so that a process may then give up its rights.

        About 10 s where no kernel has ever been compiled, under 1 s afterwards.
        """
        import scipy.ndimage  # noqa: F401  (used by a few operators while they prepare)

        from refilm.engines.effects import brushwork, executor, night_sky, painting, snowfall, transfer  # noqa: F401
        from refilm.engines.effects.kernels import warm

        warm()

    def plan(self, request: EditRequest, options: Mapping[str, Any]) -> dict[str, Any]:
        """What the request means: resolved steps, refused clauses, an explanation of each, members without effect."""
        plan = _plan(request, options)
        return _described(plan, request)

    def edit(
        self,
        request: EditRequest,
        inputs: Inputs,
        output: BinaryIO,
        on_event: OnEvent,
        options: Mapping[str, Any],
    ) -> Outcome:
        """See `engines.base.Engine.edit`."""
        from refilm.engines.effects.executor import encoding_for
        from refilm.media.stream import edit_frames

        plan = _plan(request, options)
        seed = request.seed or 0
        size = _output_size(request, inputs)
        on_event(Progress(0.0))
        work = _Work(_executor(plan, inputs, size, seed), inputs.info.duration, on_event)
        on_event(Progress(0.0))
        encoding = encoding_for(plan)
        written = edit_frames(
            inputs.video,
            output,
            work.process,
            size=size,
            preset=encoding.preset,
            crf=encoding.crf,
            on_frame=work.report,
        )
        on_event(Progress(1.0, written.frames))
        applied = {
            **_described(plan, request),
            "seed": seed,
            "size": list(size),
            "frames": written.frames,
            "encoder": {"codec": "h264", "preset": encoding.preset, "crf": encoding.crf, "threads": 2},
            "audio": written.audio,
            "notes": list(written.notes),
            "versions": {name: version(name) for name in _LIBRARIES},
        }
        return Outcome(applied, written.frames)


class _Work:
    """The executor as the media streams call it, and the progress that follows from the frames' times."""

    def __init__(self, executor: Executor, duration: Fraction, on_event: OnEvent) -> None:
        self._executor, self._on_event = executor, on_event
        self._duration = float(duration)
        self._time = 0.0
        self._fraction = 0.0

    def process(self, before: TimedPlanes, after: Planes) -> None:
        """Edit one frame; called in the processing thread."""
        self._executor.process(before, after)
        self._time = float(before.time)

    def report(self, frames: int) -> None:
        """Tell how far the edit is; called after each written frame, and may raise Cancelled."""
        reached = self._time / self._duration if self._duration > 0 else 0.0
        self._fraction = min(1.0, max(self._fraction, reached))
        self._on_event(Progress(self._fraction, frames))


def _plan(request: EditRequest, options: Mapping[str, Any]) -> Plan:
    """The request's plan, or UnsupportedEdit where any of it cannot be done."""
    _refuse_unbuilt(request)
    plan = _compiled(request)
    if plan.refused and not (options.get("partial_edits") and plan.steps):
        raise _unsupported(plan)
    steps = tuple(step for step in _resolved(plan) if not _is_idle(step))
    if not steps:
        raise UnsupportedEdit(
            "This request would change nothing in the clip. Say what should change, for example "
            '"make it a watercolour painting", "black and white with film grain" or "let it snow".'
        )
    return replace(plan, steps=steps)


def _refuse_unbuilt(request: EditRequest) -> None:
    """Raise UnsupportedEdit for members of the request that this engine does not carry out."""
    if request.keyframes:
        raise UnsupportedEdit("The effects engine does not work with keyframes yet. Describe the edit in promptText.")
    if request.output.target_aspect_ratio:
        raise UnsupportedEdit(
            "The effects engine cannot extend a clip to another aspect ratio yet. "
            "Leave targetAspectRatio out to keep the clip's own shape."
        )
    if request.output.format != "mp4":
        raise UnsupportedEdit(f"The effects engine writes mp4, not {request.output.format}.")


def _compiled(request: EditRequest) -> Plan:
    """What the words ask for; a picture without words asks for its colours."""
    words = (request.prompt_text or "").strip()
    if words:
        from refilm.engines.effects.compiler import compile_prompt

        return compile_prompt(words, references=len(request.references))
    if request.references:
        note = "a reference picture without a prompt gives the clip its colours"
        return Plan((Step("color_transfer", note=note),))
    return Plan(())


def _resolved(plan: Plan) -> Sequence[Step]:
    steps = []
    for step in plan.steps:
        try:
            steps.append(replace(step, parameters=OPERATORS[step.operator].spec.resolve(step.parameters)))
        except (KeyError, ValueError) as error:
            raise UnsupportedEdit(
                f'"{step.clause or step.operator}" cannot be carried out: {error}',
                refused=((step.clause or step.operator, str(error)),),
            ) from error
    return steps


def _is_idle(step: Step) -> bool:
    """Whether a step leaves every frame as it is."""
    return any(step.parameters.get(name) == 0 for name in ("amount", "strength"))


def _unsupported(plan: Plan) -> UnsupportedEdit:
    """The refusal of a plan: every clause that cannot be done, and what could be."""
    possible = tuple(step.clause or OPERATORS[step.operator].spec.title for step in plan.steps)
    sentences = [_refusal(clause) for clause in plan.refused]
    if possible:
        sentences.append("It could apply: " + "; ".join(dict.fromkeys(possible)) + ".")
    return UnsupportedEdit(
        "The effects engine cannot do all of this. " + " ".join(sentences),
        refused=[(clause.text, clause.reason) for clause in plan.refused],
        possible=possible,
    )


def _refusal(clause: RefusedClause) -> str:
    reason = clause.reason.rstrip(".")
    return f'"{clause.text}": {reason}.'


def _described(plan: Plan, request: EditRequest) -> dict[str, Any]:
    """A plan as it is kept with the task."""
    described: dict[str, Any] = {
        "engine": {"name": EffectsEngine.name, "version": _own_version()},
        "plan": plan.to_json(),
        "explanation": _explanation(plan),
    }
    ignored = [*request.ignored, *_unused_references(plan, request)]
    if ignored:
        described["ignored"] = ignored
    return described


def _explanation(plan: Plan) -> list[str]:
    from refilm.engines.effects.compiler import explain

    return explain(plan)


def _unused_references(plan: Plan, request: EditRequest) -> list[str]:
    """A sentence for each picture that no step uses."""
    used = {int(step.parameters["reference"]) for step in plan.steps if "reference" in step.parameters}
    return [
        f"references[{index}]: no part of the edit uses this picture. "
        'To take its colours, say so in the prompt, for example "match the colours of the reference".'
        for index in range(len(request.references))
        if index not in used
    ]


def _own_version() -> str:
    try:
        return version("refilm")
    except PackageNotFoundError:
        return "unknown"


def _output_size(request: EditRequest, inputs: Inputs) -> tuple[int, int]:
    from refilm.media.geometry import even_size

    return request.output.size or even_size((inputs.info.width, inputs.info.height))


def _executor(plan: Plan, inputs: Inputs, size: tuple[int, int], seed: int) -> Executor:
    """The plan prepared for this clip; reads pictures and samples only where a step needs them."""
    from refilm.engines.effects.executor import SAMPLED_FRAMES, Executor, needs_of, sample_colours
    from refilm.engines.effects.operator import Setting, no_samples
    from refilm.media.colour import output_matrix
    from refilm.media.picture import read_picture
    from refilm.media.read import sample_frames

    needs = needs_of(plan)
    if "reference" in needs and not inputs.references:
        raise UnsupportedEdit("The prompt speaks of a reference picture, but the request carries none in references.")
    samples = no_samples
    if "samples" in needs:
        seen = sample_colours(sample_frames(inputs.video, SAMPLED_FRAMES), seed)
        samples = lambda: seen  # noqa: E731
    setting = Setting(
        size=size,
        matrix=output_matrix(inputs.info.matrix),
        frame_rate=inputs.info.frame_rate or _USUAL_RATE,
        seed=seed,
        references=tuple(read_picture(file, _REFERENCE_PIXELS) for file in inputs.references)
        if "reference" in needs
        else (),
        samples=samples,
    )
    return Executor(plan, setting)
