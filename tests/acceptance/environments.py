"""Environments of their own: each version of the official SDKs, made under `.cache/` and kept; and one for plug-ins.

Knows how to install them and how to unpack their sources. Does not know what is tested with them.
Where the registry cannot be reached, the tests are skipped at home and fail in CI.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

CACHE = Path(__file__).parents[2] / ".cache"
UV = Path(sys.executable).with_name("uv")

PYTHON_SDKS = ("5.24.0", "4.18.0")
NODE_SDK = "4.20.1"

#: What the SDK's own suite needs, from its requirements-dev.lock; its other tools are not run here.
SUITE_REQUIREMENTS = (
    "pytest==8.4.2",
    "pytest-asyncio==1.2.0",
    "respx==0.22.0",
    "time-machine==2.19.0",
    "dirty-equals==0.11",
    "httpx-aiohttp==0.1.12",
    "rich",
)


def python_sdk(version: str) -> Path:
    """The interpreter of an environment that has `runwayml` in this version, and what its own suite needs."""
    folder = CACHE / "sdk" / f"runwayml-{version}"
    python = folder / "bin" / "python"
    requirements = [f"runwayml=={version}", *SUITE_REQUIREMENTS]

    def install(where: Path) -> None:
        _run([UV, "venv", "--quiet", "--clear", "--python", sys.executable, where])
        _run([UV, "pip", "install", "--quiet", "--python", python, *requirements])

    _once(folder, "\n".join(requirements), install)
    return python


def python_sdk_source(version: str) -> Path:
    """The unpacked source distribution of `runwayml` in this version, with its own tests."""
    folder = CACHE / "sdk" / f"runwayml-{version}-source"
    package = f"runwayml=={version}"

    def unpack(where: Path) -> None:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "runwayml"]
        _run([*pip, "--dest", where, package])
        (archive,) = where.glob("*.tar.gz")
        with tarfile.open(archive) as sources:
            sources.extractall(where, filter="data")

    return _once(folder, package, unpack) / f"runwayml-{version}"


def beside_refilm(folder: Path, package: Path) -> Path:
    """The interpreter of a new environment in `folder` that sees everything of ours, and has `package` on top."""
    python = folder / "bin" / "python"
    try:
        _run([UV, "venv", "--quiet", "--python", sys.executable, folder])
        _run([UV, "pip", "install", "--quiet", "--no-deps", "--python", python, package])
    except (subprocess.SubprocessError, OSError) as trouble:
        _give_up(f"{package.name} could not be installed: {trouble}")
    (site_packages,) = folder.glob("lib/python*/site-packages")
    (site_packages / "ours.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    return python


def node_sdk() -> Path:
    """The folder that holds `node_modules/@runwayml/sdk`."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        _give_up("Node and npm are not installed")
    package = f"@runwayml/sdk@{NODE_SDK}"

    def install(folder: Path) -> None:
        _run(["npm", "install", "--no-audit", "--no-fund", "--loglevel", "error", "--prefix", folder, package])

    return _once(CACHE / "node" / f"runwayml-sdk-{NODE_SDK}", package, install)


def _once(folder: Path, content: str, make: Callable[[Path], None]) -> Path:
    """`folder`, filled by `make` unless its stamp says that it already holds `content`; others who want it wait."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _made(folder, content, make)


def _made(folder: Path, content: str, make: Callable[[Path], None]) -> Path:
    stamp = folder / ".made"
    if stamp.exists() and stamp.read_text() == content:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        make(folder)
    except (subprocess.SubprocessError, OSError) as trouble:
        _give_up(f"{folder.name} could not be installed: {trouble}")
    stamp.write_text(content)
    return folder


def _run(command: Sequence[str | Path]) -> None:
    subprocess.run(command, check=True, timeout=240, stdin=subprocess.DEVNULL)


def _give_up(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
