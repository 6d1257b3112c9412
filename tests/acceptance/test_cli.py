"""The commands, run as a user runs them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from material import Material
from outputs import look_at
from PIL import Image
from server_process import REFILM, environment


def refilm(*arguments: str | Path, code: int = 0, settings: dict[str, str] | None = None) -> tuple[str, str]:
    """Run `refilm` with these arguments; it must end with `code`. Returns what it wrote to stdout and stderr."""
    done = subprocess.run(
        [REFILM, *arguments], capture_output=True, text=True, timeout=280, env=environment(settings or {})
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout, done.stderr


def test_edit_works_without_a_server_on_real_footage(bunny: Path, tmp_path: Path) -> None:
    """`refilm edit` edits a whole real clip: every frame, at its time, with its sound; --json says what was done."""
    output = tmp_path / "edited.mp4"

    told, _ = refilm("edit", bunny, "--prompt", "Make it black and white", "--seed", "7", "-o", output, "--json")

    before, after = look_at(bunny), look_at(output)
    assert len(after.times) == 132
    assert all(abs(now - then) < 0.001 for now, then in zip(after.times, before.times, strict=True))
    assert (after.size, after.audio) == ((1280, 720), "aac")
    assert before.spread > 20
    assert after.spread < 2
    applied = json.loads(told)
    assert applied["engine"]["name"] == "effects"
    assert applied["seed"] == 7
    assert [step["operator"] for step in applied["plan"]["steps"]] == ["black_and_white"]


@pytest.mark.parametrize(("ratio", "size"), [("640x480", (640, 480)), ("1:1", (180, 180))])
def test_edit_sets_the_size(ratio: str, size: tuple[int, int], material: Material, tmp_path: Path) -> None:
    """--ratio takes a size or an aspect."""
    output = tmp_path / "sized.mp4"

    refilm("edit", material.clip, "--prompt", "Make it warm", "--ratio", ratio, "-o", output)

    assert look_at(output).size == size


def test_edit_takes_colours_from_a_reference(material: Material, tmp_path: Path) -> None:
    """--reference gives the picture that the prompt speaks of."""
    output = tmp_path / "orange.mp4"

    prompt = "Match the colours of the reference image"
    refilm("edit", material.clip, "--prompt", prompt, "--reference", material.picture, "-o", output)

    red, _, blue = look_at(output).means.mean(axis=0)
    assert red - blue > 30


def test_an_edit_that_cannot_be_done_is_one_clear_sentence(material: Material, tmp_path: Path) -> None:
    """An unsupported prompt exits with 1, says on stderr what cannot be done, and leaves no file."""
    output = tmp_path / "none.mp4"

    told, complained = refilm("edit", material.clip, "--prompt", "Add a dragon", "-o", output, code=1)

    assert told == ""
    assert "dragon" in complained
    assert "Traceback" not in complained
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [None, b"", b"this is no clip at all"])
def test_an_input_that_is_no_clip_is_one_clear_sentence(content: bytes | None, tmp_path: Path) -> None:
    """A missing, empty or foreign file exits with 1 and a sentence, without a trace."""
    clip, output = tmp_path / "clip.mp4", tmp_path / "none.mp4"
    if content is not None:
        clip.write_bytes(content)

    _, complained = refilm("edit", clip, "--prompt", "Make it warm", "-o", output, code=1)

    assert complained.startswith("refilm: ")
    assert "Traceback" not in complained
    assert not output.exists()


def test_plan_edits_nothing(material: Material, tmp_path: Path) -> None:
    """--plan prints the compiled plan as JSON."""
    told, _ = refilm("edit", material.clip, "--prompt", "Make it snow at night", "--plan")

    steps = [step["operator"] for step in json.loads(told)["plan"]["steps"]]
    assert sorted(steps) == ["night", "snow"]


def test_the_same_seed_gives_the_same_bytes_of_picture(material: Material, tmp_path: Path) -> None:
    """Two runs with one seed decode to the same pixels, and another seed to others."""
    outputs = [tmp_path / f"{name}.mp4" for name in ("first", "second", "other")]

    for output, seed in zip(outputs, ("5", "5", "6"), strict=True):
        refilm("edit", material.clip, "--prompt", "Make it snow", "--seed", seed, "-o", output)

    first, second, other = (look_at(output).means for output in outputs)
    assert (first == second).all()
    assert (first != other).any()


def test_engines_are_listed_with_what_they_are(material: Material) -> None:
    """`refilm engines` says of effects that it is not generative."""
    told, _ = refilm("engines")

    assert "effects" in told
    assert "not generative" in told


def test_doctor_finds_a_working_machine(tmp_path: Path) -> None:
    """`refilm doctor` exits with 0 where everything is there, and names the codecs, the engine and the moderation."""
    told, _ = refilm("doctor", settings={"REFILM_DATA": str(tmp_path)})

    assert "libx264" in told
    assert "engine effects serves gen4_aleph" in told
    assert "moderation: none" in told


def test_keys_are_made_listed_and_revoked(tmp_path: Path) -> None:
    """`keys create` prints the secret alone; `keys list` shows the name and never the secret; `keys revoke` ends it."""
    secret, _ = refilm("keys", "create", "alice", "--data", tmp_path)
    listed, _ = refilm("keys", "list", "--data", tmp_path)
    refilm("keys", "revoke", "alice", "--data", tmp_path)
    left, _ = refilm("keys", "list", "--data", tmp_path)

    assert len(secret.split()) == 1
    assert secret.startswith("key_")
    assert "alice" in listed
    assert secret.strip() not in listed
    assert left != listed


def test_help_names_every_command() -> None:
    """`refilm --help` lists the commands."""
    told, _ = refilm("--help")

    for command in ("serve", "edit", "demo", "keys", "engines", "doctor"):
        assert command in told


@pytest.mark.slow
def test_demo_leaves_its_three_files(bunny: Path, tmp_path: Path) -> None:
    """`refilm demo` edits the real clip through the official SDK and writes before, after and both side by side."""
    told, _ = refilm("demo", "--output", tmp_path / "demo")

    written = {path.name: path for path in (tmp_path / "demo").iterdir()}
    assert set(written) == {"before.mp4", "after.mp4", "before_after.png"}
    assert written["before.mp4"].read_bytes() == bunny.read_bytes()
    before, after = look_at(written["before.mp4"]), look_at(written["after.mp4"])
    assert len(after.times) == len(before.times)
    assert abs(after.means - before.means).mean() > 5
    with Image.open(written["before_after.png"]) as picture:
        assert picture.width > 2 * picture.height
    assert "What was applied" in told
