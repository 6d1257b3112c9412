"""Which bytes a Range header asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refilm.api.ranges import ByteRange, Unsatisfiable, wanted


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", ByteRange(0, 1)),
        ("bytes=0-99", ByteRange(0, 100)),
        ("bytes=90-1000", ByteRange(90, 100)),
        ("bytes=99-", ByteRange(99, 100)),
        ("bytes=-1", ByteRange(99, 100)),
        ("bytes=-1000", ByteRange(0, 100)),
        ("Bytes=10-19", ByteRange(10, 20)),
        ("bytes=0-" + "9" * 5000, ByteRange(0, 100)),
        ("bytes=-" + "9" * 5000, ByteRange(0, 100)),
        ("bytes=" + "0" * 5000 + "7-8", ByteRange(7, 9)),
    ],
)
def test_one_range_is_honoured(header: str, expected: ByteRange) -> None:
    """First to last byte, both included; from a byte on; or the last so many. The end is cut at the file's."""
    assert wanted(header, 100) == expected


@pytest.mark.parametrize(
    "header",
    [None, "", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-2", "bytes=0-1,5-6", "items=0-1", "bytes=" + "0-," * 9000],
)
def test_what_is_not_understood_is_the_whole_file(header: str | None) -> None:
    """The RFC lets a server ignore a Range: a malformed one, another unit, several ranges."""
    assert wanted(header, 100) is None


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=" + "9" * 5000 + "-"])
def test_a_range_outside_the_file_cannot_be_satisfied(header: str) -> None:
    """What begins after the end is a 416."""
    with pytest.raises(Unsatisfiable):
        wanted(header, 100)


@given(st.text(max_size=30) | st.from_regex(r"bytes=\d*-\d*", fullmatch=True), st.integers(0, 1 << 40))
def test_a_range_lies_within_the_file(header: str, size: int) -> None:
    """Whatever is asked for, what is promised exists and is not empty."""
    try:
        found = wanted(header, size)
    except Unsatisfiable:
        return

    assert found is None or 0 <= found.start < found.stop <= size
