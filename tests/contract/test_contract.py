"""The contract, case by case: each entry of the JSON files beside this one is a request and the answer it must get.

A case: `name`; `given` (`task`: a status; `foreign`: the task is somebody else's; `format`: of its output); `request`
(`method`, `path` below the dialect's prefix or absolute with a leading slash, `key`, `headers`, `json` or `body`);
`expect` (`status`, `body`, `headers`). Every case runs through both dialects unless `dialects` names one and `why` says
the reason.

In requests, {video}, {image}, {video_data}, {image_data}, {task}, {units:N} (a text of N UTF-16 code units) and {c*N}
(N times the character c) are filled in. In answers, <uuid>, <time>, <unix>, <output>, <output.mov>,
<output.zip>, <text>, <any> and <has:...>
stand for what varies. An expected body lists every member of an object, and every issue, in order.
"""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from contract_server import VERSION, ContractServer

from refilm.domain.edit import OutputFormat

HERE = Path(__file__).parent
PREFIXES = {"runway": "/v1", "cometapi": "/runwayml/v1"}


def cases() -> list[Any]:
    """Every case in every dialect that it is for."""
    found = []
    for file in sorted(HERE.glob("*.json")):
        for case in json.loads(file.read_text("utf-8")):
            for dialect in case.get("dialects", PREFIXES):
                found.append(pytest.param(case, dialect, id=f"{file.stem}-{case['name'].replace(' ', '_')}-{dialect}"))
    return found


def filled(value: Any, values: dict[str, str]) -> Any:
    """The value with its placeholders filled in."""
    if isinstance(value, dict):
        return {name: filled(member, values) for name, member in value.items()}
    if isinstance(value, list):
        return [filled(item, values) for item in value]
    if not isinstance(value, str):
        return value
    value = re.sub(r"\{units:(\d+)\}", lambda match: text_of_units(int(match[1])), value)
    value = re.sub(r"\{(\S)\*(\d+)\}", lambda match: match[1] * int(match[2]), value)
    return re.sub(r"\{([a-z_]+)\}", lambda match: values.get(match[1], match[0]), value)


def text_of_units(units: int) -> str:
    """A text of that many UTF-16 code units, mostly of characters that count twice."""
    return "\U0001f3ac" * (units // 2) + "x" * (units % 2)


MATCHERS = {
    "<uuid>": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "<time>": r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
    **{
        name: rf"http://127\.0\.0\.1:8000/files/outputs/\S+\.{suffix}\?expires=\d+&key_id=\S+&signature=\S+"
        for name, suffix in {"<output>": "mp4", "<output.mov>": "mov", "<output.zip>": "zip"}.items()
    },
    "<text>": r"(?s).+",
}


def check(actual: Any, expected: Any, at: str) -> None:
    """Compare an answer with what a case expects."""
    if isinstance(expected, dict):
        assert isinstance(actual, dict), at
        assert sorted(actual) == sorted(expected), at
        for name, member in expected.items():
            check(actual[name], member, f"{at}.{name}")
    elif isinstance(expected, list):
        assert isinstance(actual, list), at
        assert len(actual) == len(expected), f"{at}: {actual}"
        for index, item in enumerate(expected):
            check(actual[index], item, f"{at}[{index}]")
    elif expected == "<any>":
        return
    elif expected == "<unix>":
        assert abs(actual - time.time()) < 3600, at
    elif isinstance(expected, str) and expected in MATCHERS:
        assert re.fullmatch(MATCHERS[expected], actual), f"{at}: {actual}"
    elif isinstance(expected, str) and expected.startswith("<has:"):
        assert expected[5:-1] in actual, f"{at}: {actual}"
    else:
        assert actual == expected, at
        assert type(actual) is type(expected), at


def test_there_are_enough_cases() -> None:
    """At least 60 cases, each of a name of its own, and none of one dialect only without a reason."""
    everything = [case for file in HERE.glob("*.json") for case in json.loads(file.read_text("utf-8"))]

    assert len(everything) >= 60
    assert len({case["name"] for case in everything}) == len(everything)
    assert all(case.get("why") for case in everything if "dialects" in case)


@pytest.mark.parametrize(("case", "dialect"), cases())
def test_case(contract_server: ContractServer, case: dict[str, Any], dialect: str) -> None:
    """A request gets the answer that the contract promises."""
    server, given, request, expect = contract_server, case.get("given", {}), case["request"], case["expect"]
    values = dict(server.values)
    if "task" in given:
        account = "stranger" if given.get("foreign") else "owner"
        task = server.task(given["task"], account, OutputFormat(given.get("format", "mp4")))
        values["task"] = task.id
    path = filled(request["path"], values)
    path = path if path.startswith("/") else f"{PREFIXES[dialect]}/{path}"
    headers = {name: value for name, value in {**VERSION, **request.get("headers", {})}.items() if value is not None}
    sent = {"json": filled(request["json"], values)} if "json" in request else {}
    if "body" in request:
        headers.setdefault("content-type", "application/json")
        sent = {"content": filled(request["body"], values).encode("utf-8").replace(b"<ff>", b"\xff")}

    answer = server.send(request["method"], path, key=request.get("key", "owner"), headers=headers, **sent)

    assert answer.status_code == expect["status"], answer.text
    for name, value in expect.get("headers", {}).items():
        check(answer.headers.get(name), value, f"header {name}")
    if "body" in expect:
        assert answer.headers["content-type"].partition(";")[0].endswith("json")
        check(answer.json(), expect["body"], "body")
    elif answer.status_code == 204 or request["method"] == "HEAD":
        assert answer.content == b""


def test_unknown_foreign_and_deleted_tasks_look_the_same(contract_server: ContractServer) -> None:
    """Not one byte tells whether somebody else has a task of that id, on any path and by any method."""
    server = contract_server
    deleted = server.task("PENDING").id
    assert server.send("DELETE", f"/v1/tasks/{deleted}", headers=VERSION).status_code == 204
    ids = [deleted, server.task("SUCCEEDED", "stranger").id, "00000000-0000-4000-8000-000000000000", "no-id", "%00"]

    answers = [
        server.send(method, f"{prefix}/tasks/{task_id}", headers=VERSION)
        for method in ("GET", "DELETE")
        for prefix in PREFIXES.values()
        for task_id in ids
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert len({(answer.content, tuple(answer.headers.items())) for answer in answers}) == 1


def test_a_task_can_be_polled_as_soon_as_it_is_created(contract_server: ContractServer) -> None:
    """The id of a create is known on both paths at once."""
    body = {"model": "gen4_aleph", "videoUri": contract_server.values["video"], "promptText": "snow"}
    made = contract_server.send("POST", "/runwayml/v1/video_to_video", json=body, headers=VERSION).json()

    polled = [
        contract_server.send("GET", f"{prefix}/tasks/{made['id']}", headers=VERSION) for prefix in PREFIXES.values()
    ]

    assert [answer.status_code for answer in polled] == [200, 200]
    assert polled[0].content == polled[1].content
