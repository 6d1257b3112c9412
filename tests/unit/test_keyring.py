"""The keys that sign links: how they come, how they go, and which of them signs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refilm.assets.signing import SIGNS_AFTER, Signer, SigningKey, in_order
from refilm.errors import NotFound, Refused
from refilm.keyring import MOST_KEYS, Keyring

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
FAR = 2_000_000_000


@pytest.fixture
def keyring(store, clock) -> Keyring:
    """The keyring of an empty store."""
    return Keyring(store, clock)


def ids(keyring: Keyring) -> list[str]:
    """Its keys by name."""
    return [key.id for key in keyring.live()]


def test_two_keys_live_at_most(keyring, clock):
    """Each rotation adds one and drops what is older than the one before; numbers are not used again."""
    assert ids(keyring) == ["signing-1"]

    told = []
    for _ in range(11):
        clock.move(hours=1)
        key, dropped = keyring.rotate()
        told.append((key.id, dropped))

    assert told[:3] == [("signing-2", []), ("signing-3", ["signing-1"]), ("signing-4", ["signing-2"])]
    assert ids(keyring) == ["signing-11", "signing-12"]
    assert len({key.secret for key in keyring.live()}) == MOST_KEYS


def test_rotation_comes_first_where_nothing_was_signed_yet(keyring):
    """It makes the first key too."""
    assert keyring.rotate()[0].id == "signing-2"
    assert ids(keyring) == ["signing-1", "signing-2"]


def test_a_key_can_be_dropped_unless_it_is_the_only_one(keyring):
    """A dropped key is gone at once; an unknown one, and the last one, is a sentence."""
    keyring.rotate()

    keyring.drop("signing-1")

    assert ids(keyring) == ["signing-2"]
    with pytest.raises(NotFound, match="only signing key"):
        keyring.drop("signing-2")
    with pytest.raises(NotFound, match="no signing key 'api'"):
        keyring.drop("api")
    assert keyring.rotate()[0].id == "signing-3"


def test_a_link_lives_through_one_rotation_and_not_two(keyring, clock):
    """What the key before signed works; what the one before that signed does not, however long it had left."""
    signer = Signer([(key.id, key.secret) for key in keyring.live()])
    link = signer.sign("GET", "/files/x", FAR)

    keyring.rotate()
    signer.take([(key.id, key.secret) for key in in_order(keyring.live(), clock())])
    signer.verify("GET", "/files/x", link, 0)
    keyring.rotate()
    signer.take([(key.id, key.secret) for key in in_order(keyring.live(), clock())])

    with pytest.raises(Refused):
        signer.verify("GET", "/files/x", link, 0)


@settings(deadline=None)
@given(ages=st.lists(st.floats(0, 400), min_size=1, max_size=4))
def test_the_newest_that_all_know_signs(ages):
    """A key signs once every process had time to read it; where none is that old, the one that most will know."""
    keys = [SigningKey(f"k-{n}", b"x" * 16, NOON - timedelta(seconds=age)) for n, age in enumerate(ages)]

    order = in_order(keys, NOON)

    assert sorted(key.id for key in order) == sorted(key.id for key in keys)
    known = [age for age in ages if age >= SIGNS_AFTER.total_seconds()]
    age = (NOON - order[0].created_at).total_seconds()
    assert age == pytest.approx(min(known) if known else max(ages), abs=1e-4)
