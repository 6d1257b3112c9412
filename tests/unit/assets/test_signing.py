"""Signed links: they open exactly what they were made for, until exactly when."""

from __future__ import annotations

import string

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from refilm.assets.signing import Signer
from refilm.errors import Refused

OLD = ("2026-01", b"an old secret of enough bytes")
NEW = ("2026-02", b"the new secret of enough bytes")
PATH = "/files/outputs/task-1/clip.mp4"
EXPIRES = 2_000_000_000
BEFORE = EXPIRES - 1

texts = st.text(max_size=60)


def test_own_link_is_valid_until_it_expires():
    """A link works up to the last moment before its expiry, and not at it."""
    signer = Signer([NEW])

    params = signer.sign("GET", PATH, EXPIRES)

    signer.verify("GET", PATH, params, BEFORE)
    signer.verify("GET", PATH, params, EXPIRES - 0.001)
    with pytest.raises(Refused, match="expired"):
        signer.verify("GET", PATH, params, EXPIRES)


@settings(deadline=None)
@given(method=st.sampled_from(["GET", "POST", "PUT"]), path=texts, expires=st.integers(1, 10**12 - 1))
def test_every_signed_link_verifies(method, path, expires):
    """Whatever was signed verifies, and its parameters need no quoting in a URL."""
    signer = Signer([NEW, OLD])

    params = signer.sign(method, path, expires)

    signer.verify(method, path, params, expires - 1)
    assert set("".join(params.values())) <= set(string.ascii_letters + string.digits + "-_")


@settings(deadline=None)
@given(method=texts, path=texts, expires=texts, key_id=texts, signature=texts)
def test_any_change_breaks_the_link(method, path, expires, key_id, signature):
    """No other method, path, expiry, key id or signature goes with a signature."""
    signer = Signer([NEW, OLD])
    good = signer.sign("GET", PATH, EXPIRES)
    changes = {"expires": expires, "key_id": key_id, "signature": signature}

    for name, value in changes.items():
        assume(value != good[name])
        with pytest.raises(Refused):
            signer.verify("GET", PATH, {**good, name: value}, 0)
    assume(method != "GET")
    with pytest.raises(Refused):
        signer.verify(method, PATH, good, 0)
    assume(path != PATH)
    with pytest.raises(Refused):
        signer.verify("GET", path, good, 0)


@settings(deadline=None)
@given(st.data())
def test_one_changed_character_breaks_the_link(data):
    """Not one character of a link can be changed, also not the signature's last one, which carries spare bits."""
    signer = Signer([NEW])
    good = signer.sign("GET", PATH, EXPIRES)
    name = data.draw(st.sampled_from(sorted(good)))
    at = data.draw(st.integers(0, len(good[name]) - 1))
    other = data.draw(st.sampled_from(string.ascii_letters + string.digits + "-_=+/ "))
    assume(other != good[name][at])

    changed = good[name][:at] + other + good[name][at + 1 :]

    with pytest.raises(Refused):
        signer.verify("GET", PATH, {**good, name: changed}, 0)


def test_every_last_character_of_a_signature_but_the_right_one_is_refused():
    """Base64 has several spellings of the same bytes; one only is a signature."""
    signer = Signer([NEW])
    good = signer.sign("GET", PATH, EXPIRES)
    spellings = {good["signature"][:-1] + last for last in string.ascii_letters + string.digits + "-_"}
    spellings |= {good["signature"] + "=", good["signature"] + "\n", " " + good["signature"]}

    for signature in spellings - {good["signature"]}:
        with pytest.raises(Refused):
            signer.verify("GET", PATH, {**good, "signature": signature}, 0)


@pytest.mark.parametrize("missing", ["expires", "key_id", "signature"])
def test_missing_parameter_is_refused(missing):
    """A link without one of its parameters is no link."""
    signer = Signer([NEW])
    params = signer.sign("GET", PATH, EXPIRES)
    del params[missing]

    with pytest.raises(Refused):
        signer.verify("GET", PATH, params, BEFORE)


@pytest.mark.parametrize("expires", ["", "0", "-1", "1e12", "٢", f"+{EXPIRES}", f"0{EXPIRES}", f" {EXPIRES}", "9" * 13])
def test_odd_spelling_of_the_expiry_is_refused(expires):
    """Nothing that `int` would forgive passes."""
    signer = Signer([NEW])
    params = signer.sign("GET", PATH, EXPIRES)

    with pytest.raises(Refused):
        signer.verify("GET", PATH, {**params, "expires": expires}, 0)


def test_rotation_keeps_old_links_alive_until_the_old_key_goes():
    """A new key signs at once, the old one still verifies, and once it is gone its links are dead."""
    link = Signer([OLD]).sign("GET", PATH, EXPIRES)
    rotated = Signer([NEW, OLD])

    rotated.verify("GET", PATH, link, BEFORE)
    assert rotated.sign("GET", PATH, EXPIRES)["key_id"] == NEW[0]
    with pytest.raises(Refused):
        Signer([NEW]).verify("GET", PATH, link, BEFORE)


def test_key_id_does_not_choose_the_secret_of_another():
    """A signature by one key is refused under another's id, even if both secrets are the same."""
    twins = Signer([("a", NEW[1]), ("b", NEW[1])])
    params = twins.sign("GET", PATH, EXPIRES)

    with pytest.raises(Refused):
        twins.verify("GET", PATH, {**params, "key_id": "b"}, BEFORE)


def test_forged_and_expired_are_told_in_that_order():
    """Who cannot sign does not learn whether a link has expired."""
    params = {**Signer([NEW]).sign("GET", PATH, 1), "signature": "x"}

    with pytest.raises(Refused, match="not valid"):
        Signer([NEW]).verify("GET", PATH, params, BEFORE)


@pytest.mark.parametrize(
    "keys",
    [[], [("a", b"short")], [("", NEW[1])], [("a b", NEW[1])], [("a", NEW[1]), ("a", OLD[1])]],
)
def test_unfit_keys_are_refused(keys):
    """A signer is never made with no key, a short secret, or an id that is odd or twice there."""
    with pytest.raises(ValueError):
        Signer(keys)


@pytest.mark.parametrize("expires", [0, -1, 10**12])
def test_unfit_expiry_is_not_signed(expires):
    """No link is made that could not be verified."""
    with pytest.raises(ValueError):
        Signer([NEW]).sign("GET", PATH, expires)
