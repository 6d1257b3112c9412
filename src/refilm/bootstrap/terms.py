"""What the operator decided, as the values that parts take: limits, rules, terms. Opens and starts nothing."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_network
from typing import TYPE_CHECKING

from refilm.config import Settings
from refilm.domain.uri import UriLimits
from refilm.net.policy import Allowed, Policy, parse_allow, parse_endpoint_allow
from refilm.net.proxy import Proxy, parse_proxy
from refilm.retention import Keep
from refilm.service import Terms
from refilm.uploads import UploadRules

if TYPE_CHECKING:
    from refilm.api.connections import ConnectionRules
    from refilm.api.settings import ApiSettings
    from refilm.api.shares import ShareRules


def fetch_policy(settings: Settings) -> Policy:
    """Where inputs may be fetched from."""
    ca_file = str(settings.fetch_ca_file) if settings.fetch_ca_file else None
    return Policy(allow=tuple(parse_allow(text, ca_file) for text in settings.fetch_allow))


def endpoints(settings: Settings) -> tuple[Allowed, ...]:
    """Where URLs of the operator's may lead."""
    return tuple(parse_endpoint_allow(text) for text in settings.endpoint_allow)


def egress_proxy(settings: Settings) -> Proxy | None:
    """Through what inputs are fetched."""
    if settings.egress_proxy is None:
        return None
    return parse_proxy(settings.egress_proxy.get_secret_value(), endpoints(settings))


def uri_limits(settings: Settings) -> UriLimits:
    """How long input URIs may be."""
    return UriLimits(max_video_data_chars=settings.max_video_data_uri, max_image_data_chars=settings.max_image_data_uri)


def upload_rules(settings: Settings) -> UploadRules:
    """What an upload may be."""
    return UploadRules(
        max_bytes=settings.max_upload_bytes,
        slot_time=timedelta(seconds=settings.upload_slot_seconds),
        uri_time=timedelta(seconds=settings.upload_seconds),
    )


def keep_rules(settings: Settings) -> Keep:
    """How long things are kept."""

    def days(count: float | None) -> timedelta | None:
        return timedelta(days=count) if count is not None else None

    return Keep(tasks=days(settings.keep_tasks_days), records=days(settings.keep_records_days))


def terms_of(settings: Settings) -> Terms:
    """What the operator decided about tasks."""
    return Terms(
        settings.engine_for,
        settings.limits,
        settings.prices,
        settings.output_url_seconds,
        settings.tier,
        settings.max_waiting_tasks,
    )


def api_settings(settings: Settings) -> ApiSettings:
    """What the HTTP edge needs to know."""
    from refilm.api.lockout import LockoutRules
    from refilm.api.settings import ApiSettings

    return ApiSettings(
        files_url=settings.files_url.rstrip("/") if settings.files_url else None,
        tiers=frozenset(settings.tiers),
        lockout=LockoutRules(settings.max_wrong_keys, settings.wrong_key_seconds),
        shares=share_rules(settings),
        trusted_proxies=tuple(ip_network(text) for text in settings.trusted_proxies),
        public_url=settings.public_url.rstrip("/") if settings.public_url else None,
        docs_url=settings.docs_url,
        max_body_bytes=settings.max_body_bytes,
        max_bodies_bytes=settings.max_bodies_bytes,
        max_upload_bytes=settings.max_upload_bytes,
        uri_limits=uri_limits(settings),
    )


def share_rules(settings: Settings) -> ShareRules:
    """What one caller may have of the server."""
    from refilm.api.buckets import Rate
    from refilm.api.shares import ShareRules

    return ShareRules(
        Rate(settings.max_reads_per_second),
        Rate(settings.max_writes_per_second),
        settings.max_requests_at_once,
        Rate(settings.max_keyless_per_second),
    )


def connection_rules(settings: Settings) -> ConnectionRules:
    """What is asked of connections."""
    from refilm.api.connections import ConnectionRules

    return ConnectionRules(
        most=settings.max_connections,
        most_of_address=settings.max_connections_per_address,
        head_seconds=settings.head_seconds,
        body_seconds=settings.body_seconds,
        body_rate=settings.body_bytes_per_second,
        trusted_proxies=tuple(ip_network(text) for text in settings.trusted_proxies),
    )
