"""Uploads that break off, at each tenth of their bytes: by the client, and by the end of the server."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from api_client import ApiClient
from server_process import PATIENCE, ServerProcess

#: More than the server gathers before it writes, so that there is something on the disk to leave behind.
SIZE = 4_000_000
BOUNDARY = "a-line-that-is-in-no-clip"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server of our own: the test looks into its folder, and kills it."""
    with ServerProcess(tmp_path_factory.mktemp("cut") / "data") as server:
        yield server


@pytest.fixture(scope="module")
def client(server: ServerProcess) -> ApiClient:
    """One key on it."""
    return ApiClient(server.url, server.new_key("cut"))


def request_of(slot: dict[str, Any], content: bytes) -> bytes:
    """The whole request that fills a slot, as it goes over the wire."""
    fields = "".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in slot["fields"].items()
    )
    file = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="clip.mp4"\r\n\r\n'
    body = (fields + file).encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()
    address = urlsplit(slot["uploadUrl"])
    head = (
        f"POST {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: {len(body)}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


def opened(server: ServerProcess, data: bytes) -> socket.socket:
    """A connection over which these bytes were sent."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)
    connection.sendall(data)
    return connection


def kept(server: ServerProcess) -> set[Path]:
    """Every file below the assets' folder, finished or not."""
    return {path for path in (server.data / "assets").rglob("*") if path.is_file()}


def wait_for(server: ServerProcess, wanted: bool) -> set[Path]:
    """The files, once there are some, or none."""
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up:
        if bool(found := kept(server)) is wanted:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{kept(server)} after {PATIENCE:.0f} s")


def filled(server: ServerProcess, request: bytes) -> bytes:
    """The first line of the answer to a whole request."""
    with opened(server, request) as connection:
        return connection.recv(65536).split(b"\r\n")[0]


def test_an_upload_that_breaks_off_leaves_nothing(server: ServerProcess, client: ApiClient) -> None:
    """Cut at each tenth, by closing the connection or tearing it down: no file stays, and the slot can be filled."""
    slot = client.ask("POST", "uploads", json={"filename": "clip.mp4", "type": "ephemeral"}).json()
    request = request_of(slot, bytes(SIZE))
    for tenth in range(11):
        for torn in (False, True):
            connection = opened(server, request[: min(len(request) * tenth // 10, len(request) - 1)])
            if tenth > 5:
                wait_for(server, True)
            if torn:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
            wait_for(server, False)

    answer = filled(server, request)

    assert b" 204 " in answer
    assert len(kept(server)) == 1
    (uploaded,) = kept(server)
    assert uploaded.stat().st_size == SIZE
    uploaded.unlink()


def test_an_upload_that_the_server_did_not_survive_leaves_nothing(server: ServerProcess, client: ApiClient) -> None:
    """Killed in the middle of an upload and started again: no file stays, and the slot can be filled."""
    slot = client.ask("POST", "uploads", json={"filename": "clip.mp4", "type": "ephemeral"}).json()
    request = request_of(slot, bytes(SIZE))
    with opened(server, request[: len(request) * 7 // 10]):
        left = wait_for(server, True)
        server.kill()

    server.start()

    assert left
    assert kept(server) == set()
    assert b" 204 " in filled(server, request)
