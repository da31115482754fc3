"""Forwarding: each receiver gets every entry at least once and in order, from its own position."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections import deque
from time import monotonic
from typing import Final

import psycopg

from govbot import metrics
from govbot.audit import book, positions
from govbot.audit.anchors import newest_anchor
from govbot.audit.receivers import open_way
from govbot.config.table import AuditReceiver
from govbot.db.access import as_system
from govbot.db.pool import Pool
from govbot.errors import GovBotError

log = logging.getLogger(__name__)

BATCH: Final = 200
LONGEST_WAIT_S: Final = 60.0
_LEASE_S: Final = 30.0


def position_of(receiver: AuditReceiver) -> str:
    """The name of a receiver's position."""
    return f"forward:{receiver.name}"


class Forwarder:
    """Brings the log to one receiver; one process at a time does, over all nodes.

    Nothing waits for it: an outage only makes its position stay behind. `idle_s`: how often it
    looks for new entries. `grace_s`: what was sent over a connection counts as arrived when the
    connection has lived for this long after it, or was closed in order; else it is sent again.
    """

    def __init__(
        self, pool: Pool, receiver: AuditReceiver, *, idle_s: float = 1.0, grace_s: float = 5.0
    ) -> None:
        self._pool = pool
        self._receiver = receiver
        self._name = position_of(receiver)
        self._holder = f"{socket.gethostname()}:{os.getpid()}:{id(self)}"
        self._way = open_way(receiver)
        self._idle_s = idle_s
        self._grace_s = grace_s
        self._sent = -1  # the last entry sent on the open way; -1: the way is not open
        self._unsure: deque[tuple[float, int]] = deque()

    async def run(self) -> None:
        """Until it is cancelled."""
        failures = 0
        while True:
            try:
                delay = 0.0 if await self.step() else self._idle_s
                failures = 0
            except (
                OSError,
                GovBotError,
                psycopg.Error,
            ) as error:  # OSError: TLS and TimeoutError too
                failures += 1
                delay = min(self._idle_s * 2**failures, LONGEST_WAIT_S)
                await self._failed(error, failures)
            await asyncio.sleep(delay)

    async def step(self) -> bool:
        """Send the next entries; False when there are none, or another process has the receiver."""
        async with as_system(self._pool) as conn:
            position = await positions.claim(conn, self._name, self._holder, seconds=_LEASE_S)
            if position is None:
                await self._drop()
                return False
            sent = self._sent if self._sent >= 0 else position.seq
            batch = await book.after(conn, sent, limit=BATCH)
            if self._sent < 0 and batch and batch[0].seq > sent + 1:
                await self._warn_of_gap(conn, batch[0].seq)
        metrics.audit_forward_position.labels(self._receiver.name).set(position.seq)
        if not batch:
            if self._sent >= 0:
                self._way.check()
            await self._confirm()
            return False
        await self._way.open()
        await self._way.send(batch)
        self._sent = batch[-1].seq
        self._unsure.append((monotonic(), self._sent))
        await self._confirm()
        return True

    async def close(self) -> None:
        """End in order, so that nothing has to be sent again, and leave the receiver to others."""
        last = self._unsure[-1][1] if self._unsure else None
        self._unsure.clear()
        self._sent = -1
        arrived = await self._way.close()
        async with as_system(self._pool) as conn:
            if arrived and last is not None:
                await positions.advance(conn, self._name, last)
            await positions.release(conn, self._name, self._holder)

    async def _confirm(self) -> None:
        """Write down how far the receiver has certainly come."""
        arrived = None
        until = monotonic() - (0 if self._way.certain else self._grace_s)
        while self._unsure and self._unsure[0][0] <= until:
            arrived = self._unsure.popleft()[1]
        if arrived is None:
            return
        async with as_system(self._pool) as conn:
            await positions.advance(conn, self._name, arrived)
        metrics.audit_forward_position.labels(self._receiver.name).set(arrived)
        metrics.audit_forward_failing.labels(self._receiver.name).set(0)

    async def _failed(self, error: Exception, failures: int) -> None:
        words = " ".join(str(error).split()) or type(error).__name__
        if failures == 1:
            log.warning(
                "The receiver %s of the audit log is out of reach: %s",
                self._receiver.name,
                words,
                extra={"action": "audit.forward-failed"},
            )
        metrics.audit_forward_failing.labels(self._receiver.name).set(1)
        await self._drop()
        try:
            async with as_system(self._pool) as conn:
                await positions.fail(conn, self._name, words)
        except GovBotError:
            log.debug("No database to note it in", extra={"action": "audit.forward-failed"})

    async def _drop(self) -> None:
        """What may not have arrived is sent again, on the next connection."""
        self._unsure.clear()
        if self._sent >= 0:
            self._sent = -1
        await self._way.close()

    async def _warn_of_gap(self, conn: book.Connection, first: int) -> None:
        anchor = await newest_anchor(conn)
        if anchor is not None and anchor.seq == first - 1:
            log.warning(
                "The receiver %s is new: it gets the entries from number %s on, earlier ones lie "
                "in archives",
                self._receiver.name,
                first,
                extra={"action": "audit.forward-begins"},
            )
