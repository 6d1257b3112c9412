"""The filter that the kernel asks before every system call of a locked child, as a program for its BPF machine.

An allow-list: what is not named is refused, and so is what a future kernel adds. Pure; `lockdown` installs it.

Source: Linux `Documentation/userspace-api/seccomp_filter.rst` and `include/uapi/linux/{seccomp,filter,bpf_common}.h`.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Sequence
from typing import NamedTuple

from refilm.runner.syscalls import ALWAYS, Architecture

#: Answers of a filter. ERRNO carries the error's number in its low 16 bits.
ALLOW, ERRNO, KILL = 0x7FFF0000, 0x00050000, 0x80000000

#: Operations: load a word of the call's description; compare it with k; are any of these bits set; answer.
LOAD, EQUAL, AT_LEAST, ANY_BIT, ANSWER = 0x20, 0x15, 0x35, 0x45, 0x06

#: Offsets in `struct seccomp_data`; arguments are 64 bits each, the low half first on both of our architectures.
NUMBER, AUDIT_ARCH = 0, 4

CLONE_THREAD = 0x10000
PROT_EXEC = 0x4
AT_EMPTY_PATH = 0x1000
PR_SET_NAME, PR_GET_NAME = 15, 16
PRIO_PROCESS, NICEST = 0, 19
#: How nice children are from the start; see `runner.process.Limits`.
LEAST_NICE = 5
F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC = 1, 2, 3, 1030


class Instruction(NamedTuple):
    """One step. then, otherwise: how many steps to skip after a comparison that holds, or does not."""

    code: int
    k: int
    then: int = 0
    otherwise: int = 0


REFUSED = Instruction(ANSWER, ERRNO | errno.EPERM)
ALLOWED = Instruction(ANSWER, ALLOW)


def program(architecture: Architecture, pid: int) -> tuple[Instruction, ...]:
    """The whole filter.  pid: of the process that will be locked, which may signal itself, as `abort` does."""
    steps = [
        Instruction(LOAD, AUDIT_ARCH),
        Instruction(EQUAL, architecture.audit, then=1),
        Instruction(ANSWER, KILL),
        Instruction(LOAD, NUMBER),
    ]
    if architecture.foreign_from is not None:
        steps += [Instruction(AT_LEAST, architecture.foreign_from, otherwise=1), Instruction(ANSWER, KILL)]
    for name, judge in _judges(pid).items():
        if name in architecture.calls:
            steps += [Instruction(EQUAL, architecture.calls[name], otherwise=len(judge)), *judge]
    allowed = [architecture.calls[name] for name in ALWAYS if name in architecture.calls]
    steps += [Instruction(EQUAL, number, then=len(allowed) - at) for at, number in enumerate(allowed)]
    return (*steps, REFUSED, ALLOWED)


def packed(steps: Sequence[Instruction]) -> bytes:
    """The program as the kernel reads it: `struct sock_filter` for each step."""
    return b"".join(struct.pack("=HBBI", step.code, step.then, step.otherwise, step.k) for step in steps)


def _argument(index: int, *, high: bool = False) -> Instruction:
    """Load half of an argument."""
    return Instruction(LOAD, 16 + 8 * index + 4 * high)


def _judges(pid: int) -> dict[str, list[Instruction]]:
    """What becomes of each call that is judged by its arguments. Every way through ends with an answer.

    Memory never becomes executable. New threads, no new processes: `clone3` keeps its flags where a filter cannot look,
    and C libraries fall back to `clone` where it does not exist. Own limits may be read and not set. A thread may step
    back behind others, and return to where children begin and no further.
    `newfstatat` without a path is what C libraries make of `fstat`.
    """
    no_execution = [_argument(2), Instruction(ANY_BIT, PROT_EXEC, otherwise=1), REFUSED, ALLOWED]
    return {
        "mmap": no_execution,
        "mprotect": no_execution,
        "pkey_mprotect": no_execution,
        "clone": [_argument(0), Instruction(ANY_BIT, CLONE_THREAD, otherwise=1), ALLOWED, REFUSED],
        "clone3": [Instruction(ANSWER, ERRNO | errno.ENOSYS)],
        "tgkill": _one_of(0, pid),
        "prctl": _one_of(0, PR_SET_NAME, PR_GET_NAME),
        "fcntl": _one_of(1, F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC),
        "prlimit64": [
            _argument(0),
            Instruction(EQUAL, 0, otherwise=5),
            _argument(2),
            Instruction(EQUAL, 0, otherwise=3),
            _argument(2, high=True),
            Instruction(EQUAL, 0, otherwise=1),
            ALLOWED,
            REFUSED,
        ],
        "getpriority": [_argument(1), Instruction(EQUAL, 0, otherwise=1), ALLOWED, REFUSED],
        "setpriority": [
            _argument(0),
            Instruction(EQUAL, PRIO_PROCESS, otherwise=6),
            _argument(1),
            Instruction(EQUAL, 0, otherwise=4),
            _argument(2),
            Instruction(AT_LEAST, NICEST + 1, then=2),  # negative ones are large here
            Instruction(AT_LEAST, LEAST_NICE, otherwise=1),
            ALLOWED,
            REFUSED,
        ],
        "newfstatat": [_argument(3), Instruction(ANY_BIT, AT_EMPTY_PATH, otherwise=1), ALLOWED, REFUSED],
        "ioctl": [Instruction(ANSWER, ERRNO | errno.ENOTTY)],
    }


def _one_of(index: int, *values: int) -> list[Instruction]:
    """Allowed where the low half of an argument is one of the values."""
    tests = [Instruction(EQUAL, value, then=len(values) - at) for at, value in enumerate(values)]
    return [_argument(index), *tests, REFUSED, ALLOWED]
