"""The JSON bodies that both dialects take, and how they become values of the domain.

Validation is strict: no conversion between types, no unknown members, null is not absence. Every reason for a refusal
is reported at once. Knows nothing of HTTP; bodies arrive as parsed JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal, NotRequired, TypeGuard

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, ValidationInfo
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from refilm.api import issues
from refilm.domain.edit import (
    MAX_PROMPT_UNITS,
    MAX_SEED,
    EditRequest,
    Keyframe,
    Model,
    OutputFormat,
    OutputSpec,
    Reference,
    TimeRange,
)
from refilm.domain.uri import DEFAULT_LIMITS, AssetKind, UriLimits, UriProblem, check_uri
from refilm.errors import InvalidRequest, Issue

STRICT = ConfigDict(extra="forbid", strict=True)


def utf16_units(text: str) -> int:
    """The length of a text as JavaScript counts it: characters beyond U+FFFF count twice."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _refuse(issue: Issue) -> PydanticCustomError:
    # The sentence goes in by the context: a brace inside it must not be read as a template.
    return PydanticCustomError(issue.code, "{sentence}", {"sentence": issue.message, **issue.extra})


def _prompt(text: str) -> str:
    units = utf16_units(text)
    if units < 1:
        raise _refuse(issues.outside((), "string", low=1))
    if units > MAX_PROMPT_UNITS:
        raise _refuse(issues.outside((), "string", high=MAX_PROMPT_UNITS))
    return text


def _whole(value: object) -> object:
    """JSON has one number type: 7.0 is the integer 7."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _uri_of(kind: AssetKind) -> AfterValidator:
    def check(uri: str, info: ValidationInfo) -> str:
        try:
            check_uri(uri, kind, info.context or DEFAULT_LIMITS)
        except UriProblem as problem:
            extra = {"type": problem.extra["origin"], **problem.extra} if problem.extra else {}
            raise _refuse(Issue((), problem.code, problem.message, extra)) from problem
        return uri

    return AfterValidator(check)


_URI_HELP = "An https URL, a runway:// upload URI, or a base64 data URI."

VideoUri = Annotated[
    str,
    _uri_of(AssetKind.VIDEO),
    Field(description=f"The clip to edit. {_URI_HELP}", json_schema_extra={"minLength": 13}),
]
ImageUri = Annotated[
    str, _uri_of(AssetKind.IMAGE), Field(description=f"A picture. {_URI_HELP}", json_schema_extra={"minLength": 13})
]
PromptText = Annotated[
    str,
    AfterValidator(_prompt),
    Field(
        description="What should change, in plain words: 1 to 1000 UTF-16 code units.",
        json_schema_extra={"minLength": 1, "maxLength": MAX_PROMPT_UNITS},
    ),
]
_WHOLE = BeforeValidator(_whole)
Seed = Annotated[
    int, Field(ge=0, le=MAX_SEED, description="The same seed and the same request give the same pixels."), _WHOLE
]
WholeSeconds = Annotated[int, Field(ge=0), _WHOLE]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Fraction01 = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class ContentModeration(TypedDict):
    """How strictly content is moderated. Recorded; this server does not moderate."""

    __pydantic_config__ = STRICT  # type: ignore[misc]
    publicFigureThreshold: NotRequired[Literal["auto", "low"]]


class ReferenceItem(TypedDict):
    """A picture that steers the edit."""

    __pydantic_config__ = STRICT  # type: ignore[misc]
    type: Literal["image"]
    uri: ImageUri


class RangeItem(TypedDict):
    """Whole seconds of the clip, end exclusive."""

    __pydantic_config__ = STRICT  # type: ignore[misc]
    start_seconds: WholeSeconds
    end_seconds: WholeSeconds


class KeyframeItem(TypedDict):
    """A guidance picture at one moment: either `seconds`, or `at` as a fraction of the clip."""

    __pydantic_config__ = STRICT  # type: ignore[misc]
    uri: ImageUri
    seconds: NotRequired[Seconds]
    at: NotRequired[Fraction01]
    range: NotRequired[RangeItem]


class Gen4AlephBody(TypedDict):
    """An edit by `gen4_aleph`."""

    __pydantic_config__ = STRICT  # type: ignore[misc]
    model: Literal["gen4_aleph"]
    videoUri: VideoUri
    promptText: PromptText
    seed: NotRequired[Seed]
    references: NotRequired[Annotated[list[ReferenceItem], Field(max_length=1)]]
    ratio: NotRequired[
        Annotated[
            Literal["1280:720", "720:1280", "1104:832", "960:960", "832:1104", "1584:672", "848:480", "640:480"],
            Field(description="Size of the output in pixels; absent: the clip's own."),
        ]
    ]
    contentModeration: NotRequired[ContentModeration]


class Aleph2Body(TypedDict):
    """An edit by `aleph2`."""

    __pydantic_config__ = STRICT  # type: ignore[misc]
    model: Literal["aleph2"]
    videoUri: VideoUri
    promptText: NotRequired[PromptText]
    keyframes: NotRequired[Annotated[list[KeyframeItem], Field(max_length=5)]]
    targetAspectRatio: NotRequired[Literal["16:9", "4:3", "3:2", "1:1", "2:3", "3:4", "9:16", "21:9"]]
    outputFormat: NotRequired[
        Annotated[
            Literal["mp4", "prores", "png_sequence", "sdr_rec709_10bit"],
            Field(description="The kind of file that comes out; absent: mp4."),
        ]
    ]
    proresProfile: NotRequired[
        Annotated[
            Literal["422", "4444", "422 Proxy", "422 LT", "422 HQ", "4444 XQ"],
            Field(description="With outputFormat prores; absent: 4444. Recorded and ignored with any other format."),
        ]
    ]
    seed: NotRequired[Seed]
    ratio: NotRequired[Annotated[str, Field(description="Deprecated; recorded and ignored.", deprecated=True)]]
    contentModeration: NotRequired[ContentModeration]


EditBody = Annotated[Gen4AlephBody | Aleph2Body, Field(discriminator="model")]


class UsageBody(TypedDict):
    """Which days of usage to report, in UTC."""

    __pydantic_config__ = STRICT  # type: ignore[misc]
    startDate: NotRequired[Annotated[str, Field(json_schema_extra={"format": "date"})]]
    beforeDate: NotRequired[Annotated[str, Field(json_schema_extra={"format": "date"})]]


class UploadBody(TypedDict):
    """A file that is about to be uploaded."""

    __pydantic_config__ = STRICT  # type: ignore[misc]
    filename: Annotated[str, Field(min_length=1, max_length=255)]
    type: Literal["ephemeral"]


EDIT: TypeAdapter[Any] = TypeAdapter(EditBody)
USAGE: TypeAdapter[Any] = TypeAdapter(UsageBody)
UPLOAD: TypeAdapter[Any] = TypeAdapter(UploadBody)

_MODELS = tuple(model.value for model in Model)
_UNION_ERRORS = ("union_tag_not_found", "union_tag_invalid")


def parse_edit(body: object, limits: UriLimits = DEFAULT_LIMITS) -> EditRequest:
    """The edit that a create call asks for. Raises InvalidRequest with every issue."""
    if not isinstance(body, dict):
        raise InvalidRequest([issues.wrong_type((), "object", issues.received(body))])
    across = keyframe_issues(body["keyframes"]) if body.get("model") == "aleph2" and "keyframes" in body else []
    try:
        valid = EDIT.validate_python(body, context=limits)
    except ValidationError as error:
        details = error.errors(include_url=False)
        if details[0]["type"] in _UNION_ERRORS:
            raise InvalidRequest(_model_issues(body)) from error
        raise InvalidRequest([*issues.from_pydantic(details, skip=1), *across]) from error
    if across:
        raise InvalidRequest(across)
    return _edit(valid)


def _model_issues(body: Mapping[str, Any]) -> list[Issue]:
    """What is wrong with a `model` that names no branch. Runway reports a missing one twice."""
    no_branch = issues.no_discriminator("model", _MODELS)
    model = body.get("model")
    if isinstance(model, str):
        return [no_branch]
    return [
        issues.wrong_type(("model",), "string", issues.received(model) if "model" in body else "undefined"),
        no_branch,
    ]


def keyframe_issues(keyframes: object) -> list[Issue]:
    """What is wrong between the members of keyframes, as far as they have the right types.

    keyframes: anything; what has a wrong type is reported elsewhere and passed over here.
    """
    if not isinstance(keyframes, list):
        return []
    items = [(index, item) for index, item in enumerate(keyframes[:5]) if isinstance(item, dict)]
    found = [issue for index, item in items for issue in _keyframe_issues(("keyframes", index), item)]
    if len({"range" in item for _, item in items}) > 1:
        found.append(Issue(("keyframes",), "custom", "Either every keyframe has a range or none has."))
    return found


def _keyframe_issues(path: tuple[str | int, ...], item: Mapping[str, Any]) -> list[Issue]:
    found = []
    if ("seconds" in item) == ("at" in item):
        found.append(Issue(path, "custom", "A keyframe needs exactly one of seconds and at."))
    window, seconds = item.get("range"), item.get("seconds")
    if not isinstance(window, dict):
        return found
    start, end = window.get("start_seconds"), window.get("end_seconds")
    if not (_is_number(start) and _is_number(end)):
        return found
    if end <= start:
        found.append(Issue((*path, "range"), "custom", "end_seconds must be greater than start_seconds."))
    elif _is_number(seconds) and not start <= seconds < end:
        found.append(Issue((*path, "seconds"), "custom", "The keyframe must lie within its own range."))
    return found


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _edit(body: Mapping[str, Any]) -> EditRequest:
    model = Model(body["model"])
    width, _, height = body.get("ratio", "").partition(":") if model is Model.GEN4_ALEPH else ("", "", "")
    output_format = OutputFormat(body.get("outputFormat", OutputFormat.MP4))
    return EditRequest(
        model=model,
        video_uri=body["videoUri"],
        prompt_text=body.get("promptText"),
        seed=body.get("seed"),
        references=tuple(Reference(item["uri"]) for item in body.get("references", ())),
        keyframes=tuple(_keyframe(item) for item in body.get("keyframes", ())),
        output=OutputSpec(
            size=(int(width), int(height)) if width else None,
            target_aspect_ratio=body.get("targetAspectRatio"),
            format=output_format,
            prores_profile=body.get("proresProfile") if output_format is OutputFormat.PRORES else None,
        ),
        public_figure_threshold=body.get("contentModeration", {}).get("publicFigureThreshold", "auto"),
        ignored=tuple(name for name in _without_effect(model, output_format) if name in body),
    )


def _without_effect(model: Model, output_format: OutputFormat) -> tuple[str, ...]:
    """Members that are accepted and do nothing here: no moderation, and a profile only of ProRes."""
    if model is Model.GEN4_ALEPH:
        return ("contentModeration",)
    profile = () if output_format is OutputFormat.PRORES else ("proresProfile",)
    return ("ratio", *profile, "contentModeration")


def _keyframe(item: Mapping[str, Any]) -> Keyframe:
    window = item.get("range")
    return Keyframe(
        uri=item["uri"],
        seconds=item.get("seconds"),
        at=item.get("at"),
        range=TimeRange(window["start_seconds"], window["end_seconds"]) if window else None,
    )


def valid(adapter: TypeAdapter[Any], body: object) -> Mapping[str, Any]:
    """The body, if it has the shape. Raises InvalidRequest with every issue."""
    try:
        members: Mapping[str, Any] = adapter.validate_python(body)
    except ValidationError as error:
        raise InvalidRequest(issues.from_pydantic(error.errors(include_url=False))) from error
    return members


MAX_USAGE_DAYS = 90


def parse_usage(body: object) -> tuple[date | None, date | None]:
    """The first day and the day after the last one. Raises InvalidRequest."""
    values = valid(USAGE, body)
    days: dict[str, date] = {}
    found = []
    for name in ("startDate", "beforeDate"):
        try:
            if name in values:
                days[name] = datetime.strptime(values[name], "%Y-%m-%d").date()
        except ValueError:
            found.append(Issue((name,), "custom", f"{name} must be a date like 2026-11-22."))
    start, before = days.get("startDate"), days.get("beforeDate")
    if start and before and not 0 <= (before - start).days <= MAX_USAGE_DAYS:
        message = f"beforeDate must not be before startDate, nor more than {MAX_USAGE_DAYS} days after it."
        found.append(Issue(("beforeDate",), "custom", message))
    if found:
        raise InvalidRequest(found)
    return start, before


def parse_upload(body: object) -> str:
    """The name of the file that is to be uploaded. Raises InvalidRequest."""
    name: str = valid(UPLOAD, body)["filename"]
    if any(not character.isprintable() or character in "/\\" for character in name):
        message = "filename must be a plain file name, without slashes and control characters."
        raise InvalidRequest([Issue(("filename",), "custom", message)])
    return name
