"""Bytes in and out of the real server: outputs under signed links, and uploads in two steps."""

from __future__ import annotations

import os
from typing import Any

import httpx2
import pytest
from contract_server import VERSION, ContractServer

from refilm.domain.edit import OutputFormat


@pytest.fixture(scope="module")
def output_url(contract_server: ContractServer) -> str:
    """The URL of a fresh output."""
    task = contract_server.task("SUCCEEDED")
    polled = contract_server.send("GET", f"/v1/tasks/{task.id}", headers=VERSION).json()
    assert polled["output"] == polled["data"]["data"]["output"] == [polled["data"]["result_url"]]
    return str(polled["output"][0])


def fetch(server: ContractServer, url: str, method: str = "GET", **headers: str) -> httpx2.Response:
    """Ask for an output, without any key."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return server.send(method, url, key=None, headers=named)


def test_an_output_is_the_file_and_nothing_else(contract_server: ContractServer, output_url: str) -> None:
    """The bytes, their type, and headers that keep a browser from making a page of them."""
    answer = fetch(contract_server, output_url)

    assert (answer.status_code, answer.content) == (200, contract_server.clip.read_bytes())
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["content-length"] == str(len(answer.content))
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["content-disposition"].startswith('attachment; filename="')
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    ("output_format", "media_type", "suffix"),
    [("prores", "video/quicktime", "mov"), ("png_sequence", "application/zip", "zip")],
)
def test_every_format_is_served_as_what_it_is(
    contract_server: ContractServer, output_format: str, media_type: str, suffix: str
) -> None:
    """The type and the name's suffix are the format's, and the answer is as inert as any."""
    task = contract_server.task("SUCCEEDED", output_format=OutputFormat(output_format))
    polled = contract_server.send("GET", f"/runwayml/v1/tasks/{task.id}", headers=VERSION).json()

    answer = fetch(contract_server, polled["output"][0])

    assert answer.headers["content-type"] == media_type
    assert answer.headers["content-disposition"] == f'attachment; filename="{task.id}.{suffix}"'
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_player_may_ask_for_a_part(contract_server: ContractServer, output_url: str) -> None:
    """One range is answered with 206 and where it lies in the file."""
    content = contract_server.clip.read_bytes()

    middle = fetch(contract_server, output_url, range="bytes=100-199")
    end = fetch(contract_server, output_url, range="bytes=-10")

    assert (middle.status_code, middle.content) == (206, content[100:200])
    assert middle.headers["content-range"] == f"bytes 100-199/{len(content)}"
    assert (end.status_code, end.content) == (206, content[-10:])


def test_a_part_beyond_the_end_is_refused(contract_server: ContractServer, output_url: str) -> None:
    """416 says how large the file is."""
    answer = fetch(contract_server, output_url, range="bytes=99999999-")

    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{contract_server.clip.stat().st_size}"


def test_a_head_tells_the_size(contract_server: ContractServer, output_url: str) -> None:
    """A HEAD has the headers of the GET and no body; the URL that was signed for GET serves it."""
    answer = fetch(contract_server, output_url, "HEAD")

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(contract_server.clip.stat().st_size)


def test_a_download_can_be_resumed_only_of_the_same_file(contract_server: ContractServer, output_url: str) -> None:
    """If-Range with the file's ETag gives the part; with any other, the whole file."""
    tag = fetch(contract_server, output_url, "HEAD").headers["etag"]

    assert fetch(contract_server, output_url, range="bytes=5-", if_range=tag).status_code == 206
    assert fetch(contract_server, output_url, range="bytes=5-", if_range='"other"').status_code == 200
    assert fetch(contract_server, output_url, if_none_match=tag).status_code == 304


@pytest.mark.parametrize(
    ("was", "becomes"),
    [("signature=", "signature=A"), ("expires=", "expires=9"), ("outputs/", "inputs/"), ("key_id=", "key_id=x")],
)
def test_a_changed_link_opens_nothing(contract_server: ContractServer, output_url: str, was: str, becomes: str) -> None:
    """Signature, expiry, path and key are all under the signature."""
    answer = fetch(contract_server, output_url.replace(was, becomes, 1))

    assert answer.status_code == 403
    assert "not valid" in answer.json()["error"]


def test_a_link_does_not_outlive_its_task(contract_server: ContractServer) -> None:
    """After the DELETE the signed URL answers 404."""
    task = contract_server.task("SUCCEEDED")
    url = contract_server.send("GET", f"/v1/tasks/{task.id}", headers=VERSION).json()["output"][0]

    contract_server.send("DELETE", f"/v1/tasks/{task.id}", headers=VERSION)

    assert fetch(contract_server, url).status_code == 404
    assert contract_server.send("GET", f"/v1/tasks/{task.id}", headers=VERSION).status_code == 404
    assert contract_server.send("DELETE", f"/v1/tasks/{task.id}", headers=VERSION).status_code == 404


def slot(server: ContractServer) -> dict[str, Any]:
    """A fresh place for an upload."""
    body = {"filename": "clip.mp4", "type": "ephemeral"}
    made: dict[str, Any] = server.send("POST", "/runwayml/v1/uploads", json=body, headers=VERSION).json()
    return made


def store(server: ContractServer, made: dict[str, Any], content: bytes, **changed: str) -> httpx2.Response:
    """The second step of an upload."""
    fields = {**made["fields"], **changed}
    return server.send("POST", made["uploadUrl"], key=None, data=fields, files={"file": ("clip.mp4", content)})


def test_an_upload_can_be_used_at_once(contract_server: ContractServer) -> None:
    """204 after the second step, and the URI is good for a create, in either dialect."""
    made = slot(contract_server)

    stored = store(contract_server, made, contract_server.clip.read_bytes())

    assert (stored.status_code, stored.content) == (204, b"")
    body = {"model": "aleph2", "videoUri": made["runwayUri"]}
    assert contract_server.send("POST", "/v1/video_to_video", json=body, headers=VERSION).status_code == 200


def test_an_upload_needs_its_own_fields(contract_server: ContractServer) -> None:
    """Without the signature that came with the slot, nothing is stored; a slot is filled once."""
    made, content = slot(contract_server), contract_server.clip.read_bytes()

    assert store(contract_server, made, content, signature="forged").status_code == 403
    assert store(contract_server, made, content, key="another").status_code == 403
    assert store(contract_server, made, content).status_code == 204
    assert store(contract_server, made, content).status_code == 403


def test_an_upload_of_the_wrong_size_is_refused(contract_server: ContractServer) -> None:
    """Less than 512 bytes is no clip, and the slot may be tried again."""
    made = slot(contract_server)

    assert store(contract_server, made, b"tiny").status_code == 400
    assert store(contract_server, made, contract_server.clip.read_bytes()).status_code == 204


def test_what_is_no_clip_is_told_at_create(contract_server: ContractServer) -> None:
    """An upload that cannot be read is refused before a task exists, with an issue at its place."""
    made = slot(contract_server)
    assert store(contract_server, made, os.urandom(5000)).status_code == 204

    body = {"model": "gen4_aleph", "videoUri": made["runwayUri"], "promptText": "snow"}
    answer = contract_server.send("POST", "/v1/video_to_video", json=body, headers=VERSION)

    assert answer.status_code == 400
    assert [issue["path"] for issue in answer.json()["issues"]] == [["videoUri"]]
