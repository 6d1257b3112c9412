"""A child whose engine tries to get out, once it is locked: for tests of the lock.

Run as a file, in the place of `refilm.runner.child`, whose protocol and lock it keeps; with the word "server" in that
of `refilm.runner.forkserver`. Its attempts are harmless where they succeed, except `hog` and `spin`, which are for
their limits to stop. Do not run it unlocked.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np

from refilm.domain.edit import Model
from refilm.engines.base import Capabilities, Outcome
from refilm.engines.registry import Registry
from refilm.runner import child, forkserver

LIBC = ctypes.CDLL(None, use_errno=True)
SECRET = "/etc/passwd"
PARENT = os.getppid()
#: Numbers of calls that C libraries do not wrap, on x86_64 and aarch64.
NUMBERS = {
    "io_uring_setup": (425, 425),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "keyctl": (250, 219),
    "open_by_handle_at": (304, 265),
    "pidfd_open": (434, 434),
    "process_vm_readv": (310, 270),
    "openat2": (437, 437),
    "landlock_create_ruleset": (444, 444),
    "seccomp": (317, 277),
    "memfd_secret": (447, 447),
    "statx": (332, 291),
}
#: Memory that calls may point to.
BUFFER = ctypes.create_string_buffer(16384)


def call(name: str, *arguments: Any) -> int:
    """A system call by its number. Raises OSError."""
    return told(LIBC.syscall(NUMBERS[name][platform.machine() == "aarch64"], *arguments))


def told(answer: int) -> int:
    """The answer of a C function. Raises OSError where it is an error."""
    if answer < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return answer


def elsewhere(attempt: Callable[[], object]) -> object:
    """The attempt on a thread that is younger than the lock."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            attempt()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return None


def fork() -> int:
    """A second process; it would vanish at once."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    return pid


def knock(family: int, kind: int, address: Any) -> None:
    with socket.socket(family, kind) as knocking:
        knocking.settimeout(1)
        knocking.connect(address)


ATTEMPTS: dict[str, Callable[[], object]] = {
    "read a file": lambda: Path(SECRET).read_bytes(),
    "read a file on a new thread": lambda: elsewhere(lambda: Path(SECRET).read_bytes()),
    "read a file by FFmpeg": lambda: av.open(SECRET),
    "reach a server by FFmpeg": lambda: av.open("udp://127.0.0.1:9", options={"timeout": "1000"}),
    "read by openat2": lambda: call("openat2", -100, SECRET.encode(), ctypes.create_string_buffer(24), 24),
    "write a file": lambda: Path("/tmp/refilm-probe-should-not-exist").write_bytes(b"x"),
    "look at a file": lambda: os.stat(SECRET),  # noqa: PTH116
    "look at a file by statx": lambda: call("statx", -100, SECRET.encode(), 0, 0xFFF, BUFFER),
    "list a folder": lambda: os.listdir("/"),  # noqa: PTH208
    "read a link": lambda: os.readlink("/proc/self/exe"),  # noqa: PTH115
    "change folder": lambda: os.chdir("/proc"),
    "change root": lambda: os.chroot("/"),
    "change rights": lambda: os.chmod("/nonexistent", 0o600),  # noqa: PTH101
    "change owner": lambda: os.chown("/nonexistent", 0, 0),
    "make a folder": lambda: Path("/tmp/refilm-probe-should-not-exist").mkdir(),
    "remove a file": lambda: Path("/nonexistent").unlink(),
    "read own memory map": lambda: Path("/proc/self/maps").read_bytes(),
    "open a file by its handle": lambda: call("open_by_handle_at", -100, BUFFER, 0),
    "TCP": lambda: knock(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 9)),
    "UDP": lambda: knock(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 9)),
    "TCP over IPv6": lambda: knock(socket.AF_INET6, socket.SOCK_STREAM, ("::1", 9)),
    "unix socket": lambda: knock(socket.AF_UNIX, socket.SOCK_STREAM, "\0refilm-probe"),
    "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "socket pair": socket.socketpair,
    "name lookup": lambda: socket.getaddrinfo("localhost", 80),
    "fork": fork,
    "start a program": lambda: subprocess.run(["/bin/true"], check=True),
    "become a program": lambda: os.execv("/nonexistent", ["x"]),
    "signal the parent": lambda: os.kill(PARENT, 0),
    "signal everybody": lambda: os.kill(-1, 0),
    "signal the group": lambda: os.killpg(0, 0),
    "trace the parent": lambda: told(LIBC.ptrace(16, PARENT, 0, 0)),
    "read the parent's memory": lambda: call("process_vm_readv", PARENT, 0, 0, 0, 0, 0),
    "hold the parent": lambda: call("pidfd_open", PARENT, 0),
    "read the parent's limits": lambda: resource.prlimit(PARENT, resource.RLIMIT_NOFILE),
    "raise own limits": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 40, 1 << 40)),
    "become root": lambda: os.setresuid(0, 0, 0),
    "become another": lambda: os.setgroups([]),
    "leave the session": os.setsid,
    "outlive the parent": lambda: told(LIBC.prctl(1, 0, 0, 0, 0)),
    "be looked into": lambda: told(LIBC.prctl(4, 1, 0, 0, 0)),
    "another filter": lambda: call("seccomp", 1, 0, 0),
    "another Landlock": lambda: call("landlock_create_ruleset", 0, 0, 1),
    "own namespaces": lambda: told(LIBC.unshare(0x10000000)),
    "mount": lambda: told(LIBC.mount(b"x", b"/nonexistent", b"tmpfs", 0, 0)),
    "io_uring": lambda: call("io_uring_setup", 1, BUFFER),
    "bpf": lambda: call("bpf", 0, 0, 0),
    "perf": lambda: call("perf_event_open", BUFFER, 0, -1, -1, 0),
    "userfaultfd": lambda: call("userfaultfd", 0),
    "keys": lambda: call("keyctl", 0, -3, 0),
    "shared memory": lambda: told(LIBC.shmget(0, 4096, 0o1600)),
    "a file in memory": lambda: os.memfd_create("probe"),
    "secret memory": lambda: call("memfd_secret", 0),
    "a pipe": os.pipe,
    "code in memory": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC),
    "data as code": lambda: told(LIBC.mprotect(ctypes.c_void_p(ctypes.addressof(BUFFER) & ~4095), 4096, 7)),
    "load a library": lambda: ctypes.CDLL("libutil.so.1"),
    "import a module": lambda: __import__("xmlrpc.client"),
    "type into the terminal": lambda: told(LIBC.ioctl(0, 0x5412, b"x")),
    "choose processors": lambda: os.sched_setaffinity(0, {0}),
    "be nicer to itself": lambda: os.setpriority(os.PRIO_PROCESS, 0, -5),
}


def outcome_of(attempt: Callable[[], object]) -> str:
    """How an attempt ended: "denied" with the error, or "SUCCEEDED"."""
    try:
        attempt()
    except Exception as error:  # whatever a library makes of a refusal
        return f"denied: {type(error).__name__} {error}"
    return "SUCCEEDED"


def hog() -> str:
    """Take memory until somebody says no; it is addresses that are limited, so none of it need be touched."""
    taken = []
    try:
        while True:
            taken.append(np.empty(64 << 20, np.uint8))
    except MemoryError:
        return f"stopped after {64 * len(taken)} MiB"


class ProbingEngine:
    """Does what the first word of the prompt says."""

    name = "probing"
    capabilities = Capabilities(models=tuple(Model), generative=False, summary="Tries to get out.")

    def warm(self) -> None:
        """Leave a thread behind, where the test asks for that by the command line."""
        if "thread" in sys.argv:
            threading.Thread(target=threading.Event().wait, daemon=True).start()

    def edit(self, request, inputs, output, on_event, options) -> Outcome:
        """See `refilm.engines.base.Engine.edit`."""
        word = request.prompt_text or ""
        if word == "attempts":
            return Outcome({name: outcome_of(attempt) for name, attempt in ATTEMPTS.items()})
        if word == "hog":
            return Outcome({"memory": hog()})
        if word == "spin":
            while True:
                pass
        if word == "abort":
            os.abort()
        if word == "crash":
            ctypes.string_at(8)
        if word == "silence":
            threading.Event().wait()
        if word == "work":  # what every edit may do
            elsewhere(lambda: output.write(inputs.video.read()))
            return Outcome({"threads": "allowed", "random": len(os.urandom(8))}, 1)
        if word == "garbage":
            connection = next(fd for fd in range(3, 20) if is_socket(fd))
            os.write(connection, b"\xff not json\n")
            os._exit(0)
        raise AssertionError(f"no such probe: {word}")


def is_socket(descriptor: int) -> bool:
    """Whether a descriptor is the one that leads to the parent."""
    try:
        os.lseek(descriptor, 0, os.SEEK_CUR)
    except OSError as error:
        return error.errno == 29  # ESPIPE
    return False


if __name__ == "__main__":
    Registry.get = lambda self, name: ProbingEngine()  # type: ignore[method-assign, assignment, return-value]
    if "unlocked" in sys.argv:  # a kernel without the two controls that matter most
        from refilm.runner import lockdown

        lockdown._restrict_files = lambda: 0
        lockdown._install_filter = lambda: False
    forkserver.main() if "server" in sys.argv else child.main()
