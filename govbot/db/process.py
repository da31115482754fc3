"""Waiting for processes that need not be our children, and ending them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path

_POLL_S = 0.02


def send(pid: int, sign: signal.Signals) -> None:
    """Signal a process that may be gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, sign)


def wait_exit(pid: int, seconds: float) -> None:
    """Return when the process has ended, or after `seconds`."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        select.select([fd], [], [], seconds)
    finally:
        os.close(fd)


async def exit_of(pid: int) -> None:
    """Return when the process has ended; needs no thread."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(fd, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(fd)
        os.close(fd)


def wait_all_gone(find: Callable[[], Iterable[int]], *, kill_after_s: float) -> None:
    """Return when `find` finds no process; those that stay longer are killed."""
    deadline = time.monotonic() + kill_after_s
    while remains := list(find()):
        if time.monotonic() > deadline:
            for pid in remains:
                send(pid, signal.SIGKILL)
        time.sleep(_POLL_S)


def pid_namespace() -> str:
    """Names the set of processes that can see one another: this boot of this container."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {os.readlink('/proc/self/ns/pid')}"
