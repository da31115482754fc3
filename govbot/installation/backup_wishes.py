"""Backups that administrators ask for on their page: a file holds the wish.

The service that finds it takes it away and does it, beside its other work. As a unit of systemd the
service may not write where backups lie: there govbot-backup.path sees the file and starts the unit
that may, whose command takes the wish.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal
from uuid import UUID

from psycopg.conninfo import make_conninfo

from govbot import audit
from govbot.backup.folder import folder_of
from govbot.backup.manifest import write_whole
from govbot.backup.progress import Meter
from govbot.config import Settings
from govbot.db.access import Actor, Role, as_actor
from govbot.db.cluster import SUPERUSER
from govbot.db.dsns import Dsns
from govbot.errors import Busy, GovBotError
from govbot.ids import UserId
from govbot.installation import backups
from govbot.installation.backups import Outcome, Parts

if TYPE_CHECKING:
    from govbot.app import App

log = logging.getLogger(__name__)

FILE: Final = "backup-wanted.json"  # systemd/govbot-backup.path looks for it
LOOK_S: Final = 2.0
FORGOTTEN_S: Final = 600.0  # a wish that nobody has taken by then holds up no other
Kind = Literal["create", "verify"]


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asked for; `backup` is the one to check."""

    kind: Kind
    by: Actor
    backup: str = ""


def wish_file(settings: Settings) -> Path:
    """Where a unit may write whatever `data_dir` is, else in that."""
    state = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(state or settings.data_dir) / FILE


async def ask(app: App, wish: Wish) -> None:
    """Leaves the wish to the service, and writes down who has it. Raises Busy, NotFound."""
    folder = folder_of(app.settings)
    await asyncio.to_thread(folder.prepare)
    if await asyncio.to_thread(busy, app.settings):
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
        await asyncio.to_thread(write_whole, wish_file(app.settings), text)


def busy(settings: Settings) -> bool:
    """Whether something is under way, or wanted."""
    try:
        waiting = time.time() - wish_file(settings).stat().st_mtime < FORGOTTEN_S
    except OSError:
        waiting = False
    return waiting or folder_of(settings).running() is not None


async def follow(app: App) -> None:
    """Does what is asked for, for as long as the service runs."""
    while True:
        wish = await asyncio.to_thread(take_if_able, app.settings)
        if wish is not None:
            try:
                await work(parts_of(app, wish.by), wish)
            except GovBotError as error:
                log.error("The backup asked for failed: %s", error, extra={"action": "backup"})
            except Exception:  # a backup must never take the service down
                log.exception("The backup asked for failed", extra={"action": "backup"})
        await asyncio.sleep(LOOK_S)


def take_if_able(settings: Settings) -> Wish | None:
    """None, too, where another unit has to do it."""
    return None if folder_of(settings).read_only() else take(settings)


def take(settings: Settings) -> Wish | None:
    """The wish, which nobody else gets then."""
    file = wish_file(settings)
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


async def work(parts: Parts, wish: Wish) -> Outcome:
    """One wish to its end."""
    if wish.kind == "create":
        return await backups.make(parts, Meter("create"), reason="page", check=True, tidy=False)
    found = parts.folder.find(wish.backup)
    return Outcome(found, await backups.prove(parts, found, None, Meter("verify")))


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
