"""R14: what one account may learn of another, links that nobody signed, and keys that nobody was given.

    python campaigns/r14_tenancy.py [--database sqlite|postgres] [--links N] [--keys N] [--polls N] [--seed 1]

Every endpoint of the OpenAPI document is asked for foreign, unknown and own things (`tenancy.py`); forged links and
wrong keys of a dozen kinds are all refused, each kind alike; a tenth of the wrong keys meets the lockout, which must
shut out no key of another address. Foreign and unknown ids also take the same time. Ends with one line of verdict and
exit code 0 for a pass.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import logging
import random
import shutil
import statistics
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import structlog
from place import database, leave_nothing_behind
from tenancy import ROWS, Tenants, matrix

from refilm.accounts import Accounts, checksum, digest_of, new_secret
from refilm.assets.signing import Signer
from refilm.bootstrap.clock import now
from refilm.domain.account import NewKey

#: How much the median time of a foreign id's answer may differ from that of an unknown one's, in seconds.
MOST_DIFFERENCE = 0.001
#: Wrong keys that one address may send before it is shut out, in the part that is about that.
TRIES = 20
#: Requests under way at the same time.
AT_ONCE = 50
HEX, URL64 = "0123456789abcdef", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@dataclass
class Wishes:
    """What a run shall do."""

    kind: str
    links: int
    keys: int
    polls: int
    seed: int
    data: Path


@dataclass
class Found:
    """What went wrong, and what was done."""

    wrong: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)


def run(wishes: Wishes) -> Found:
    """The whole campaign."""
    found = Found()
    with database(wishes.kind) as (more, _):
        shared = {"database_url": more["REFILM_DATABASE_URL"]} if more else {}
        with closing(Tenants(wishes.data / "open", max_wrong_keys=0, **shared)) as tenants:
            found.wrong += matrix(tenants)
            found.told.append(f"{len(ROWS)} endpoints")
            forge_links(tenants, wishes, found)
            try_keys(tenants, wishes, found)
            compare_times(tenants, wishes, found)
        with closing(Tenants(wishes.data / "locked", max_wrong_keys=TRIES, **shared)) as tenants:
            meet_the_lockout(tenants, wishes, found)
    return found


def progress(what: str, begin: int, count: int, found: Found) -> None:
    """Say now and then how far a run is."""
    if begin % (20 * AT_ONCE) == 0:
        print(f"  {begin} of {count} {what}, {len(found.wrong)} wrong", flush=True)


# links


def forge_links(tenants: Tenants, wishes: Wishes, found: Found) -> None:
    """Every forged link and form is the same 403, whatever is wrong with it."""
    chance = random.Random(wishes.seed)
    forger = Forger(tenants, chance)
    bodies: Counter[bytes] = Counter()
    for begin in range(0, wishes.links, AT_ONCE):
        kinds = [forger.kinds[n % len(forger.kinds)] for n in range(begin, min(begin + AT_ONCE, wishes.links))]
        links = [forger.request(kind(), as_form=n % 10 == 0) for n, kind in enumerate(kinds, start=begin)]
        for kind, link, answer in zip(kinds, links, tenants.ask_all(links), strict=True):
            bodies[answer.body] += 1
            if answer.status != 403:
                found.wrong.append(f"link by {kind.__name__}: {answer.status} to {link}")
        progress("links forged", begin, wishes.links, found)
    if len(bodies) > 1:
        found.wrong.append(f"forged links are told from each other: {list(bodies)[:3]}")
    if tenants.ask("GET", forger.path, query=urlencode(forger.good)).status != 200:
        found.wrong.append("the genuine link does not work")
    found.told.append(f"{sum(bodies.values())} forged links of {len(forger.kinds)} kinds")


class Forger:
    """Makes links that look genuine and are not, from two genuine ones and all that a client can know."""

    def __init__(self, tenants: Tenants, chance: random.Random) -> None:
        self._tenants = tenants
        self._chance = chance
        self.path, query = tenants.output("owner")
        self.other_path, other = tenants.output("stranger")
        self.good, self.other = dict(parse_qsl(query)), dict(parse_qsl(other))
        self.slot = tenants.slot("owner")
        self._genuine: Signer = tenants.server.signer
        self._theirs = Signer([(self.good["key_id"], b"a secret that somebody made up")])
        self.kinds: list[Callable[[], tuple[str, str, dict[str, str]]]] = [
            self.changed_signature,
            self.later_expiry,
            self.other_key,
            self.missing_part,
            self.path_of_another,
            self.signature_of_another,
            self.made_up_secret,
            self.signed_for_another_method,
            self.expired,
            self.other_version,
            self.other_spelling,
            self.random_text,
        ]

    def request(self, link: tuple[str, str, dict[str, str]], *, as_form: bool) -> dict[str, Any]:
        """The link as a request; or its fields in the form of a slot, whose signature is for something else."""
        method, path, fields = link
        if as_form:
            return self._tenants.form({"key": self.slot["key"], **fields})
        return {"method": method, "path": path, "query": urlencode(fields)}

    def _link(self, **changed: str) -> tuple[str, str, dict[str, str]]:
        return "GET", self.path, {**self.good, **changed}

    def changed_signature(self) -> tuple[str, str, dict[str, str]]:
        """One character of the signature is another."""
        good = self.good["signature"]
        at = self._chance.randrange(len(good))
        other = self._chance.choice([c for c in URL64 if c != good[at]])
        return self._link(signature=good[:at] + other + good[at + 1 :])

    def later_expiry(self) -> tuple[str, str, dict[str, str]]:
        """It shall work longer."""
        return self._link(expires=str(int(self.good["expires"]) + self._chance.randint(1, 10**9)))

    def other_key(self) -> tuple[str, str, dict[str, str]]:
        """Another key's name."""
        return self._link(key_id=self._chance.choice(["signing-0", "signing-9", "", "*", f"k{self._chance.random()}"]))

    def missing_part(self) -> tuple[str, str, dict[str, str]]:
        """A parameter is left out, or all."""
        names = self._chance.sample(sorted(self.good), self._chance.randint(0, 2))
        return "GET", self.path, {name: self.good[name] for name in names}

    def path_of_another(self) -> tuple[str, str, dict[str, str]]:
        """A genuine signature on another path: a foreign output, another attempt, a detour, an unknown one."""
        folder, _, file = self.path.rpartition("/")
        paths = [
            self.other_path,
            f"{folder}/2.mp4",
            f"{folder}/./{file}",
            f"{folder}/../{folder.rpartition('/')[2]}/{file}",
            f"/files//{self.path.removeprefix('/files/')}",
            f"/files/outputs/{uuid.UUID(int=self._chance.getrandbits(128))}/1.mp4",
            self.path + "/",
            self.path.upper().replace("/FILES/", "/files/"),
        ]
        return "GET", self._chance.choice(paths), self.good

    def signature_of_another(self) -> tuple[str, str, dict[str, str]]:
        """What opens another link."""
        return self._link(signature=self.other["signature"], expires=self.other["expires"])

    def made_up_secret(self) -> tuple[str, str, dict[str, str]]:
        """All is right but the secret."""
        return "GET", self.path, self._theirs.sign("GET", self.path, int(self.good["expires"]))

    def signed_for_another_method(self) -> tuple[str, str, dict[str, str]]:
        """The server's own signature, for what may not be done with it."""
        method = self._chance.choice(["POST", "PUT", "HEAD", "DELETE", "get"])
        return "GET", self.path, self._genuine.sign(method, self.path, int(self.good["expires"]))

    def expired(self) -> tuple[str, str, dict[str, str]]:
        """The server's own signature, whose time is over."""
        ago = self._chance.choice([0, 1, 60, 10**6])
        return "GET", self.path, self._genuine.sign("GET", self.path, int(now().timestamp()) - ago)

    def other_version(self) -> tuple[str, str, dict[str, str]]:
        """What a plausible other scheme would make of a secret that leaked from it."""
        message = f"{self._chance.choice(['refilm-link-0', 'v1', ''])}GET{self.path}{self.good['expires']}"
        digest = hmac.digest(b"a secret that somebody made up", message.encode(), hashlib.sha256)
        return self._link(signature=base64.urlsafe_b64encode(digest).rstrip(b"=").decode())

    def other_spelling(self) -> tuple[str, str, dict[str, str]]:
        """The same numbers and bytes, otherwise written."""
        good = self.good
        standard = base64.b64encode(base64.urlsafe_b64decode(good["signature"] + "=")).decode()
        spellings = [
            {"signature": standard},
            {"signature": good["signature"] + "="},
            {"signature": " " + good["signature"]},
            {"signature": good["signature"].swapcase()},
            {"expires": "0" + good["expires"]},
            {"expires": "+" + good["expires"]},
            {"expires": good["expires"] + ".0"},
            {"expires": good["expires"] + "\n"},
            {"key_id": good["key_id"].upper()},
        ]
        return self._link(**self._chance.choice(spellings))

    def random_text(self) -> tuple[str, str, dict[str, str]]:
        """Anything, anywhere."""
        name = self._chance.choice(sorted(self.good))
        text = "".join(
            chr(self._chance.choice([*range(1, 0x7F), 0xE9, 0x6F22])) for _ in range(self._chance.randint(0, 60))
        )
        return self._link(**{name: text})


# keys


def try_keys(tenants: Tenants, wishes: Wishes, found: Found) -> None:
    """Nine tenths of the wrong keys, with nothing in their way but the check: none gets in."""
    chance = random.Random(wishes.seed + 1)
    guesses = Guesses(tenants, chance)
    count, answers = wishes.keys * 9 // 10, Counter[tuple[int, bytes]]()
    for begin in range(0, count, AT_ONCE):
        kinds = [guesses.kinds[n % len(guesses.kinds)] for n in range(begin, min(begin + AT_ONCE, count))]
        calls = [{"method": "GET", "path": "/v1/organization", "key": kind()} for kind in kinds]
        for kind, answer in zip(kinds, tenants.ask_all(calls), strict=True):
            answers[answer.status, answer.body] += 1
            if answer.status != 401:
                found.wrong.append(f"wrong key by {kind.__name__}: {answer.status}")
        progress("wrong keys sent", begin, count, found)
    if len(answers) > 2:
        found.wrong.append("wrong keys are told from each other, beyond mistyped and unknown")
    for key in ("owner", "stranger"):
        if tenants.ask("GET", "/v1/organization", key).status != 200:
            found.wrong.append(f"the key of {key} does not work any more")
    found.told.append(f"{count} wrong keys of {len(guesses.kinds)} kinds")


class Guesses:
    """Makes keys that look right and are not, from a right one and all that the database has."""

    def __init__(self, tenants: Tenants, chance: random.Random) -> None:
        self._chance = chance
        self._right = tenants.keys["owner"]
        accounts: Accounts = tenants.server.accounts
        revoked, soon = [accounts.issue(NewKey("gone")) for _ in range(5)], now() + timedelta(milliseconds=1)
        for key, _ in revoked:
            accounts.revoke_one(key.id)
        self._ended = [secret for _, secret in revoked]
        self._ended += [accounts.issue(NewKey("gone", expires_at=soon + timedelta(seconds=1)))[1] for _ in range(5)]
        time.sleep(1.5)
        self._ids = [key.id for key in accounts.all_keys()] + [key.hash for key in accounts.all_keys()]
        self.kinds: list[Callable[[], str]] = [
            self.another,
            self.neighbour,
            self.mistyped,
            self.ended,
            self.what_the_database_has,
            self.other_length,
            self.other_case,
            self.text,
        ]

    def another(self) -> str:
        """A key as the server would make one."""
        return new_secret()

    def neighbour(self) -> str:
        """A right key with another digit, and the checksum that goes with it."""
        body = self._right.removeprefix("key_")[:120]
        at = self._chance.randrange(120)
        body = body[:at] + self._chance.choice([digit for digit in HEX if digit != body[at]]) + body[at + 1 :]
        return f"key_{body}{checksum(body)}"

    def mistyped(self) -> str:
        """A right key with another digit."""
        at = self._chance.randrange(4, 132)
        digit = self._chance.choice([digit for digit in HEX if digit != self._right[at]])
        return self._right[:at] + digit + self._right[at + 1 :]

    def ended(self) -> str:
        """A key that worked once: revoked, or expired."""
        return self._chance.choice(self._ended)

    def what_the_database_has(self) -> str:
        """What somebody finds who reads the rows: ids and hashes."""
        return self._chance.choice([*self._ids, digest_of(self._right)])

    def other_length(self) -> str:
        """Cut off, or with something behind."""
        return self._chance.choice(
            [self._right[: self._chance.randrange(1, 132)], self._right + self._chance.choice(HEX)]
        )

    def other_case(self) -> str:
        """The same digits in capitals."""
        return self._chance.choice([self._right.upper(), "key_" + self._right[4:].upper(), "Key_" + self._right[4:]])

    def text(self) -> str:
        """What people try."""
        return self._chance.choice(["' OR '1'='1", "root", "null", "undefined", "%00", "*", "{}", "key_", "k" * 4000])


def meet_the_lockout(tenants: Tenants, wishes: Wishes, found: Found) -> None:
    """The last tenth, from a handful of addresses: each is shut out after so many, and nobody else is."""
    count = wishes.keys - wishes.keys * 9 // 10
    places = [f"198.51.100.{n}" for n in range(1, 6)]
    seen: Counter[tuple[str, int]] = Counter()
    for number in range(count):
        address = places[number % len(places)]
        answer = tenants.ask("GET", "/v1/organization", new_secret(), address=address)
        seen[address, answer.status] += 1
        if answer.status == 429 and not 0 < int(answer.headers["retry-after"]) <= 60:
            found.wrong.append(f"a lockout of {answer.headers['retry-after']} s")
        if number % 50 == 0 and tenants.ask("GET", "/v1/organization", "owner", address="192.0.2.7").status != 200:
            found.wrong.append("a right key of another address was shut out")
        if number % 50 == 1 and tenants.ask("GET", "/v1/organization", "owner", address=address).status != 200:
            found.wrong.append("a key that worked here before was shut out with its neighbours")
    looked_at = sum(number for (_, status), number in seen.items() if status == 401)
    others = sum(number for (_, status), number in seen.items() if status not in (401, 429))
    # The time of a lockout may pass in between, and then the counting begins again.
    if others or (count > 10 * TRIES * len(places) and looked_at > count / 5):
        found.wrong.append(f"the lockout let {looked_at} wrong keys be looked at, and {others} more got in")
    found.told.append(f"{count} against the lockout, {looked_at} of them looked at")


# time


def compare_times(tenants: Tenants, wishes: Wishes, found: Found) -> None:
    """A foreign id takes as long as an unknown one, by the medians of polls that take turns."""
    foreign = tenants.task("owner")
    took: dict[str, list[float]] = {"foreign": [], "unknown": []}
    for _ in range(wishes.polls):
        for name, task_id in (("foreign", foreign), ("unknown", str(uuid.uuid4()))):
            begun = time.perf_counter()
            tenants.ask("GET", f"/v1/tasks/{task_id}", "stranger")
            took[name].append(time.perf_counter() - begun)
    difference = abs(statistics.median(took["foreign"]) - statistics.median(took["unknown"]))
    if difference >= MOST_DIFFERENCE:
        found.wrong.append(f"foreign and unknown ids differ by {difference * 1000:.3f} ms")
    found.told.append(f"foreign and unknown differ by {difference * 1000:.3f} ms in {wishes.polls} polls each")


def main() -> int:
    leave_nothing_behind()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--links", type=int, default=10_000)
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--polls", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    data = Path(tempfile.mkdtemp(prefix="refilm-r14-"))
    found = run(Wishes(options.database, options.links, options.keys, options.polls, options.seed, data))
    told = ", ".join(found.told)
    print(
        f"R14 {options.database}: {'FAIL' if found.wrong else 'PASS'}  {len(found.wrong)} wrong in {told}; "
        f"seed {options.seed}"
    )
    print("\n".join(f"  wrong: {fault}" for fault in found.wrong[:50]))
    shutil.rmtree(data)
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
