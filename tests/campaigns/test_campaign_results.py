"""The table of verdicts: the latest of each run, in order, and nothing else on the page is touched."""

from __future__ import annotations

from datetime import date

from results import BEGIN, END, PAGE, verdicts_in, with_verdicts

DAY = date(2026, 11, 22)
LOG = """\
  100 of 1000 creates answered
R6 sqlite: PASS  1000 accepted; seed 1
R13 postgres: FAIL  1 invariants broken | in 3 lives
  wrong: R6 is not a verdict: PASS  here
R6 sqlite: PASS  1000 accepted; seed 2
"""


def test_verdicts_are_found_among_other_lines():
    """The last verdict of each run counts; details that look alike do not."""
    assert verdicts_in(LOG.splitlines(keepends=True)) == {
        "R6 sqlite": ("PASS", "1000 accepted; seed 2"),
        "R13 postgres": ("FAIL", "1 invariants broken | in 3 lives"),
    }


def test_a_row_is_replaced_and_the_others_stay():
    """A later verdict of the same run takes its row; rows stand by number; the rest of the page is as it was."""
    page = f"# Title\n\n{BEGIN}{END}after\n"

    page = with_verdicts(page, verdicts_in(LOG.splitlines()), DAY)
    page = with_verdicts(page, {"R2": ("PASS", "x"), "R13 postgres": ("PASS", "mended")}, date(2026, 11, 23))

    rows = [line for line in page.splitlines() if line.startswith("| R")]
    assert rows == [
        "| R2 | 2026-11-23 | PASS | x |",
        "| R6 sqlite | 2026-11-22 | PASS | 1000 accepted; seed 2 |",
        "| R13 postgres | 2026-11-23 | PASS | mended |",
    ]
    assert page.startswith("# Title\n\n")
    assert page.endswith("after\n")


def test_the_page_has_its_table_and_no_run_failed():
    """What is published was passed."""
    page = PAGE.read_text(encoding="utf-8")

    assert page.count(BEGIN) == page.count(END) == 1
    assert "| FAIL |" not in page
