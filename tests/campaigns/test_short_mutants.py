"""R9 in short: damaged clips in locked children, and the proof that the campaign notices what it must."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutants import mutant
from r09_mutants import Findings, batches, seeds, tried

from refilm.runner.lockdown import available

CRASHING_CHILD = (sys.executable, "-I", str(Path(__file__).with_name("crashing_child.py")))

needs_lock = pytest.mark.skipif(bool(available().missing()), reason="this machine cannot lock a child in full")


@given(st.binary(min_size=1, max_size=5000), st.integers(0, 2**32), st.integers(0, 10**6))
def test_a_mutant_is_another_file_and_the_same_every_time(content: bytes, seed: int, number: int):
    """Damage is done, and can be done again."""
    assert mutant(content, seed, number) == mutant(content, seed, number)
    assert mutant(content, seed, number) != content


def test_batches_hold_every_mutant_once():
    """Numbers from 0 on, and every clip has its turn."""
    tries = [each for batch in batches(3, 10, 4) for each in batch]

    assert tries == [(number % 3, number) for number in range(10)]


@needs_lock
def test_damaged_clips_are_edited_or_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    """Clips of all kinds are edited, and some hundred mutants of them cost no child and bring no odd error."""
    clips = seeds(tmp_path)
    whole, found = Findings(), Findings()

    tried(clips, [(at, None) for at in range(len(clips))], 1, whole)
    for batch in batches(len(clips), 140, 140):
        tried(clips, batch, 3, found)

    assert dict(whole.ends) == {"edited": len(clips)}
    assert found.ends["edited"] > 20
    assert found.ends["refused"] > 20
    assert found.ends["edited"] + found.ends["refused"] == 140
    assert found.children == 1


@needs_lock
def test_a_crash_is_told_and_costs_one_child(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """What ends a child is counted, by itself, and another child takes what is left."""
    (tmp_path / "worse").write_bytes(b"crash")
    (tmp_path / "bad").write_bytes(b"no clip")
    found = Findings()

    tries = [(0, None), (1, None), (1, None), (0, None)]
    tried([tmp_path / "bad", tmp_path / "worse"], tries, 1, found, command=CRASHING_CHILD)

    assert dict(found.ends) == {"refused": 2, "crashed": 2}
    assert found.children == 3
    assert capsys.readouterr().out.count("exit status -6") == 2
