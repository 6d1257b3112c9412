"""What a warmed process still has to load: nothing."""

from __future__ import annotations

import json
import subprocess
import sys

#: Warms an engine, then edits; prints which files and modules that took.
_SCRIPT = """
import json, sys
from refilm.domain.edit import EditRequest, Model
from refilm.engines.base import Inputs
from refilm.engines.effects.engine import EffectsEngine
from refilm.errors import UnsupportedEdit
from refilm.media.probe import probe

engine = EffectsEngine()
engine.warm()
known, opened = set(sys.modules), []
source, output = open(sys.argv[1], "rb"), open(sys.argv[2], "w+b")
sys.addaudithook(lambda event, details: opened.append(str(details[0])) if event == "open" else None)
for prompt in sys.argv[3:]:
    try:
        engine.edit(EditRequest(Model.GEN4_ALEPH, "", prompt, seed=1), Inputs(source, probe(source)), output, print, {})
    except UnsupportedEdit as refused:
        print(refused)
print(json.dumps({"opened": opened, "loaded": sorted(set(sys.modules) - known)}))
"""


def test_a_warmed_process_opens_no_file_of_its_own(make_clip, tmp_path):
    """After `warm` an edit opens nothing but what it is given, also where it is refused, and waits for no module."""
    clip = make_clip(seconds=0.4, audio="aac")
    prompts = ["teal and orange with snow", "make it golden hour, on vhs", "make it a watercolor painting"]
    prompts += ["add a dragon", "as if we had been in the mountains just before it got dark", "把狗换成猫"]

    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, clip, tmp_path / "out.mp4", *prompts], capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["loaded"] == []
    assert found["opened"] == []
