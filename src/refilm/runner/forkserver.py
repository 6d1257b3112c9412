"""What runs in a fork server: load everything that jobs of one kind need, once, and fork a child for each job.

Run as `python -I -m refilm.runner.forkserver` with a socket as standard input. A child made so is ready in a twentieth
of the processor time of one that loads for itself. No job, and nothing that a stranger wrote, ever comes here: children
get theirs through sockets of their own. Nothing here starts a thread, because a fork takes along the locks of threads
and not the threads that would open them; that is why children rehearse by themselves. Linux only.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Mapping
from functools import partial
from typing import Any, NoReturn

from refilm.engines.base import Engine
from refilm.runner.child import Channel, engine_of, failure_of, load, locked, rehearse, serve, take_socket
from refilm.runner.lockdown import Controls, Sandbox, die_with_parent, thread_count


def prepare(engine: Engine | None, setup: Mapping[str, Any]) -> tuple[Engine | None, Controls]:
    """What is left to do in a child of a process that has loaded all, before it may have its job."""
    os.nice(setup["nice"])
    if setup["sandbox"] != Sandbox.OFF:
        rehearse()
    return engine, locked(setup)


def be_child(engine: Engine | None, control: Channel, connection: int, noise: int) -> NoReturn:
    """Go on as a child, which keeps nothing of the fork server's but what it has loaded.

    connection, noise: descriptors of its socket and of the file for what it would write to standard error.
    """
    die_with_parent()
    control.close()
    os.dup2(noise, 2)
    os.close(noise)
    serve(Channel(socket.socket(fileno=connection)), partial(prepare, engine))


def fork(engine: Engine | None, control: Channel, descriptors: list[int]) -> tuple[int, int]:
    """Make a child with these descriptors, in a group of its own: its number, and a descriptor of the process.

    Raises OSError where the system has no room for another, and RuntimeError where it would not be safe.
    """
    if (threads := thread_count()) != 1:
        raise RuntimeError(f"{threads - 1} threads run in the fork server")
    pid = os.fork()
    if pid == 0:
        try:
            be_child(engine, control, *descriptors)
        finally:
            os._exit(2)
    try:
        os.setpgid(pid, pid)  # before anybody who is told of it may want to end the group
        return pid, os.pidfd_open(pid)
    except OSError:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise


def answer(engine: Engine | None, control: Channel, order: Mapping[str, Any], descriptors: list[int]) -> None:
    """Do what the parent asks for, and tell it."""
    if "bury" in order:
        _, status = os.waitpid(order["bury"], 0)
        control.send({"status": os.waitstatus_to_exitcode(status)})
        return
    try:
        pid, process = fork(engine, control, descriptors)
        control.send({"pid": pid}, [process])
        os.close(process)
    except OSError as error:
        control.send(failure_of(error))
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def main() -> NoReturn:
    """Fork and bury as told, until the parent hangs up; what then still lives ends with this process."""
    control = Channel(take_socket())
    setup, _ = control.receive()
    try:
        engine = engine_of(setup)
        load(engine)
        control.send({"ready": {}})
        while True:
            answer(engine, control, *control.receive())
    except BaseException as error:
        control.send(failure_of(error))
        os._exit(2)


if __name__ == "__main__":
    main()
