"""Giving up rights, in the process that calls: limits, Landlock, seccomp. What is given up stays given up.

A locked process has its memory, its threads and the files that it is handed. It opens no path, reaches no network,
starts no process and signals none. The order matters: each step must still be allowed to happen. Both Landlock and a
filter bind the calling thread and those that it makes later, so there must be no other by then.

Knows nothing of clips and jobs. Linux only; `available` says what a machine has, also where that is nothing.
Source: Linux `Documentation/userspace-api/landlock.rst`, prctl(2), seccomp(2).
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import struct
import sys
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from refilm.runner.seccomp import packed, program
from refilm.runner.syscalls import ARCHITECTURES

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38
SECCOMP_MODE_FILTER = 2
SECCOMP_GET_ACTION_AVAIL = 2

LANDLOCK_CREATE_RULESET, LANDLOCK_RESTRICT_SELF = 444, 446
LANDLOCK_CREATE_RULESET_VERSION = 1
#: Every right on files by the interface's version that brought it; and bind and connect, and both scopes.
FILE_RIGHTS = {1: (1 << 13) - 1, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
NETWORK_RIGHTS = SCOPES = 3

#: seccomp(2) itself, which C libraries do not wrap.
_SECCOMP = {"x86_64": 317, "aarch64": 277}


class Sandbox(StrEnum):
    """How much of the lock must hold."""

    REQUIRE = "require"
    BEST_EFFORT = "best-effort"
    OFF = "off"


def usual_sandbox() -> Sandbox:
    """What holds where nothing is said: all of it where the system has it at all."""
    return Sandbox.REQUIRE if sys.platform == "linux" else Sandbox.BEST_EFFORT


@dataclass(frozen=True)
class Controls:
    """What holds in a process, or could.

    landlock: version of its interface, 0: none.  seccomp: whether a filter does.  limits: whether memory, processor
    time and open files are limited.  no_new_privileges, private: no program that it starts gains rights; no other
    process of the user may look inside.
    """

    limits: bool = False
    no_new_privileges: bool = False
    private: bool = False
    landlock: int = 0
    seccomp: bool = False

    def to_json(self) -> dict[str, Any]:
        """As the child tells its parent."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Any) -> Controls:
        """What a child said; anything that is not what it should be counts as not there."""
        told = values if isinstance(values, dict) else {}
        landlock = told.get("landlock")
        return cls(
            **{each.name: told.get(each.name) is True for each in fields(cls) if each.name != "landlock"},
            landlock=landlock if type(landlock) is int else 0,
        )

    def missing(self) -> list[str]:
        """What a process lacks that is to be locked in full, by name."""
        return [each.name.replace("_", " ") for each in fields(self) if not getattr(self, each.name)]

    def told(self) -> str:
        """What holds, in words."""
        held = [each.name.replace("_", " ") for each in fields(self) if getattr(self, each.name)]
        return ", ".join(f"Landlock {self.landlock}" if name == "landlock" else name for name in held) or "nothing"


@dataclass(frozen=True)
class Rlimits:
    """What a locked process may use. file_bytes: of one file.  cpu_seconds: from the lock on.  None: no limit."""

    file_bytes: int
    memory_bytes: int | None
    cpu_seconds: int | None
    files: int = 64


def available() -> Controls:
    """What this machine could hold a child to. Changes nothing."""
    if sys.platform != "linux":
        return Controls(limits=True)
    return Controls(
        limits=True, no_new_privileges=True, private=True, landlock=_landlock_version(), seccomp=_has_filters()
    )


def lock(limits: Rlimits) -> Controls:
    """Give up everything that this machine lets one give up; returns what holds.

    Raises RuntimeError where there are threads besides the calling one, which would stay free.
    """
    if sys.platform != "linux":
        return Controls(limits=_limit(limits))
    if (threads := thread_count()) != 1:
        raise RuntimeError(f"{threads - 1} threads are left over from the warm-up, and a lock would not bind them")
    return Controls(
        limits=_limit(limits),
        private=_prctl(PR_SET_DUMPABLE, 0),
        no_new_privileges=_prctl(PR_SET_NO_NEW_PRIVS, 1),
        landlock=_restrict_files(),
        seccomp=_install_filter(),
    )


def thread_count() -> int:
    """How many threads this process has, also those that Python does not know. Linux only."""
    return len(list(Path("/proc/self/task").iterdir()))


def die_with_parent() -> None:
    """Ask the kernel to end this process when the thread that started it ends; without that call, do without."""
    if sys.platform == "linux":
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def limit_files(file_bytes: int) -> None:
    """No core dumps, and no file larger than this."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # writing past the limit is then an error like any other


def _limit(limits: Rlimits) -> bool:
    limit_files(limits.file_bytes)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits.files, limits.files))
    if limits.cpu_seconds is not None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        soft = int(used.ru_utime + used.ru_stime) + 1 + limits.cpu_seconds
        resource.setrlimit(resource.RLIMIT_CPU, (soft, soft + 5))  # equal ones would kill without naming the reason
    if limits.memory_bytes is not None and sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    return True


def _libc() -> ctypes.CDLL:
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    return library


def _prctl(option: int, *values: int) -> bool:
    padded = [ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)[:4]]
    return bool(_libc().prctl(option, *padded) == 0)


def _landlock_version() -> int:
    """Of the kernel's interface; 0 where it has none, or where the machine's owner keeps it away."""
    found = _libc().syscall(
        LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(LANDLOCK_CREATE_RULESET_VERSION)
    )
    return max(0, int(found))


def _has_filters() -> bool:
    machine = platform.machine()
    if machine not in ARCHITECTURES:
        return False
    kill = ctypes.c_uint32(0x80000000)
    answer = _libc().syscall(_SECCOMP[machine], SECCOMP_GET_ACTION_AVAIL, 0, ctypes.byref(kill))
    return bool(answer == 0)


def ruleset(version: int) -> bytes:
    """`struct landlock_ruleset_attr` for a version of the interface: every right, and with no rule each is denied."""
    files = sum(rights for since, rights in FILE_RIGHTS.items() if version >= since)
    attributes = struct.pack("=QQQ", files, NETWORK_RIGHTS, SCOPES)
    return attributes[: 24 if version >= 6 else 16 if version >= 4 else 8]


def _restrict_files() -> int:
    """Deny every path, TCP, and what lies outside; returns the interface's version, 0 where that failed."""
    version = _landlock_version()
    if not version:
        return 0
    libc, attributes = _libc(), ruleset(version)
    made = libc.syscall(LANDLOCK_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint(0))
    if made < 0:
        return 0
    bound = libc.syscall(LANDLOCK_RESTRICT_SELF, ctypes.c_int(made), ctypes.c_uint(0))
    os.close(made)
    return version if bound == 0 else 0


def _install_filter() -> bool:
    architecture = ARCHITECTURES.get(platform.machine())
    if architecture is None:
        return False
    steps = program(architecture, os.getpid())
    code = ctypes.create_string_buffer(packed(steps))
    described = ctypes.create_string_buffer(struct.pack("@HP", len(steps), ctypes.addressof(code)))
    return _prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(described))
