"""Fills an empty database from a dump and makes of it one that may be used."""

from __future__ import annotations

import asyncio

import psycopg

from govbot import audit
from govbot.backup import source
from govbot.backup.erasures import Erasures
from govbot.backup.folder import Backup
from govbot.backup.manifest import damaged
from govbot.backup.order import Order, Restored
from govbot.backup.programs import Programs
from govbot.backup.progress import Meter
from govbot.backup.scratch import fill
from govbot.backup.verify import in_thread
from govbot.config import Settings
from govbot.db import schema
from govbot.db.access import OPERATOR, as_system
from govbot.db.dsns import Dsns
from govbot.db.pool import Pool, open_pool


async def fill_and_settle(
    order: Order, target: Dsns, settings: Settings, meter: Meter, known: Erasures, done: Restored
) -> None:
    """Restores the dump into an empty database and makes of it one that may be used."""
    programs = Programs(settings.backup.programs)
    single = not target.superuser
    await in_thread(
        lambda: fill(order.backup, target, programs, order.identities, meter, single=single), meter
    )
    done.rows = await asyncio.to_thread(_compare, order.backup, settings, target)
    meter.begin("migrate")
    await in_thread(lambda: schema.migrate(target.owner), meter)
    pool = await open_pool(target.app, size=2, name="govbot-restore", statement_timeout_s=0)
    try:
        if order.reapply is not None and known.persons:
            numbers = [each.removeprefix("user:") for each in known.persons]
            done.erased_again, left = await order.reapply(pool, numbers)
            if left:
                done.notes.append(
                    f"Erased after the backup, and to be erased again by hand: {', '.join(left)}."
                )
        _note_purged(order.backup, known, done)
        done.mark = await _mark(pool)
        async with as_system(pool) as conn:
            await audit.record(
                conn,
                actor=OPERATOR,
                action="backup.restored",
                resource=f"backup:{order.backup.id}",
                details={
                    "made_at": order.backup.known.made_at.isoformat(),
                    "by": order.backup.known.govbot,
                    "rows": done.rows,
                    "erased_again": done.erased_again,
                },
            )
    finally:
        await pool.close()


async def _mark(pool: Pool) -> str:
    async with as_system(pool) as conn:
        row = await (await conn.execute("SELECT id FROM installation")).fetchone()
    return str(row["id"]) if row else ""


def _compare(backup: Backup, settings: Settings, target: Dsns) -> int:
    """Counts what was restored. Raises Invalid E-BACKUP-DAMAGED when rows are missing."""
    with psycopg.connect(source.counting_dsn(settings, target)) as conn:
        found = source.counts(conn) if source.may_count(conn) else backup.known.tables
    wrong = [name for name, rows in backup.known.tables.items() if found.get(name) != rows]
    if wrong:
        raise damaged(backup.id, f"the table {wrong[0]} has other rows than it had")
    return sum(found.values())


def _note_purged(backup: Backup, known: Erasures, done: Restored) -> None:
    """Documents deleted for good come back: whether that is wanted, a person decides."""
    since = backup.known.made_at.isoformat(sep=" ")
    back = [name for name, at in known.documents.items() if at > since]
    if back:
        done.notes.append(
            f"{len(back)} documents that were deleted for good after the backup are back: "
            f"{', '.join(back[:10])}{' ...' if len(back) > 10 else ''}. Delete them again where "
            "that was asked for."
        )
