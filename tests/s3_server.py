"""A real S3 server for tests: SeaweedFS from its wheel, on 127.0.0.1, with keys of its own, stopped by its own id."""

from __future__ import annotations

import json
import random
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx2
from obstore.exceptions import BaseError
from obstore.store import S3Store

#: How long it may take to start, in seconds: generous, because two cores may be busy with other things.
PATIENCE = 60.0

#: Its gRPC ports are its HTTP ports and this.
GRPC = 10_000

BUCKET = "refilm"


def binary() -> Path | None:
    """The server's program: of this environment, else of the path."""
    here = Path(sys.executable).with_name("weed")
    found = str(here) if here.exists() else shutil.which("weed")
    return Path(found) if found else None


class S3Server:
    """A server that keeps its objects in `folder`, whose path is short because sockets lie there."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.access_key, self.secret_key = secrets.token_hex(10), secrets.token_hex(20)
        self._program, self._folder = program, folder
        self._ports = free_ports(4)
        self.endpoint = f"http://127.0.0.1:{self._ports[3]}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, or start it again, and wait until the bucket is there. Fine to call when it runs."""
        if self._process is not None:
            return
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self._wait_for_bucket()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it at once, because it takes a quarter of a minute to say goodbye. Fine to call twice."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait(20)
        self._process = None

    def settings(self, prefix: str = "") -> Mapping[str, str]:
        """The settings of a Refilm that keeps its assets below `prefix` of the bucket."""
        return {
            "assets_url": f"s3://{BUCKET}/{prefix}",
            "s3_endpoint": self.endpoint,
            "s3_access_key": self.access_key,
            "s3_secret_key": self.secret_key,
        }

    def store(self, prefix: str = "") -> S3Store:
        """A client of the bucket, for looking into it."""
        return S3Store(
            BUCKET,
            prefix=prefix or None,
            endpoint=self.endpoint,
            region="us-east-1",
            access_key_id=self.access_key,
            secret_access_key=self.secret_key,
            client_options={"allow_http": True},
            retry_config={"max_retries": 0},
        )

    def unfinished_uploads(self) -> list[str]:
        """Uploads in parts that were begun and neither completed nor aborted, as its file system shows them."""
        listing = f"http://127.0.0.1:{self._ports[2]}/buckets/{BUCKET}/.uploads/"
        answer = httpx2.get(listing, headers={"accept": "application/json"}, trust_env=False)
        if answer.status_code == 404:
            return []
        return [entry["FullPath"] for entry in answer.json()["Entries"] or []]

    def _command(self) -> list[str | Path]:
        master, volume, filer, s3 = self._ports
        identity = {
            "name": "refilm",
            "credentials": [{"accessKey": self.access_key, "secretKey": self.secret_key}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        identities = self._folder / "identities.json"
        identities.write_text(json.dumps({"identities": [identity]}))
        objects = self._folder / "objects"
        objects.mkdir(exist_ok=True)
        return [
            *(self._program, "-logtostderr=true", "server", f"-dir={objects}"),
            *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false", "-master.electionTimeout=1s"),
            *(f"-master.port={master}", "-master.volumeSizeLimitMB=64", "-volume.max=0"),
            *(f"-volume.port={volume}", "-volume.preStopSeconds=0", "-volume.minFreeSpace=64MiB"),
            *("-filer", f"-filer.port={filer}", f"-filer.localSocket={self._folder / 'filer.sock'}"),
            *("-s3", f"-s3.port={s3}", f"-s3.localSocket={self._folder / 's3.sock'}", f"-s3.config={identities}"),
            *("-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.iam=false"),
        ]

    def _wait_for_bucket(self) -> None:
        """The first object of an administrator makes the bucket."""
        store, give_up = self.store(), time.monotonic() + PATIENCE
        while time.monotonic() < give_up:
            if self._process is None or self._process.poll() is not None:
                break
            try:
                store.put("here", b"yes")
                return
            except (BaseError, FileNotFoundError):
                time.sleep(0.1)
        raise RuntimeError(
            f"the S3 server did not start:\n{(self._folder / 'log').read_text(errors='replace')[-4000:]}"
        )


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on now, nor on their gRPC neighbours."""
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(20_000, 32_000)
        if port not in found and _is_free(port) and _is_free(port + GRPC):
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
