"""Approval of a version: decided by a second person, then indexed by the worker."""

from __future__ import annotations

from govbot.db.access import Actor
from govbot.documents import lifecycle
from govbot.documents.rights import acting
from govbot.ids import VersionId
from govbot.ingest.receive import App, defer_version


async def approve(app: App, actor: Actor, version_id: VersionId, note: str = "") -> None:
    """Approves a version; the worker then puts it in the place of the one served.

    Raises what `lifecycle.approve` raises.
    """
    async with acting(app.pool, actor, write=True) as conn:
        if await lifecycle.approve(conn, actor, version_id, note):
            await defer_version(app, conn, version_id, source="upload")
