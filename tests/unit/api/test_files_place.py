"""Files on a place of their own: every URL that is handed out leads there, and it is served there alone."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx2

from refilm.bootstrap.process import Server, build
from refilm.config import Settings

API, FILES = "http://api.test", "http://files.test:8001"


def ask(server: Server, method: str, url: str, **more: Any) -> httpx2.Response:
    """One request."""

    async def send() -> httpx2.Response:
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(server.app)) as client:
            return await client.request(method, url, **more)

    return asyncio.run(send())


def test_urls_lead_to_the_files_own_place(tmp_path: Path) -> None:
    """The slot's URL is there, takes its form there and nowhere else; the API is not there."""
    server = build(Settings(data=tmp_path, workers=0, files_url=FILES + "/"))
    key = {"authorization": f"Bearer {server.accounts.create_key('ann')}", "x-runway-version": "2024-11-06"}
    wish = {"filename": "clip.mp4", "type": "ephemeral"}
    made = ask(server, "POST", f"{API}/v1/uploads", headers=key, json=wish).json()
    form = {"data": made["fields"], "files": {"file": ("clip.mp4", b"too small")}}

    answers = [ask(server, "POST", f"{place}/uploads", **form).status_code for place in (FILES, API)]
    api = [ask(server, "GET", f"{place}/v1/organization", headers=key).status_code for place in (FILES, API)]

    server.close()
    assert made["uploadUrl"] == f"{FILES}/uploads"
    assert answers == [400, 404]
    assert api == [404, 200]
