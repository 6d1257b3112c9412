"""R6: answers to creates are lost after the commit, and the official SDK sends them again. Each makes one task.

    python campaigns/r06_lost_answers.py [--database sqlite|postgres] [--creates 1000] [--seed 1] [--data DIR]

Between the SDK and the server stands a proxy that swallows the first answer of one half of the creates, and the first
two of the other half: all that the SDK sends before it gives up is three. The account's credits are counted, so that
a second task would also be paid for. Ends with one line of verdict and exit code 0 for a pass. With --data a run
on SQLite can be broken off and resumed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx2
from api_client import ApiClient
from books import count_credits, unbalanced
from cutting_proxy import CuttingProxy
from judge import Verdict, end_of, judge, wait_until_settled
from place import Host, database, end, leave_nothing_behind
from runwayml import RunwayML
from traffic import Journal

from refilm.assets.local import LocalAssets
from refilm.bootstrap.places import open_store
from refilm.config import Settings
from refilm.testing import make_clip

#: Creates under way at once: most of their time they wait for their next try.
CALLERS = 16
#: How many of its three answers are lost, by whether a create's number is even.
CUTS = (1, 2)
#: A task costs what two seconds of clip do.
PRICE, CREDITS = 5, 1_000_000
SETTINGS = {
    "REFILM_ROUTES": '{"gen4_aleph": "campaign"}',
    "REFILM_PRICES": f'{{"gen4_aleph": {PRICE}}}',
    "REFILM_LOG_LEVEL": "error",
}
ACCOUNT = "campaign"


@dataclass
class Wishes:
    """What a run shall do."""

    kind: str
    creates: int
    seed: int
    data: Path


def run(wishes: Wishes) -> tuple[Verdict, str]:
    """The whole campaign: the verdict, and what was done."""
    wishes.data.mkdir(parents=True, exist_ok=True)
    with database(wishes.kind) as (more, _):
        given = Settings(data=wishes.data / "host", database_url=more.get("REFILM_DATABASE_URL"))
        host = Host(given.data, SETTINGS | more)
        if wishes.kind == "postgres":  # its database went with the run that was broken off
            (wishes.data / "journal.jsonl").unlink(missing_ok=True)
        journal = Journal(wishes.data / "journal.jsonl")
        try:
            host.start()
            client = ApiClient(host.url, host.new_key(ACCOUNT))
            count_credits(given, ACCOUNT, CREDITS)
            cut = create_all(wishes, client, journal)
            forget_the_rest(client, journal)
            verdict = settle(given, host, journal)
        finally:
            end([host])
    return verdict, f"{cut} answers cut, seed {wishes.seed}"


def create_all(wishes: Wishes, client: ApiClient, journal: Journal) -> int:
    """Every create that the journal has not, through the proxies. Returns how many answers they swallowed."""
    clip = make_clip(wishes.data / "clip.mp4", seconds=2, size=(96, 64), rate=12)
    uri = client.upload(clip)
    left = [number for number in range(wishes.creates) if f"create-{number}" not in journal.ids]
    key = client.headers["Authorization"].removeprefix("Bearer ")
    with CuttingProxy(client.url, CUTS[0]) as once, CuttingProxy(client.url, CUTS[1]) as twice:
        sdks = [RunwayML(api_key=key, base_url=proxy.url) for proxy in (once, twice)]

        def create(number: int) -> None:
            body = {
                "model": "gen4_aleph",
                "videoUri": uri,
                "promptText": "copy" if number % 10 == 0 else "wait 1 s, copy",
                "seed": wishes.seed * 1_000_003 + number,
            }
            made = sdks[number % 2].post("/v1/video_to_video", body=body, cast_to=object)
            journal.accepted(f"create-{number}", str(made["id"]))  # type: ignore[index]

        with ThreadPoolExecutor(CALLERS) as calls:
            for done, _ in enumerate(calls.map(create, left), start=1):
                if done % 100 == 0:
                    print(f"  {done} of {len(left)} creates answered, {once.cut + twice.cut} answers cut", flush=True)
        for sdk in sdks:
            sdk.close()
        return once.cut + twice.cut


def forget_the_rest(client: ApiClient, journal: Journal) -> None:
    """Delete nine of ten: this is about the books, and edits take their time."""
    with httpx2.Client(headers=client.headers, trust_env=False, timeout=60) as session:
        for name, task_id in journal.ids.items():
            if not name.endswith("0"):
                session.delete(f"{client.url}/v1/tasks/{task_id}")


def settle(given: Settings, host: Host, journal: Journal) -> Verdict:
    """Let the server finish, stop it, and judge what is there: also the account's credits."""
    store = open_store(given)
    wait_until_settled(store)
    host.stop()
    verdict = judge(store, LocalAssets(given.data / "assets"), journal.ids, {})
    verdict.wrong += unbalanced(store, ACCOUNT, CREDITS)
    store.close()
    return verdict


def main() -> int:
    leave_nothing_behind()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--creates", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    data = options.data or Path(tempfile.mkdtemp(prefix="refilm-r06-"))
    verdict, told = run(Wishes(options.database, options.creates, options.seed, data))
    return end_of(f"R6 {options.database}", verdict, told, data, keep=options.data is not None)


if __name__ == "__main__":
    sys.exit(main())
