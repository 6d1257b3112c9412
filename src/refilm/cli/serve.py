"""`refilm serve`: the API, and workers in the same process where any are asked for."""

from __future__ import annotations

import logging
import resource
import socket
import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from refilm.cli.options import AssetsUrl, Data, DatabaseUrl, Workers
from refilm.domain.account import NewKey
from refilm.errors import Unavailable

if TYPE_CHECKING:
    from refilm.bootstrap.process import Server
    from refilm.cli.ending import Ending

#: How soon a busy thread makes way for another, in seconds. The thread that commits waits for the one that answers
#: requests after every fsync; at Python's default of 5 ms that wait costs more than the fsync.
SWITCH_SECONDS = 0.0005

#: Files that a server has open beside its connections, with room to spare.
FILES_BESIDE = 1024

WELCOME = """\
This is a new data folder. Here is the key of its first account, shown once:

  {secret}

Try it:
  curl -H "Authorization: Bearer {secret}" -H "X-Runway-Version: 2024-11-06" {base}/v1/organization
  RUNWAYML_BASE_URL={base} RUNWAYML_API_SECRET={secret} python your_script.py   # Python SDK: pip install runwayml
  RUNWAYML_BASE_URL={base} RUNWAYML_API_SECRET={secret} node your_script.mjs    # Node SDK: npm install @runwayml/sdk
"""


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on. [127.0.0.1]", show_default=False)] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 picks one. [8000]", show_default=False)] = None,
    data: Data = None,
    database_url: DatabaseUrl = None,
    assets_url: AssetsUrl = None,
    workers: Workers = None,
) -> None:
    """Serve the API and run the edits: everything on this machine, or with workers on others."""
    import structlog

    from refilm.bootstrap.exposure import exposures
    from refilm.bootstrap.process import build
    from refilm.cli.ending import Ending
    from refilm.cli.options import settings_with, start_logging

    settings = settings_with(
        host=host, port=port, data=data, database_url=database_url, assets_url=assets_url, workers=workers
    )
    start_logging(settings)
    for exposure in exposures(settings):
        structlog.get_logger(__name__).warning(exposure.what, mend=exposure.mend)
    doors = [listen(settings.host, port) for port in (settings.port, settings.files_port) if port is not None]
    server = build(settings)
    base = settings.public_url or f"http://{settings.host}:{doors[0].getsockname()[1]}"
    ending = Ending(server, settings.grace_seconds)
    ending.install()
    server.start()
    try:
        if server.accounts.is_empty():
            key, secret = server.accounts.issue(NewKey("default"))
            server.audit.note("key.create", "ok", target=key.id)
            typer.echo(WELCOME.format(secret=secret, base=base))
        typer.echo(f"Refilm listens on {base}  (data: {settings.data})")
        run_http(server, doors, ending)
    finally:
        server.close()


def listen(host: str, port: int) -> socket.socket:
    """A bound socket. Bound before anything else starts, so that a taken port costs nothing. Raises Unavailable."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise Unavailable(f"{host}:{port} cannot be listened on: {error.strerror}. Choose another --port.") from error
    return listening


def allow_files(connections: int) -> None:
    """Let the process have a file open for each connection, and as many as it ever needs beside, if it may.

    The system's usual thousand would be used up by idle clients, and then no row and no clip could be opened.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + FILES_BESIDE
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def run_http(server: Server, doors: list[socket.socket], ending: Ending) -> None:
    """Answer requests until the process was told to stop and has drained."""
    import uvicorn

    from refilm.api.connections import Connections
    from refilm.api.protocol import WatchedProtocol, is_news
    from refilm.bootstrap.terms import connection_rules

    class Http(uvicorn.Server):
        """Leaves signals to us. uvicorn would close its doors at the first one and raise it again at its end."""

        def handle_exit(self, sig: int, frame: Any) -> None:
            """A signal came."""
            ending(sig, frame)

    sys.setswitchinterval(SWITCH_SECONDS)
    settings = server.settings
    connections = Connections(connection_rules(settings))
    allow_files(settings.max_connections)
    logging.getLogger("uvicorn.error").addFilter(is_news)
    http = Http(
        uvicorn.Config(
            server.app,
            http=cast("type[WatchedProtocol]", partial(WatchedProtocol, watch=connections)),
            ws="none",
            timeout_keep_alive=settings.idle_seconds,
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,  # what the world sees of us is the setting public_url, not a header anybody can send
            timeout_graceful_shutdown=5,
        )
    )

    def stop() -> None:
        http.should_exit = True

    ending.then(stop)
    http.run(sockets=doors)
