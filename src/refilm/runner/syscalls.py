"""The system calls that a locked child may still make, with their numbers on each kind of processor.

An edit was watched for what it calls once everything is loaded: memory, threads, its own clock, and reading and writing
what is open already. Nothing here opens, names or starts anything. Those that may be made with some arguments only
stand apart: `seccomp` says with which.

Numbers: Linux `arch/x86/entry/syscalls/syscall_64.tbl`, and `include/uapi/asm-generic/unistd.h` for aarch64.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Architecture:
    """A kind of processor as the kernel's filters know it.

    audit: its AUDIT_ARCH number.  calls: name to number; a call that it does not have is missing.
    foreign_from: the first number of another calling convention under the same audit number, which is x32's bit.
    """

    audit: int
    calls: Mapping[str, int]
    foreign_from: int | None = None


#: Name: number on x86_64, number on aarch64. The ones that edits make most come first, for the filter asks in order.
_ALWAYS: dict[str, tuple[int | None, int | None]] = {
    "futex": (202, 98),
    "pread64": (17, 67),
    "pwrite64": (18, 68),
    "madvise": (28, 233),
    "munmap": (11, 215),
    "brk": (12, 214),
    "mremap": (25, 216),
    "read": (0, 63),
    "write": (1, 64),
    "readv": (19, 65),
    "writev": (20, 66),
    "lseek": (8, 62),
    "close": (3, 57),
    "fstat": (5, 80),
    "sendto": (44, 206),
    "sendmsg": (46, 211),
    "recvfrom": (45, 207),
    "recvmsg": (47, 212),
    "shutdown": (48, 210),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "nanosleep": (35, 101),
    "clock_nanosleep": (230, 115),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "gettimeofday": (96, 169),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "restart_syscall": (219, 128),
    "rseq": (334, 293),
    "set_robust_list": (273, 99),
    "membarrier": (324, 283),
    "getrandom": (318, 278),
    "getpid": (39, 172),
    "gettid": (186, 178),
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getegid": (108, 177),
    "getcpu": (309, 168),
    "getrusage": (98, 165),
    "sysinfo": (99, 179),
    "uname": (63, 160),
    "dup": (32, 23),
    "fsync": (74, 82),
    "fdatasync": (75, 83),
    "ftruncate": (77, 46),
    "poll": (7, None),
    "ppoll": (271, 73),
    "select": (23, None),
    "pselect6": (270, 72),
    "exit": (60, 93),
    "exit_group": (231, 94),
}

#: Judged by their arguments, or answered with an error of their own.
_JUDGED: dict[str, tuple[int | None, int | None]] = {
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "pkey_mprotect": (329, 288),
    "clone": (56, 220),
    "clone3": (435, 435),
    "tgkill": (234, 131),
    "prctl": (157, 167),
    "prlimit64": (302, 261),
    "getpriority": (140, 141),
    "setpriority": (141, 140),
    "newfstatat": (262, 79),
    "fcntl": (72, 25),
    "ioctl": (16, 29),
}

ALWAYS = tuple(_ALWAYS)
JUDGED = tuple(_JUDGED)


def _numbers(column: int) -> dict[str, int]:
    named = {**_ALWAYS, **_JUDGED}
    return {name: number for name, pair in named.items() if (number := pair[column]) is not None}


ARCHITECTURES: Mapping[str, Architecture] = {
    "x86_64": Architecture(0xC000003E, _numbers(0), foreign_from=0x40000000),
    "aarch64": Architecture(0xC00000B7, _numbers(1)),
}
