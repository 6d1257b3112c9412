"""What an operator is told about a server that others can reach."""

from __future__ import annotations

import pytest

from refilm.bootstrap.exposure import exposures, is_loopback
from refilm.config import Settings

TLS, PROXY = {"public_url": "https://refilm.example"}, {"trusted_proxies": ("10.0.0.9/32",)}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, []),
        ({"host": "localhost"}, []),
        ({"host": "::1"}, []),
        ({"host": "0.0.0.0"}, ["readable"]),
        ({"host": "::"}, ["readable"]),
        ({"host": "192.0.2.1", "public_url": "http://refilm.example"}, ["readable"]),
        ({"host": "refilm.lan"}, ["readable"]),
        ({"host": "0.0.0.0", **TLS}, ["not trusted"]),
        ({"host": "0.0.0.0", **TLS, **PROXY}, []),
        ({**TLS}, ["not trusted"]),
        ({**TLS, **PROXY}, []),
        ({"public_url": "http://127.0.0.1:9000"}, []),
        ({"public_url": "http://[::1]"}, []),
        ({"public_url": "http://refilm.lan"}, ["not trusted"]),
        ({**TLS, "trusted_proxies": ("0.0.0.0/0",)}, ["everybody"]),
        ({"host": "0.0.0.0", "trusted_proxies": ("::/0",)}, ["everybody", "readable"]),
    ],
)
def test_what_is_not_safe_is_told(settings: dict[str, object], told: list[str]):
    """A public address without TLS, a proxy that is not trusted, and trust in everybody; nothing else."""
    found = list(exposures(Settings(**settings)))

    assert len(found) == len(told)
    assert all(word in exposure.what for word, exposure in zip(told, found, strict=True))
    assert all(exposure.mend.endswith(".") for exposure in found)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_this_machine_is_this_machine(host: str):
    """In all its spellings."""
    assert is_loopback(host)
