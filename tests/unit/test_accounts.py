"""Keys: their form, what is kept of them, and when they stop working."""

from __future__ import annotations

import re
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refilm import accounts as module
from refilm.accounts import Accounts, digest_of, new_secret
from refilm.errors import Refused


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


@given(secret=st.text(max_size=200))
def test_any_other_text_is_refused(secret):
    """No text makes the lookup fail otherwise than by Refused, not even half characters."""
    with pytest.raises(Refused):
        Accounts(EmptyStore(), None).authenticate(secret)


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

    assert accounts.revoke("nobody") == 0
    assert accounts.revoke(first.id) == 1
    assert accounts.revoke("ann") == 1
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
    assert accounts.set_priority("ann", -1) == 1

    after = Accounts(store, clock).authenticate(secret)

    assert (before.tier, before.priority) == (None, 7)
    assert (after.tier, after.priority) == ("3", -1)
    assert accounts.tier("ann") == "3"
