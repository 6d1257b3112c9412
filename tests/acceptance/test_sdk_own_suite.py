"""The tests that Runway ships with its Python SDK pass against our server."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from environments import PYTHON_SDKS, python_sdk, python_sdk_source
from server_process import ServerProcess, environment

FOLDER = "tests/api_resources"
SUITE = [f"{FOLDER}/test_{name}.py" for name in ("tasks", "organization", "video_to_video")]

#: The parts of test_video_to_video.py that are about models of ours, and those left out, each with its model.
OUR_MODELS = {"5.24.0": {"overload_1": "aleph2"}, "4.18.0": {"overload_1": "gen4_aleph", "overload_2": "aleph2"}}
OTHER_MODELS = {
    "5.24.0": {
        "overload_2": "klingO3_4k",
        "overload_3": "hailuo3",
        "overload_4": "klingO3_pro",
        "overload_5": "klingO3_standard",
        "overload_6": "seedance2",
        "overload_7": "seedance2_fast",
        "overload_8": "seedance2_mini",
        "overload_9": "gemini_omni_flash",
        "overload_10": "gemini_omni_flash_1.1",
        "overload_11": "seedance2_5",
        "overload_12": "kling_4",
    },
    "4.18.0": {"overload_3": "seedance2", "overload_4": "seedance2_fast"},
}

#: Single tests left out of a suite, and why: what the API was for a while and is no more.
OUTDATED = {
    "5.24.0": {},
    "4.18.0": {
        "VideoToVideo::test_method_create_with_all_params_overload_2": "aleph2 had promptImage for eight days only",
        "Organization::test_method_retrieve": "a limit may be null today; these types know integers alone",
        "Organization::test_raw_response_retrieve": "the same",
        "Organization::test_streaming_response_retrieve": "the same",
    },
}

#: How many tests each class of the suite has, and for video_to_video how many each model; 2 clients sync, 3 async.
TESTS = {"Tasks": 8, "Organization": 7, "VideoToVideo": 4}


class SeededServer(ServerProcess):
    """The real server with what the suite expects to find."""

    def command(self) -> list[str | Path]:
        starter = Path(__file__).with_name("seeded_server.py")
        return [sys.executable, starter, "--port", str(self.port), "--data", self.data]


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One seeded server for both versions of the suite."""
    with SeededServer(tmp_path_factory.mktemp("seeded") / "data") as server:
        yield server


def left_out(version: str) -> list[str]:
    """pytest's options that leave out what is not ours. A node id ends in "[" so that it names one test only."""
    options = ["-k", f"not ({' or '.join(OTHER_MODELS[version])})"]
    for test in OUTDATED[version]:
        kind, name = test.split("::")
        file = {"VideoToVideo": "video_to_video", "Organization": "organization"}[kind]
        for prefix in ("Test", "TestAsync"):
            options += ["--deselect", f"{FOLDER}/test_{file}.py::{prefix}{kind}::{name}["]
    return options


@pytest.mark.parametrize("version", PYTHON_SDKS)
def test_the_suite_of_the_sdk_passes(version: str, seeded: ServerProcess, tmp_path: Path) -> None:
    """Tasks, organization, our models of video_to_video: every test of the SDK passes, and none is skipped."""
    report = tmp_path / "report.xml"
    command = [python_sdk(version), "-m", "pytest", *SUITE, *left_out(version), "--junitxml", report]
    # The suite's own options ask for several processes, which would delete each other's one task.
    command += ["-o", "addopts=", "-p", "seed_plugin", "-p", "no:cacheprovider"]
    settings = {
        "TEST_API_BASE_URL": seeded.url,
        "SEED_URL": f"{seeded.url}/seed",
        "PYTHONPATH": str(Path(__file__).with_name("clients")),
        "PYTHONDONTWRITEBYTECODE": "1",
    }

    done = subprocess.run(
        command, cwd=python_sdk_source(version), env=environment(settings), capture_output=True, text=True, timeout=200
    )

    assert done.returncode == 0, done.stdout[-6000:]
    cases = list(ElementTree.parse(report).iter("testcase"))
    assert [case.get("name") for case in cases if list(case)] == []
    assert Counter(str(case.get("classname")).rpartition(".")[2] for case in cases) == expected(version)


def expected(version: str) -> dict[str, int]:
    """How many tests of each class must have run."""
    counts = {}
    for kind, tests in TESTS.items():
        tests *= len(OUR_MODELS[version]) if kind == "VideoToVideo" else 1
        tests -= sum(name.startswith(kind) for name in OUTDATED[version])
        counts |= {f"Test{kind}": 2 * tests, f"TestAsync{kind}": 3 * tests}
    return counts


@pytest.mark.parametrize("version", PYTHON_SDKS)
def test_what_is_left_out_is_about_other_models(version: str) -> None:
    """The parts of the suite that are named as other models' really ask for those, and no part is forgotten."""
    text = (python_sdk_source(version) / SUITE[2]).read_text()

    asked = dict(re.findall(r'def test_method_create_(overload_\d+)\(.*?model="([^"]+)"', text, re.DOTALL))

    assert asked == {**OUR_MODELS[version], **OTHER_MODELS[version]}
