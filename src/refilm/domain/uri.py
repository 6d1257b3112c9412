"""Where an input comes from: https URL, `data:` URI or `runway://` upload, and whether its spelling is allowed.

Pure functions over text. Knows nothing of the network: whether a host may be dialled, answers, or serves the right
bytes is for others to find. Every refusal is a `UriProblem` whose sentence says what to do.
"""

from __future__ import annotations

import binascii
import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Never
from urllib.parse import SplitResult, urlsplit

UPLOAD_SCHEME = "runway://"

VIDEO_TYPES = ("video/mp4", "video/webm", "video/quicktime", "video/mov", "video/ogg", "video/h264")
IMAGE_TYPES = ("image/jpeg", "image/jpg", "image/png", "image/webp")


class AssetKind(StrEnum):
    """What an input URI must lead to."""

    VIDEO = "video"
    IMAGE = "image"

    @property
    def media_types(self) -> tuple[str, ...]:
        """The media types that this kind of input may have, lower case."""
        return VIDEO_TYPES if self is AssetKind.VIDEO else IMAGE_TYPES


class UriForm(StrEnum):
    """The three ways to name an input."""

    HTTPS = "https"
    DATA = "data"
    UPLOAD = "runway"


@dataclass(frozen=True)
class UriLimits:
    """Lengths in characters, both ends included."""

    min_chars: int = 13
    max_url_chars: int = 2048
    max_upload_chars: int = 5000
    max_video_data_chars: int = 16_777_216
    max_image_data_chars: int = 5_242_880

    def max_data_chars(self, kind: AssetKind) -> int:
        """The longest data URI of that kind."""
        return self.max_video_data_chars if kind is AssetKind.VIDEO else self.max_image_data_chars


DEFAULT_LIMITS = UriLimits()


class UriProblem(ValueError):
    """A URI that cannot be accepted as spelled. code: Zod's word.  extra: further members of the issue."""

    def __init__(self, message: str, code: str = "custom", **extra: Any) -> None:
        super().__init__(message)
        self.message, self.code, self.extra = message, code, extra


@dataclass(frozen=True)
class HttpsUrl:
    """An accepted https URL. host: ASCII, lower case, without a final dot.  port: 443 unless spelled."""

    url: str
    host: str
    port: int


@dataclass(frozen=True)
class DataUri:
    """An accepted data URI. media_type: lower case, without parameters.  payload: base64 as sent, padded."""

    media_type: str
    payload: str

    def decode(self) -> bytes:
        """The bytes that the URI carries."""
        return binascii.a2b_base64(self.payload, strict_mode=True)


def form_of(uri: str) -> UriForm:
    """Which of the three forms `uri` has, by its scheme alone. Raises UriProblem for any other."""
    scheme = uri[:16].partition(":")[0].lower()
    if scheme == "data":
        return UriForm.DATA
    if uri.startswith(UPLOAD_SCHEME):
        return UriForm.UPLOAD
    if scheme == "https":
        return UriForm.HTTPS
    raise UriProblem("Only HTTPS URLs, runway:// upload URIs and base64 data URIs are accepted.")


def check_uri(uri: str, kind: AssetKind, limits: UriLimits = DEFAULT_LIMITS) -> UriForm:
    """The form of `uri`, once its spelling has been found fit for an input of `kind`. Raises UriProblem.

    Cost: a data URI is decoded once, to be sure of its base64.
    """
    _check_length(uri, limits.min_chars, None)
    form = form_of(uri)
    if form is UriForm.DATA:
        parse_data_uri(uri, kind, limits)
    elif form is UriForm.UPLOAD:
        parse_upload_uri(uri, limits)
    else:
        parse_https_url(uri, limits)
    return form


def parse_upload_uri(uri: str, limits: UriLimits = DEFAULT_LIMITS) -> str:
    """What stands behind `runway://`. Raises UriProblem."""
    _check_length(uri, limits.min_chars, limits.max_upload_chars)
    name = uri.removeprefix(UPLOAD_SCHEME)
    if name == uri or not re.fullmatch(r"[!-~]+", name):
        raise UriProblem("A runway:// URI must be used exactly as the uploads endpoint returned it.")
    return name


_DATA_HEAD = re.compile(r"data:(?P<type>[^;,]*)(?P<parameters>(?:;[^;,]*)*),", re.IGNORECASE | re.ASCII)
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*", re.ASCII)
#: No honest data URI has a longer head; the bound keeps the search for its comma short.
_MAX_HEAD_CHARS = 256


def parse_data_uri(uri: str, kind: AssetKind, limits: UriLimits = DEFAULT_LIMITS) -> DataUri:
    """The media type and base64 text of a data URI (RFC 2397, base64 only). Raises UriProblem."""
    _check_length(uri, None, limits.max_data_chars(kind))
    head = _DATA_HEAD.match(uri[:_MAX_HEAD_CHARS])
    if head is None:
        raise UriProblem("This is not a data URI: it must look like data:<media type>;base64,<data>.")
    media_type, payload = head["type"].lower(), uri[head.end() :]
    _check_media_type(media_type, kind)
    if not head["parameters"].lower().endswith(";base64"):
        raise UriProblem("A data URI must be base64-encoded: data:<media type>;base64,<data>.")
    _check_base64(payload)
    return DataUri(media_type, payload)


def _check_media_type(media_type: str, kind: AssetKind) -> None:
    if not media_type:
        raise UriProblem(f"The data URI names no media type; it must begin like data:{kind.media_types[0]};base64,.")
    if media_type not in kind.media_types:
        shown = media_type if _MEDIA_TYPE.fullmatch(media_type) else "this one"
        raise UriProblem(f"The media type {shown} is not supported; use one of {', '.join(kind.media_types)}.")


def _check_base64(payload: str) -> None:
    """Accept the standard alphabet with full padding and nothing else, not even a line break."""
    if not payload:
        raise UriProblem("The data URI is empty.")
    try:
        # Python's strict mode lets a surplus of padding pass.
        if len(payload) % 4 or payload.endswith("==="):
            raise ValueError("padding")
        binascii.a2b_base64(payload, strict_mode=True)
    except ValueError as error:  # binascii.Error, or text that is not ASCII
        raise UriProblem("The data URI is not valid base64 (standard alphabet, with padding, no spaces).") from error


def parse_https_url(uri: str, limits: UriLimits = DEFAULT_LIMITS) -> HttpsUrl:
    """An https URL with a DNS name as its host. Raises UriProblem."""
    _check_length(uri, limits.min_chars, limits.max_url_chars)
    # urlsplit drops tabs and line breaks in silence, and browsers read a backslash as a slash: two parsers would
    # see two hosts.
    if re.search(r"[\x00-\x20\x7f\\]", uri):
        raise UriProblem("The URL contains a space, a control character or a backslash; percent-encode it.")
    parts, port = _split(uri)
    if parts.scheme != "https":
        raise UriProblem("The URL must use HTTPS.")
    if parts.username is not None or parts.password is not None:
        raise UriProblem("The URL must not contain a user name or a password.")
    return HttpsUrl(uri, dns_name(parts), port)


def _split(uri: str) -> tuple[SplitResult, int]:
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError as error:
        raise UriProblem("The URL cannot be parsed.") from error
    if port == 0:
        raise UriProblem("The URL cannot be parsed.")
    return parts, port or 443


def dns_name(parts: SplitResult) -> str:
    """The host of a split URL as an ASCII DNS name, lower case. Raises UriProblem for IP addresses in any spelling."""
    authority = parts.netloc.rpartition("@")[2]
    host = unicodedata.normalize("NFKC", parts.hostname or "").replace("\u3002", ".").lower().removesuffix(".")
    if _DEVIANT & set(host):
        raise UriProblem("The URL's host is read as different names by different software; spell it as xn--...")
    if authority.startswith("[") or ":" in host or _ends_in_a_number(host):
        raise UriProblem("The URL must name its host by a DNS name, not by an IP address.")
    try:
        name = host.encode("ascii").decode() if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        _bad_host()
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        _bad_host()
    return name


#: What the old and the new standard of international names turn into different names (UTS 46, deviation characters).
_DEVIANT = frozenset("\u00df\u03c2\u200c\u200d")

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)


def _ends_in_a_number(host: str) -> bool:
    """The URL standard's test for IPv4 in any spelling (127.1, 0x7f.1, 2130706433, 0177.0.0.1).

    https://url.spec.whatwg.org/#ends-in-a-number-checker
    """
    last = host.removesuffix(".").rpartition(".")[2]
    return re.fullmatch(r"[0-9]+|0x[0-9a-f]*", last, re.ASCII) is not None


def _bad_host() -> Never:
    raise UriProblem("The URL has no valid DNS name as its host.") from None


def _check_length(uri: str, low: int | None, high: int | None) -> None:
    if low is not None and len(uri) < low:
        raise UriProblem(
            f"Too small: expected string to have >={low} characters",
            "too_small",
            origin="string",
            minimum=low,
            inclusive=True,
        )
    if high is not None and len(uri) > high:
        raise UriProblem(
            f"Too big: expected string to have <={high} characters",
            "too_big",
            origin="string",
            maximum=high,
            inclusive=True,
        )
