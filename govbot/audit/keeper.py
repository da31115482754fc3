"""What the service does for the log by itself: checkpoints, forwarding, retention."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Final

import psycopg

from govbot import metrics
from govbot.audit import archive, checkpoints
from govbot.audit.book import record
from govbot.audit.checkpoints import Standing
from govbot.audit.forward import Forwarder, position_of
from govbot.audit.keys import SigningKey, open_key
from govbot.audit.starts import record_start
from govbot.config.table import Settings
from govbot.db.access import as_system
from govbot.db.pool import Pool
from govbot.errors import GovBotError

log = logging.getLogger(__name__)

LOOK_S: Final = 5.0  # how often it looks whether a checkpoint is due
PRUNE_S: Final = 3600.0
CLOSE_S: Final = 15.0


class Keeper:
    """Looks after the audit log while the service runs; nothing waits for it."""

    def __init__(self, pool: Pool, settings: Settings, *, look_s: float = LOOK_S) -> None:
        self._pool = pool
        self._settings = settings.audit
        self._all = settings
        self._key = open_key(settings.audit.key.get_secret_value(), settings.data_dir)
        self.file = checkpoints.file_of(settings.audit.checkpoint_file, settings.data_dir)
        self.archives = settings.data_dir / archive.FOLDER
        self._forwarders = [Forwarder(pool, receiver) for receiver in settings.audit.forward]
        self._look_s = look_s
        self._pruned = -PRUNE_S

    async def started(self) -> None:
        """Write that the service starts, with the settings that changed."""
        from govbot.config import as_texts

        values, secrets = as_texts(self._all)
        async with as_system(self._pool) as conn:
            await record_start(conn, values, secrets, self._key)

    async def run(self) -> None:
        """Until it is cancelled; call `close` then."""
        async with asyncio.TaskGroup() as group:
            for forwarder in self._forwarders:
                group.create_task(forwarder.run(), name="audit-forward")
            group.create_task(self._look_on(), name="audit-checkpoints")

    async def close(self) -> None:
        """Write that the service stops, sign the end, end all connections; at most 15 seconds."""
        try:
            async with asyncio.timeout(CLOSE_S):
                async with as_system(self._pool) as conn:
                    await record(conn, actor=None, action="service.stopped")
                for forwarder in self._forwarders:
                    await self._bring_to_the_end(forwarder)
                await checkpoints.take(self._pool, self._key, self.file)
        except (GovBotError, psycopg.Error, OSError) as error:
            log.error(
                "The audit log was left without its last checkpoint: %s",
                error,
                extra={"action": "audit.checkpoint-failed"},
            )

    async def look(self) -> Standing:
        """Sign a checkpoint when one is due, and tell how checkpoints stand."""
        async with as_system(self._pool) as conn:
            standing = await checkpoints.standing(conn, self._key)
        _tell(standing)
        due = (
            standing.behind >= self._settings.checkpoint_entries
            or standing.waiting_s >= self._settings.checkpoint_minutes * 60
        )
        if due:
            await checkpoints.take(self._pool, self._key, self.file)
            async with as_system(self._pool) as conn:
                standing = await checkpoints.standing(conn, self._key)
            _tell(standing)
        return standing

    async def prune(self) -> int:
        """Move what is older than the retention to archives; how many entries."""
        days = self._settings.retention_days
        if not days:
            return 0
        found = await asyncio.to_thread(_sound, self.file, self._key)
        return await archive.prune(
            self._pool,
            self.archives,
            older_than=datetime.now(UTC) - timedelta(days=days),
            checkpoints=found,
            receivers=[position_of(receiver) for receiver in self._settings.forward],
        )

    async def _look_on(self) -> None:
        failed = False
        while True:
            try:
                await self.look()
                if monotonic() - self._pruned >= PRUNE_S:
                    self._pruned = monotonic()
                    await self.prune()
                failed = False
            except (GovBotError, psycopg.Error, OSError) as error:
                metrics.audit_failures_total.inc()
                if not failed:
                    log.error(
                        "The audit log needs somebody to look at it: %s",
                        error,
                        extra={"action": "audit.checkpoint-failed"},
                    )
                failed = True
            await asyncio.sleep(self._look_s)

    async def _bring_to_the_end(self, forwarder: Forwarder) -> None:
        try:
            while await forwarder.step():
                pass
        except (GovBotError, OSError):
            log.debug("A receiver is out of reach", extra={"action": "audit.forward-failed"})
        await forwarder.close()


def _tell(standing: Standing) -> None:
    metrics.audit_checkpoint_behind.set(standing.behind)
    metrics.audit_checkpoint_waiting_seconds.set(standing.waiting_s)
    metrics.audit_last_entry.set(standing.seq + standing.behind)


def _sound(file: Path, key: SigningKey) -> list[checkpoints.Checkpoint]:
    """The checkpoints of our own key; none where the file is not there yet."""
    if not file.exists():
        return []
    return [each for each in checkpoints.read(file) if each.key == key.public and each.is_sound]
