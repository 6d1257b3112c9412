"""One real server for the acceptance tests, and the clips that it edits."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from https_source import HttpsSource
from material import Material, make_material
from server_process import ServerProcess


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    """The clips and the picture, in a folder of their own."""
    return make_material(tmp_path_factory.mktemp("material"))


@pytest.fixture(scope="session")
def source(material: Material, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpsSource]:
    """An HTTPS server on this machine that serves the material."""
    with HttpsSource(material.folder, tmp_path_factory.mktemp("authority") / "ca.pem") as source:
        yield source


@pytest.fixture(scope="session")
def server(source: HttpsSource, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """`refilm serve` as users start it, allowed to fetch from `source`."""
    settings = {
        "REFILM_FETCH_ALLOW": source.allow,
        "REFILM_FETCH_CA_FILE": str(source.ca_file),
        "REFILM_SPARES": "1",  # as on a machine of two cores; this server lives long
    }
    with ServerProcess(tmp_path_factory.mktemp("server") / "data", settings) as server:
        yield server


@pytest.fixture(scope="session")
def key(server: ServerProcess) -> str:
    """A key made by `refilm keys create`."""
    return server.new_key("acceptance")
