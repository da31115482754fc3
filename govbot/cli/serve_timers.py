"""What `govbot serve` does now and then: one node for all that share the database."""

from __future__ import annotations

import asyncio
import logging
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from govbot.app import App

log = logging.getLogger(__name__)

HOUSEKEEPING_S = 3600
TEMPORARY_LOOK_S = 60  # for temporary conversations whose time is over
DIRECTORY_LOOK_S = 60
SWEEP_S = 24 * 3600  # walks through the whole store


async def timers(app: App) -> None:
    """All of them, until cancelled."""
    async with asyncio.TaskGroup() as group:
        group.create_task(_housekeeping(app), name="housekeeping")
        group.create_task(_end_temporary(app), name="temporary")
        if app.settings.ldap.servers and app.settings.ldap.sync_minutes:
            group.create_task(_compare_accounts(app), name="directory")


async def _housekeeping(app: App) -> None:
    from govbot.auth import attempts, limits, sessions
    from govbot.chat import cached
    from govbot.db.access import as_system
    from govbot.documents import disposal
    from govbot.errors import GovBotError
    from govbot.feedback import gathering
    from govbot.ingest import acronyms, parts, upkeep
    from govbot.ingest.ocr_return import requeue_unread
    from govbot.ingest.personal import look_through
    from govbot.installation.clock import Clock
    from govbot.persons.retention import purge_conversations

    swept, clock = float(-SWEEP_S), Clock()
    while True:
        try:
            async with as_system(app.pool) as conn:
                await sessions.delete_expired(conn)
                window = app.settings.auth.sign_in_window_minutes
                await attempts.delete_forgotten(conn, window_minutes=window)
                await limits.forget(conn)
                old = await clock.believed(conn)
            await upkeep.sweep(app)
            await requeue_unread(app)
            if old:
                days = app.settings.documents.trash_days
                await disposal.purge_trash(app.pool, app.files, days=days)
                await purge_conversations(app.pool, days=app.settings.privacy.conversation_days)
            await look_through(app.pool)
            await parts.sweep(app)
            await acronyms.look_through(app.pool)
            async with as_system(app.pool) as conn:
                await cached.trim(conn)
            await gathering.keep_up(app)
            if monotonic() - swept >= SWEEP_S:
                await disposal.sweep_originals(app.pool, app.files)
                swept = monotonic()
        except GovBotError as error:
            log.warning("Housekeeping waits: %s", error, extra={"action": "housekeeping.failed"})
        await asyncio.sleep(HOUSEKEEPING_S)


async def _end_temporary(app: App) -> None:
    """Deletes temporary conversations soon after their time is over."""
    from govbot.chat.conversations import end_temporary
    from govbot.errors import GovBotError

    while True:
        try:
            await end_temporary(app.pool)
        except GovBotError as error:
            log.warning(
                "Temporary conversations wait: %s", error, extra={"action": "temporary.failed"}
            )
        await asyncio.sleep(TEMPORARY_LOOK_S)


async def _compare_accounts(app: App) -> None:
    """Compares the accounts with the directory; of several nodes, one does it each time."""
    from govbot.auth import ldap_sync
    from govbot.auth.ldap import LdapDirectory
    from govbot.db.access import as_system
    from govbot.errors import GovBotError

    minutes = app.settings.ldap.sync_minutes
    ldap = LdapDirectory(app.settings.ldap, app.pool)
    while True:
        try:
            async with as_system(app.pool) as conn:
                due = await ldap_sync.is_due(conn, minutes)
            if due:
                await ldap_sync.sync(ldap)
        except GovBotError as error:
            log.warning(
                "The accounts are not compared with the directory: %s",
                error,
                extra={"action": "directory.failed"},
            )
        await asyncio.sleep(DIRECTORY_LOOK_S)
