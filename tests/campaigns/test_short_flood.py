"""R16 in short: a small flood against small limits; judged by answers, never by time."""

from __future__ import annotations

from pathlib import Path

import r16_flood
from r16_flood import Wishes

SMALL = {
    "REFILM_HEAD_SECONDS": "1",
    "REFILM_BODY_SECONDS": "1",
    "REFILM_IDLE_SECONDS": "1",
    "REFILM_MAX_READS_PER_SECOND": "60",
    "REFILM_MAX_WRITES_PER_SECOND": "25",
    "REFILM_MAX_CONNECTIONS_PER_ADDRESS": "90",
}


def test_another_key_is_served_while_one_floods(tmp_path: Path):
    """Nothing honest is lost; the greedy key gets its share and then 429; slow connections are cut."""
    wishes = Wishes("sqlite", seconds=4, slow=40, polls=600, creates=500, data=tmp_path, settings=SMALL)

    found = r16_flood.run(wishes)

    assert found.lost() == []
    assert found.beside.answers["poll"]["200"] > 0
    assert found.beside.answers["create"]["200"] > 0
    answers = found.flood.answers
    assert set(answers["poll"]) == set(answers["create"]) == {"200", "429"}
    assert answers["slow head"]["408"] > 0
    assert answers["slow body"]["408"] > 0
    assert set(answers["silent"]) == set(answers["idle"]) == {"closed"}
    assert "0 of " in found.told(wishes)
