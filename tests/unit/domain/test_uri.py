"""Which input URIs are well spelled."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refilm.domain.uri import (
    AssetKind,
    UriForm,
    UriLimits,
    UriProblem,
    check_uri,
    parse_data_uri,
    parse_https_url,
    parse_upload_uri,
)

VIDEO, IMAGE = AssetKind.VIDEO, AssetKind.IMAGE


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("https://example.com/a.mp4", "example.com", 443),
        ("HTTPS://EXAMPLE.com:8443/a.mp4?x=1#t", "example.com", 8443),
        ("https://example.com./a.mp4", "example.com", 443),
        ("https://münchen.example/a.mp4", "xn--mnchen-3ya.example", 443),
        ("https://my_bucket.s3.example/a", "my_bucket.s3.example", 443),
        ("https://localhost/a.mp4", "localhost", 443),
    ],
)
def test_https_urls_are_taken_apart(url: str, host: str, port: int) -> None:
    """A URL's host is found in its ASCII spelling, and its port."""
    parsed = parse_https_url(url)

    assert (parsed.host, parsed.port) == (host, port)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "0x7f.0.0.1",
        "0x7f000001",
        "2130706433",
        "0177.0.0.1",
        "127.0.0.1.",
        "127.0.0.0x1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[fe80::1%25eth0]",
        "１２７.０.０.１",
        "127。0。0。1",
        "①②⑦.0.0.1",
        "evil.example.1",
        "0x",
    ],
)
def test_ip_addresses_are_refused_in_any_spelling(host: str) -> None:
    """A host that a browser or a resolver would read as an IP address is no DNS name."""
    with pytest.raises(UriProblem, match=r"DNS name|parsed"):
        parse_https_url(f"https://{host}/clip.mp4")


@pytest.mark.parametrize(
    "url",
    [
        "https:///clip.mp4",
        "https://./clip.mp4",
        "https://a..example/clip.mp4",
        "https://-a.example/clip.mp4",
        "https://exa mple.com/clip.mp4",
        "https://example.com\\@evil.example/clip",
        "https://example.com\t/clip.mp4",
        "https://user@example.com/clip.mp4",
        "https://example.com:0/clip.mp4",
        "https://example.com:99999/clip.mp4",
        "https://example.com:x/clip.mp4",
        "https://[::1/clip.mp4",
        "https://127.0.0.1%2f.example/clip.mp4",
        "https:/example.com/clip.mp4",
        "https:example.com/clip.mp4",
        f"https://{'a' * 64}.example/clip.mp4",
        "ftp://example.com/clip.mp4",
        "file:///etc/passwd",
        "clip.mp4 of mine",
    ],
)
def test_urls_that_two_parsers_could_read_differently_are_refused(url: str) -> None:
    """Whatever is not plainly an https URL with a host is refused with a sentence."""
    with pytest.raises(UriProblem) as refused:
        check_uri(url, VIDEO)

    assert refused.value.message.endswith(".")


def test_lengths_are_counted_at_both_ends() -> None:
    """13 to 2048 characters for a URL, 13 to 5000 for an upload."""
    assert check_uri("https://a.de/", VIDEO) is UriForm.HTTPS
    assert check_uri("https://example.com/" + "a" * 2028, VIDEO) is UriForm.HTTPS
    assert check_uri("runway://" + "a" * 4991, IMAGE) is UriForm.UPLOAD
    for uri, code in [
        ("https://a.io", "too_small"),
        ("https://example.com/" + "a" * 2029, "too_big"),
        ("runway://" + "a" * 4992, "too_big"),
    ]:
        with pytest.raises(UriProblem) as refused:
            check_uri(uri, VIDEO)
        assert refused.value.code == code
        assert refused.value.extra["inclusive"] is True


@pytest.mark.parametrize(
    "uri", ["runway://a b c d e f", "runway://ünïcode-name", "Runway://abcdefgh", "runway://a\nbcdef"]
)
def test_upload_uris_are_taken_as_they_were_given(uri: str) -> None:
    """A runway:// URI with other characters than ours is refused."""
    with pytest.raises(UriProblem):
        check_uri(uri, VIDEO)


def test_the_name_of_an_upload_is_what_follows_the_scheme() -> None:
    """parse_upload_uri gives the name back."""
    assert parse_upload_uri("runway://upload-1.abc_DEF") == "upload-1.abc_DEF"


@given(st.binary(min_size=1, max_size=300), st.sampled_from(VIDEO.media_types), st.booleans())
def test_any_bytes_pass_through_a_data_uri(content: bytes, media_type: str, shout: bool) -> None:
    """What base64 carries comes out again; scheme and media type may be in capitals, parameters may stand between."""
    head = f"data:{media_type};codecs=avc1;base64,"
    uri = (head.upper() if shout else head) + base64.b64encode(content).decode()

    parsed = parse_data_uri(uri, VIDEO)

    assert parsed.media_type == media_type
    assert parsed.decode() == content


@pytest.mark.parametrize(
    "uri",
    [
        "data:,hello world",
        "data:;base64,AAAA",
        "data:text/plain;base64,AAAA",
        "data:video/mp4,AAAA",
        "data:video/mp4;base64",
        "data:video/mp4;base64,",
        "data:video/mp4;base64,AAA",
        "data:video/mp4;base64,AAA=A",
        "data:video/mp4;base64,AA==AA==",
        "data:video/mp4;base64,AAAA====",
        "data:video/mp4;base64,AA-_",
        "data:video/mp4;base64,AAAA\n",
        "data:video/mp4;base64, AAAA",
        "data:video/mp4;base64,AAÄA",
        "data:video/mp4;base64;x=y,AAAA",
        "data:" + "video/mp4;" + "x" * 300 + ";base64,AAAA",
        "data:image/png;base64,AAAA",
    ],
)
def test_data_uris_are_read_strictly(uri: str) -> None:
    """A data URI with another media type, without base64, or with anything odd in its base64 is refused."""
    with pytest.raises(UriProblem):
        check_uri(uri, VIDEO)


def test_data_uris_have_limits_by_kind() -> None:
    """The longest data URI is set for clips and for pictures apart, the last character included."""
    limits = UriLimits(max_video_data_chars=40, max_image_data_chars=34)

    assert check_uri("data:video/mp4;base64," + "A" * 16, VIDEO, limits) is UriForm.DATA
    assert check_uri("data:image/png;base64," + "A" * 12, IMAGE, limits) is UriForm.DATA
    for uri, kind in [("data:video/mp4;base64," + "A" * 20, VIDEO), ("data:image/png;base64," + "A" * 16, IMAGE)]:
        with pytest.raises(UriProblem) as refused:
            check_uri(uri, kind, limits)
        assert refused.value.code == "too_big"


@given(
    st.text(max_size=60)
    | st.sampled_from(["https://", "data:", "runway://"]).flatmap(lambda s: st.text().map(s.__add__))
)
def test_any_text_is_judged(text: str) -> None:
    """Every text has a form or a problem; nothing else is raised."""
    try:
        found: object = check_uri(text, VIDEO)
    except UriProblem as problem:
        found = problem.message

    assert found
