"""Keys: their form, what is kept of them, and when they stop working."""

from __future__ import annotations

import re
import zlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refilm import accounts as module
from refilm.accounts import Accounts, digest_of, is_mistyped, new_secret
from refilm.domain.account import KeyScope, NewKey
from refilm.errors import InvalidRequest, NotFound, Refused


@pytest.fixture
def accounts(store, clock) -> Accounts:
    """The accounts of an empty store."""
    return Accounts(store, clock)


def test_a_key_has_runways_form_and_a_checksum():
    """`key_` and 128 hex digits, the last eight a CRC of the others; no two are alike."""
    secrets = {new_secret() for _ in range(50)}

    assert len(secrets) == 50
    for secret in secrets:
        assert re.fullmatch(r"key_[0-9a-f]{128}", secret)
        body = secret.removeprefix("key_")
        assert int(body[-8:], 16) == zlib.crc32(body[:-8].encode())


def test_a_key_names_its_account(accounts):
    """Two keys of one name speak for one account; another name is another account."""
    first, second, other = (accounts.create_key(name) for name in ("ann", "ann", "bob"))

    callers = [accounts.authenticate(secret) for secret in (first, second, other)]

    assert callers[0].account == callers[1].account != callers[2].account
    assert len({caller.key_id for caller in callers}) == 3
    assert accounts.authenticate(first) == callers[0]


@settings(deadline=None)
@given(secret=st.text(max_size=200))
def test_any_other_text_is_refused(secret):
    """No text makes the lookup fail otherwise than by Refused, not even half characters."""
    with pytest.raises(Refused):
        Accounts(EmptyStore(), lambda: NOON).authenticate(secret)


NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class EmptyStore:
    """A store in which no key is."""

    def read(self, question):
        """Ask it."""

        class Rows:
            class accounts:  # noqa: N801 - stands for a transaction's member
                key_hashed = staticmethod(lambda digest: None)

        return question(Rows)


def test_unknown_keys_are_refused_like_revoked_ones(accounts, store, clock):
    """Whether a key never existed or was revoked cannot be told from the answer."""
    secret = accounts.create_key("ann")
    accounts.revoke("ann")

    with pytest.raises(Refused) as revoked:
        Accounts(store, clock).authenticate(secret)
    with pytest.raises(Refused) as unknown:
        accounts.authenticate(new_secret())

    assert str(revoked.value) == str(unknown.value)


def test_a_revoked_key_stops_working_within_its_memory(accounts, store, clock, monkeypatch):
    """A server that knew the key forgets it after a few seconds, though another process revoked it."""
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    secret = accounts.create_key("ann")
    accounts.authenticate(secret)

    Accounts(store, clock).revoke("ann")
    now[0] += module.REMEMBER_SECONDS

    with pytest.raises(Refused):
        accounts.authenticate(secret)


def test_a_key_that_is_revoked_here_stops_here_at_once(accounts):
    """Who revokes over a server need not wait for that server's memory; other keys stay remembered."""
    secret, other = accounts.create_key("ann"), accounts.create_key("bob")
    assert accounts.authenticate(secret)
    assert accounts.authenticate(other)

    accounts.revoke("ann")

    assert accounts.recognise(secret) is None
    assert accounts.recognise(other)
    with pytest.raises(Refused):
        accounts.authenticate(secret)


def test_a_new_key_works_though_it_was_refused_before(accounts):
    """A refusal is not remembered."""
    secret = new_secret()
    with pytest.raises(Refused):
        accounts.authenticate(secret)

    accounts.add_key("ann", secret)

    assert accounts.authenticate(secret).account


def test_memory_is_bounded(accounts, monkeypatch):
    """However many keys come by, so many are remembered."""
    monkeypatch.setattr(module, "REMEMBER_AT_MOST", 3)
    secrets = [accounts.create_key(f"a{n}") for n in range(8)]

    for secret in secrets:
        accounts.authenticate(secret)

    assert len(accounts._remembered) <= 3


def test_revoke_counts_live_keys_by_name_or_id(accounts):
    """Each live key is revoked once; an unknown name revokes nothing."""
    accounts.create_key("ann")
    accounts.create_key("ann")
    first = accounts.all_keys()[0]

    assert accounts.revoke("nobody") == []
    assert accounts.revoke(first.id) == [first]
    assert len(accounts.revoke("ann")) == 1
    assert all(key.revoked_at for key in accounts.all_keys())


def test_the_secret_is_nowhere_on_disk(accounts, store, tmp_path):
    """The files hold the hash of a key and no part of the key itself."""
    assert accounts.is_empty()
    secret = accounts.create_key("ann")
    store.close()

    raw = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())

    assert digest_of(secret).encode() in raw
    assert secret.removeprefix("key_")[:24].encode() not in raw
    assert bytes.fromhex(secret.removeprefix("key_")[:24]) not in raw


def test_a_caller_knows_tier_and_priority(accounts, store, clock):
    """What the operator gave the account and the key is told with the caller, within its memory."""
    secret = accounts.create_key("ann", priority=7)
    before = accounts.authenticate(secret)
    accounts.set_tier("ann", "3")
    assert len(accounts.set_priority("ann", -1)) == 1

    after = Accounts(store, clock).authenticate(secret)

    assert (before.tier, before.priority) == (None, 7)
    assert (after.tier, after.priority) == ("3", -1)
    assert accounts.tier("ann") == "3"


# the form of a key


@settings(deadline=None)
@given(at=st.integers(0, 131), digit=st.sampled_from("0123456789abcdefgkxyzABCDEF_ "))
def test_a_mistyped_key_is_known_by_itself(at, digit):
    """One wrong character anywhere behind the prefix is noticed without asking anybody."""
    wrong = GOOD[:at] + digit + GOOD[at + 1 :]

    assert is_mistyped(wrong) is (wrong != GOOD and wrong.startswith("key_"))
    assert not is_mistyped(GOOD)


GOOD = new_secret()


def test_a_mistyped_key_costs_no_look(clock):
    """It is refused with a sentence of its own, and the database is not asked."""
    nobody = Accounts(None, clock)

    for secret in (GOOD[:-1], GOOD.upper().replace("KEY_", "key_"), GOOD[:-1] + "x", "key_"):
        with pytest.raises(Refused, match="mistyped or cut off"):
            nobody.authenticate(secret)


def test_a_key_of_our_form_must_be_whole_to_be_added(accounts):
    """What would count as mistyped cannot be lent to an account."""
    with pytest.raises(ValueError, match="form of new_secret"):
        accounts.add_key("ann", "key_" + "0" * 128)


# scopes, expiry, use


def test_a_caller_knows_what_the_key_is_for(accounts):
    """Without a word: reading and creating. With words: these alone."""
    usual = accounts.authenticate(accounts.create_key("ann"))
    admin = accounts.authenticate(accounts.issue(NewKey("ops", "pager", frozenset({KeyScope.ADMIN})))[1])

    assert usual.scopes == {KeyScope.READ, KeyScope.CREATE}
    assert admin.scopes == {KeyScope.ADMIN}
    assert {key.name for key in accounts.all_keys()} == {"ann", "pager"}
    with pytest.raises(InvalidRequest, match="at least one scope"):
        accounts.issue(NewKey("ann", scopes=frozenset()))


def test_a_key_expires_to_the_moment(accounts, store, clock, monkeypatch):
    """It works before, and not at its expiry, also where it is remembered; the answer is that to an unknown key."""
    monotonic = [50.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: monotonic[0])
    secret = accounts.issue(NewKey("ann", expires_at=clock() + timedelta(seconds=2)))[1]
    assert accounts.authenticate(secret).account

    clock.move(seconds=2)
    monotonic[0] += 2

    for asked in (accounts, Accounts(store, clock)):
        with pytest.raises(Refused, match="not known here, was revoked or has expired"):
            asked.authenticate(secret)
    with pytest.raises(InvalidRequest, match="in the future"):
        accounts.issue(NewKey("ann", expires_at=clock()))


def test_an_expiry_can_be_moved(accounts, store, clock):
    """An expired key lives again, one that had no end gets one; a revoked one stays as it is."""
    secret = accounts.issue(NewKey("ann", expires_at=clock() + timedelta(seconds=1)))[1]
    clock.move(seconds=5)

    assert len(accounts.expire("ann", None)) == 1
    assert accounts.authenticate(secret).account
    accounts.expire("ann", clock())
    with pytest.raises(Refused):
        Accounts(store, clock).authenticate(secret)
    accounts.revoke("ann")
    assert accounts.expire("ann", None) == []


def test_a_use_is_noted_about_once_a_minute(accounts, store, clock):
    """The first use, and none of those within the next minute, is written."""
    secret = accounts.create_key("ann")
    first = clock()

    for _ in range(4):
        Accounts(store, clock).authenticate(secret)
        clock.move(seconds=19)
    store.write(lambda tx: None).result()  # behind what nobody waited for

    assert accounts.all_keys()[0].used_at == first
    clock.move(seconds=19)
    Accounts(store, clock).authenticate(secret)
    store.write(lambda tx: None).result()
    assert accounts.all_keys()[0].used_at == clock()


def test_a_use_that_cannot_be_noted_is_no_refusal(accounts, store, clock, monkeypatch):
    """A database that only reads still lets callers in."""
    secret = accounts.create_key("ann")

    def closed(change):
        raise module.Unavailable("The database is closed.")

    monkeypatch.setattr(store, "write", closed)

    assert Accounts(store, clock).authenticate(secret).account


# which keys are meant


def test_a_name_means_one_accounts_keys(accounts):
    """An id means its key, an account's name all its keys, a key's name that key, and never those of two accounts."""
    for account, name in (("ann", None), ("ann", "robot"), ("bob", "robot"), ("bob", "ann"), ("cy", "pager")):
        accounts.issue(NewKey(account, name))

    with pytest.raises(InvalidRequest, match="several accounts"):
        accounts.revoke("robot")
    assert [key.name for key in accounts.revoke("pager")] == ["pager"]
    assert sorted(key.name for key in accounts.revoke("ann")) == ["ann", "robot"]
    assert sorted(key.name for key in accounts.revoke("bob")) == ["ann", "robot"]


def test_one_key_is_revoked_by_its_id_alone(accounts):
    """Not by a name, and not twice."""
    key, _ = accounts.issue(NewKey("ann", "robot"))

    for wrong in ("ann", "robot", "k_0"):
        with pytest.raises(NotFound):
            accounts.revoke_one(wrong)
    assert accounts.revoke_one(key.id) == key
    with pytest.raises(NotFound):
        accounts.revoke_one(key.id)


def test_an_accounts_terms_change_as_far_as_they_are_named(accounts):
    """What is not named stays; null takes away; an unknown account is not found."""
    accounts.create_key("ann")
    (account,) = accounts.all_accounts()

    assert accounts.set_terms(account.id, {"tier": "3", "credits": 9}).tier == "3"
    assert accounts.set_terms(account.id, {"tier": None}).credits == 9
    assert accounts.set_terms(account.id, {"credits": None}) == account
    with pytest.raises(NotFound):
        accounts.set_terms("acc_none", {"credits": 1})
