"""Idempotency-Key and the official SDKs' count of tries, on the wire of both dialects."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from contract_server import VERSION, ContractServer

numbers = itertools.count()


@pytest.fixture(params=["/v1", "/runwayml/v1"])
def create(request: pytest.FixtureRequest, contract_server: ContractServer):
    """create(headers, prompt): the answer to one sending."""

    def send(headers: dict[str, str], prompt: str) -> Any:
        body = {"model": "gen4_aleph", "videoUri": contract_server.values["video"], "promptText": prompt}
        path = f"{request.param}/video_to_video"
        return contract_server.send("POST", path, json=body, headers={**VERSION, **headers})

    return send


def test_a_named_create_is_answered_again(create) -> None:
    """The same key gives the same id, and says that it is a repetition."""
    name = {"idempotency-key": f"mine {next(numbers)}"}
    first, again = create(name, "warm"), create(name, "warm")

    assert first.status_code == again.status_code == 200
    assert again.json() == first.json()
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"


def test_a_name_for_two_requests_is_refused_in_the_contracts_shape(create) -> None:
    """400 with an issue that says what to do: the shape that the SDKs know, and no status that they would retry."""
    name = {"idempotency-key": f"mine {next(numbers)}"}
    create(name, "warm")
    refused = create(name, "cold")

    assert refused.status_code == 400
    (issue,) = refused.json()["issues"]
    assert issue["path"] == ["Idempotency-Key"]
    assert "new key" in issue["message"]


@pytest.mark.parametrize("value", ["", "x" * 256, "caf\u00e9".encode(), b"a\tb"])
def test_a_name_that_is_none_is_refused(create, value: Any) -> None:
    """1 to 255 visible ASCII characters."""
    refused = create({"idempotency-key": value}, "warm")

    assert refused.status_code == 400
    assert refused.json()["issues"][0]["path"] == ["Idempotency-Key"]


def test_an_sdks_retry_hears_of_the_first_task(create) -> None:
    """The count alone tells: 0 is a new call, 1 and 2 are its further tries."""
    prompt = f"warm {next(numbers)}"
    ids = [create({"x-stainless-retry-count": str(count)}, prompt).json()["id"] for count in (0, 1, 2, 0)]

    assert ids[0] == ids[1] == ids[2] != ids[3]


@pytest.mark.parametrize("value", ["", "-1", "x", "99999", "31"])
def test_a_count_that_is_none_is_ignored(create, value: str) -> None:
    """The header is an SDK's, not the contract's: nonsense in it must not cost anybody a task."""
    answers = [create({"x-stainless-retry-count": value}, "warm") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json()["id"] != answers[1].json()["id"]
