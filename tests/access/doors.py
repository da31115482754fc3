"""All doors through which something of a document comes out, asked as one person.

`asked` goes through the program and the database, `expected` through the model; both give the same
names with comparable values.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from govbot.auth import sessions
from govbot.chat import store as chat
from govbot.chat.suggestions import suggested
from govbot.config import Settings
from govbot.db.access import Actor, Role, as_actor, as_system
from govbot.db.pool import Connection, Pool
from govbot.documents import collections, detail, lifecycle, listing, rights, store
from govbot.documents.types import LEVELS as LEVEL_OF
from govbot.errors import NotFound
from govbot.ids import ConversationId, DocumentId, MessageId, UserId, VersionId
from govbot.ingest import work
from govbot.retrieval.retrieve import retrieve
from tests.access.model import Answer, Edition, Model, Paper, Person

QUESTION = "comum"  # stands in every document
MOST = 500

# Each table by itself, as anybody with the application's connection could ask it.
_TABLES = """
    SELECT ARRAY(SELECT d.key FROM documents d ORDER BY 1) AS documents,
           ARRAY(SELECT v.id FROM document_versions v ORDER BY 1) AS versions,
           ARRAY(SELECT p.version_id FROM version_pages p ORDER BY 1) AS pages,
           ARRAY(SELECT w.version_id FROM page_words w ORDER BY 1) AS words,
           ARRAY(SELECT c.version_id FROM chunks c ORDER BY 1) AS chunks,
           ARRAY(SELECT DISTINCT p.document_key FROM postings p ORDER BY 1) AS postings,
           ARRAY(SELECT v.document_key FROM chunk_vectors v ORDER BY 1) AS vectors,
           (SELECT coalesce(sum(s.chunks), 0) FROM collection_stats s) AS counted,
           (SELECT coalesce(sum(t.chunks), 0) FROM term_stats t WHERE t.lexeme = 'comum') AS stems,
           ARRAY(SELECT c.key FROM collections c ORDER BY 1) AS collections,
           ARRAY(SELECT s.collection_key FROM suggested_questions s ORDER BY 1) AS suggestions,
           ARRAY(SELECT g.id FROM grants g ORDER BY 1) AS grants,
           ARRAY(SELECT m.id FROM messages m WHERE m.role = 'assistant' ORDER BY 1) AS answers,
           ARRAY(SELECT c.document_key FROM citations c ORDER BY 1) AS citations
"""


def actor_of(person: Person) -> Actor:
    return Actor(UserId(person.id), person.name, Role(person.role))


async def tables(pool: Pool, person: Person) -> dict[str, Any]:
    """What the tables give a person who asks without any WHERE."""
    async with as_actor(pool, actor_of(person)) as conn:
        row = await (await conn.execute(_TABLES)).fetchone()
    assert row is not None
    return dict(row)


def expected_tables(model: Model, person: Person, grant_ids: dict[Any, UUID]) -> dict[str, Any]:
    seen = [p for p in model.papers.values() if model.sees(person, p)]
    editions = [(p, e) for p in seen for e in p.editions if model.sees_edition(person, p, e)]
    found = [p for p in model.papers.values() if model.finds(person, p)]
    shelves = sorted(k for k, s in model.shelves.items() if model.shelf_level(person, s) >= 1)
    counted = sum(p.chunks for p in model.papers.values()
                  if p.shelf in shelves and p.secrecy <= person.clearance)  # fmt: skip
    answers = [a for a in model.answers if model.sees_answer(person, a)]
    return {
        "documents": sorted(p.key for p in seen),
        "versions": sorted(e.id for _, e in editions),
        "pages": sorted(e.id for _, e in editions for _ in range(e.pages)),
        "words": sorted(e.id for _, e in editions for _ in range(e.pages)),
        "chunks": sorted(p.served for p in found if p.served),
        "postings": sorted(p.key for p in found),
        "vectors": sorted(p.key for p in found),
        "counted": counted,
        "stems": counted,
        "collections": shelves,
        "suggestions": shelves,
        "grants": sorted(grant_ids[g] for g in model.grants if model.manages(person, g)),
        "answers": sorted(a.id for a in answers),
        "citations": sorted(k for a in answers for k in a.cited),
    }


async def asked(
    pool: Pool, settings: Settings, embedder: Any, model: Model, person: Person, gone: list[Paper]
) -> dict[str, Any]:
    """What the program gives a person at each door. `gone` are documents deleted for good."""
    papers = [*model.papers.values(), *gone]
    async with as_actor(pool, actor_of(person)) as conn:
        found = {
            "list": _ids(await store.list_documents(conn, limit=MOST)),
            "trash": _ids(await store.list_documents(conn, limit=MOST, trashed=True)),
            "in trash": await store.count_trashed(conn),
            "states": (await listing.counts(conn)).all,
            "by name": _ids(await store.list_documents(conn, limit=MOST, text="norma")),
            "collections": [(c.key, c.level, c.documents)
                            for c in await collections.list_collections(conn)],
            "hybrid": await _search(conn, settings, embedder),
            "words": await _search(conn, settings, None),
            "suggestions": await suggested(conn, limit=MOST),
            "reviews": _ids(await lifecycle.reviews(conn, limit=MOST)),
            "reviews counted": await lifecycle.count_reviews(conn),
            "work": sorted(w.version_id for w in await work.list_work(conn, limit=MOST)),
            "levels": await rights.document_levels(conn, [DocumentId(p.id) for p in papers]),
            "level": {p.key: await _level(conn, p) for p in papers},
            "get": {p.key: await _exists(store.get_document(conn, DocumentId(p.id)))
                    for p in papers},
            "originals": {e.id: await _original(conn, e) for p in papers for e in p.editions},
            "texts": {e.id: await _exists(store.page_text(conn, VersionId(e.id), 1))
                      for p in papers for e in p.editions},
            "passages": {e.id: bool(await detail.passages(conn, VersionId(e.id), offset=0, limit=9))
                         for p in papers for e in p.editions},
            "history": {a.id: await _answer(conn, a) for a in model.answers},
            "cited": {a.id: await _cited(conn, a) for a in model.answers},
        }  # fmt: skip
    async with as_system(pool) as conn:
        session = person.token and await sessions.session_of(
            conn, person.token, ip="", settings=settings.auth
        )
    return {**found, "session": session.actor.id if session else None}


def expected(model: Model, person: Person, gone: list[Paper]) -> dict[str, Any]:
    seen = [p for p in model.papers.values() if model.sees(person, p)]
    live = [p.id for p in seen if not p.trashed]
    found = {p.id for p in model.papers.values() if model.finds(person, p)}
    shelves = [s for s in model.shelves.values() if model.shelf_level(person, s) >= 1]
    reviews = [p.id for p in seen if _waits(model, person, p)]
    everywhere = [*model.papers.values(), *gone]
    editions = [(p, e) for p in everywhere for e in p.editions]
    visible = {e.id for p in seen for e in p.editions if model.sees_edition(person, p, e)}
    answers = {a.id: model.sees_answer(person, a) for a in model.answers}
    return {
        "list": sorted(live),
        "trash": sorted(p.id for p in seen if p.trashed),
        "in trash": sum(p.trashed for p in seen),
        "states": len(live),
        "by name": sorted(live),
        "collections": [(s.key, LEVEL_OF[model.shelf_level(person, s)],
                         sum(p.shelf == s.key and not p.trashed for p in seen))
                        for s in sorted(shelves, key=lambda s: s.name)],
        "hybrid": found,
        "words": found,
        "suggestions": [s.question for s in sorted(shelves, key=lambda s: s.key)],
        "reviews": sorted(reviews),
        "reviews counted": len(reviews),
        "work": sorted(e.id for p in seen for e in p.editions
                       if not p.trashed and model.level(person, p) >= 2 and e.state == "queued"),
        "levels": {p.id: LEVEL_OF[model.level(person, p)] for p in seen},
        "level": {p.key: LEVEL_OF.get(model.level(person, p)) if p.key in model.papers
                  else LEVEL_OF.get(model.shelf_level(person, model.shelves[p.shelf]))
                  for p in everywhere},
        "get": {p.key: p in seen for p in everywhere},
        "originals": {e.id: e.sha256 if e.id in visible else None for _, e in editions},
        "texts": {e.id: e.id in visible and e.pages > 0 for _, e in editions},
        "passages": {e.id: p.served == e.id and p.id in found for p, e in editions},
        "history": {a.id: (a.text if answers[a.id] else "hidden") if a.owner == person.id else None
                    for a in model.answers},
        "cited": {a.id: a.cited if answers[a.id] else [] for a in model.answers},
        "session": person.id if person.token and not person.disabled else None,
    }  # fmt: skip


def _waits(model: Model, person: Person, paper: Paper) -> bool:
    newest = paper.newest
    asked_for = newest.review == "in_review" or (newest.review == "draft" and not newest.author)
    return (
        asked_for
        and not paper.trashed
        and newest.state != "superseded"
        and model.level(person, paper) == 3
    )


def _ids(documents: Any) -> list[UUID]:
    return sorted(document.id for document in documents)


async def _search(conn: Connection, settings: Settings, embedder: Any) -> set[UUID]:
    found = await retrieve(conn, QUESTION, embedder=embedder, settings=settings, limit=50)
    return {passage.document_id for passage in found.passages}


async def _level(conn: Connection, paper: Paper) -> Any:
    row = await (
        await conn.execute(
            "SELECT govbot_document_level(%(key)s, %(shelf)s) AS level",
            {"key": paper.key, "shelf": paper.shelf},
        )
    ).fetchone()
    return LEVEL_OF.get(row["level"]) if row else None


async def _exists(look: Any) -> bool:
    try:
        await look
    except NotFound:
        return False
    return True


async def _original(conn: Connection, edition: Edition) -> str | None:
    """As the download does: the version, its document, then the file with this hash."""
    try:
        version = await store.get_version(conn, VersionId(edition.id))
        await store.get_document(conn, version.document_id)
    except NotFound:
        return None
    return version.sha256


async def _answer(conn: Connection, answer: Answer) -> str | None:
    """The text of an old answer, "hidden", or None for another's."""
    try:
        turns = await chat.turns(conn, ConversationId(answer.conversation))
    except NotFound:
        assert not await _exists(chat.get_message(conn, MessageId(answer.id)))
        return None
    shown = turns[0].answers[0]
    assert shown.hidden is not await _exists(chat.get_message(conn, MessageId(answer.id)))
    return "hidden" if shown.hidden else shown.content


async def _cited(conn: Connection, answer: Answer) -> list[int]:
    found = []
    for number in range(1, len(answer.cited) + 1):
        try:
            citation = await chat.get_citation(conn, MessageId(answer.id), number)
        except NotFound:
            continue
        found.append(citation.document_key)
    return found
