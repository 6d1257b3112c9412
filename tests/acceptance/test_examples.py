"""What stands in examples/ works as it is printed there."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from api_client import ApiClient
from environments import PYTHON_SDKS, beside_refilm, node_sdk, python_sdk
from material import Material
from outputs import look_at
from server_process import ServerProcess, environment

EXAMPLES = Path(__file__).parents[2] / "examples"
PROMPT = "Make it black and white"


def run(command: list[str | Path], settings: Mapping[str, str], code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a command with our environment and `settings`; it must end with `code`."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment(settings))
    assert done.returncode == code, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def settings(server: ServerProcess, key: str) -> dict[str, str]:
    """The two variables that point a client at a server."""
    return {"RUNWAYML_BASE_URL": server.url, "RUNWAYML_API_SECRET": key, "NO_PROXY": "127.0.0.1", "POLL_SECONDS": "0.5"}


@pytest.mark.parametrize("example", ["official_sdk.py", "official_sdk.mjs", "curl.sh"])
def test_a_client_edits_a_clip(example: str, settings: dict[str, str], material: Material, tmp_path: Path) -> None:
    """Each client uploads a clip, waits, and writes the edited clip; a refused prompt is told and exits with 1."""
    command = client(example, tmp_path)

    run([*command, material.clip, PROMPT, tmp_path / "edited.mp4"], settings)
    refused = run([*command, material.clip, "Add a dragon", tmp_path / "none.mp4"], settings, code=1)

    shown = look_at(tmp_path / "edited.mp4")
    assert len(shown.times) == len(look_at(material.clip).times)
    assert shown.spread < 2
    assert "dragon" in refused.stderr
    assert not (tmp_path / "none.mp4").exists()


def client(example: str, folder: Path) -> list[str | Path]:
    """The command that runs an example."""
    if example.endswith(".sh"):
        return ["sh", EXAMPLES / example]
    if example.endswith(".py"):
        return [python_sdk(PYTHON_SDKS[0]), EXAMPLES / example]
    # Node looks for packages beside the script, where `npm install` would have put them.
    shutil.copy(EXAMPLES / example, folder)
    (folder / "node_modules").symlink_to(node_sdk() / "node_modules")
    return ["node", folder / example]


@pytest.fixture(scope="module")
def refilm(tmp_path_factory: pytest.TempPathFactory) -> list[str | Path]:
    """The `refilm` command of an environment in which the example engine is installed."""
    return [beside_refilm(tmp_path_factory.mktemp("engine"), EXAMPLES / "engine_invert"), "-m", "refilm"]


def test_an_engine_of_a_third_party_edits(refilm: list[str | Path], material: Material, tmp_path: Path) -> None:
    """Installed, the example engine is listed, edits by `REFILM_ENGINE`, and refuses in its own words."""
    chosen = {"REFILM_ENGINE": "invert"}
    edit = [*refilm, "edit", material.clip, "-o", tmp_path / "inverted.mp4", "--prompt"]

    listed = run([*refilm, "engines"], {})
    done = run([*edit, "Invert the colours", "--json"], chosen)
    refused = run([*edit, "Make it snow"], chosen, code=1)

    assert "invert" in listed.stdout
    assert "refilm-engine-invert" in listed.stdout
    assert json.loads(done.stdout)["engine"]["name"] == "invert"
    assert "inverts colours and does nothing else" in refused.stderr
    before, after = look_at(material.clip), look_at(tmp_path / "inverted.mp4")
    assert before.times == after.times
    np.testing.assert_allclose(after.means, 255 - before.means, atol=12)


def test_an_engine_of_a_third_party_serves(refilm: list[str | Path], material: Material, tmp_path: Path) -> None:
    """A route sends one model's tasks to the example engine; the answers name it."""
    routes = {"REFILM_ROUTES": json.dumps({"aleph2": "invert"})}
    with ServerProcess(tmp_path / "data", routes, refilm) as server:
        client = ApiClient(server.url, server.new_key("engine"))
        uri = client.upload(material.clip)
        inverted = client.create(uri, "Invert the colours", model="aleph2")
        effects = client.create(uri, PROMPT)
        for task_id in (inverted, effects):
            client.wait_for(task_id, "SUCCEEDED")
        engines = [client.ask("GET", f"tasks/{task_id}").headers["refilm-engine"] for task_id in (inverted, effects)]

    assert engines == ["invert", "effects"]
