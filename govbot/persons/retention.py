"""Conversations that nobody went on with for long are deleted."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from govbot import audit
from govbot.db.access import as_system
from govbot.db.pool import Pool

logger = logging.getLogger(__name__)

BATCH = 500  # conversations deleted in one transaction


async def purge_conversations(pool: Pool, *, days: int, now: datetime | None = None) -> int:
    """Deletes conversations whose last question is `days` days old, as the system; 0 keeps all.

    Each batch and its entry in the audit log are one transaction. Returns how many were deleted.
    """
    if days <= 0:
        return 0
    unused_since = (now or datetime.now(UTC)) - timedelta(days=days)
    purged = 0
    while True:
        async with as_system(pool) as conn:
            cursor = await conn.execute(
                "SELECT govbot_purge_conversations(%(since)s, %(limit)s) AS count",
                {"since": unused_since, "limit": BATCH},
            )
            row = await cursor.fetchone()
            count = int(row["count"]) if row else 0
            if count:
                await audit.record(
                    conn,
                    actor=None,
                    action="conversation.purged",
                    details={"conversations": count, "unused_since": unused_since.isoformat()},
                )
        purged += count
        if count < BATCH:
            break
    if purged:
        logger.info(
            "Old conversations deleted",
            extra={"action": "conversation.purged", "conversations": purged},
        )
    return purged
