"""The effects engine: joins the prompt compiler, the executor and the media streams. It invents nothing: it can
recolour, restyle, and let it snow, and refuses the rest with a sentence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, BinaryIO

from refilm.domain.edit import EditRequest, Model, OutputFormat
from refilm.engines.base import Aids, Capabilities, Inputs, OnEvent, Outcome, Progress
from refilm.engines.effects import course
from refilm.engines.effects.interpreters import interpreters
from refilm.engines.effects.operators import OPERATORS
from refilm.engines.effects.plan import Plan, RefusedClause, Step
from refilm.engines.effects.timeline import Timeline, explain_keyframes
from refilm.errors import UnsupportedEdit

if TYPE_CHECKING:
    from refilm.engines.effects.context import TimedPlanes
    from refilm.engines.effects.extension import FrameEditor
    from refilm.engines.effects.fitting import Fitted
    from refilm.engines.effects.language.interpreted import Interpretation
    from refilm.engines.effects.planes import Planes
    from refilm.media.written import Written

_LIBRARIES = ("av", "numpy", "numba", "opencv-python-headless", "scipy")


class EffectsEngine:
    """Colour grades, weather, light and painted looks, on any processor. See `engines.base.Engine`."""

    name = "effects"
    capabilities = Capabilities(
        models=(Model.GEN4_ALEPH, Model.ALEPH2),
        generative=False,
        summary=(
            "Recolours and restyles a clip on the processor: grades, light, weather, painted and filmed looks, a "
            "reference picture's colours or brushwork. It cannot add, remove or replace things, and says so."
        ),
        devices=("cpu",),
        formats=tuple(OutputFormat),
    )

    def warm(self) -> None:
        """Load every kernel, module, font and word that an edit needs, so that a process may then give up its rights.

        About 10 s where no kernel has ever been compiled, 1 s afterwards.
        """
        from refilm.engines.effects.warming import warm

        warm()
        _own_version()
        _library_versions()

    def plan(self, request: EditRequest, options: Mapping[str, Any]) -> dict[str, Any]:
        """What the request means: resolved steps, refused clauses, an explanation of each, members without effect."""
        plan = _plan(request, options)
        described = _described(plan, request)
        return {**described, "explanation": [*described["explanation"], *interpreters.problem(options)]}

    def interpret(self, request: EditRequest, aids: Aids) -> dict[str, Any]:
        """What the clauses mean that the lexicon cannot read. See `engines.base.Interpreting`."""
        return interpreters.interpret(request, aids)

    def edit(
        self,
        request: EditRequest,
        inputs: Inputs,
        output: BinaryIO,
        on_event: OnEvent,
        options: Mapping[str, Any],
    ) -> Outcome:
        """See `engines.base.Engine.edit`."""
        from refilm.engines.effects.fitting import fitted
        from refilm.engines.effects.preparation import prepare_editor
        from refilm.media.coding import required_matrix
        from refilm.media.colour import output_matrix

        started = partial(on_event, Progress(0.0))
        fit = fitted(_plan(request, options), request, inputs, started)
        plan, seed = course.without_course(fit.plan), request.seed or 0
        matrix = required_matrix(request.output.format) or output_matrix(inputs.info.matrix)
        editor = prepare_editor(plan, inputs, fit.framing, seed, fit.timeline, started, fit.path, matrix)
        work = _Work(editor, inputs.info.duration / fit.retiming.tempo, on_event)
        started()
        written = _streamed(fit, request, inputs, output, work)
        on_event(Progress(1.0, written.frames))
        return Outcome(_record(fit, request, inputs, written, options), written.frames)


class _Work:
    """The editor as the media streams call it, and the progress that follows from the frames' times."""

    def __init__(self, editor: FrameEditor, duration: Fraction, on_event: OnEvent) -> None:
        """duration: of the result, seconds."""
        self._editor, self._on_event = editor, on_event
        self._duration = float(duration)
        self._time = 0.0
        self._fraction = 0.0

    def process(self, before: TimedPlanes, after: Planes) -> None:
        """Edit one frame; called in the processing thread."""
        self._editor.process(before, after)
        self._time = float(before.shown_at)

    def report(self, frames: int) -> None:
        """Tell how far the edit is; called after each written frame, and may raise Cancelled."""
        reached = self._time / self._duration if self._duration > 0 else 0.0
        self._fraction = min(1.0, max(self._fraction, reached))
        self._on_event(Progress(self._fraction, frames))


def _streamed(fit: Fitted, request: EditRequest, inputs: Inputs, output: BinaryIO, work: _Work) -> Written:
    """Run the whole clip through `work` into `output`."""
    from refilm.engines.effects.executor import encoding_for
    from refilm.media.stream import edit_frames

    encoding = encoding_for(fit.plan, faithful=fit.timeline is not None and fit.timeline.ranged)
    return edit_frames(
        inputs.video,
        output,
        work.process,
        size=fit.framing.read,
        output_size=fit.framing.outer,
        preset=encoding.preset,
        crf=encoding.crf,
        on_frame=work.report,
        retiming=fit.retiming,
        output_format=request.output.format,
        prores_profile=request.output.prores_profile,
    )


def _plan(request: EditRequest, options: Mapping[str, Any]) -> Plan:
    """The request's plan, or UnsupportedEdit where any of it cannot be done."""
    plan = _compiled(request, interpreters.interpretations(options))
    wordless = bool(request.keyframes or request.output.target_aspect_ratio)
    if plan.refused and not (options.get("partial_edits") and (plan.steps or wordless)):
        raise _unsupported(plan)
    steps = tuple(step for step in _resolved(plan) if not _is_idle(step))
    if not steps and not wordless:
        raise UnsupportedEdit(
            "This request would change nothing in the clip. Say what should change, for example "
            '"make it a watercolour painting", "black and white with film grain" or "let it snow".'
        )
    return replace(plan, steps=steps)


def _compiled(request: EditRequest, interpretations: Sequence[Interpretation]) -> Plan:
    """What the words ask for; a picture without words asks for its colours."""
    words = (request.prompt_text or "").strip()
    if words:
        from refilm.engines.effects.compiler import compile_prompt

        return compile_prompt(words, references=len(request.references), interpretations=interpretations)
    if request.references:
        note = "a reference picture without a prompt gives the clip its colours"
        return Plan((Step("color_transfer", note=note),))
    return Plan(())


def _resolved(plan: Plan) -> Sequence[Step]:
    steps = []
    for step in plan.steps:
        try:
            steps.append(OPERATORS[step.operator].spec.resolve_step(step))
        except (KeyError, ValueError) as error:
            raise UnsupportedEdit(
                f'"{step.clause or step.operator}" cannot be carried out: {error}',
                refused=((step.clause or step.operator, str(error)),),
            ) from error
    return steps


def _is_idle(step: Step) -> bool:
    """Whether a step leaves every frame as it is."""
    still = course.is_timed(step) and step.parameters.get("factor") == 1
    return still or any(step.parameters.get(name) == 0 for name in ("amount", "strength"))


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


def _described(plan: Plan, request: EditRequest, timeline: Timeline | None = None) -> dict[str, Any]:
    """A plan as it is kept with the task.  timeline: of the request's keyframes, once the clip is known."""
    described: dict[str, Any] = {
        "engine": {"name": EffectsEngine.name, "version": _own_version()},
        "plan": plan.to_json(),
        "explanation": [
            *_explanation(plan),
            *course.told(plan),
            *explain_keyframes(request.keyframes, timeline),
            *_extension(request),
        ],
    }
    ignored = [*request.ignored, *_unused_references(plan, request)]
    if ignored:
        described["ignored"] = ignored
    return described


def _record(
    fit: Fitted, request: EditRequest, inputs: Inputs, written: Written, options: Mapping[str, Any]
) -> dict[str, Any]:
    """What was done, as it is kept with the task."""
    record = {
        **_described(fit.plan, request, fit.timeline),
        "seed": request.seed or 0,
        "size": list(fit.framing.outer),
        "frames": written.frames,
        "encoder": written.encoder,
        "audio": written.audio,
        "notes": [*written.notes, *fit.notes, *interpreters.problem(options)],
        "versions": dict(_library_versions()),
    }
    if fit.retiming.changes:
        record["time"] = course.record(fit.retiming, written, inputs.info.duration)
    return record


def _extension(request: EditRequest) -> list[str]:
    """A sentence on the frame that is put around the clip, where one is."""
    if not request.output.target_aspect_ratio:
        return []
    return [
        f"targetAspectRatio {request.output.target_aspect_ratio}: the clip keeps its full picture; what is added "
        "beside it is the picture mirrored and strongly blurred, an extension and not outpainting."
    ]


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


@cache
def _own_version() -> str:
    try:
        return version("refilm")
    except PackageNotFoundError:
        return "unknown"


@cache
def _library_versions() -> Mapping[str, str]:
    """The versions of what the pixels depend on."""
    return {name: version(name) for name in _LIBRARIES}
