"""Backups that administrators ask for on their page: one file beside the backups holds the wish.

The service that finds it takes it away and does it, beside its other work. Several nodes may share
the folder; one of them is first.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal
from uuid import UUID

from psycopg.conninfo import make_conninfo

from govbot import audit
from govbot.backup.folder import Folder, folder_of
from govbot.backup.manifest import write_whole
from govbot.backup.progress import Meter
from govbot.db.access import Actor, Role, as_actor
from govbot.db.cluster import SUPERUSER
from govbot.db.dsns import Dsns
from govbot.errors import Busy, GovBotError
from govbot.ids import UserId
from govbot.installation import backups
from govbot.installation.backups import Parts

if TYPE_CHECKING:
    from govbot.app import App

log = logging.getLogger(__name__)

FILE: Final = "wanted.json"
LOOK_S: Final = 2.0
Kind = Literal["create", "verify"]


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asked for; `backup` is the one to check."""

    kind: Kind
    by: Actor
    backup: str = ""


async def ask(app: App, wish: Wish) -> None:
    """Leaves the wish to the service, and writes down who has it. Raises Busy, NotFound."""
    folder = folder_of(app.settings)
    await asyncio.to_thread(folder.prepare)
    if await asyncio.to_thread(busy, folder):
        raise Busy(
            "Another backup, or the check of one, is under way in this folder.",
            code="E-BACKUP-BUSY",
        )
    found = await asyncio.to_thread(folder.find, wish.backup) if wish.backup else None
    async with as_actor(app.pool, wish.by, write=True) as conn:
        await audit.record(
            conn,
            actor=wish.by,
            action="backup.asked",
            resource=f"backup:{found.id}" if found else "",
            details={"for": wish.kind},
        )
        told = {"kind": wish.kind, "by": str(wish.by.id), "name": wish.by.name}
        text = json.dumps(told | {"backup": found.id if found else ""})
        await asyncio.to_thread(write_whole, folder.root / FILE, text)


def busy(folder: Folder) -> bool:
    """Whether something is under way, or wanted."""
    return (folder.root / FILE).exists() or folder.running() is not None


async def follow(app: App) -> None:
    """Does what is asked for, for as long as the service runs."""
    while True:
        folder = folder_of(app.settings)
        wish = await asyncio.to_thread(take, folder)
        if wish is not None:
            try:
                await work(app, wish)
            except GovBotError as error:
                log.error("The backup asked for failed: %s", error, extra={"action": "backup"})
            except Exception:  # a backup must never take the service down
                log.exception("The backup asked for failed", extra={"action": "backup"})
        await asyncio.sleep(LOOK_S)


def take(folder: Folder) -> Wish | None:
    """The wish, which nobody else gets then."""
    file = folder.root / FILE
    mine = file.with_name(f".{FILE}.{os.getpid()}")
    try:
        file.rename(mine)
    except OSError:
        return None
    try:
        return _read(mine)
    except (ValueError, KeyError, TypeError):
        return None
    finally:
        mine.unlink(missing_ok=True)


async def work(app: App, wish: Wish) -> None:
    """One wish to its end."""
    parts = parts_of(app, wish.by)
    if wish.kind == "create":
        await backups.make(parts, Meter("create"), reason="page", check=True, tidy=False)
    else:
        await backups.prove(parts, parts.folder.find(wish.backup), None, Meter("verify"))


def parts_of(app: App, by: Actor) -> Parts:
    """What a backup needs, as the service has it open."""
    superuser = "" if app.settings.database.url else make_conninfo(app.owner_dsn, user=SUPERUSER)
    dsns = Dsns(app=app.queue.dsn, owner=app.owner_dsn, superuser=superuser)
    return Parts(app.settings, dsns, app.pool, by)


def _read(file: Path) -> Wish:
    told = json.loads(file.read_text(encoding="utf-8"))
    by = Actor(UserId(UUID(told["by"])), str(told["name"]), Role.ADMIN)
    kind: Kind = "verify" if told["kind"] == "verify" else "create"
    return Wish(kind, by, Path(str(told["backup"])).name)
