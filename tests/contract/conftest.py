"""One real server for all contract tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from contract_server import ContractServer


@pytest.fixture(scope="package")
def contract_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ContractServer]:
    """The server, with its uploads done."""
    server = ContractServer(tmp_path_factory.mktemp("contract"), max_body_bytes=100_000)
    yield server
    server.close()
