"""Bodies become values of the domain, or a list of everything that is wrong with them."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_json

from refilm.api import issues, wire
from refilm.domain.edit import (
    GEN4_ALEPH_RATIOS,
    PRORES_PROFILES,
    TARGET_ASPECT_RATIOS,
    EditRequest,
    Keyframe,
    Model,
    OutputFormat,
    OutputSpec,
    Reference,
    TimeRange,
)
from refilm.errors import InvalidRequest

VIDEO, IMAGE = "https://example.com/clip.mp4", "https://example.com/picture.png"
GEN4: dict[str, Any] = {"model": "gen4_aleph", "videoUri": VIDEO, "promptText": "snow"}
ALEPH2: dict[str, Any] = {"model": "aleph2", "videoUri": VIDEO}


def refused(body: object) -> list[dict[str, Any]]:
    """The issues of a body, as they would be sent."""
    with pytest.raises(InvalidRequest) as error:
        wire.parse_edit(body)
    return [issues.body_of(issue) for issue in error.value.issues]


def test_every_member_of_gen4_aleph_finds_its_place() -> None:
    """A full body becomes a full request."""
    body = GEN4 | {
        "seed": 7.0,
        "references": [{"type": "image", "uri": IMAGE}],
        "ratio": "1584:672",
        "contentModeration": {"publicFigureThreshold": "low"},
    }

    assert wire.parse_edit(body) == EditRequest(
        model=Model.GEN4_ALEPH,
        video_uri=VIDEO,
        prompt_text="snow",
        seed=7,
        references=(Reference(IMAGE),),
        output=OutputSpec(size=(1584, 672)),
        public_figure_threshold="low",
        ignored=("contentModeration",),
    )


def test_every_member_of_aleph2_finds_its_place() -> None:
    """A full body becomes a full request, and what has no effect is recorded."""
    body = ALEPH2 | {
        "promptText": "snow",
        "keyframes": [
            {"uri": IMAGE, "seconds": 1.5, "range": {"start_seconds": 1, "end_seconds": 2}},
            {"uri": IMAGE, "at": 0.5, "range": {"start_seconds": 0, "end_seconds": 3}},
        ],
        "targetAspectRatio": "9:16",
        "outputFormat": "mp4",
        "proresProfile": "422 HQ",
        "seed": 1,
        "ratio": "whatever",
    }

    assert wire.parse_edit(body) == EditRequest(
        model=Model.ALEPH2,
        video_uri=VIDEO,
        prompt_text="snow",
        seed=1,
        keyframes=(
            Keyframe(IMAGE, seconds=1.5, range=TimeRange(1, 2)),
            Keyframe(IMAGE, at=0.5, range=TimeRange(0, 3)),
        ),
        output=OutputSpec(target_aspect_ratio="9:16"),
        ignored=("ratio", "proresProfile"),
    )


@pytest.mark.parametrize("name", OutputFormat)
@pytest.mark.parametrize("profile", [None, *PRORES_PROFILES])
def test_a_profile_belongs_to_prores(name: OutputFormat, profile: str | None) -> None:
    """With ProRes it finds its place; beside any other format, as Runway's own tests send it, it is ignored."""
    body = ALEPH2 | {"outputFormat": str(name)} | ({"proresProfile": profile} if profile else {})

    request = wire.parse_edit(body)

    kept = profile if name is OutputFormat.PRORES else None
    assert request.output == OutputSpec(format=name, prores_profile=kept)
    assert request.ignored == (("proresProfile",) if profile and not kept else ())
    assert EditRequest.from_json(json.loads(json.dumps(request.to_json()))) == request


def test_seven_point_zero_is_an_integer_of_type_int() -> None:
    """JSON has one number type; the domain has int."""
    assert type(wire.parse_edit(GEN4 | {"seed": 7.0}).seed) is int


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_utf16_units_are_javascripts_length(text: str) -> None:
    """The count is that of the UTF-16 encoding, two for each character beyond U+FFFF."""
    assert wire.utf16_units(text) == sum(2 if ord(character) > 0xFFFF else 1 for character in text)


@pytest.mark.parametrize(
    ("prompt", "accepted"),
    [("x" * 1000, True), ("x" * 1001, False), ("🎬" * 500, True), ("🎬" * 500 + "x", False), ("é" * 1000, True)],
)
def test_a_prompt_has_a_thousand_units(prompt: str, accepted: bool) -> None:
    """The limit counts UTF-16 code units: neither characters nor bytes."""
    if accepted:
        assert wire.parse_edit(GEN4 | {"promptText": prompt}).prompt_text == prompt
    else:
        (issue,) = refused(GEN4 | {"promptText": prompt})
        assert (issue["code"], issue["maximum"], issue["path"]) == ("too_big", 1000, ["promptText"])


def test_a_missing_model_is_reported_as_runway_does() -> None:
    """Both the missing member and the union without a branch, in the shapes seen at Runway."""
    assert refused({}) == [
        {
            "expected": "string",
            "code": "invalid_type",
            "path": ["model"],
            "message": "Invalid input: expected string, received undefined",
        },
        {
            "code": "invalid_union",
            "errors": [],
            "note": "No matching discriminator",
            "discriminator": "model",
            "path": ["model"],
            "message": 'Invalid input: expected model to be one of "gen4_aleph"|"aleph2"',
        },
    ]


def test_issues_of_keyframes_come_with_those_of_the_rest() -> None:
    """What is wrong between keyframes is found also where other members are wrong."""
    keyframes = [{"uri": IMAGE}, {"uri": IMAGE, "at": 0.1, "range": {"start_seconds": 2, "end_seconds": 1}}, 5]

    paths = [issue["path"] for issue in refused(ALEPH2 | {"seed": "1", "keyframes": keyframes})]

    assert paths == [["keyframes", 2], ["seed"], ["keyframes", 0], ["keyframes", 1, "range"], ["keyframes"]]


def test_a_brace_in_a_message_stays_a_brace() -> None:
    """Text of the client in a message is not read as a template."""
    (issue,) = refused(GEN4 | {"videoUri": "data:video/{sentence};base64,AAAA"})

    assert "not supported" in issue["message"]


def test_a_thousand_unknown_members_make_one_short_issue() -> None:
    """The answer does not grow with a hostile body."""
    (issue,) = refused(GEN4 | {f"x{n}": 0 for n in range(1000)})

    assert len(issue["keys"]) == issues.MAX_ISSUES


def test_options_are_those_of_the_domain() -> None:
    """The ratios on the wire are the domain's."""
    schema = wire.EDIT.json_schema()["$defs"]

    assert tuple(schema["Gen4AlephBody"]["properties"]["ratio"]["enum"]) == GEN4_ALEPH_RATIOS
    assert tuple(schema["Aleph2Body"]["properties"]["targetAspectRatio"]["enum"]) == TARGET_ASPECT_RATIOS
    assert tuple(schema["Aleph2Body"]["properties"]["outputFormat"]["enum"]) == tuple(OutputFormat)
    assert tuple(schema["Aleph2Body"]["properties"]["proresProfile"]["enum"]) == PRORES_PROFILES
    assert schema["Gen4AlephBody"]["properties"]["seed"]["maximum"] == 4_294_967_295


NAMES = st.sampled_from([*wire.Gen4AlephBody.__annotations__, *wire.Aleph2Body.__annotations__, "at", "uri", "x"])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["gen4_aleph", "aleph2", VIDEO, IMAGE, "image", "mp4", "prores", "1280:720", "auto"])
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=6) | st.dictionaries(NAMES | st.text(), inner, max_size=8)
)
BODIES = JSON | st.fixed_dictionaries(
    {"model": st.sampled_from(["gen4_aleph", "aleph2"])},
    optional={
        "videoUri": st.just(VIDEO) | JSON,
        "promptText": st.text() | JSON,
        "seed": st.integers() | JSON,
        "references": JSON,
        "ratio": JSON,
        "contentModeration": JSON,
        "outputFormat": JSON,
        "keyframes": st.lists(
            st.fixed_dictionaries(
                {"uri": st.just(IMAGE)},
                optional={
                    "seconds": st.floats() | JSON,
                    "at": st.floats() | JSON,
                    "range": JSON | st.fixed_dictionaries({"start_seconds": SCALARS, "end_seconds": SCALARS}),
                },
            )
            | JSON,
            max_size=7,
        ),
    },
)


@given(BODIES)
def test_any_body_is_accepted_or_refused_with_reasons(body: object) -> None:
    """No body, however odd, leads to anything but a request or issues that can be sent as JSON."""
    try:
        request = wire.parse_edit(body)
    except InvalidRequest as error:
        sent = [issues.body_of(issue) for issue in error.issues]
    else:
        assert EditRequest.from_json(request.to_json()) == request
        return

    assert sent
    assert all(issue["code"] and issue["message"] for issue in sent)
    assert all(isinstance(part, str | int) for issue in sent for part in issue["path"])
    assert to_json(sent)


@given(JSON)
def test_any_other_body_is_accepted_or_refused_with_reasons(body: object) -> None:
    """The same holds for usage and uploads."""
    for parse in (wire.parse_usage, wire.parse_upload):
        found: object = ()
        try:
            found = parse(body)
        except InvalidRequest as error:
            found = error.issues

        assert found


def test_usage_takes_a_span_of_up_to_ninety_days() -> None:
    """Dates are days, the second one not included."""
    assert wire.parse_usage({}) == (None, None)
    assert wire.parse_usage({"startDate": "2026-08-24", "beforeDate": "2026-11-22"}) == (
        date(2026, 8, 24),
        date(2026, 11, 22),
    )
