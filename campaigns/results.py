"""Writes the verdicts of campaigns into the table of `docs/reference/reliability.md`.

    make campaign-r06_lost_answers | tee run.log; python campaigns/results.py run.log

A verdict is a line such as "R6 sqlite: PASS  1000 accepted ...". Each campaign has one row for each database: the
latest verdict stands. Anything else in the file is passed over.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "reliability.md"
BEGIN, END = "<!-- results: written by campaigns/results.py -->\n", "<!-- end of results -->\n"
HEAD = "| run | day | verdict | what was done and found |\n| --- | --- | --- | --- |\n"

_VERDICT = re.compile(r"(R\d+(?: \w+)?): (PASS|FAIL)  (.+)")
_ROW = re.compile(r"\| (R\d+(?: \w+)?) \|.*\|\n")


def verdicts_in(lines: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Run to (PASS or FAIL, what was found), of every verdict among the lines; the last one of each run."""
    found = (_VERDICT.fullmatch(line.strip()) for line in lines)
    return {match[1]: (match[2], match[3]) for match in found if match is not None}


def with_verdicts(page: str, verdicts: dict[str, tuple[str, str]], day: date) -> str:
    """The page with these verdicts in its table, beside those of other runs, in the order of the runs' numbers."""
    before, _, rest = page.partition(BEGIN)
    table, _, after = rest.partition(END)
    rows = {match[1]: match[0] for match in _ROW.finditer(table)}
    for name, (verdict, told) in verdicts.items():
        rows[name] = f"| {name} | {day.isoformat()} | {verdict} | {told.replace('|', '/')} |\n"
    ordered = sorted(rows, key=lambda name: (int(re.findall(r"\d+", name)[0]), name))
    return before + BEGIN + HEAD + "".join(rows[name] for name in ordered) + END + after


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("logs", type=Path, nargs="+", help="what campaigns printed")
    options = parser.parse_args()
    verdicts = verdicts_in(line for log in options.logs for line in log.read_text(encoding="utf-8").splitlines())
    if not verdicts:
        print("there is no verdict in these files", file=sys.stderr)
        return 1
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(with_verdicts(page, verdicts, datetime.now(UTC).date()), encoding="utf-8")
    print(f"{PAGE.name}: {', '.join(verdicts)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
