"""The chat client against a real server on the loopback: it asks as agreed, and no answer breaks it."""

from __future__ import annotations

import json

import pytest

from refilm.errors import Cancelled, Unavailable
from refilm.net.chat import MAX_ANSWER_BYTES, ChatEndpoint, json_in
from refilm.net.policy import UnclearSetting

SCHEMA = {"type": "object", "properties": {"steps": {"type": "array"}}, "required": ["steps"]}


def ask(server, *, seconds=5.0, key=None, poll=lambda: None):
    endpoint = ChatEndpoint(server.url, "small-model", key, seconds=seconds)
    try:
        return endpoint.ask("be brief", "what now?", SCHEMA, poll=poll)
    finally:
        endpoint.close()


def test_it_asks_for_json_of_the_schema(chat_server):
    """Model, messages, schema and key travel as the protocol has them; the content comes back as values."""
    assert ask(chat_server, key="sesame") == {"steps": [], "refused": []}

    headers, body = chat_server.asked[0]
    assert headers["authorization"] == "Bearer sesame"
    assert body["model"] == "small-model"
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert body["response_format"]["json_schema"]["schema"] == SCHEMA
    assert body["stream"] is False


def test_a_server_without_schemas_is_asked_plainly(chat_server):
    """Where the members are refused, the same question goes without them, once."""
    chat_server.status = lambda body: 400 if "response_format" in body else 200
    chat_server.text = lambda body: 'Sure!\n```json\n{"steps": [1]}\n```'

    assert ask(chat_server) == {"steps": [1]}
    assert ["response_format" in body for _, body in chat_server.asked] == [True, False]


def test_a_slow_server_is_given_up(chat_server):
    """The limit holds for all of it, and the sentence names it."""
    chat_server.seconds = 3.0

    with pytest.raises(Unavailable, match=r"within 0\.3 s"):
        ask(chat_server, seconds=0.3)


def test_whoever_waits_may_cancel(chat_server):
    """What the poll raises passes, long before the limit."""
    chat_server.seconds = 5.0

    def poll():
        raise Cancelled("no longer wanted")

    with pytest.raises(Cancelled):
        ask(chat_server, seconds=60.0, poll=poll)


@pytest.mark.parametrize(
    "raw",
    [b"", b"not json", b"[]", b'{"choices": []}', b'{"choices": [{"message": {"content": null}}]}', b"\xff\xfe",
     b'{"choices": [{"message": {"content": "I cannot help with that."}}]}', b"[" * 100_000],
)  # fmt: skip
def test_garbage_is_no_answer(chat_server, raw):
    """Whatever it sends instead of an answer ends in one error of ours."""
    chat_server.raw = raw

    with pytest.raises(Unavailable, match="something else than JSON"):
        ask(chat_server)


def test_an_endless_answer_is_cut_off(chat_server):
    """More bytes than any plan has are not kept."""
    chat_server.raw = b" " * (MAX_ANSWER_BYTES + 1)

    with pytest.raises(Unavailable, match="more than"):
        ask(chat_server)


@pytest.mark.parametrize("status", [302, 401, 429, 503])
def test_other_statuses_are_no_answer(chat_server, status):
    """Redirects are not followed, and refusals are told with their number."""
    chat_server.status = lambda body: status

    with pytest.raises(Unavailable, match=str(status)):
        ask(chat_server)


def test_a_server_that_is_away(chat_server):
    """Nobody listening is Unavailable, not an error of the transport."""
    chat_server.close()
    endpoint = ChatEndpoint(chat_server.url, "m", None, seconds=5)

    with pytest.raises(Unavailable, match="could not be reached"):
        endpoint.ask("", "", SCHEMA, poll=lambda: None)
    endpoint.close()


@pytest.mark.parametrize("url", ["", "localhost:8080", "ftp://x/v1", "http://key@host/v1", "http://host/v1?key=1"])
def test_unfit_urls_are_told_at_once(url):
    """A setting that is no base URL is refused when it is read."""
    with pytest.raises(UnclearSetting):
        ChatEndpoint(url, "m", None, seconds=1)


@pytest.mark.parametrize(
    "text",
    ['{"a": {"b": 1}}', ' {"a": {"b": 1}} ', 'Here: {"a": {"b": 1}} done}', '<think>{"no": 1}</think>{"a": {"b": 1}}',
     '```json\n{"a": {"b": 1}}\n```'],
)  # fmt: skip
def test_json_is_found_among_words(text):
    """Thoughts, fences and politeness around the object do not matter."""
    assert json_in(text) == {"a": {"b": 1}}


def test_no_json_is_an_error():
    """Words alone are a ValueError."""
    for text in ("", "no", "{", "<think>"):
        with pytest.raises(ValueError, match=r"."):
            json_in(text)
    assert json.loads("1") == json_in("1")
