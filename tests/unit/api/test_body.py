"""JSON bodies are read within bounds, and read strictly."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from asgi import Sender, scope
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect

from refilm.api.body import MAX_DEPTH, MAX_SIGNS, JsonBodies, decode
from refilm.api.refusals import BodyTooLarge, EncodedBody
from refilm.api.settings import ApiSettings
from refilm.api.shares import leave
from refilm.errors import InvalidRequest, Unavailable

JSON = "application/json"


def read(pieces: Sequence[bytes], *, breaks_off: bool = False, **headers: str) -> tuple[Any, Sender]:
    """What a body of these pieces reads as, with a limit of 1000 bytes."""
    bodies = JsonBodies(ApiSettings(max_body_bytes=1000, large_body_bytes=100))
    sender = Sender(pieces, breaks_off=breaks_off)
    value = asyncio.run(bodies.read(scope(content_type=JSON, **headers), sender, lambda parsed: parsed))
    return value, sender


@pytest.mark.parametrize("length", [{"content_length": "13"}, {}])
def test_a_body_is_put_together_from_its_pieces(length: dict[str, str]) -> None:
    """With a declared length or in chunks, the value is the same."""
    value, _ = read([b'{"promp', b"", b't":1}'], **length)

    assert value == {"prompt": 1}


def test_a_large_body_is_read_like_a_small_one() -> None:
    """Beyond the size that is parsed on the event loop, nothing changes for the client."""
    raw = json.dumps({"a": "x" * 500}).encode()

    assert read([raw], content_length=str(len(raw)))[0] == {"a": "x" * 500}


def test_a_body_that_says_it_is_too_large_is_not_read() -> None:
    """By its Content-Length a body is refused before a byte of it is taken."""
    bodies, sender = JsonBodies(ApiSettings(max_body_bytes=1000)), Sender([b"{}"])

    with pytest.raises(BodyTooLarge, match="1000 bytes"):
        asyncio.run(bodies.read(scope(content_type=JSON, content_length="1001"), sender, lambda parsed: parsed))

    assert sender.taken == 0


def test_a_body_that_grows_too_large_is_not_read_to_its_end() -> None:
    """Chunks are counted: the piece that crosses the limit is the last one taken."""
    bodies, sender = JsonBodies(ApiSettings(max_body_bytes=1000)), Sender([b"x" * 400] * 100)

    with pytest.raises(BodyTooLarge):
        asyncio.run(bodies.read(scope(content_type=JSON), sender, lambda parsed: parsed))

    assert sender.taken == 3


def test_a_body_longer_than_declared_is_refused() -> None:
    """A server that trusted the declared length would read on."""
    with pytest.raises(BodyTooLarge):
        read([b"x" * 50, b"x" * 50], content_length="60")


def test_a_client_that_hangs_up_is_no_bad_request() -> None:
    """Half a body is not parsed."""
    with pytest.raises(ClientDisconnect):
        read([b'{"a":'], breaks_off=True)


@pytest.mark.parametrize("length", ["-1", "1.5", "ten", "9" * 30])
def test_a_content_length_is_a_number(length: str) -> None:
    """Anything else is refused before the body is read."""
    with pytest.raises(InvalidRequest, match="Content-Length"):
        read([b"{}"], content_length=length)


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON", "application/json; charset=utf-8", 'application/json;charset="UTF-8"'],
)
def test_json_types_are_understood(content_type: str) -> None:
    """JSON in UTF-8, said in any of the usual ways."""
    bodies = JsonBodies(ApiSettings())

    value = asyncio.run(bodies.read(scope(content_type=content_type), Sender([b"1"]), lambda parsed: parsed))

    assert value == 1


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/jsonx", "application/json; charset=utf-16"])
def test_other_types_are_refused(content_type: str) -> None:
    """What is not said to be JSON in UTF-8 is not read as such."""
    bodies = JsonBodies(ApiSettings())

    with pytest.raises(InvalidRequest, match="Content-Type: application/json"):
        asyncio.run(bodies.read(scope(content_type=content_type), Sender([b"1"]), lambda parsed: parsed))


@given(st.binary(max_size=200))
def test_any_bytes_are_json_or_refused(raw: bytes) -> None:
    """Bytes are a value of JSON or an invalid request; nothing else is raised."""
    try:
        decode(raw)
    except InvalidRequest as refused:
        found = refused.issues[0].message
    else:
        return

    assert found.startswith("The ")


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), inner)
    ),
)


@given(VALUES, st.booleans())
def test_json_is_read_as_it_was_written(value: object, escaped: bool) -> None:
    """Escaped or not, texts, numbers and nesting arrive as they were."""
    assert decode(json.dumps(value, ensure_ascii=escaped).encode()) == value


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":{"b":1,"b":2}}',
        b'{"a":1,"\\u0061":2}',
        b'"\\ud800"',
        b'{"\\udc00":1}',
        b'["\\u0000"]',
        b'{"a\\u0000":1}',
        b"[Infinity]",
        b"-Infinity",
        b"1" * 5000,
        b"1e999",
        b'{"seed":-1e400}',
        b'{"a":' * 100_000,
        b"\xef\xbb\xbf{}",
        b"\xff\xfe1\x00",
        b'"\xed\xa0\x80"',
        b"'a'",
        b"[1,]",
        b"{} {}",
    ],
)
def test_what_parsers_disagree_about_is_refused(raw: bytes) -> None:
    """Duplicate keys, halves of surrogate pairs, null characters, other encodings, endless numbers and nesting."""
    with pytest.raises(InvalidRequest):
        decode(raw)


def test_an_escaped_backslash_before_u0000_is_text() -> None:
    """Only the character itself is refused, not six characters that look like its escape."""
    assert decode(rb'"\\u0000 \u00e9"') == "\\u0000 é"


@pytest.mark.parametrize("coding", [{"content_encoding": "gzip"}, {"transfer_encoding": "gzip, chunked"}])
def test_a_compressed_body_is_refused_unread(coding: dict[str, str]) -> None:
    """Nothing is decompressed: what is small on the wire would be large here."""
    bodies, sender = JsonBodies(ApiSettings()), Sender([b"{}"])

    with pytest.raises(EncodedBody, match="as it is"):
        asyncio.run(bodies.read(scope(content_type=JSON, **coding), sender, lambda parsed: parsed))

    assert sender.taken == 0


@given(st.integers(1, 4 * MAX_DEPTH), st.booleans())
def test_depth_is_bounded(depth: int, objects: bool) -> None:
    """So many levels are read and one more is refused, whatever they are made of."""
    opened, closed = (b'{"a":', b"}") if objects else (b"[", b"]")
    raw = opened * depth + b"1" + closed * depth

    if depth > MAX_DEPTH:
        with pytest.raises(InvalidRequest, match="nested too deeply"):
            decode(raw)
    else:
        assert decode(raw) is not None


def test_the_number_of_values_is_bounded() -> None:
    """Empty arrays take twenty times the memory of their spelling: they are counted before they are made."""
    few, many = ([[]] * count for count in (MAX_SIGNS // 2 - 1, MAX_SIGNS))

    assert decode(json.dumps(few).encode()) == few
    with pytest.raises(InvalidRequest, match="too many values"):
        decode(json.dumps(many).encode())


def test_large_bodies_fit_into_memory_together() -> None:
    """One more than fits is told to come back, before it is read to its end; small ones always pass. Each is counted
    until its request ends.
    """
    bodies = JsonBodies(ApiSettings(max_body_bytes=1000, large_body_bytes=100, max_bodies_bytes=1500))
    large, small = [b'"' + b"x" * 400, b"x" * 400 + b'"'], [b'"x"']

    def ask(pieces: list[bytes]) -> tuple[dict[str, Any], Sender]:
        asked, sender = scope(content_type=JSON), Sender(pieces)
        try:
            asyncio.run(bodies.read(asked, sender, lambda parsed: parsed))
        except Unavailable:
            leave(asked)
            sender.refused = True  # type: ignore[attr-defined]
        return asked, sender

    first, _ = ask(large)
    _, second = ask(large)
    assert (vars(second).get("refused"), second.taken) == (True, 2)
    _, third = ask(small)
    assert "refused" not in vars(third)
    leave(first)
    assert bodies._held == 0
    assert "refused" not in vars(ask(large)[1])
