"""Looks through stored pages for personal data: of versions from before it was looked for."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from govbot.db.access import as_system
from govbot.db.pool import Pool
from govbot.documents import personal, store
from govbot.errors import NotFound
from govbot.ids import VersionId

logger = logging.getLogger(__name__)

AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class _Page:
    number: int
    text: str


async def look_through(pool: Pool) -> int:
    """Each version in a transaction of its own; several nodes may. Returns how many versions."""
    looked = 0
    while True:
        async with as_system(pool) as conn:
            waiting = await personal.not_looked(conn, AT_ONCE)
        for version_id in waiting:
            looked += await _look(pool, version_id)
        if len(waiting) < AT_ONCE:
            break
    if looked:
        logger.info(
            "Stored pages looked through for personal data",
            extra={"action": "personal.looked", "versions": looked},
        )
    return looked


async def _look(pool: Pool, version_id: VersionId) -> bool:
    async with as_system(pool) as conn:
        cursor = await conn.execute(
            "SELECT id FROM document_versions WHERE id = %(id)s FOR UPDATE", {"id": version_id}
        )
        if await cursor.fetchone() is None:
            return False
        try:
            version = await store.get_version(conn, version_id)
        except NotFound:
            return False
        cursor = await conn.execute(
            "SELECT number, text FROM version_pages WHERE version_id = %(id)s ORDER BY number",
            {"id": version_id},
        )
        pages = [_Page(row["number"], row["text"]) for row in await cursor.fetchall()]
        await personal.replace(conn, version, await asyncio.to_thread(personal.look, pages))
        await personal.mark_looked(conn, version.id)
    return True
