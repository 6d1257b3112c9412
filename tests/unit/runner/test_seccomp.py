"""The filter of locked children, run on a small machine of the test's own: which calls pass, with which arguments."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refilm.runner.seccomp import ALLOW, ERRNO, KILL, packed, program
from refilm.runner.syscalls import ALWAYS, ARCHITECTURES, JUDGED, Architecture

PID = 4242
EPERM = ERRNO | errno.EPERM
EACH = pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=list(ARCHITECTURES))
ARGUMENTS = st.lists(st.integers(0, 2**64 - 1), min_size=6, max_size=6)


def verdict(architecture: Architecture, number: int, *arguments: int, audit: int | None = None) -> int:
    """What the filter answers to a call, step by step as the kernel would go."""
    steps = program(architecture, PID)
    given = [*arguments, *[0] * (6 - len(arguments))]
    words = {0: number, 4: architecture.audit if audit is None else audit}
    for index, value in enumerate(given):
        words |= {16 + 8 * index: value & 0xFFFFFFFF, 20 + 8 * index: value >> 32}
    at = word = 0
    while True:
        step = steps[at]
        if step.code == 0x20:
            word, at = words[step.k], at + 1
        elif step.code == 0x06:
            return step.k
        else:
            holds = {0x15: word == step.k, 0x35: word >= step.k, 0x45: bool(word & step.k)}[step.code]
            at += 1 + (step.then if holds else step.otherwise)


def call(architecture: Architecture, name: str, *arguments: int) -> int:
    return verdict(architecture, architecture.calls[name], *arguments)


@EACH
def test_what_is_named_passes_and_nothing_else(architecture):
    """Of all numbers that a kernel has or may one day have, those of the table pass; the rest is refused."""
    named = {number: name for name, number in architecture.calls.items()}
    for number in range(1200):
        if number not in named:
            assert verdict(architecture, number) == EPERM, number
        elif named[number] in ALWAYS:
            assert verdict(architecture, number) == ALLOW, number


@EACH
@given(number=st.integers(0, 2**32 - 1), arguments=ARGUMENTS)
def test_every_call_gets_an_answer(architecture, number, arguments):
    """No call and no arguments lead out of the program."""
    told = verdict(architecture, number, *arguments)

    assert told in (ALLOW, KILL) or told & 0xFFFF0000 == ERRNO
    if told == ALLOW:
        assert number in architecture.calls.values()


@EACH
@given(audit=st.integers(0, 2**32 - 1))
def test_other_calling_conventions_are_fatal(architecture, audit):
    """A call in another processor's numbers, such as the 32-bit ones, ends the process: they mean other calls."""
    if audit != architecture.audit:
        assert verdict(architecture, 0, audit=audit) == KILL


def test_x32_is_fatal():
    """x86_64's second set of numbers, under the same audit number, ends the process too."""
    assert verdict(ARCHITECTURES["x86_64"], 0x40000000 + 59) == KILL


@EACH
def test_arguments_decide(architecture):
    """Threads and no processes, data and no code, own signals and limits only; each neighbour of those is refused."""
    threads, fork = 0x3D0F00, 17
    assert call(architecture, "clone", threads) == ALLOW
    assert call(architecture, "clone", fork) == EPERM
    assert call(architecture, "clone3", 1) == ERRNO | errno.ENOSYS
    for name in ("mmap", "mprotect", "pkey_mprotect"):
        assert call(architecture, name, 0, 4096, 3) == ALLOW
        assert call(architecture, name, 0, 4096, 7) == EPERM
    assert call(architecture, "tgkill", PID, 1, 6) == ALLOW
    assert call(architecture, "tgkill", PID + 1, 1, 6) == EPERM
    assert call(architecture, "prctl", 15) == ALLOW  # a thread's name
    for option in (1, 4, 22, 38, 0x59616D61):
        assert call(architecture, "prctl", option) == EPERM
    assert call(architecture, "prlimit64", 0, 7, 0, 1 << 40) == ALLOW
    assert call(architecture, "prlimit64", 0, 7, 1 << 40, 0) == EPERM
    assert call(architecture, "prlimit64", 0, 7, 64, 0) == EPERM
    assert call(architecture, "prlimit64", PID - 1, 7, 0, 64) == EPERM
    assert call(architecture, "getpriority", 0, 0) == ALLOW
    assert call(architecture, "getpriority", 0, PID) == EPERM
    for niceness, answer in ((5, ALLOW), (10, ALLOW), (19, ALLOW), (4, EPERM), (0, EPERM), (20, EPERM), (-5, EPERM)):
        assert call(architecture, "setpriority", 0, 0, niceness & 0xFFFFFFFF) == answer
    assert call(architecture, "setpriority", 0, PID, 10) == EPERM
    assert call(architecture, "setpriority", 1, 0, 10) == EPERM
    assert call(architecture, "newfstatat", 3, 0, 0, 0x1000) == ALLOW
    assert call(architecture, "newfstatat", 3, 0, 0, 0) == EPERM
    assert call(architecture, "fcntl", 3, 3) == ALLOW
    assert call(architecture, "fcntl", 3, 8, 1) == EPERM  # F_SETOWN: signals to others
    assert call(architecture, "ioctl", 0, 0x5412) == ERRNO | errno.ENOTTY


@EACH
def test_the_program_is_one_that_the_kernel_takes(architecture):
    """Jumps stay inside and go forward, the last step answers, and a packed step has 8 bytes."""
    steps = program(architecture, PID)

    assert len(packed(steps)) == 8 * len(steps) < 8 * 4096
    assert steps[-1].code == 0x06
    for at, step in enumerate(steps):
        assert 0 <= step.then < 256
        assert 0 <= step.otherwise < 256
        assert at + 1 + max(step.then, step.otherwise) < len(steps) or step.code == 0x06


def test_the_tables_agree():
    """Each number means one call, and aarch64 lacks nothing but the two old calls that it never had."""
    for architecture in ARCHITECTURES.values():
        assert len(set(architecture.calls.values())) == len(architecture.calls)
    everything = {*ALWAYS, *JUDGED}
    assert set(ARCHITECTURES["x86_64"].calls) == everything
    assert everything - set(ARCHITECTURES["aarch64"].calls) == {"poll", "select"}
