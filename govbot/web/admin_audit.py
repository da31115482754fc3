"""The audit log: who did what, whether it is complete, and a copy of it. For auditors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Annotated, Any
from urllib.parse import urlencode

from litestar import Response
from litestar.params import FromPath, QueryParameter
from litestar.response import ServerSentEvent, Stream
from litestar.response.sse import ServerSentEventMessage

from govbot import audit
from govbot.audit import archive, checkpoints
from govbot.audit.keys import open_key
from govbot.audit.proof import Evidence, Progress
from govbot.auth import limits, roles, users
from govbot.config import Settings
from govbot.db.access import as_actor, as_system
from govbot.db.pool import Connection
from govbot.web import audit_export, audit_told
from govbot.web.audit_words import GROUPS
from govbot.web.visit import CurrentVisit, Visit

PATH = "/admin/auditoria"
PAGE = 50
PULSE_S = 0.5
VERIFICATIONS = 10  # a minute, for each person: it reads the whole log

Text = Annotated[str, QueryParameter(max_length=200)]
Day = Annotated[str, QueryParameter(max_length=10)]


@dataclass(frozen=True, slots=True)
class Choice:
    """What the visitor looks for, as the form has it; days are whole days of the server."""

    acao: str = ""
    quem: str = ""
    objeto: str = ""
    endereco: str = ""
    texto: str = ""
    de: date | None = None
    ate: date | None = None

    def filter(self, known: list[str]) -> audit.Filter:
        """The same for the log; "document.*" stands for all of the known actions of the group."""
        actions: tuple[str, ...] = (self.acao,) if self.acao else ()
        if self.acao.endswith(".*"):
            group = self.acao.removesuffix("*")
            actions = tuple(name for name in known if name.startswith(group)) or actions
        return audit.Filter(
            actions,
            self.quem,
            self.objeto,
            self.endereco,
            self.texto,
            _midnight(self.de) if self.de else None,
            _midnight(self.ate + timedelta(days=1)) if self.ate else None,
        )

    def told(self) -> dict[str, str]:
        """What is filled in, by name."""
        return {name: str(value) for name, value in asdict(self).items() if value}

    def path(self, suffix: str = "", **more: object) -> str:
        """The address with this choice."""
        kept = self.told() | {name: str(value) for name, value in more.items() if value}
        return PATH + suffix + (f"?{urlencode(kept)}" if kept else "")


async def listing(
    visit: CurrentVisit,
    acao: Text = "",
    quem: Text = "",
    objeto: Text = "",
    endereco: Text = "",
    texto: Text = "",
    de: Day = "",
    ate: Day = "",
    antes: Annotated[int | None, QueryParameter(ge=1)] = None,
) -> Response[str]:
    """The newest entries first."""
    context = await _entries(visit, _choice(acao, quem, objeto, endereco, texto, de, ate), antes)
    template = "admin/_audit.html" if visit.wants_fragment else "admin/audit.html"
    return visit.page(template, report=None, **context)


async def show(visit: CurrentVisit, seq: FromPath[int]) -> Response[str]:
    """One entry with its seal and the entries beside it."""
    roles.require(roles.may_read_audit(visit.actor))
    async with as_actor(visit.app.pool, visit.actor) as conn:
        entry = await audit.entry(conn, seq)
        before, after = await audit.neighbours(conn, seq)
        names = await users.names(conn, audit_told.ids_of([entry]))
    return visit.page(
        "admin/audit_entry.html",
        entry=entry,
        before=before,
        after=after,
        action=audit_told.action_name(visit, entry.action),
        details=audit_told.details_of(visit, entry, names),
        object=audit_told.object_of(visit, entry, names),
        fits=audit.seal(entry, bytes(entry.prev_hash)) == bytes(entry.hash),
        about=Choice(objeto=entry.resource).path(),
    )


async def verify(visit: CurrentVisit) -> Response[str]:
    """Checks the log from the first entry to the last; with htmx the progress is shown first."""
    roles.require(roles.may_read_audit(visit.actor))
    if visit.wants_fragment:
        return visit.page("admin/_audit_progress.html")
    report = await _verified(visit, None)
    return visit.page("admin/audit.html", report=report, **await _entries(visit, Choice(), None))


async def progress(visit: CurrentVisit) -> ServerSentEvent:
    """The verification as it goes on: `progress` events with words, and `done` with the result."""
    roles.require(roles.may_read_audit(visit.actor))
    return ServerSentEvent(_steps(visit), headers={"Cache-Control": "no-store"})


async def download(
    visit: CurrentVisit,
    acao: Text = "",
    quem: Text = "",
    objeto: Text = "",
    endereco: Text = "",
    texto: Text = "",
    de: Day = "",
    ate: Day = "",
) -> Stream:
    """The entries of the filter as CSV, newest first; taking them is an entry itself."""
    chosen = _choice(acao, quem, objeto, endereco, texto, de, ate)
    found, last = await _taken(visit, chosen, "csv")
    return _attachment(audit_export.as_table(visit, found, last), "text/csv", "csv")


async def download_lines(
    visit: CurrentVisit,
    acao: Text = "",
    quem: Text = "",
    objeto: Text = "",
    endereco: Text = "",
    texto: Text = "",
    de: Day = "",
    ate: Day = "",
) -> Stream:
    """The same as JSON lines; without a filter `govbot audit verify --file` checks them."""
    chosen = _choice(acao, quem, objeto, endereco, texto, de, ate)
    found, last = await _taken(visit, chosen, "json")
    return _attachment(audit_export.as_lines(visit, found, last), "application/jsonl", "jsonl")


async def _taken(visit: Visit, chosen: Choice, kind: str) -> tuple[audit.Filter, int]:
    roles.require(roles.may_read_audit(visit.actor))
    details = {"format": kind, **chosen.told()}
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        found = chosen.filter(await audit.actions(conn))
        last = await audit.record(conn, actor=visit.actor, action="audit.exported", details=details)
    return found, last


def _attachment(content: AsyncIterator[str], media_type: str, ending: str) -> Stream:
    name = f"govbot-auditoria-{datetime.now().astimezone():%Y-%m-%d}.{ending}"
    return Stream(
        content,
        media_type=media_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


async def _entries(visit: Visit, chosen: Choice, before: int | None) -> dict[str, Any]:
    roles.require(roles.may_read_audit(visit.actor))
    async with as_actor(visit.app.pool, visit.actor) as conn:
        known = await audit.actions(conn)
        found = await audit.entries(conn, chosen.filter(known), limit=PAGE + 1, before=before)
        shown = found[:PAGE]
        names = await users.names(conn, audit_told.ids_of(shown))
        standing = await _standing(visit, conn)
    return {
        "chosen": chosen,
        "entries": shown,
        "older": chosen.path(antes=shown[-1].seq) if len(found) > PAGE else None,
        "newest": chosen.path() if before else None,
        "groups": _groups(visit, known),
        "action_name": lambda name: audit_told.action_name(visit, name),
        "details_of": lambda entry: audit_told.details_of(visit, entry, names),
        "object_of": lambda entry: audit_told.object_of(visit, entry, names),
        "filtered": chosen != Choice(),
        "standing": standing,
    }


def _groups(visit: Visit, known: list[str]) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """The actions that occur, by group: its name, its filter, and each action's name and filter."""
    found = []
    for group, names in groupby(known, key=lambda name: name.partition(".")[0]):
        told = sorted((audit_told.action_name(visit, name), name) for name in names)
        label = visit.translate(GROUPS[group]) if group in GROUPS else group
        found.append((label, f"{group}.*" if len(told) > 1 else "", told))
    return sorted(found)


async def _standing(visit: Visit, conn: Connection) -> checkpoints.Standing:
    settings = visit.app.settings
    key = await asyncio.to_thread(
        open_key, settings.audit.key.get_secret_value(), settings.data_dir
    )
    return await checkpoints.standing(conn, key)


async def _steps(visit: Visit) -> AsyncIterator[ServerSentEventMessage]:
    reached = [0, 0]

    def on_progress(seq: int, total: int) -> None:
        reached[:] = seq, total

    task = asyncio.create_task(_verified(visit, on_progress))
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=PULSE_S)
            words = visit.translate("Checked %(seq)s of %(total)s entries…")
            text = words % {"seq": reached[0], "total": reached[1]}
            yield ServerSentEventMessage(data=text, event="progress")
        html = visit.html("admin/_audit_report.html", report=task.result())
        yield ServerSentEventMessage(data=html, event="done")
    finally:
        task.cancel()


async def _verified(visit: Visit, on_progress: Progress | None) -> audit.AuditReport:
    """The result, which is an entry of the log as well."""
    async with as_system(visit.app.pool) as conn:
        key = f"audit-verify:{visit.actor.id}"
        await limits.hit(conn, key, limit=VERIFICATIONS, window_s=60)
    evidence = await asyncio.to_thread(_evidence, visit.app.settings)
    async with as_actor(visit.app.pool, visit.actor) as conn:
        report = await audit.verify(conn, evidence, on_progress=on_progress)
    details = {"entries": report.entries, "first": report.first, "last": report.last}
    if report.first_broken is not None:
        details["broken"] = report.first_broken
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await audit.record(conn, actor=visit.actor, action="audit.verified", details=details)
    return report


def _evidence(settings: Settings) -> Evidence:
    """The service's own checkpoints and archives."""
    file = checkpoints.file_of(settings.audit.checkpoint_file, settings.data_dir)
    key = open_key(settings.audit.key.get_secret_value(), settings.data_dir)
    signed = tuple(checkpoints.read(file)) if file.exists() else ()
    return Evidence(signed, frozenset({key.public}), settings.data_dir / archive.FOLDER)


def _choice(
    action: str, who: str, resource: str, address: str, words: str, since: str, until: str
) -> Choice:
    return Choice(
        action.strip(),
        who.strip().casefold(),
        resource.strip(),
        address.strip(),
        words.strip(),
        _day(since),
        _day(until),
    )


def _day(text: str) -> date | None:
    """A day as the browser's date field writes it; what is no day filters nothing."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time()).astimezone()
