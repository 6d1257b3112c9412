"""Settings: every option is explained, read from the environment, and refused where it makes no sense."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsError

from refilm.cli.options import BadSettings, settings_with
from refilm.config import Settings
from refilm.domain.account import Tier
from refilm.domain.edit import Model


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch):
    """No setting of the machine reaches a test."""
    import os

    for name in list(os.environ):
        if name.startswith("REFILM_"):
            monkeypatch.delenv(name)


def test_every_setting_says_what_it_is():
    """Each option has a sentence of its own that ends like one."""
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.rstrip().endswith("."), name
    assert len({field.description for field in Settings.model_fields.values()}) == len(Settings.model_fields)


def test_defaults_make_a_server():
    """Without any environment there is a usable configuration that listens on this machine only."""
    settings = Settings()

    assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 8000, 1)
    assert settings.prices == {}
    assert {settings.engine_for(model) for model in Model} == {"effects"}
    assert settings.data.is_absolute()


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("port", "0", 0),
        ("data", "/tmp/x", Path("/tmp/x")),
        ("engines", "effects, other ,", ("effects", "other")),
        ("engines", "", ()),
        ("routes", '{"aleph2": "other"}', {Model.ALEPH2: "other"}),
        ("prices", '{"gen4_aleph": 15, "aleph2": 0.5}', {Model.GEN4_ALEPH: 15.0, Model.ALEPH2: 0.5}),
        (
            "fetch_allow",
            "host=media.lan port=8443; cidr=10.1.0.0/16 ;",
            ("host=media.lan port=8443", "cidr=10.1.0.0/16"),
        ),
        ("endpoint_allow", "host=a cidr=::/0;", ("host=a cidr=::/0",)),
        ("max_concurrent_tasks", "3", 3),
        ("partial_edits", "true", True),
        ("log_format", "json", "json"),
        ("embedding_model", "/models/minilm", "/models/minilm"),
        ("chat_url", "http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1"),
        ("chat_seconds", "2.5", 2.5),
    ],
)
def test_settings_are_read_from_the_environment(monkeypatch, name, text, expected):
    """REFILM_<NAME> sets the option <name>."""
    monkeypatch.setenv(f"REFILM_{name.upper()}", text)

    assert getattr(Settings(), name) == expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("port", "70000"),
        ("port", "http"),
        ("workers", "-1"),
        ("workers", "65"),
        ("max_concurrent_tasks", "0"),
        ("edit_seconds", "0"),
        ("prices", '{"gen4_aleph": -1}'),
        ("prices", '{"gen4_aleph": NaN}'),
        ("prices", '{"gen5": 1}'),
        ("routes", '{"gen5": "effects"}'),
        ("log_format", "xml"),
        ("log_level", "loud"),
        ("output_url_seconds", "5"),
        ("chat_seconds", "0"),
        ("chat_seconds", "601"),
        ("chat_model", ""),
        ("prices", "15"),
        ("prices", "{"),
    ],
)
def test_bad_values_are_told_by_name(monkeypatch, name, text):
    """A value that makes no sense is refused with the variable's name, as one error of ours."""
    monkeypatch.setenv(f"REFILM_{name.upper()}", text)

    with pytest.raises((ValidationError, SettingsError)):
        Settings()
    with pytest.raises(BadSettings, match=rf"(?i){name}"):
        settings_with()


def test_given_options_beat_the_environment(monkeypatch):
    """An option on the command line wins; one that was not given leaves the environment's."""
    monkeypatch.setenv("REFILM_PORT", "9000")
    monkeypatch.setenv("REFILM_HOST", "::1")

    settings = settings_with(port=9100, host=None)

    assert (settings.port, settings.host) == (9100, "::1")


def test_unknown_options_are_refused():
    """A misspelt option is an error, not silence."""
    with pytest.raises(BadSettings, match="PORTS"):
        settings_with(ports=1)


def test_keys_are_not_shown(monkeypatch):
    """Printed settings keep the chat server's key to themselves."""
    monkeypatch.setenv("REFILM_CHAT_KEY", "sesame")

    assert Settings().chat_key.get_secret_value() == "sesame"
    assert "sesame" not in repr(Settings())


def test_settings_do_not_change():
    """Who holds settings holds them as they were read."""
    with pytest.raises(ValidationError):
        Settings().port = 1


def test_limits_of_the_models():
    """aleph2 takes Runway's 2 to 30 s at 1080p, gen4_aleph ten minutes at 2160p; the longest are settings."""
    settings = Settings(aleph2_max_seconds=12, gen4_aleph_max_seconds=99)

    aleph2, gen4 = settings.limits(Model.ALEPH2), settings.limits(Model.GEN4_ALEPH)

    assert (aleph2.min_seconds, aleph2.max_seconds, aleph2.long_side, aleph2.short_side) == (2, 12, 1920, 1080)
    assert (gen4.min_seconds, gen4.max_seconds, gen4.long_side, gen4.short_side) == (0, 99, 3840, 2160)
    assert Settings().limits(Model.ALEPH2).max_seconds == 30
    assert Settings().limits(Model.GEN4_ALEPH).max_seconds == 600


@pytest.mark.parametrize(
    ("settings", "blamed", "words"),
    [
        ({"assets_url": "http://bucket/x"}, "ASSETS_URL", "s3://bucket/prefix"),
        ({"assets_url": "s3://"}, "ASSETS_URL", "s3://bucket/prefix"),
        ({"assets_url": "s3://bucket/../x"}, "ASSETS_URL", "s3://bucket/prefix"),
        ({"assets_url": "s3://bucket/a b"}, "ASSETS_URL", "s3://bucket/prefix"),
        ({"assets_url": "file://host/x"}, "ASSETS_URL", "file:///folder"),
        ({"s3_endpoint": "s3.lan"}, "S3_ENDPOINT", "https://"),
        ({"s3_endpoint": "https://s3.lan/bucket"}, "S3_ENDPOINT", "without a path"),
        ({"s3_endpoint": "http://s3.lan"}, "S3_ALLOW_HTTP", "network that you trust"),
        ({"s3_access_key": "k"}, "S3_SECRET_KEY", "both or neither"),
        ({"s3_secret_key": "s"}, "S3_SECRET_KEY", "both or neither"),
    ],
    ids=str,
)
def test_a_place_for_assets_that_cannot_work_is_refused(settings, blamed, words):
    """Each wrong setting of a bucket is named, with what it should look like."""
    with pytest.raises(BadSettings) as told:
        settings_with(**settings)

    assert f"REFILM_{blamed}: " in str(told.value)
    assert words in str(told.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"assets_url": "s3://bucket"},
        {"assets_url": "s3://my.bucket-1/a/b_c/"},
        {"assets_url": "file:///srv/shared"},
        {"s3_endpoint": "https://s3.lan:9000/"},
        {"s3_endpoint": "http://127.0.0.1:8333"},
        {"s3_endpoint": "http://[::1]:8333"},
        {"s3_endpoint": "http://s3.lan", "s3_allow_http": True},
        {"s3_access_key": "k", "s3_secret_key": "s"},
    ],
    ids=str,
)
def test_a_place_for_assets_that_can_work_is_taken(settings):
    """Buckets with and without a prefix, shared folders, TLS, loopback, and plain HTTP where it is allowed."""
    assert "s3_secret_key" not in settings or "s" not in str(settings_with(**settings).s3_secret_key)
    settings_with(**settings)


def test_tiers_are_runways_unless_said_otherwise():
    """The five tiers that Runway documents are there by name; accounts without a tier have no caps."""
    assert [Settings().tier(name) for name in ("1", "5", None)] == [Tier(1, 50), Tier(20, 25_000), Tier()]


def test_tiers_can_be_replaced_and_one_made_the_default(monkeypatch):
    """An absent or null number is no cap; a name that was taken out again counts as the default."""
    monkeypatch.setenv("REFILM_TIERS", '{"free": {"concurrent": 1, "daily": 5}, "gold": {"concurrent": null}}')
    monkeypatch.setenv("REFILM_DEFAULT_TIER", "free")

    settings = Settings()

    assert [settings.tier(name) for name in ("gold", None, "3")] == [Tier(), Tier(1, 5), Tier(1, 5)]


def test_single_caps_are_the_tier_of_those_without_one():
    """max_concurrent_tasks and max_daily_tasks hold for accounts that were given no tier, and for no other."""
    settings = Settings(max_concurrent_tasks=2, max_daily_tasks=9)

    assert [settings.tier(name) for name in (None, "3")] == [Tier(2, 9), Tier(5, 1_000)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"default_tier": "gold"},
        {"default_tier": "3", "max_daily_tasks": 9},
        {"tiers": {"gold": {"concurrent": 0}}},
        {"tiers": {"gold": {"concurent": 3}}},
    ],
)
def test_tiers_that_mean_nothing_are_refused(wrong):
    """An unknown default, two defaults at once, a cap of nothing and a misspelt word stop the start."""
    with pytest.raises(ValidationError):
        Settings(**wrong)


def test_a_worker_must_beat_before_it_counts_as_dead():
    """A beat that is late once is no death."""
    with pytest.raises(ValidationError, match="at least three times beat_seconds"):
        Settings(beat_seconds=5, dead_seconds=14)

    assert Settings(beat_seconds=0.5, dead_seconds=1.5).dead_seconds == 1.5


def test_a_pool_that_nobody_knows_is_refused():
    """There are three."""
    with pytest.raises(ValidationError, match="cpu"):
        Settings(pools="cpu,tpu")


def test_a_second_port_needs_to_be_known_by_a_url():
    """files_port without files_url would be a door that no link leads to."""
    assert Settings(files_url="http://127.0.0.1:8001", files_port=8001).files_port == 8001
    with pytest.raises(ValidationError, match="files_port needs files_url"):
        Settings(files_port=8001)
    with pytest.raises(ValidationError, match="without a path"):
        Settings(files_url="https://refilm.example/files")


def test_proxies_are_networks(monkeypatch):
    """Comma-separated, of both families; a name is none."""
    monkeypatch.setenv("REFILM_TRUSTED_PROXIES", "127.0.0.1/32, 10.0.0.0/8,::1")
    assert Settings().trusted_proxies == ("127.0.0.1/32", "10.0.0.0/8", "::1")

    with pytest.raises(ValidationError, match=r"proxy\.lan"):
        Settings(trusted_proxies=("proxy.lan",))
