"""Search and questions in the API: under the rights of the person behind the key, audited like
questions of the pages, and not kept."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import msgspec
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.response import ServerSentEvent
from litestar.response.sse import ServerSentEventMessage

from govbot.chat import answer as answering
from govbot.chat.cited import Citation
from govbot.chat.live import PER_USER
from govbot.chat.reply import Wishes
from govbot.chat.support import Support, told
from govbot.db.access import as_actor
from govbot.documents import collections
from govbot.errors import Busy, GovBotError
from govbot.ids import CollectionId, UserId
from govbot.retrieval.passages import Passage
from govbot.retrieval.scope import within
from govbot.web import rates
from govbot.web.api_call import Call, CurrentCall, while_connected
from govbot.web.api_types import (
    Answer,
    AskRequest,
    CitationItem,
    PassageItem,
    Problem,
    SearchRequest,
    SearchResult,
    SupportItem,
)
from govbot.web.search import searched
from govbot.web.stream import paced

log = logging.getLogger(__name__)


class Slots:
    """How many answers of one person this process writes for the API at once."""

    def __init__(self) -> None:
        self._taken: Counter[UserId] = Counter()

    def require(self, owner: UserId) -> None:
        """Raises Busy E-ANSWERS when there is no place."""
        if self._taken[owner] >= PER_USER:
            raise Busy("Wait until one of your answers is finished.", code="E-ANSWERS")

    @contextmanager
    def one(self, owner: UserId) -> Iterator[None]:
        """Holds a place while the block runs. Raises Busy E-ANSWERS when there is none."""
        self.require(owner)
        self._taken[owner] += 1
        try:
            yield
        finally:
            self._taken[owner] -= 1
            if not self._taken[owner]:
                del self._taken[owner]


@dataclass(frozen=True, slots=True)
class Event:
    """A step of an answer, for the stream; `data` is JSON."""

    kind: Literal["status", "text", "done", "error"]
    data: str


async def search(call: CurrentCall, data: JSONBody[SearchRequest]) -> SearchResult:
    """The passages that may answer a question, the best first. No text is generated."""
    question = answering.check_question(data.question)
    await rates.count_question(call.app, call.actor)
    only = await _key_of(call, data.collection_id)
    found = await searched(
        call.app, call.actor, question, limit=data.limit, as_of=data.as_of, collection_key=only
    )
    return SearchResult([_passage(passage) for passage in found.passages], found.sufficient)


async def ask(
    call: CurrentCall, slots: NamedDependency[Slots], data: JSONBody[AskRequest]
) -> Answer:
    """An answer with citations, when it is complete. `refused` is true where the documents that
    may be read do not hold it. Long answers: `/ask/stream`."""
    with slots.one(call.actor.id):
        await rates.count_question(call.app, call.actor)
        wishes = Wishes(scope=within(await _key_of(call, data.collection_id)))
        work = answering.ask(call.app, call.actor, data.question, as_of=data.as_of, wishes=wishes)
        found = await while_connected(call, work)
    return _answer(found)


async def ask_stream(
    call: CurrentCall, slots: NamedDependency[Slots], data: JSONBody[AskRequest]
) -> ServerSentEvent:
    """An answer as it is written, as server-sent events whose data is JSON: `status`
    ({"status": "searching"}), `text` ({"text": the whole text so far}), then `done` (the answer as
    `/ask` gives it) or `error` (a problem)."""
    answering.check_question(data.question)
    await rates.count_question(call.app, call.actor)
    wishes = Wishes(scope=within(await _key_of(call, data.collection_id)))
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return ServerSentEvent(_messages(call, slots, data, wishes), headers=headers)


async def _messages(
    call: Call, slots: Slots, data: AskRequest, wishes: Wishes
) -> AsyncIterator[ServerSentEventMessage]:
    limit = float(call.app.settings.web.stream_timeout_s)
    async with aclosing(_events(call, slots, data, wishes)) as events:
        async for event in paced(events, limit=limit):
            if event is None:
                yield ServerSentEventMessage(comment="")
            else:
                yield ServerSentEventMessage(data=event.data, event=event.kind)


async def _events(
    call: Call, slots: Slots, data: AskRequest, wishes: Wishes
) -> AsyncGenerator[Event, None]:
    try:
        with slots.one(call.actor.id):
            steps = answering.answer_stream(
                call.app, call.actor, data.question, as_of=data.as_of, wishes=wishes
            )
            async with aclosing(steps):
                async for step in steps:
                    if isinstance(step, answering.Answer):
                        yield Event("done", msgspec.json.encode(_answer(step)).decode())
                    else:
                        yield Event(step.kind, json.dumps({step.kind: step.text}))
    except GovBotError as error:
        log.warning("A stream broke: %s", error.error_code, extra={"action": "stream.failed"})
        problem = Problem(error.error_code, call.language.sentence(error))
        yield Event("error", msgspec.json.encode(problem).decode())


async def _key_of(call: Call, collection_id: UUID | None) -> int | None:
    """The key of the collection that is to be searched alone. Raises NotFound."""
    if collection_id is None:
        return None
    async with as_actor(call.app.pool, call.actor) as conn:
        return (await collections.get_collection(conn, CollectionId(collection_id))).key


def _answer(found: answering.Answer) -> Answer:
    return Answer(
        found.text,
        found.refused,
        found.excerpts,
        found.engine,
        [citation_item(each) for each in found.citations],
        [citation_item(each) for each in found.nearest],
        support_items(found.text, found.support),
    )


def support_items(text: str, found: Sequence[Support]) -> list[SupportItem]:
    """The check of an answer as the API tells it."""
    return [SupportItem(**each) for each in told(text, found)]


def citation_item(citation: Citation) -> CitationItem:
    """A citation as the API tells it."""
    return CitationItem(
        number=citation.number,
        document_id=citation.document_id,
        document=citation.title or citation.filename,
        filename=citation.filename,
        version=citation.version,
        page=citation.page_from,
        page_to=citation.page_to,
        heading=citation.heading,
        quote=citation.quote,
        valid_to=citation.valid_to,
        revoked_on=citation.revoked_on,
        link=f"/documentos/{citation.version_id}/pagina/{citation.page_from}",
    )


def _passage(passage: Passage) -> PassageItem:
    return PassageItem(
        document_id=passage.document_id,
        document=passage.title or passage.filename,
        filename=passage.filename,
        collection=passage.collection,
        version=passage.version,
        page=passage.page_from,
        page_to=passage.page_to,
        heading=passage.heading,
        text=passage.text,
        score=round(passage.score, 4),
        coverage=round(passage.coverage, 4),
        valid_from=passage.valid_from,
        valid_to=passage.valid_to,
        revoked_on=passage.revoked_on,
        link=f"/documentos/{passage.version_id}/pagina/{passage.page_from}",
    )
