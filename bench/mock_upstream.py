"""A stand-in for Runway's API that a gateway can be put in front of: creates and polls from memory, nothing durable.

It does as little as it can, so that what is measured through a gateway is the gateway.

python bench/mock_upstream.py --port 9202
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
import uuid
from typing import Any

import uvloop

TASKS: dict[str, str] = {}


def answer(method: str, path: str) -> tuple[int, dict[str, Any]]:
    """Status and body for one request."""
    if method == "POST" and path.endswith("/video_to_video"):
        task = str(uuid.uuid4())
        TASKS[task] = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        return 200, {"id": task, "estimatedCost": {"credits": 75}}
    task = path.rsplit("/", 1)[1]
    if "/tasks/" in path and task in TASKS:
        cost = {"credits": 75}
        return 200, {"id": task, "status": "PENDING", "createdAt": TASKS[task], "estimatedCost": cost}
    return 404, {"error": "Could not find Task"}


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one connection's requests, one after the other."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            method, path, _ = head.split("\r\n", 1)[0].split(" ", 2)
            for line in head.lower().split("\r\n"):
                if line.startswith("content-length:"):
                    await reader.readexactly(int(line[15:]))
            status, body = answer(method, path.split("?", 1)[0])
            payload = json.dumps(body).encode()
            start = (
                f"HTTP/1.1 {status} Answer\r\ncontent-type: application/json\r\ncontent-length: {len(payload)}\r\n\r\n"
            )
            writer.write(start.encode() + payload)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main(port: int) -> None:
    """Serve on 127.0.0.1 until killed."""
    async with await asyncio.start_server(serve, "127.0.0.1", port) as server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    uvloop.run(main(parser.parse_args().port))
