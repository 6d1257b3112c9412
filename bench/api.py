"""How many creates and polls a second, beside LiteLLM's proxy and a bare ASGI callable, in one interleaved run.

    python bench/api.py [--seconds 3] [--rounds 3] [--connections 8 32] [--without litellm] [--json FILE]

Refilm takes part twice: with its rows in SQLite, and with them in a PostgreSQL server on the same machine, which has
ratios of its own in the last table. Prints absolute numbers and, what they are for, ratios to each peer: medians over
rounds in which the peers take turns. The loader (bench/load.py) and the servers share the machine's cores, so a fast
server is slowed by the loader that it keeps busy; the ratio to the bare callable is an underestimate for that reason,
never an overestimate.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import peers
from peers import Call, Peer

SERVERS = {
    "refilm": peers.refilm,
    "postgres": peers.refilm_on_postgres,
    "litellm": peers.litellm,
    "bare": peers.bare_asgi,
}

#: What we want to see, as (what, peer, at least).
GOALS = (("create", "litellm", 20.0), ("create", "bare", 0.09), ("poll", "litellm", 40.0), ("poll", "bare", 0.25))


@dataclass
class Series:
    """One server under one kind of load: a value for each round."""

    rates: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    resident: float = 0.0

    def add(self, told: dict[str, Any], resident: float) -> None:
        """One more round."""
        self.rates.append(told["rate"])
        self.p50.append(told["p50_ms"])
        self.p99.append(told["p99_ms"])
        self.resident = max(self.resident, resident)


#: (server, "create" or "poll", connections) to what was measured.
Results = dict[tuple[str, str, int], Series]


def load(call: Call, connections: int, seconds: float, scratch: Path) -> dict[str, Any]:
    """Run the loader on `call` in a process of its own. Any answer but 200 ends the bench: it would not be a result."""
    command = [sys.executable, Path(__file__).with_name("load.py"), call.url, "--connections", str(connections)]
    command += ["--seconds", str(seconds)]
    for header in call.headers:
        command += ["--header", header]
    if call.body is not None:
        body = scratch / "body.json"
        body.write_text(json.dumps(call.body))
        command += ["--body", body]
    told: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    if set(told["statuses"]) - {"200"} or not told["rate"]:
        raise SystemExit(f"{call.url} answered {told['statuses']}: {told['sample']}")
    return told


def run(options: argparse.Namespace) -> tuple[Results, list[Peer]]:
    """Start every server, let them take turns, stop them."""
    results: Results = {}
    # Beside the source and not in /tmp, which may be memory: a durable create must reach a disk.
    peers.ENVIRONMENTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=peers.ENVIRONMENTS, prefix="run-") as folder, ExitStack() as stack:
        scratch = Path(folder)
        names = [name for name in SERVERS if name not in options.without]
        running = {name: stack.enter_context(SERVERS[name](scratch)) for name in names}
        for turn in range(options.rounds):
            for connections in options.connections:
                for what in ("create", "poll"):
                    for name in names[turn % len(names) :] + names[: turn % len(names)]:
                        told = load(getattr(running[name], what), connections, options.seconds, scratch)
                        series = results.setdefault((name, what, connections), Series())
                        series.add(told, running[name].resident_megabytes)
                        print(
                            f"  round {turn + 1}: {name} {what} {connections}: {told['rate']:,.0f}/s", file=sys.stderr
                        )
        return results, list(running.values())


def ratio(results: Results, what: str, peer: str, connections: int, ours: str = "refilm") -> float:
    """How many times the peer's rate ours is: the median over the rounds of the ratio within a round."""
    own, theirs = results[ours, what, connections].rates, results[peer, what, connections].rates
    return median(mine / other for mine, other in zip(own, theirs, strict=True))


def table(results: Results, connections: Sequence[int]) -> list[str]:
    """The measured numbers as rows of a Markdown table."""
    rows = [
        "| load | connections | server | answers/s | p50 ms | p99 ms | RSS MB |",
        "| --- | ---: | --- | ---: | ---: | ---: | ---: |",
    ]
    for what in ("create", "poll"):
        for count in connections:
            for (name, _, _), series in sorted(item for item in results.items() if item[0][1:] == (what, count)):
                rows.append(
                    f"| {what} | {count} | {name} | {median(series.rates):,.0f} | {median(series.p50):.2f} "
                    f"| {median(series.p99):.2f} | {series.resident:.0f} |"
                )
    return rows


def verdicts(results: Results, connections: Sequence[int]) -> list[str]:
    """The ratios beside what we want, as rows of a Markdown table."""
    rows = ["| ratio | connections | measured | wanted | |", "| --- | ---: | ---: | ---: | --- |"]
    for what, peer, wanted in GOALS:
        for count in connections:
            if (peer, what, count) in results:
                measured = ratio(results, what, peer, count)
                mark = "met" if measured >= wanted else "missed"
                rows.append(f"| {what} refilm / {peer} | {count} | {measured:.3g} | {wanted:g} | {mark} |")
    return rows


def on_postgres(results: Results, connections: Sequence[int]) -> list[str]:
    """The same ratios for rows in PostgreSQL, and that to our own SQLite, as rows of a Markdown table."""
    rows = ["| ratio | connections | measured |", "| --- | ---: | ---: |"]
    for what in ("create", "poll"):
        for peer in ("litellm", "bare", "refilm"):
            for count in connections:
                if ("postgres", what, count) in results and (peer, what, count) in results:
                    measured = ratio(results, what, peer, count, "postgres")
                    name = "refilm on SQLite" if peer == "refilm" else peer
                    rows.append(f"| {what} refilm on PostgreSQL / {name} | {count} | {measured:.3g} |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, nargs="+", default=[8, 32])
    parser.add_argument("--without", choices=("litellm", "bare", "postgres"), action="append", default=[])
    parser.add_argument("--json", type=Path, help="also write every round's numbers here")
    options = parser.parse_args()
    results, running = run(options)
    cores = len(os.sched_getaffinity(0))
    print(f"\nLoader and servers share {cores} cores; medians of {options.rounds} rounds of {options.seconds:g} s.\n")
    print("\n".join(table(results, options.connections)), "\n")
    print("\n".join(verdicts(results, options.connections)), "\n")
    if "postgres" not in options.without:
        print("\n".join(on_postgres(results, options.connections)), "\n")
    print("\n".join(f"{peer.name}: {peer.note}." for peer in running))
    if options.json:
        rounds = {f"{name} {what} {count}": series.__dict__ for (name, what, count), series in results.items()}
        options.json.write_text(json.dumps(rounds, indent=2))


if __name__ == "__main__":
    main()
