"""The backups: which there are, whether they were proven, and another one now. For administrators.

Restoring is done at the command line, with the service stopped: docs/backup.md.
"""

from __future__ import annotations

import asyncio
from typing import Any

from litestar import Response

from govbot.backup import state
from govbot.backup.folder import Backup, folder_of
from govbot.errors import Busy, GovBotError, NotFound, Unavailable
from govbot.installation import backup_wishes
from govbot.installation.backup_wishes import Wish
from govbot.web.i18n import _
from govbot.web.visit import CurrentVisit, Visit

PATH = "/admin/copias"
SHOWN = 60
REASONS = {
    "manual": _("by command"),
    "page": _("asked for here"),
    "timer": _("by the timer"),
    "upgrade": _("before an upgrade"),
}
STEPS = {
    "files": _("Copying originals"),
    "database": _("Copying the database"),
    "checksums": _("Comparing checksums"),
    "restore": _("Restoring beside the database"),
    "count": _("Counting"),
    "migrate": _("Walking the audit log and asking the search"),
    "prune": _("Removing old ones"),
}


async def listing(visit: CurrentVisit) -> Response[str]:
    """The page; for htmx the part of it that changes by itself."""
    template = "admin/_backups.html" if visit.wants_fragment else "admin/backups.html"
    return visit.page(template, **await _standing(visit))


async def create(visit: CurrentVisit) -> Response[Any]:
    """A backup, made and checked by the service as soon as it looks."""
    return await _ask(visit, Wish("create", visit.actor))


async def verify(visit: CurrentVisit) -> Response[Any]:
    """Checks one of them again. Raises NotFound."""
    name = await visit.field("backup", max_length=60)
    if "/" in name:
        raise NotFound
    return await _ask(visit, Wish("verify", visit.actor, name))


async def _ask(visit: Visit, wish: Wish) -> Response[Any]:
    try:
        await backup_wishes.ask(visit.app, wish)
    except (Busy, Unavailable) as error:
        return visit.page(
            "admin/backups.html", status=error.status, **await _standing(visit, error)
        )
    response = visit.done(PATH)
    response.headers["HX-Trigger"] = "backups-changed"
    return response


async def _standing(visit: Visit, problem: GovBotError | None = None) -> dict[str, Any]:
    folder, settings = folder_of(visit.app.settings), visit.app.settings.backup

    def looked() -> dict[str, Any]:
        same = (
            folder.root.is_dir()
            and folder.root.stat().st_dev == visit.app.settings.data_dir.stat().st_dev
        )
        running = folder.running()
        found = folder.all()
        return {
            "backups": found[:SHOWN],
            "more": max(0, len(found) - SHOWN),
            "running": running,
            "waiting": running is None and backup_wishes.busy(visit.app.settings),
            "state": state.read(folder.root),
            "same_disk": same,
        }

    def why(backup: Backup) -> str:
        return visit.language.sentence(backup.problem) if backup.problem else ""

    return {
        **await asyncio.to_thread(looked),
        "problem": visit.language.sentence(problem) if problem else "",
        "folder": folder.root,
        "sealed": bool(settings.recipients),
        "reason_name": lambda reason: visit.translate(REASONS.get(reason, REASONS["manual"])),
        "step_name": lambda step: visit.translate(STEPS[step]) if step in STEPS else "",
        "gigabytes": lambda size: _gigabytes(visit, size),
        "why": why,
    }


def _gigabytes(visit: Visit, size: int) -> str:
    """Bytes in words: "4,7 GB"."""
    if size < 100_000_000:
        return f"{visit.language.number(round(size / 1e6, 1))} MB"
    return f"{visit.language.number(round(size / 1e9, 1))} GB"
