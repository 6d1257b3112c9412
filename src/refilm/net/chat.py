"""A chat model behind an OpenAI-compatible endpoint: one question, one answer in JSON.

Speaks `POST {base}/chat/completions` as llama.cpp, vLLM, Ollama and OpenAI do. The URL is the operator's own, so that
it may lie on a private network and be plain HTTP; nothing but its host and port is dialled, at the addresses that the
operator's list of endpoints names where there is one, and no redirect is followed. Knows nothing of what is asked.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import httpx2

from refilm.errors import Unavailable
from refilm.net.client import Clients, ascii_host
from refilm.net.policy import PORTS, Allowed, Blocked, UnclearSetting, endpoint_policy

#: An answer is a plan of a few steps; whatever is longer is none.
MAX_ANSWER_BYTES = 1_000_000
#: How often a caller is asked whether to go on.
POLL_SECONDS = 0.5
#: Answers of servers that know the endpoint but not all of the request's members.
_UNKNOWN_MEMBERS = frozenset({400, 404, 415, 422, 500, 501})
_THOUGHTS = re.compile(r"<think>.*?</think>", re.DOTALL)


class ChatEndpoint:
    """A chat model. Safe to share between threads."""

    def __init__(
        self, url: str, model: str, key: str | None, *, seconds: float, allow: tuple[Allowed, ...] = ()
    ) -> None:
        """url: the base, as in http://127.0.0.1:8080/v1.  seconds: limit of one question, all in all.

        allow: the operator's list of endpoints; empty: the URL's own host is allowed. Raises UnclearSetting where the
        URL is none, or is not on the list.
        """
        self.name = model
        self._url = _endpoint(url)
        self._seconds = seconds
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        port = self._url.port or PORTS[self._url.scheme]
        self._clients = Clients(endpoint_policy(self._url.scheme, ascii_host(self._url), port, allow))

    def ask(self, instructions: str, question: str, schema: Mapping[str, Any], *, poll: Callable[[], None]) -> Any:
        """The model's answer, as JSON values that should follow `schema` and need not.

        poll: called twice a second; what it raises ends the waiting and passes. Raises Unavailable, with a sentence for
        the operator, where no answer in JSON comes in time. Blocking; not for an event loop.
        """
        messages = [{"role": "system", "content": instructions}, {"role": "user", "content": question}]
        return asyncio.run(_watched(self._answer(messages, schema), poll))

    def close(self) -> None:
        """Let go of what the client holds."""
        self._clients.close()

    async def _answer(self, messages: list[dict[str, str]], schema: Mapping[str, Any]) -> Any:
        plain = {"model": self.name, "messages": messages, "stream": False}
        form = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}
        try:
            async with asyncio.timeout(self._seconds):
                async with self._clients.open(self._url, seconds=self._seconds) as client:
                    status, body = await self._post(client, {**plain, "temperature": 0, "response_format": form})
                    if status in _UNKNOWN_MEMBERS:
                        status, body = await self._post(client, plain)
        except TimeoutError as error:
            raise Unavailable(f"{self.name} did not answer within {self._seconds:g} s.") from error
        except (httpx2.TransportError, ssl.SSLError, Blocked) as error:
            raise Unavailable(f"{self.name} could not be reached: {type(error).__name__}.") from error
        if status != 200:
            raise Unavailable(f"{self.name} answered with status {status}.")
        return _content(body, self.name)

    async def _post(self, client: httpx2.AsyncClient, body: Mapping[str, Any]) -> tuple[int, bytes]:
        request = client.build_request("POST", self._url, json=body, headers=self._headers)
        response = await client.send(request, stream=True)
        received = bytearray()
        try:
            async for part in response.aiter_raw():
                received += part
                if len(received) > MAX_ANSWER_BYTES:
                    raise Unavailable(f"{self.name} answered with more than {MAX_ANSWER_BYTES} bytes.")
        finally:
            await response.aclose()
        return response.status_code, bytes(received)


def json_in(text: str) -> Any:
    """The JSON value in a model's text: all of it, or the first object where words or fences stand around it.

    Raises ValueError.
    """
    text = _THOUGHTS.sub("", text).strip()
    try:
        return json.loads(text)
    except ValueError:
        start = text.find("{")
        if start < 0:
            raise
        return json.JSONDecoder().raw_decode(text, start)[0]


def _content(body: bytes, name: str) -> Any:
    try:
        text = json.loads(body)["choices"][0]["message"]["content"]
        return json_in(text)
    except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
        raise Unavailable(f"{name} answered with something else than JSON.") from error


def _endpoint(base: str) -> httpx2.URL:
    try:
        url = httpx2.URL(base.rstrip("/") + "/chat/completions")
    except httpx2.InvalidURL as error:
        raise UnclearSetting("chat_url is no URL such as http://127.0.0.1:8080/v1.") from error
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query or url.fragment:
        raise UnclearSetting("chat_url must be a URL such as http://127.0.0.1:8080/v1, without key or query.")
    return url


async def _watched(work: Coroutine[Any, Any, Any], poll: Callable[[], None]) -> Any:
    """Await `work`, asking `poll` now and then; what it raises ends the work."""
    task = asyncio.ensure_future(work)
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=POLL_SECONDS)
            poll()
        return await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
