"""The queue: what is being read, what waits and what failed; pause, cancel, try again.

Row-level security decides: curators see the work on the collections that they may write.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from litestar import Response
from litestar.params import FromPath

from govbot.db.access import Role, as_actor, as_system
from govbot.ingest import cancel as cancelling
from govbot.ingest import estimate
from govbot.ingest.estimate import Pace, Remaining
from govbot.ingest.retry import retry_failed
from govbot.ingest.work import Group, Work, count_waiting, count_work, list_work
from govbot.jobs import control
from govbot.web import reasons
from govbot.web.i18n import _
from govbot.web.visit import CurrentVisit, Visit, local_path

PATH = "/admin/fila"
NEXT = 20  # of those that wait; the table of collections counts the rest
LATEST = 50

STATES = {"extracting": _("Reading"), "embedding": _("Indexing"), "queued": _("Waiting")}


async def listing(visit: CurrentVisit) -> Response[str]:
    """The queue as it is now; the page asks for it again and again."""
    template = "admin/_jobs.html" if visit.wants_fragment else "admin/jobs.html"
    return visit.page(template, **await _queue(visit))


async def pause(visit: CurrentVisit) -> Response[Any]:
    """Nothing new is taken up, on all nodes."""
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await control.pause(conn, visit.actor)
    return await _changed(visit)


async def resume(visit: CurrentVisit) -> Response[Any]:
    """The work goes on."""
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await control.resume(conn, visit.actor)
    return await _changed(visit)


async def cancel(visit: CurrentVisit, version_id: FromPath[UUID]) -> Response[Any]:
    """Ends the work on a version, which can be tried again."""
    await cancelling.cancel(visit.app, visit.actor, version_id)
    return await _changed(visit)


async def retry_all(visit: CurrentVisit) -> Response[Any]:
    """Queues every document again that failed and that the visitor may write."""
    await retry_failed(visit.app, visit.actor)
    return await _changed(visit)


async def _changed(visit: Visit) -> Response[Any]:
    response = visit.done(local_path((await visit.form()).get("back"), PATH))
    response.headers["HX-Trigger"] = "documents-changed"
    return response


async def _queue(visit: Visit) -> dict[str, Any]:
    now = datetime.now(UTC)
    async with as_system(visit.app.pool) as conn:  # how long it takes is no secret
        stopped = await control.paused(conn)
        pace = await estimate.measured_pace(conn)
        everything = await list_work(conn, Group.RUNNING)
        left = estimate.queue_remaining(everything, await estimate.count_pages(conn), pace, now)
    async with as_actor(visit.app.pool, visit.actor) as conn:
        counts = await count_work(conn)
        running = await list_work(conn, Group.RUNNING, limit=LATEST)
        waiting = await list_work(conn, Group.WAITING, limit=NEXT)
        ended = [
            *await list_work(conn, Group.FAILED, limit=LATEST),
            *await list_work(conn, Group.CANCELLED, limit=LATEST),
        ]
        shelves = await count_waiting(conn)
    return {
        "counts": {str(group): number for group, number in counts.items()},
        "running": running,
        "waiting": waiting,
        "ended": ended,
        "shelves": shelves,
        "paused": stopped,
        "governs": visit.may(Role.ADMIN),
        "all_left": _words(visit, left),
        "left": lambda work: _left(visit, work, pace, now),
        "percent": _percent,
        "state_name": lambda work: visit.translate(STATES[work.state.value]),
        "reason": lambda code: reasons.reason(visit, code),
        "advice": lambda code: reasons.advice(visit, code),
    }


def _percent(work: Work) -> int:
    """Share of the work that is done; reading counts 0.4, embedding 0.6."""
    share = min(1.0, work.pages_done / work.pages) if work.pages else 0.0
    embedding = work.state.value == "embedding"
    return round(100 * (0.4 + 0.6 * share if embedding else 0.4 * share))


def _left(visit: Visit, work: Work, pace: Pace | None, now: datetime) -> str:
    seconds = estimate.remaining_s(work, pace, now)
    return "" if seconds is None else _about(visit, seconds)


def _words(visit: Visit, left: Remaining) -> str:
    """How long the whole queue takes, and on what that rests."""
    if not left.seconds:
        return ""
    time = _about(visit, left.seconds)
    if not left.unopened:
        return time
    text = visit.language.ngettext(
        "%(time)s, if the %(num)s document not yet opened is like the last ones",
        "%(time)s, if the %(num)s documents not yet opened are like the last ones",
        left.unopened,
    )
    return text % {"time": time, "num": visit.language.number(left.unopened)}


def _about(visit: Visit, seconds: float) -> str:
    unit, number = estimate.rounded(seconds)
    if unit == "h":
        return visit.translate(_("about %(number)s h"), number=number)
    if number:
        return visit.translate(_("about %(number)s min"), number=number)
    return visit.translate(_("less than a minute"))
