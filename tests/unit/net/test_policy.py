"""Who may be dialled: addresses and names in every spelling that we know of."""

from __future__ import annotations

import csv
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refilm.net.addresses import DENIED_V4, DENIED_V6, GLOBAL_V6, is_public
from refilm.net.names import unfit_host
from refilm.net.policy import (
    Allowed,
    Blocked,
    Policy,
    UnclearSetting,
    endpoint_policy,
    parse_allow,
    parse_endpoint_allow,
)

PRIVATE_ADDRESSES = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 100.127.255.255 127.0.0.1 127.255.255.254
168.63.129.16 169.254.0.1 169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.8 192.0.0.170 192.0.0.192
192.0.2.1 192.31.196.1 192.52.193.1 192.88.99.1 192.168.0.1 192.168.255.255 192.175.48.1 198.18.0.1 198.19.255.255
198.51.100.7 203.0.113.9 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255
:: ::1 ::127.0.0.1 ::7f00:1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:7f00:1 ::ffff:10.0.0.1 ::ffff:169.254.169.254
0:0:0:0:0:ffff:127.0.0.1 ::ffff:0:127.0.0.1 64:ff9b::7f00:1 64:ff9b::169.254.169.254 64:ff9b:1::8.8.8.8 100::1
100:0:0:1::1 2001::1 2001:0:7f00:1::1 2001:2::1 2001:10::1 2001:20::1 2001:30::1 2001:db8::1 2002:7f00:1::1
2002:a00:1::1
2002:808:808::1 2620:4f:8000::1 3ffe::1 3fff::1 3fff:fff::1 4000::1 5f00::1 fc00::1 fd00:ec2::254 fdff:ffff::1 fe80::1
fe80:0:0:0:0:0:0:1 fec0::1 feff::1 ff00::1 ff02::1 ff05::2 ff0e::1
""".split()  # noqa: SIM905 - a table to be read

PUBLIC_ADDRESSES = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1 151.101.1.140 168.63.129.15
169.253.255.255 169.255.0.1 172.15.255.255 172.32.0.1 191.255.255.255 192.0.1.1 192.0.3.1 192.167.255.255 192.169.0.1
198.17.255.255 198.20.0.1 198.51.99.1 203.0.112.1 203.0.114.1 223.255.255.255
2001:200::1 2001:4860:4860::8888 2003::1 2400:cb00::1 2606:4700:4700::1111 2620:4f:7fff::1 2a00:1450:4001:829::200e
3ffd::1 3fff:1000::1 ::ffff:8.8.8.8 64:ff9b::808:808
""".split()  # noqa: SIM905

UNFIT_HOSTS = [
    *("127.0.0.1", "127.1", "0x7f.1", "0x7f000001", "2130706433", "017700000001", "0177.0.0.1", "0", "1.1.1.1"),
    *("8.8.8.8", "0x", "1.2.3.0x4", "media.example.1", "[::1]", "::1", "[::ffff:127.0.0.1]", "fe80::1%eth0"),
    *("localhost", "LOCALHOST", "intranet", "a.localhost", "printer.local", "metadata.google.internal", "nas.lan"),
    *("7.0.0.127.in-addr.arpa", "x.service.consul", "web.default.svc", "a.localdomain", "b.mail", "c.private"),
    *("router.home.arpa", "wiki.corp", "abc.onion", "x.test", "y.invalid", "z.example", "db.intranet", "tv.home"),
    *("", ".", "..", "media.example.com.", ".example.com", "a..b.com", "-a.example.com", "a-.example.com"),
    *("exa mple.com", "example.com/", "example.com:443", "user@example.com", "ex%61mple.com", "a\\b.com", "a\nb.com"),
    *("①②⑦.⓪.⓪.①", "127。0。0。1", "exämple.com", "a" * 64 + ".com", "a." * 127 + "com"),
]

LAN = Allowed("media.lan", ip_network("10.1.0.0/16"), 8443)


@pytest.mark.parametrize("address", PRIVATE_ADDRESSES)
def test_private_address_is_blocked(address):
    """Nothing that is not a host on the public internet is dialled, however it is spelled and whoever answers it."""
    with pytest.raises(Blocked):
        Policy().judge(address, "media.example.com", 443)


@pytest.mark.parametrize("address", PUBLIC_ADDRESSES)
def test_public_address_passes(address):
    """Public hosts can be dialled, right up to the borders of the denied networks."""
    Policy().judge(address, "media.example.com", 443)


@pytest.mark.parametrize(
    "address", ["fe80::1%eth0", "2606:4700::1%2", "1.1.1", "", "01.1.1.1", "1.1.1.1 ", "dns.google"]
)
def test_odd_answer_is_blocked(address):
    """An answer with a scope, or that is no plain literal, is never dialled."""
    with pytest.raises(Blocked):
        Policy().judge(address, "media.example.com", 443)


@pytest.mark.parametrize("host", UNFIT_HOSTS)
def test_unfit_host_is_blocked_before_it_is_looked_up(host):
    """IP literals in any spelling, internal names and malformed names are not even resolved."""
    with pytest.raises(Blocked):
        Policy().judge_host(host, 443)


@pytest.mark.parametrize(
    "host",
    ["example.com", "MEDIA.Example.COM", "a-b.c.io", "my_bucket.s3.amazonaws.com", "xn--exmple-cua.com", "1.com"],
)
def test_plain_dns_name_passes(host):
    """Ordinary names pass."""
    Policy().judge_host(host, 443)


@pytest.mark.parametrize("port", [0, 1, 22, 80, 442, 444, 6379, 8443, 65535])
def test_only_the_https_port_is_dialled(port):
    """No other port of a public host is reached."""
    with pytest.raises(Blocked):
        Policy().judge("1.1.1.1", "example.com", port)


def test_exception_of_an_internal_name_opens_its_network_only():
    """A name inside that suddenly leads outside is not followed there, even on the port of public hosts."""
    policy = Policy(allow=(Allowed("nas.lan", ip_network("10.1.7.20/32")),))

    policy.judge("10.1.7.20", "nas.lan", 443)
    with pytest.raises(Blocked):
        policy.judge("1.1.1.1", "nas.lan", 443)


@pytest.mark.parametrize("scheme", ["http", "ftp", "ws", ""])
def test_requests_go_by_https(scheme):
    """Neither a public host nor an exception is asked by anything but HTTPS, whatever the port."""
    policy = Policy(allow=(LAN, Allowed("odd.lan", ip_network("10.0.0.0/8"), 80)))

    policy.judge_request("https", "example.com", 443)
    policy.judge_request("https", "media.lan", 8443)
    for host, port in (("example.com", 443), ("media.lan", 8443), ("odd.lan", 80)):
        with pytest.raises(Blocked):
            policy.judge_request(scheme, host, port)


def test_url_of_the_operator_leads_to_its_own_host():
    """Without a list its host may be anywhere, inside or outside, but at its own port, by its own scheme."""
    policy = endpoint_policy("http", "LLM.lan", 8080)

    policy.judge_request("http", "llm.lan", 8080)
    for address in ("127.0.0.1", "10.1.2.3", "fd00::7", "::1", "1.1.1.1"):
        policy.judge(address, "llm.lan", 8080)
    for scheme, host, port in (
        ("https", "llm.lan", 8080),
        ("http", "llm.lan", 80),
        ("http", "other.lan", 8080),
        ("https", "example.com", 443),
    ):
        with pytest.raises(Blocked):
            policy.judge_request(scheme, host, port)


@pytest.mark.parametrize(
    "address",
    [
        *("169.254.169.254", "100.100.100.200", "192.0.0.192", "168.63.129.16", "fd00:ec2::254", "fe80::1", "::"),
        *("0.0.0.0", "224.0.0.1", "255.255.255.255", "ff02::1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"),
    ],
)
def test_url_of_the_operator_leads_to_no_metadata_service(address):
    """Whoever answers for the operator's host cannot make it a cloud's metadata service, unless a list says so."""
    with pytest.raises(Blocked):
        endpoint_policy("http", "llm.lan", 80).judge(address, "llm.lan", 80)


def test_list_of_endpoints_binds_the_operators_urls():
    """Where there is a list, scheme, host, port and addresses are as it says, and a URL that it lacks is told."""
    listed = parse_endpoint_allow("scheme=http host=LLM.lan cidr=10.1.0.0/16 port=8080")
    policy = endpoint_policy("http", "llm.lan", 8080, (listed,))

    policy.judge("10.1.2.3", "llm.lan", 8080)
    for address in ("10.2.0.1", "127.0.0.1", "1.1.1.1"):
        with pytest.raises(Blocked):
            policy.judge(address, "llm.lan", 8080)
    for scheme, host, port in (("https", "llm.lan", 8080), ("http", "llm.lan", 80), ("http", "a.lan", 8080)):
        with pytest.raises(UnclearSetting, match=r"endpoint_allow names\.$"):
            endpoint_policy(scheme, host, port, (listed,))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("host=llm.lan cidr=10.0.0.0/8", Allowed("llm.lan", ip_network("10.0.0.0/8"), 443)),
        ("scheme=http host=a cidr=10.0.0.0/8", Allowed("a", ip_network("10.0.0.0/8"), 80, None, "http")),
        ("scheme=http host=10.0.0.1 cidr=10.0.0.1", Allowed("10.0.0.1", ip_network("10.0.0.1"), 80, None, "http")),
        ("host=[::1] cidr=::1/128 port=1 ca_file=/x", Allowed("::1", ip_network("::1/128"), 1, "/x")),
    ],
)  # fmt: skip
def test_endpoint_is_read_from_a_setting(text, expected):
    """Endpoints may be plain HTTP and IP addresses, as the URLs that an operator sets may."""
    assert parse_endpoint_allow(text) == expected


@pytest.mark.parametrize("text", ["", "scheme=ftp host=a cidr=::/0", "host=a", "host=a cidr=x", "host=a cidr=::/0 y=z"])
def test_unclear_endpoint_is_refused_with_a_sentence(text):
    """As with extra sources, a setting that does not say one place stops the start."""
    with pytest.raises(UnclearSetting, match=r"\.$"):
        parse_endpoint_allow(text)


def test_exception_opens_exactly_its_host_network_and_port():
    """An operator's exception reaches no other host, address or port, and takes nothing from the default."""
    policy = Policy(allow=(LAN,))

    policy.judge("10.1.2.3", "media.lan", 8443)
    policy.judge("10.1.2.3", "MEDIA.LAN", 8443)
    policy.judge("::ffff:10.1.2.3", "media.lan", 8443)
    policy.judge("1.1.1.1", "example.com", 443)

    for address, host, port in [
        ("10.2.0.1", "media.lan", 8443),
        ("127.0.0.1", "media.lan", 8443),
        ("1.1.1.1", "media.lan", 8443),
        ("10.1.2.3", "media.lan", 443),
        ("10.1.2.3", "other.lan", 8443),
        ("10.1.2.3", "example.com", 8443),
        ("10.1.2.3", "example.com", 443),
    ]:
        with pytest.raises(Blocked):
            policy.judge(address, host, port)


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_nothing_that_python_calls_private_passes(address):
    """Our table denies at least what the standard library denies; it has the two stand-ins for IPv4 judged as IPv4."""
    if isinstance(address, IPv6Address) and any(
        address in ip_network(text) for text in ("::ffff:0:0/96", "64:ff9b::/96")
    ):
        address = IPv4Address(int(address) & 0xFFFF_FFFF)

    if (
        address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_reserved
    ):
        assert not is_public(address)


def special_purpose(version: int) -> list[tuple[str, str]]:
    """The rows of IANA's registry of special-purpose addresses, as (network, "Globally Reachable")."""
    name = f"iana-ipv{version}-special-registry-1.csv"
    with (Path(__file__).parent / name).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        (block.split()[0], row["Globally Reachable"].strip())
        for row in rows
        for block in row["Address Block"].split(",")
    ]


#: What the registry calls reachable, and stands for an IPv4 address that is judged as itself.
TRANSLATED = {"::ffff:0:0/96", "64:ff9b::/96"}


@pytest.mark.parametrize(("text", "reachable"), [*special_purpose(4), *special_purpose(6)])
def test_every_special_purpose_block_of_the_registries_is_denied(text, reachable):
    """All of IANA's special-purpose blocks are denied, also the globally reachable ones: none holds a file server.

    The files are the registries as of 2026-07-18. A new row there makes a new row in `refilm.net.addresses`.
    """
    network = ip_network(text)
    samples = [network[0], network[-1], network[network.num_addresses // 2], network[min(1, network.num_addresses - 1)]]
    if text in TRANSLATED:
        samples = [network[int(ip_address(inner))] for inner in ("127.0.0.1", "10.0.0.1", "169.254.169.254")]

    assert not any(is_public(address) for address in samples), (text, reachable)


def test_registries_are_whole():
    """Both files hold what they should: a file cut short would prove nothing."""
    assert len(special_purpose(4)) >= 26
    assert len(special_purpose(6)) >= 24
    assert {"127.0.0.0/8", "255.255.255.255/32"} <= {text for text, _ in special_purpose(4)}
    assert {"::1/128", "fe80::/10"} <= {text for text, _ in special_purpose(6)}


def test_every_denied_network_has_a_reason():
    """What we deny beyond the registries is a short list that is known: addresses of clouds, multicast, the 6bone."""
    registered = [ip_network(text) for version in (4, 6) for text, _ in special_purpose(version)]
    ours = {
        str(network)
        for network in (*DENIED_V4, *DENIED_V6)
        if not any(network.version == other.version and network.subnet_of(other) for other in registered)
    }

    assert ours == {"168.63.129.16/32", "224.0.0.0/4", "3ffe::/16"}


@given(st.ip_addresses(v=4))
def test_ipv4_in_disguise_is_no_way_around(address):
    """An IPv4 address that is not public is none inside IPv6 either, however it is carried.

    What stands for a public one is dialled only where it is mapped, or translated by the well-known prefix.
    """
    number = int(address)
    mapped, translated = IPv6Address((0xFFFF << 32) | number), IPv6Address((0x64_FF9B << 96) | number)
    compatible, six_to_four = IPv6Address(number), IPv6Address((0x2002 << 112) | (number << 80) | 1)
    teredo = IPv6Address((0x2001_0000 << 96) | (0x0101_0101 << 64) | (number ^ 0xFFFF_FFFF))
    local_nat64 = IPv6Address((0x64_FF9B_0001 << 80) | number)
    isatap = IPv6Address((0x2A00_1450 << 96) | (0x5EFE << 32) | number)

    assert is_public(mapped) == is_public(translated) == is_public(address)
    assert not any(is_public(other) for other in (compatible, six_to_four, teredo, local_nat64, isatap))


@given(st.sampled_from([*DENIED_V4, *DENIED_V6]), st.data())
def test_every_address_of_a_denied_network_is_denied(network, data):
    """A network is denied from its first to its last address."""
    offset = data.draw(st.integers(0, network.num_addresses - 1))

    assert not is_public(network[offset])
    assert not is_public(network[0])
    assert not is_public(network[-1])


def test_denied_networks_lie_where_they_matter():
    """Every IPv6 entry lies inside the part that would pass otherwise; an entry elsewhere would be dead text."""
    assert all(network.subnet_of(GLOBAL_V6) for network in DENIED_V6)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("host=media.lan cidr=10.1.0.0/16 port=8443", LAN),
        ("port=8443  cidr=10.1.0.0/16 host=Media.LAN", LAN),
        ("host=localhost cidr=127.0.0.1/32", Allowed("localhost", ip_network("127.0.0.1/32"), 443)),
        (
            "host=nas cidr=fd00::/8 ca_file='/etc/my lan.pem'",
            Allowed("nas", ip_network("fd00::/8"), 443, "/etc/my lan.pem"),
        ),
    ],
)
def test_exception_is_read_from_a_setting(text, expected):
    """The setting's words may stand in any order; the port is 443 unless given."""
    assert parse_allow(text) == expected


def test_exception_takes_the_general_authority_unless_it_names_its_own():
    """One CA file can be set for all exceptions, and overruled for one."""
    assert parse_allow("host=a.lan cidr=10.0.0.0/8", "/lan.pem").ca_file == "/lan.pem"
    assert parse_allow("host=a.lan cidr=10.0.0.0/8 ca_file=/a.pem", "/lan.pem").ca_file == "/a.pem"


@pytest.mark.parametrize(
    "text",
    [
        *("", "host=media.lan", "cidr=10.0.0.0/8", "host= cidr=10.0.0.0/8", "media.lan 10.0.0.0/8", "host='a cidr=b"),
        *("host=10.1.0.1 cidr=10.1.0.0/16", "host=0x7f.1 cidr=127.0.0.0/8", "host=a/b cidr=10.0.0.0/8"),
        *("host=a.lan cidr=10.1.0.1/16", "host=a.lan cidr=ten", "host=a.lan cidr=10.0.0.0/8 port=0"),
        *("host=a.lan cidr=10.0.0.0/8 port=65536", "host=a.lan cidr=10.0.0.0/8 port=٣", "host=a cidr=10.0.0.0/8 x=y"),
    ],
)
def test_unclear_exception_is_refused_with_a_sentence(text):
    """A setting that does not say exactly one host and one network stops the start, with a sentence that says why."""
    with pytest.raises(UnclearSetting, match=r"\.$"):
        parse_allow(text)


@given(st.one_of(st.text(), st.from_regex(r"[a-zA-Z0-9_.-]+", fullmatch=True)))
def test_host_that_passes_is_a_plain_full_name(host):
    """Whatever passes is ASCII, has a dot inside, no empty part, and does not end in a number."""
    if unfit_host(host) is None:
        labels = host.split(".")
        assert host.isascii()
        assert len(labels) >= 2
        assert all(labels)
        assert not labels[-1].isdigit()


def test_tables_are_long_enough():
    """The promise of at least sixty judged spellings is kept by this file itself."""
    assert len(PRIVATE_ADDRESSES) + len(UNFIT_HOSTS) >= 120
    assert all(ip_address(text) for text in PRIVATE_ADDRESSES)
