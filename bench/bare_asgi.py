"""The least an ASGI server can do: read the body, answer a fixed JSON object. The ceiling of HTTP on this machine.

python bench/bare_asgi.py --port 9201
"""

from __future__ import annotations

import argparse
from typing import Any

import uvicorn

ANSWER = b'{"id":"0d9b3a52-3c55-4f07-9a0c-6f2c8e2f4c11","status":"PENDING","createdAt":"2026-11-22T08:00:00.123Z"}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(ANSWER)).encode())]


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer every request alike."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": ANSWER})


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    uvicorn.run(app, host="127.0.0.1", port=port, lifespan="off", access_log=False, log_level="warning")
