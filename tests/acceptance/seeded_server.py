"""The real server, started as the SDK's own test-suite expects to find one. A script of the tests, not of the product.

The suite has a fixed API key, a fixed task id, and input URLs on example.com. So this starter adds that key through
`Accounts`, puts that task back whenever it is asked to (`POST /seed`: the suite deletes it again and again), and gives
the server a `Fetcher` that finds example.com on this machine. Everything else is what `refilm serve` runs, with no
worker: the suite looks at answers, not at edits.

    python seeded_server.py --port PORT --data DIR
"""

from __future__ import annotations

import argparse
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpcore2
import uvicorn
from https_source import HttpsSource
from PIL import Image

from refilm.assets.fetch import Fetcher, FetchLimits
from refilm.bootstrap.process import Server, build
from refilm.config import Settings
from refilm.domain.edit import EditRequest, Model
from refilm.domain.task import Task, TaskStatus
from refilm.net.policy import Policy, parse_allow
from refilm.testing import make_clip

HOST = "example.com"
KEY = "My API Key"
TASK_ID = "182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e"


class Doorway(httpcore2.AnyIOBackend):
    """Opens every connection to one port of this machine."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def connect_tcp(self, host: str, port: int, *rest: Any, **more: Any) -> httpcore2.AsyncNetworkStream:
        return await super().connect_tcp("127.0.0.1", self._port, *rest, **more)


async def resolve(host: str, port: int) -> Sequence[str]:
    """Find the one host that there is."""
    if host != HOST:
        raise OSError(f"{host} is unknown here")
    return ["127.0.0.1"]


class Seeding:
    """The server's application, and `POST /seed` before it."""

    def __init__(self, server: Server) -> None:
        self._server = server
        server.accounts.add_key("sdk suite", KEY)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] == "/seed":
            self._put_the_task_back()
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body"})
        else:
            await self._server.app(scope, receive, send)

    def _put_the_task_back(self) -> None:
        """Rows of deleted tasks stay for the books, so the old one goes first."""
        with closing(sqlite3.connect(self._server.settings.data / "refilm.sqlite", timeout=10)) as rows:
            rows.execute("DELETE FROM tasks WHERE id = ?", [TASK_ID])
            rows.commit()
        account = self._server.accounts.authenticate(KEY).account
        request = EditRequest(Model.ALEPH2, f"https://{HOST}/video.mp4", "x", seed=0)
        task = Task(TASK_ID, account, request, TaskStatus.PENDING, datetime.now(UTC), "effects")
        self._server.store.insert_task(task).result()


def sources(folder: Path) -> Path:
    """Write what the suite's URLs name into `folder`/sources."""
    made = folder / "sources"
    made.mkdir()
    make_clip(made / "video.mp4", seconds=2)
    for name in ("image.jpg", "file"):
        Image.new("RGB", (160, 90), "orange").save(made / name, "JPEG")
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    options.data.mkdir(parents=True)
    ca_file = options.data / "ca.pem"
    with HttpsSource(sources(options.data), ca_file, HOST) as source:
        allow = parse_allow(f"host={HOST} cidr=127.0.0.0/8", str(ca_file))
        fetcher = Fetcher(Policy(allow=(allow,)), FetchLimits(), resolve=resolve, dial=Doorway(source.port))
        server = build(Settings(data=options.data, port=options.port, workers=0, spares=0), fetcher=fetcher)
        server.start()
        try:
            uvicorn.run(Seeding(server), host="127.0.0.1", port=options.port, lifespan="off", log_level="warning")
        finally:
            server.close()


if __name__ == "__main__":
    main()
