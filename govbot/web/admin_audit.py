"""The audit log: who did what, whether it is complete, and a copy of it. For auditors."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from litestar import Response
from litestar.params import QueryParameter
from litestar.response import Stream

from govbot import audit
from govbot.auth import roles, users
from govbot.db.access import as_actor
from govbot.web.audit_words import ACTIONS, DETAILS, WORDS
from govbot.web.i18n import _
from govbot.web.visit import CurrentVisit, Visit

PATH = "/admin/auditoria"
PAGE = 50
BATCH = 1000
COLUMNS = ("seq", "at", "actor", "actor_id", "action", "resource", "details", "ip", "hash")
MAX_VALUE = 400
DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Filter:
    """What the visitor looks for; the days are whole days in the server's time zone."""

    action: str = ""
    who: str = ""
    since: date | None = None
    until: date | None = None

    def arguments(self) -> dict[str, Any]:
        """The filter as audit.entries takes it."""
        return {
            "chosen": audit.Filter(
                (self.action,) if self.action else (),
                self.who,
                since=_midnight(self.since) if self.since else None,
                until=_midnight(self.until + timedelta(days=1)) if self.until else None,
            )
        }

    def path(self, suffix: str = "", **more: object) -> str:
        """The address with this filter."""
        values = {"acao": self.action, "quem": self.who, "de": self.since, "ate": self.until}
        kept = {name: str(value) for name, value in {**values, **more}.items() if value}
        return PATH + suffix + (f"?{urlencode(kept)}" if kept else "")


async def listing(
    visit: CurrentVisit,
    acao: Annotated[str, QueryParameter(max_length=100)] = "",
    quem: Annotated[str, QueryParameter(max_length=64)] = "",
    de: Annotated[str, QueryParameter(max_length=10)] = "",
    ate: Annotated[str, QueryParameter(max_length=10)] = "",
    antes: Annotated[int | None, QueryParameter(ge=1)] = None,
) -> Response[str]:
    """The newest entries first."""
    chosen = _filter(acao, quem, de, ate)
    context = await _entries(visit, chosen, antes)
    template = "admin/_audit.html" if visit.wants_fragment else "admin/audit.html"
    return visit.page(template, report=None, **context)


async def verify(visit: CurrentVisit) -> Response[str]:
    """Checks the chain of hashes from the first entry to the last."""
    roles.require(roles.may_read_audit(visit.actor))
    async with as_actor(visit.app.pool, visit.actor) as conn:
        report = await audit.verify(conn)
    if visit.wants_fragment:
        return visit.page("admin/_audit_report.html", report=report)
    context = await _entries(visit, Filter(), None)
    return visit.page("admin/audit.html", report=report, **context)


async def download(
    visit: CurrentVisit,
    acao: Annotated[str, QueryParameter(max_length=100)] = "",
    quem: Annotated[str, QueryParameter(max_length=64)] = "",
    de: Annotated[str, QueryParameter(max_length=10)] = "",
    ate: Annotated[str, QueryParameter(max_length=10)] = "",
) -> Stream:
    """The entries of the filter as CSV, newest first; taking them is an entry itself."""
    roles.require(roles.may_read_audit(visit.actor))
    chosen = _filter(acao, quem, de, ate)
    details = {
        name: str(value)
        for name, value in (
            ("action", chosen.action),
            ("actor", chosen.who),
            ("since", chosen.since),
            ("until", chosen.until),
        )
        if value
    }
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        last = await audit.record(conn, actor=visit.actor, action="audit.exported", details=details)
    name = f"govbot-auditoria-{datetime.now().astimezone():%Y-%m-%d}.csv"
    return Stream(
        _csv(visit, chosen, last),
        media_type="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


async def _entries(visit: Visit, chosen: Filter, before: int | None) -> dict[str, Any]:
    roles.require(roles.may_read_audit(visit.actor))
    async with as_actor(visit.app.pool, visit.actor) as conn:
        found = await audit.entries(conn, limit=PAGE + 1, before=before, **chosen.arguments())
        actions = await audit.actions(conn)
        shown = found[:PAGE]
        names = await users.names(conn, _ids(shown))
    return {
        "chosen": chosen,
        "entries": shown,
        "older": chosen.path(antes=shown[-1].seq) if len(found) > PAGE else None,
        "newest": chosen.path() if before else None,
        "actions": sorted((_action(visit, name), name) for name in actions),
        "action_name": lambda name: _action(visit, name),
        "details_of": lambda entry: _details(visit, entry, names),
        "object_of": lambda entry: _object(visit, entry, names),
        "filtered": chosen != Filter(),
    }


def _filter(action: str, who: str, since: str, until: str) -> Filter:
    return Filter(action.strip(), who.strip().casefold(), _day(since), _day(until))


def _action(visit: Visit, name: str) -> str:
    return visit.translate(ACTIONS[name]) if name in ACTIONS else name


def _details(visit: Visit, entry: audit.Entry, names: Mapping[UUID, str]) -> list[tuple[str, str]]:
    """The details in words: name and value, the empty ones left out."""
    return [
        (visit.translate(DETAILS[name]) if name in DETAILS else name, _value(visit, value, names))
        for name, value in _fields(entry).items()
        if value not in (None, "", [], {})
    ]


def _object(visit: Visit, entry: audit.Entry, names: Mapping[UUID, str]) -> str:
    """What the entry is about: a name where there is one, else the id."""
    kind, colon, text = entry.resource.rpartition(":")
    found = _uuid(text)
    if found and found in names:
        return names[found]
    label = visit.translate(DETAILS[kind]) if kind in DETAILS else kind
    return f"{label}{colon} {text}".strip()


def _value(visit: Visit, value: object, names: Mapping[UUID, str]) -> str:
    match value:
        case bool():
            return visit.translate(_("yes") if value else _("no"))
        case str() if value in WORDS:
            return visit.translate(WORDS[value])
        case str() if (found := _uuid(value)) and found in names:
            return names[found]
        case str() if DIGEST.fullmatch(value):
            return value[:12] + "…"
        case str() | int():
            text = str(value)
        case list() if all(isinstance(item, str | int) for item in value):
            text = ", ".join(str(item) for item in value)
        case _:
            text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_VALUE else text[:MAX_VALUE] + "…"


def _ids(entries: Sequence[audit.Entry]) -> list[UUID]:
    """The ids that occur in these entries as values of their own."""
    texts = {entry.resource.rpartition(":")[2] for entry in entries}
    for entry in entries:
        texts.update(value for value in _fields(entry).values() if isinstance(value, str))
    return [found for text in texts if (found := _uuid(text))]


def _fields(entry: audit.Entry) -> dict[str, object]:
    try:
        found = json.loads(entry.details)
    except ValueError:
        return {"": entry.details}
    return found if isinstance(found, dict) else {"": found}


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if len(text) == 36 else None
    except ValueError:
        return None


async def _csv(visit: Visit, chosen: Filter, last: int) -> AsyncIterator[str]:
    """In batches, each in a transaction of its own: a slow reader holds no connection."""
    separator = ";" if visit.language.code == "pt-BR" else ","  # what its spreadsheets expect
    yield "\ufeff" + _lines([COLUMNS], separator)
    before = last
    while True:
        async with as_actor(visit.app.pool, visit.actor) as conn:
            found = await audit.entries(conn, limit=BATCH, before=before, **chosen.arguments())
        if not found:
            return
        before = found[-1].seq
        yield _lines([_row(entry) for entry in found], separator)


def _row(entry: audit.Entry) -> tuple[str, ...]:
    values = (
        str(entry.seq),
        entry.at.isoformat(),
        entry.actor_name,
        str(entry.actor_id or ""),
        entry.action,
        entry.resource,
        entry.details,
        entry.ip,
        bytes(entry.hash).hex(),
    )
    # A cell that begins like a formula would be run by a spreadsheet.
    return tuple(
        f"'{value}" if value.startswith(("=", "+", "-", "@")) else value for value in values
    )


def _lines(rows: Sequence[Sequence[str]], separator: str) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=separator, lineterminator="\r\n").writerows(rows)
    return buffer.getvalue()


def _day(text: str) -> date | None:
    """A day as the browser's date field writes it; what is no day filters nothing."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time()).astimezone()
