"""Rows of the documents page while their files are read: a stream of events, one fragment a row.

Each event is read again with the rights of who watches. Streams are few and short: beyond the
limit, and after LIFE_S, a stream ends after what it has to say, and the browser asks again.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, Final
from uuid import UUID

from litestar.di import NamedDependency
from litestar.response import ServerSentEvent
from litestar.response.sse import ServerSentEventMessage

from govbot.db.access import as_actor
from govbot.documents import listing
from govbot.documents.rights import document_levels
from govbot.documents.types import Document, Level
from govbot.errors import Invalid, Unavailable
from govbot.ids import CollectionId, DocumentId, UserId
from govbot.web import document_words
from govbot.web.document_query import Query, query_of
from govbot.web.document_words import UNDER_WAY
from govbot.web.documents import PAGE, figures, row_helpers
from govbot.web.visit import CurrentVisit, Visit

LOOK_S: Final = 1.0
LIFE_S: Final = 120.0
HEARTBEAT_S: Final = 15.0
AGAIN_MS: Final = 4000  # after which the browser asks again
PER_PERSON: Final = 4
IN_ALL: Final = 100

Message = ServerSentEventMessage
Seen = dict[DocumentId, str]


class Streams:
    """How many streams are open, in all and for each person."""

    def __init__(self) -> None:
        self._open: Counter[UserId] = Counter()

    @contextmanager
    def place(self, person: UserId) -> Iterator[bool]:
        """Whether there is room for one more, which is taken meanwhile."""
        room = self._open[person] < PER_PERSON and self._open.total() < IN_ALL
        if not room:
            yield False
            return
        self._open[person] += 1
        try:
            yield True
        finally:
            self._open[person] -= 1
            if not self._open[person]:
                del self._open[person]


async def watch(visit: CurrentVisit, streams: NamedDependency[Streams]) -> ServerSentEvent:
    """The rows `d` of a list, again whenever they change, until all are at their end."""
    params = visit.request.query_params
    try:
        ids = [DocumentId(UUID(each)) for each in params.getall("d", [])][:PAGE]
    except ValueError as error:
        raise Invalid from error
    stream = _events(visit, streams, query_of(params), ids)
    return ServerSentEvent(stream, headers={"Cache-Control": "no-store"})


async def _events(
    visit: Visit, streams: Streams, query: Query, ids: list[DocumentId]
) -> AsyncIterator[Message]:
    seen: Seen = {}
    with streams.place(visit.actor.id) as room:
        end = monotonic() + (LIFE_S if room else 0)
        spoke = monotonic()
        while True:
            try:
                messages, waits = await _news(visit, query, ids, seen)
            except Unavailable:  # the browser asks again
                return
            for message in messages:
                yield message
                spoke = monotonic()
            if not waits:
                yield Message(event="done", data="-")
                return
            if monotonic() >= end:
                yield Message(comment="again", retry=AGAIN_MS)
                return
            if monotonic() - spoke > HEARTBEAT_S:
                yield Message(comment="still here")
                spoke = monotonic()
            await asyncio.sleep(LOOK_S)


async def _news(
    visit: Visit, query: Query, ids: list[DocumentId], seen: Seen
) -> tuple[list[Message], bool]:
    """What changed since `seen`, which is brought up to date; and whether more is to come."""
    counts, levels = None, dict[DocumentId, Level]()
    async with as_actor(visit.app.pool, visit.actor) as conn:
        found = {each.id: each for each in await listing.load(conn, ids)}
        marks = {each: _mark(found.get(each)) for each in ids}
        changed = [each for each in ids if marks[each] != seen.get(each)]
        if changed:
            levels = await document_levels(conn, changed)
        # Figures follow the states, not every page that is read.
        if any(_state(marks[each]) != _state(seen.get(each, "")) for each in changed):
            chosen = CollectionId(query.collection) if query.collection else None
            counts = await listing.counts(conn, chosen)
    seen.update(marks)
    messages = []
    if changed:
        # As many cells as the other rows of the page have.
        ticks = "marcas" in visit.request.query_params
        helpers = {**row_helpers(visit, query, levels), "may_write": ticks}
        for each in changed:
            document = found.get(each)
            html = visit.html("documents/_row_event.html", id=each, document=document, **helpers)
            messages.append(Message(event=f"d-{each}", data=html))
    if counts is not None:
        writes = any(map(document_words.writes, levels.values()))
        shown: dict[str, Any] = figures(visit, query, counts, may_write=writes)
        html = visit.html("documents/_figures.html", query=query, **shown)
        messages.append(Message(event="figures", data=html))
    return messages, any(each.version.state in UNDER_WAY for each in found.values())


def _mark(document: Document | None) -> str:
    """What a row shows of a document, as far as it changes by itself: the state, then a digest."""
    if document is None:
        return "gone"
    version = document.version
    shown = (
        document.title, document.filename, document.served, document.trashed_at,
        document.revoked_on, document.secrecy, document.status, document.tags,
        version.id, version.review, version.pages,
        version.pages_done, version.error_code, version.ocr_pages, version.unread_pages,
    )  # fmt: skip
    return f"{version.state} {hashlib.sha256(repr(shown).encode()).hexdigest()}"


def _state(mark: str) -> str:
    return mark.partition(" ")[0]
