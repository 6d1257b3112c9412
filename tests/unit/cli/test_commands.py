"""The commands as a person types them: exit status, what goes to which stream, one sentence for an error."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from refilm import __version__
from refilm.accounts import Accounts
from refilm.bootstrap.clock import now
from refilm.bootstrap.places import open_store
from refilm.cli import main
from refilm.cli.edit import appearing, size_for
from refilm.cli.keyframe import keyframes_of
from refilm.cli.options import BadArgument, settings_with
from refilm.domain.clip import ClipInfo
from refilm.domain.edit import Keyframe, TimeRange
from refilm.errors import Refused
from refilm.runner.lockdown import available
from refilm.testing import decode_times, read_frames

Refilm = Callable[..., tuple[int, str, str]]


@pytest.fixture
def refilm(monkeypatch, capsys, tmp_path) -> Refilm:
    """refilm("keys", "list") -> exit status, standard output, standard error. Its data folder is the test's own."""
    for name in [name for name in os.environ if name.startswith("REFILM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("REFILM_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["refilm", *map(str, arguments)])
        status = 0
        try:
            main()
        except SystemExit as ended:
            status = int(ended.code or 0)
        told = capsys.readouterr()
        return status, told.out, told.err

    return run


def assert_one_sentence(result: tuple[int, str, str], words: str) -> None:
    """Exit status 1, nothing on standard output, one line without a trace on standard error."""
    status, out, err = result
    assert (status, out) == (1, "")
    assert re.search(words, err), err
    assert err.startswith("refilm: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err


# light


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["edit", "--help"], ["keys", "--help"], ["serve", "--help"], ["effects"]]
)
def test_help_imports_nothing_heavy(arguments):
    """Asking for help, or for the list of effects, loads none of the libraries that only work needs."""
    script = (
        "import sys; from refilm.cli import main; sys.argv = ['refilm', *sys.argv[1:]]\n"
        "try:\n    main()\nexcept SystemExit as ended:\n    assert not ended.code, ended.code\n"
        "heavy = {'av', 'numpy', 'numba', 'cv2', 'scipy', 'PIL', 'fastapi', 'sqlalchemy', 'dbos', 'httpx2'}\n"
        "print('loaded:', sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )

    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == "loaded: []"
    assert done.stdout.strip()


def test_version(refilm):
    """--version prints the version alone."""
    assert refilm("--version") == (0, f"{__version__}\n", "")


# keys


def test_keys_from_creation_to_revocation(refilm):
    """create prints the secret alone; list shows name and state and no secret; revoke ends it, once."""
    status, secret, err = refilm("keys", "create", "ann")
    assert (status, err) == (0, "")
    assert re.fullmatch(r"key_[0-9a-f]{128}\n", secret)

    status, listed, _ = refilm("keys", "list")
    assert re.fullmatch(r"k_\w+  ann  ann  create,read  \d{4}-\d\d-\d\d \d\d:\d\d  never used  live\n", listed)
    assert secret.strip() not in listed
    store = open_store(settings_with())
    assert Accounts(store, now).authenticate(secret.strip()).account

    assert refilm("keys", "revoke", "ann") == (0, "revoked 1\n", "")
    with pytest.raises(Refused):
        Accounts(store, now).authenticate(secret.strip())
    store.close()
    assert "revoked 2" in refilm("keys", "list")[1]
    assert_one_sentence(refilm("keys", "revoke", "ann"), "no live key named 'ann'")


def test_a_key_has_a_name_scopes_and_an_end(refilm):
    """They are given with the key, shown, and the end is moved; a span or a scope that means nothing is a sentence."""
    assert (
        refilm("keys", "create", "ann", "--name", "ci", "--scope", "read", "--scope", "admin", "--expires", "30d")[0]
        == 0
    )

    (line,) = refilm("keys", "list")[1].splitlines()
    assert re.search(r"  ann  ci  admin,read  \S+ \S+  never used  live until \d{4}-\d\d-\d\d \d\d:\d\d$", line)
    assert refilm("keys", "expire", "ci", "never") == (0, "changed 1\n", "")
    assert refilm("keys", "list")[1].endswith("  live\n")
    assert refilm("keys", "expire", line.split()[0], "1s") == (0, "changed 1\n", "")
    assert_one_sentence(refilm("keys", "expire", "ci", "soon"), "'soon' is no span of time")
    assert_one_sentence(refilm("keys", "create", "ann", "--expires", "0d"), "'0d' is no span of time")
    assert_one_sentence(refilm("keys", "expire", "eve", "1d"), "no live key named 'eve'")
    assert refilm("keys", "create", "ann", "--scope", "root")[0] == 2


def test_signing_keys_are_listed_rotated_and_dropped(refilm):
    """The first is made where there is none; two live; what signs is told; the last one stays."""
    assert re.fullmatch(r"signing-1  \S+ \S+  signs\n", refilm("signing", "list")[1])
    assert refilm("signing", "rotate") == (0, "made signing-2\n", "")
    assert [line.split()[-1] for line in refilm("signing", "list")[1].splitlines()] == ["signs", "verifies"]
    assert refilm("signing", "rotate") == (0, "made signing-3, dropped signing-1\n", "")
    assert refilm("signing", "drop", "signing-2") == (0, "dropped signing-2\n", "")
    assert_one_sentence(refilm("signing", "drop", "signing-3"), "only signing key")


def test_what_commands_change_is_noted(refilm, tmp_path):
    """Each change is a line with what it was done to and by which user; looking is none, and no secret is in it."""
    secret = refilm("keys", "create", "ann")[1].strip()
    key_id = refilm("keys", "list")[1].split()[0]
    refilm("keys", "credits", "ann")
    refilm("keys", "credits", "ann", "5")
    refilm("keys", "revoke", "ann")
    refilm("signing", "rotate")

    text = (tmp_path / "data" / "audit.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["event"] for line in lines] == ["key.create", "account.change", "key.revoke", "signing.create"]
    assert (lines[0]["target"], lines[2]["target"], lines[3]["target"]) == (key_id, key_id, "signing-2")
    assert {(line["outcome"], line["user"]) for line in lines} == {("ok", os.getuid())}
    assert secret[4:30] not in text


def test_credits_are_set_shown_and_uncounted(refilm):
    """An operator counts an account's credits from a number on, and stops again."""
    refilm("keys", "create", "ann")

    assert refilm("keys", "credits", "ann") == (0, "uncounted\n", "")
    assert refilm("keys", "credits", "ann", "500") == (0, "500\n", "")
    assert refilm("keys", "credits", "ann") == (0, "500\n", "")
    assert refilm("keys", "credits", "ann", "uncounted") == (0, "uncounted\n", "")
    assert refilm("keys", "credits", "ann", "-5")[0] == 2
    assert_one_sentence(refilm("keys", "credits", "eve", "5"), "no account named 'eve'")


def test_a_key_has_a_priority(refilm):
    """It is given with the key or later, shown where it is not 0, and bounded."""
    assert refilm("keys", "create", "ann", "--priority", "5")[0] == 0
    refilm("keys", "create", "bob")

    assert [line.rpartition("  ")[2] for line in refilm("keys", "list")[1].splitlines()] == ["priority 5", "live"]
    assert refilm("keys", "set", "bob", "--priority", "-2") == (0, "changed 1\n", "")
    assert "priority -2" in refilm("keys", "list")[1]
    assert refilm("keys", "create", "cy", "--priority", "101")[0] == 2
    assert_one_sentence(refilm("keys", "set", "eve", "--priority", "1"), "no live key named 'eve'")


def test_an_account_has_a_tier(refilm):
    """It is shown, given by one of the names in the settings, and taken back."""
    refilm("keys", "create", "ann")

    assert refilm("keys", "tier", "ann") == (0, "default\n", "")
    assert refilm("keys", "tier", "ann", "3") == (0, "3\n", "")
    assert refilm("keys", "tier", "ann") == (0, "3\n", "")
    assert refilm("keys", "tier", "ann", "gold")[0] == 2
    assert refilm("keys", "tier", "ann", "default") == (0, "default\n", "")
    assert_one_sentence(refilm("keys", "tier", "eve", "3"), "no account named 'eve'")


def test_keys_in_another_folder(refilm, tmp_path):
    """--data beats the environment."""
    refilm("keys", "create", "ann", "--data", tmp_path / "other")

    assert refilm("keys", "list")[1] == ""
    assert "ann" in refilm("keys", "list", "--data", tmp_path / "other")[1]


# engines, doctor


def test_engines_are_listed_with_their_honest_sentence(refilm):
    """Each engine's name, origin, models and summary; ours says that it is not generative."""
    status, out, _ = refilm("engines")

    assert status == 0
    assert out.startswith("effects  (refilm ")
    assert "not generative" in out
    assert "gen4_aleph, aleph2" in out


def test_doctor_finds_this_machine_fit(refilm):
    """Every finding is a line; engines, encoders and the missing moderation are named."""
    status, out, _ = refilm("doctor")

    assert "encoder libx264" in out
    assert "engine effects serves aleph2" in out
    assert "moderation: none" in out
    assert "child processes hold open files and no paths; sandbox=" in out
    assert status == (1 if "MISS" in out else 0)


def test_doctor_names_what_is_missing_and_how_to_mend_it(refilm, monkeypatch):
    """An engine that is not installed is a MISS with a sentence, and exit status 1."""
    monkeypatch.setenv("REFILM_ENGINE", "dreams")

    status, out, _ = refilm("doctor")

    assert status == 1
    assert "MISS  engine dreams serves gen4_aleph" in out
    assert "no engine named 'dreams'" in out


def test_doctor_sees_an_open_door(refilm, monkeypatch):
    """A server that others can reach without TLS is a MISS; one on this machine is a line."""
    assert "ok    listens on 127.0.0.1, port 8000" in refilm("doctor")[1]
    monkeypatch.setenv("REFILM_HOST", "0.0.0.0")

    status, out, _ = refilm("doctor")

    assert status == 1
    assert "MISS  others can reach 0.0.0.0, and keys pass there readable" in out
    assert "REFILM_PUBLIC_URL=https://" in out


def test_doctor_says_what_holds_in_a_child(refilm, monkeypatch):
    """The controls of a real child are named; without a lock there are none, and that is what was asked for."""
    monkeypatch.setenv("REFILM_SANDBOX", "off")
    assert "sandbox=off; locked by: nothing" in refilm("doctor")[1]
    monkeypatch.setenv("REFILM_SANDBOX", "best-effort")
    assert f"sandbox=best-effort; locked by: {available().told()}" in refilm("doctor")[1]


def test_doctor_asks_the_bucket(refilm, monkeypatch, s3_settings):
    """Where assets are elsewhere, a place that answers is a line, and one that does not is a MISS that says why."""
    for name, value in s3_settings.items():
        monkeypatch.setenv(f"REFILM_{name.upper()}", value)
    assert f"ok    assets at {s3_settings['assets_url']}" in refilm("doctor")[1]

    monkeypatch.setenv("REFILM_ASSETS_URL", "s3://no-such-bucket")
    status, out, _ = refilm("doctor")

    assert status == 1
    assert "MISS  assets at s3://no-such-bucket" in out
    assert "There is no such bucket" in out


def test_a_bad_setting_is_named(refilm, monkeypatch):
    """A setting that makes no sense ends every command with its name."""
    monkeypatch.setenv("REFILM_PORT", "many")

    status, out, err = refilm("engines")

    assert (status, out) == (1, "")
    assert "REFILM_PORT" in err
    assert "Traceback" not in err


# edit


def test_edit_makes_a_file_and_tells_what_was_applied(refilm, make_clip, tmp_path):
    """The output plays, has the asked size, and --json prints the record and nothing else."""
    output = tmp_path / "new folder" / "out.mp4"

    status, out, err = refilm(
        "edit", make_clip(seconds=1, rate=10, size=(160, 90)), "--prompt", "Make it warmer", "--seed", 3,
        "--ratio", "1:1", "-o", output, "--json",
    )  # fmt: skip

    applied = json.loads(out)
    assert (status, err) == (0, "")
    assert (applied["seed"], applied["size"]) == (3, [90, 90])
    assert [step["operator"] for step in applied["plan"]["steps"]] == ["warm"]
    assert len(decode_times(output)) == 10
    assert [path.name for path in output.parent.iterdir()] == ["out.mp4"]


@pytest.mark.parametrize(
    ("options", "name", "begins"),
    [
        (("prores", "--prores-profile", "422 LT"), "out.mov", b"\x00\x00\x00\x14ftypqt"),
        (("png_sequence",), "OUT.ZIP", b"PK\x03\x04"),
        (("sdr_rec709_10bit",), "out.mp4", b"\x00\x00\x00\x20ftypisom"),
    ],
)
def test_edit_writes_the_format_that_is_asked_for(refilm, make_clip, tmp_path, options, name, begins):
    """The file begins as its kind does, and the record names the profile."""
    status, out, err = refilm(
        "edit", make_clip(seconds=0.5, rate=10, size=(96, 64)), "--prompt", "Make it warmer",
        "--format", *options, "-o", tmp_path / name, "--json",
    )  # fmt: skip

    assert (status, err) == (0, "")
    assert (tmp_path / name).read_bytes().startswith(begins)
    assert json.loads(out)["encoder"].get("profile") in {"422 LT", "high10", None}


def test_a_format_that_does_not_fit_is_one_sentence(refilm, tmp_path):
    """Unknown formats and profiles, a profile of nothing, a name that promises another file: all before the clip."""
    edit = ("edit", tmp_path / "none.mp4", "--prompt", "Make it warmer", "-o", tmp_path / "out.mp4")

    assert_one_sentence(refilm(*edit, "--format", "gif"), "no format 'gif'; known are mp4, prores")
    assert_one_sentence(refilm(*edit, "--format", "prores", "--prores-profile", "HQ"), "'HQ' is none of 422, 4444")
    assert_one_sentence(refilm(*edit, "--prores-profile", "422"), "needs --format prores")
    assert_one_sentence(refilm(*edit, "--format", "prores"), "makes a .mov file; call it out.mov")
    assert_one_sentence(refilm(*edit, "--format", "png_sequence", "--model", "gen4_aleph"), "belong to aleph2")


def test_plan_shows_what_a_prompt_means_and_edits_nothing(refilm, tmp_path):
    """--plan needs no clip that exists, prints JSON and writes no file."""
    status, out, err = refilm("edit", tmp_path / "none.mp4", "--prompt", "black and white with film grain", "--plan")

    assert (status, err) == (0, "")
    assert {step["operator"] for step in json.loads(out)["plan"]["steps"]} == {"black_and_white", "film_grain"}
    assert list(tmp_path.iterdir()) == []


def test_edit_without_input_output_or_sense_is_one_sentence(refilm, make_clip, tmp_path):
    """Whatever is wrong: exit status 1, one sentence, no file left behind, an existing output untouched."""
    clip, output = make_clip(seconds=1, rate=5, size=(64, 64)), tmp_path / "out.mp4"
    output.write_bytes(b"older work")
    (tmp_path / "text.mp4").write_text("no clip " * 100)
    warm = ("--prompt", "Make it warmer")
    before = sorted(tmp_path.iterdir())

    assert_one_sentence(refilm("edit", tmp_path / "none.mp4", *warm, "-o", output), "none.mp4 cannot be read: No such")
    assert_one_sentence(refilm("edit", tmp_path, *warm, "-o", output), "cannot be read: Is a directory")
    assert_one_sentence(refilm("edit", tmp_path / "text.mp4", *warm, "-o", output), ".{20}")
    assert_one_sentence(refilm("edit", clip, "--prompt", "add a dog", "-o", output), "dog")
    assert_one_sentence(refilm("edit", clip, "--prompt", "add a dog", "--plan"), "dog")
    assert_one_sentence(refilm("edit", clip, *warm), "-o OUTPUT")
    assert_one_sentence(refilm("edit", clip, *warm, "-o", tmp_path), "is a folder")
    assert_one_sentence(refilm("edit", clip, *warm, "-o", clip / "x.mp4"), "cannot be written")
    assert_one_sentence(refilm("edit", clip, *warm, "-o", output, "--ratio", "wide"), "not a size")
    assert_one_sentence(refilm("edit", clip, *warm, "-o", output, "--ratio", "9999x9999"), "at most 3840x2160")
    assert_one_sentence(refilm("edit", clip, *warm, "-o", output, "--model", "gen5"), "no model 'gen5'")
    assert_one_sentence(refilm("edit", clip, *warm, "-o", output, "--reference", tmp_path / "no.png"), "no.png cannot")
    assert_one_sentence(refilm("edit", clip, "-o", output), "would change nothing")
    assert_one_sentence(refilm("edit", clip, "-o", output, "--keyframe", f"{tmp_path}/no.png@0"), "no.png cannot")
    assert_one_sentence(refilm("edit", clip, "-o", output, "--keyframe", "look.png"), "IMAGE@3 .at 3 s.")
    assert_one_sentence(refilm("edit", clip, "-o", output, "--aspect", "5:7"), "'5:7' is none of 16:9")
    assert_one_sentence(refilm("edit", clip, "-o", output, "--aspect", "1:1", "--model", "gen4_aleph"), "belong to")

    assert sorted(tmp_path.iterdir()) == before
    assert output.read_bytes() == b"older work"


def test_keyframes_and_a_shape_need_no_server_and_no_words(refilm, make_clip, tmp_path):
    """--keyframe colours its stretch, --aspect gives the shape, and --plan tells both beforehand."""
    clip, picture, output = make_clip(seconds=2, rate=10, size=(160, 90)), tmp_path / "red@home.png", tmp_path / "o.mp4"
    Image.new("RGB", (32, 18), (200, 40, 30)).save(picture)
    wishes = ("--keyframe", f"{picture}@50%:1-2", "--aspect", "1:1", "--json")

    planned = json.loads(refilm("edit", clip, "--plan", *wishes)[1])
    status, out, err = refilm("edit", clip, "-o", output, *wishes)

    assert (status, err) == (0, "")
    assert "from 1 s until 2 s" in planned["explanation"][0]
    assert json.loads(out)["size"] == [160, 160]
    frames = [frame[60:100].astype(int) for frame in read_frames(output)]
    reds = [float((frame[..., 0] - frame[..., 2]).mean()) for frame in frames]
    assert min(reds[10:]) > max(reds[:10]) + 20


@pytest.mark.parametrize(
    ("text", "path", "keyframe"),
    [
        ("a.png@3", "a.png", Keyframe("local:", seconds=3.0)),
        ("b@home/a b.png@0.25", "b@home/a b.png", Keyframe("local:", seconds=0.25)),
        ("a.png@25%", "a.png", Keyframe("local:", at=0.25)),
        ("a.png@3:2-5", "a.png", Keyframe("local:", seconds=3.0, range=TimeRange(2, 5))),
        ("a.png@90%:2-5", "a.png", Keyframe("local:", at=0.9, range=TimeRange(2, 5))),
    ],
)
def test_keyframes_are_read(text, path, keyframe):
    """Seconds or a part of the clip after the last @, and perhaps a range."""
    assert keyframes_of([text]) == ([Path(path)], (keyframe,))


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (["a.png"], "IMAGE@3"),
        (["@3"], "IMAGE@3"),
        (["a.png@-1"], "IMAGE@3"),
        (["a.png@nan"], "IMAGE@3"),
        (["a.png@3:2"], "IMAGE@3"),
        (["a.png@101%"], "at most 100%"),
        (["a.png@3:5-5"], "must end after"),
        (["a.png@5:2-5"], "within its own range"),
        (["a.png@1", "b.png@3:2-5"], "every --keyframe has a range or none"),
        (["a.png@1"] * 6, "at most 5"),
    ],
)
def test_other_keyframes_are_told_apart(texts, told):
    """Each mistake has its sentence."""
    with pytest.raises(BadArgument, match=re.escape(told)):
        keyframes_of(texts)


@given(st.lists(st.text(max_size=30) | st.from_regex(r"[a-z.@]{1,9}@[0-9.%:\-]{0,12}", fullmatch=True), max_size=3))
def test_any_text_is_a_keyframe_or_a_sentence(texts):
    """No spelling raises anything else; what is taken lies in the clip and within its range."""
    try:
        paths, keyframes = keyframes_of(texts)
    except BadArgument:
        return

    assert len(paths) == len(keyframes) == len(texts)
    for each in keyframes:
        assert (each.seconds is None) != (each.at is None)
        assert each.at is None or 0 <= each.at <= 1
        assert each.range is None or each.range.start_seconds < each.range.end_seconds


def clip_of(width: int, height: int) -> ClipInfo:
    """A clip of that size."""
    return ClipInfo("mp4", "h264", "yuv420p", width, height, width, height, Fraction(1))


sides = st.integers(1, 4500)


@given(
    size=st.tuples(sides, sides),
    ratio=st.tuples(st.integers(0, 5000), st.integers(0, 5000)),
    sign=st.sampled_from("x:"),
)
def test_a_ratio_gives_an_encodable_size_or_a_sentence(size, ratio, sign):
    """Any pair of numbers on any clip: an even size within 16 and UHD, or BadArgument; pixels are taken as they are."""
    text = f"{ratio[0]}{sign}{ratio[1]}"

    try:
        found = size_for(text, clip_of(*size))
    except BadArgument:
        return

    assert found is not None
    assert all(side % 2 == 0 and side >= 16 for side in found)
    assert found[0] * found[1] <= 3840 * 2160
    if min(ratio) >= 64:
        assert found == ratio


@given(
    size=st.tuples(st.integers(64, 1920), st.integers(64, 1920)), aspect=st.sampled_from(["16:9", "1:1", "9x16", "4:3"])
)
def test_an_aspect_keeps_the_clips_own_pixels(size, aspect):
    """An aspect is the largest such part of the clip, to within rounding: one side stays, none grows."""
    width, height = (int(part) for part in re.split("[:x]", aspect))

    found = size_for(aspect, clip_of(*size))

    assert found is not None
    assert found[0] <= size[0] + 1
    assert found[1] <= size[1] + 1
    assert abs(found[0] - size[0]) <= 1 or abs(found[1] - size[1]) <= 1
    assert abs(found[0] * height - found[1] * width) <= 2 * (width + height)


def test_no_ratio_keeps_the_size():
    """Without --ratio the engine decides."""
    assert size_for(None, clip_of(10, 10)) is None


def test_an_output_appears_whole_or_not_at_all(tmp_path: Path):
    """While it is written the old file is there; an error leaves it so, and success replaces it."""
    path = tmp_path / "out.mp4"
    path.write_bytes(b"old")

    with contextlib.suppress(LookupError), appearing(path) as file:
        file.write(b"half")
        raise LookupError
    assert path.read_bytes() == b"old"
    with appearing(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"

    assert path.read_bytes() == b"new"
    assert [found.name for found in tmp_path.iterdir()] == ["out.mp4"]
    assert path.stat().st_mode & 0o777 == 0o644
