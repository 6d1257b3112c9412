"""R12: requests that nobody thought of, made from our OpenAPI document; what it says is what the server does.

    python campaigns/r12_schemathesis.py [--database sqlite|postgres] [--cases 20000] [--seed 1] [--data DIR]

Schemathesis makes right and wrong requests for every operation of both dialects, the extension, administration, files
and probes. Many of them are given real things to act upon: tasks, uploads, signed links, keys. No answer may be a 5xx,
have a status, type or header that the document does not name, or a body of another shape. Cases come in batches, each
with a seed of its own; with --data a run on SQLite can be broken off and resumed. Ends with one line of verdict and
exit code 0 for a pass.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from place import database, leave_nothing_behind
from schemathesis import GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tenancy import ADMIN, DATA_URI, Tenants

from refilm.domain.account import NewKey
from refilm.domain.task import Failure
from refilm.telemetry import configure_logging

#: Cases of one batch. Operations with few different requests give fewer.
BATCH = 50
CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
PICTURE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)


@dataclass(frozen=True)
class Wishes:
    """What a run shall do."""

    kind: str
    cases: int
    seed: int
    data: Path


@dataclass
class Found:
    """What was tried, by operation and status, and what was wrong. batches: those that are done, with their cases."""

    batches: dict[str, int] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)
    operations: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    @property
    def cases(self) -> int:
        """How many were tried."""
        return sum(self.batches.values())


class Things:
    """Real things for requests to act upon, made when they are asked for."""

    def __init__(self, tenants: Tenants) -> None:
        self._tenants = tenants
        self._turn = itertools.count()
        self._upload = tenants.upload("owner")
        self._finished = tenants.task("owner", finished=True)
        self._failed = self._failed_task()

    def lend(self, case: schemathesis.Case) -> None:
        """Let two requests of three be about something that is there."""
        turn = next(self._turn)
        if turn % 3 == 0:
            return
        makers: Mapping[str, Callable[[], str]] = {
            "task_id": lambda: self._task(case.operation.method, turn),
            "key_id": lambda: self._tenants.server.accounts.issue(NewKey("spare"))[0].id,
            "account_id": lambda: self._tenants.server.accounts.issue(NewKey("spare"))[0].account,
        }
        for name in case.path_parameters:
            if name in makers:
                case.path_parameters[name] = makers[name]()
            elif name == "key":
                self._link(case)
        if case.operation.path == "/uploads" and isinstance(case.body, dict):
            case.body = {**self._tenants.slot("owner"), **({"file": case.body["file"]} if "file" in case.body else {})}
        elif isinstance(case.body, dict):
            case.body = self._with_real_inputs(case.body)

    def _task(self, method: str, turn: int) -> str:
        if method == "delete" or turn % 4 == 0:
            return self._tenants.task("owner")
        return self._finished if turn % 2 else self._failed

    def _failed_task(self) -> str:
        service, task_id = self._tenants.server.service, self._tenants.task("owner")
        started = service.start(task_id)
        assert started is not None
        assert service.fail(started, Failure("This engine cannot do that.", "INPUT_PREPROCESSING.UNSUPPORTED"), {})
        return task_id

    def _link(self, case: schemathesis.Case) -> None:
        (url,) = self._tenants.ask("GET", f"/v1/tasks/{self._finished}", "owner").json()["output"]
        path, _, query = url.partition("/files/")[2].partition("?")
        case.path_parameters["key"] = path
        case.query = dict(parse_qsl(query))

    def _with_real_inputs(self, body: dict[str, Any]) -> dict[str, Any]:
        """The body with inputs that exist in the place of its texts that name none."""
        real = dict(body)
        if isinstance(body.get("videoUri"), str):
            real["videoUri"] = self._upload if len(body) % 2 else DATA_URI
        for name in ("references", "keyframes"):
            if isinstance(body.get(name), list):
                real[name] = [{**item, "uri": PICTURE} if isinstance(item, dict) else item for item in body[name]]
        return real


class Trial:
    """A server, its document, and what was found."""

    def __init__(self, tenants: Tenants, found: Found) -> None:
        self._tenants, self._found = tenants, found
        self._things = Things(tenants)
        self._turn = itertools.count()
        document = schemathesis.openapi.from_dict(tenants.server.app.openapi())
        self.operations = {
            f"{operation.method.upper()} {operation.path}": operation
            for operation in (result.ok() for result in document.get_all_operations())
        }

    def batch(self, name: str, number: int) -> int:
        """Try so many cases of that operation; returns how many there were. Stops at the first that goes wrong."""
        operation, tried = self.operations[name], itertools.count()

        @seed(number)
        @settings(
            max_examples=BATCH,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
        )
        @given(case=st.one_of(operation.as_strategy(mode) for mode in GenerationMode))
        def hold(case: schemathesis.Case) -> None:
            next(tried)
            self._things.lend(case)
            answer = case.call_and_validate(
                app=self._tenants.server.app, headers=self._headers(operation.path), checks=CHECKS
            )
            self._found.statuses[answer.status_code] += 1

        try:
            hold()
        except (FailureGroup, Exception) as fault:  # whatever it is, it is the finding
            self._found.wrong.append(f"{name}, batch {number}: {type(fault).__name__}: {_short(fault)}")
        return next(tried)

    def _headers(self, path: str) -> dict[str, str]:
        """A key that is for this; none in one request of eight, and one without the scope in another."""
        turn = next(self._turn) % 8
        right, other = ("admin", "owner") if path.startswith(ADMIN) else ("owner", "admin")
        return {} if turn == 0 else {"authorization": f"Bearer {self._tenants.keys[other if turn == 1 else right]}"}


def _short(fault: BaseException) -> str:
    told = "; ".join(str(each) for each in getattr(fault, "exceptions", [fault]))
    return " ".join(told.split())[:600]


def plan(names: list[str], first: int) -> Iterator[tuple[str, int]]:
    """Batches without end: every operation in turn, each time with another seed."""
    for number in itertools.count():
        for place, name in enumerate(sorted(names)):
            yield name, first * 1_000_003 + number * 1000 + place


def run(wishes: Wishes) -> Found:
    """The whole campaign."""
    wishes.data.mkdir(parents=True, exist_ok=True)
    journal = wishes.data / "batches.jsonl"
    with database(wishes.kind) as (more, _):
        if wishes.kind == "postgres":  # its database went with the run that was broken off
            journal.unlink(missing_ok=True)
        found = taken_up(journal)
        url = {"database_url": more["REFILM_DATABASE_URL"]} if more else {}
        with closing(Tenants(wishes.data / "server", **url)) as tenants:
            trial = Trial(tenants, found)
            found.operations = set(trial.operations)
            for name, number in plan(list(trial.operations), wishes.seed):
                if found.cases >= wishes.cases:
                    break
                if f"{name} {number}" not in found.batches:
                    note(journal, trial, found, name, number)
    return found


def note(journal: Path, trial: Trial, found: Found, name: str, number: int) -> None:
    """Try one batch, and write down what came of it."""
    before, faults = found.statuses.copy(), len(found.wrong)
    cases = found.batches[f"{name} {number}"] = trial.batch(name, number)
    done = {
        "batch": f"{name} {number}",
        "cases": cases,
        "statuses": dict(found.statuses - before),
        "wrong": found.wrong[faults:],
    }
    with journal.open("a") as file:
        file.write(json.dumps(done) + "\n")
    if len(found.batches) % 100 == 0:
        print(f"  {found.cases} cases, {len(found.wrong)} wrong", flush=True)


def taken_up(journal: Path) -> Found:
    """What an earlier run has done."""
    found = Found()
    for line in journal.read_text().splitlines() if journal.exists() else []:
        done = json.loads(line)
        found.batches[done["batch"]] = done["cases"]
        found.statuses.update({int(status): count for status, count in done["statuses"].items()})
        found.wrong += done["wrong"]
    return found


def told(found: Found, wishes: Wishes) -> str:
    """Everything in one line."""
    statuses = ", ".join(f"{count} {status}" for status, count in sorted(found.statuses.items()))
    return (
        f"{len(found.wrong)} wrong in {found.cases} cases of {len(found.operations)} operations ({statuses}); "
        f"seed {wishes.seed}"
    )


def main() -> int:
    leave_nothing_behind()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    configure_logging("text", "error")
    warnings.simplefilter("ignore")  # of generators that find an operation hard to get wrong
    with tempfile.TemporaryDirectory(prefix="refilm-r12-") as folder:
        wishes = Wishes(options.database, options.cases, options.seed, options.data or Path(folder))
        found = run(wishes)
    print(f"R12 {options.database}: {'FAIL' if found.wrong else 'PASS'}  {told(found, wishes)}")
    for fault in found.wrong[:40]:
        print(f"  wrong: {fault}")
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
