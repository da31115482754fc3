"""The leak test: what a question finds without limits, what of it a person may have, and whether
the search gave that person anything else.

"Without limits" is with the rights of the administrator who asks, or of the operator. What lies
above an administrator's own clearance is left out altogether: even a nameless line that comes and
goes with the words of a question would tell what a secret document says.
"""

from __future__ import annotations

from dataclasses import dataclass

from govbot import audit
from govbot.config import Settings
from govbot.db.access import Actor, as_actor
from govbot.db.pool import Connection, Pool
from govbot.documents.explain import (
    Explanation,
    Person,
    asks_about_all,
    explanation,
    person_of,
)
from govbot.documents.rights import system_rights
from govbot.documents.secrecy import clearance_of_actor
from govbot.documents.store import get_document
from govbot.errors import Denied
from govbot.ids import DocumentId, UserId
from govbot.models.embedder import Embedder
from govbot.retrieval.passages import Passage
from govbot.retrieval.retrieve import retrieve

LIMIT = 20
MOST = 100


@dataclass(frozen=True, slots=True)
class Tested:
    """A passage. `place` is its rank without limits (None: it was not among those), `got` its rank
    among what the person really gets; `seen`: the database shows it to the person.
    """

    passage: Passage
    explanation: Explanation
    place: int | None
    got: int | None
    seen: bool

    @property
    def passes(self) -> bool:
        """Whether the rules let the person find it."""
        return self.explanation.verdict.found

    @property
    def leaks(self) -> bool:
        """Whether the person has what the rules do not give: this must never be."""
        return not self.passes and (self.seen or self.got is not None)


@dataclass(frozen=True, slots=True)
class LeakTest:
    """All passages, by their rank without limits."""

    person: Person
    tested: tuple[Tested, ...]

    @property
    def blocked(self) -> int:
        """How many the rules keep from the person."""
        return sum(not each.passes for each in self.tested)

    @property
    def leaks(self) -> int:
        """How many the person has against the rules."""
        return sum(each.leaks for each in self.tested)


async def leak_test(
    pool: Pool,
    asker: Actor,
    user_id: UserId,
    question: str,
    *,
    embedder: Embedder | None,
    settings: Settings,
    limit: int = LIMIT,
) -> LeakTest:
    """Searches twice, as `asker` and as the account; in the audit log afterwards.

    Raises NotFound for an account that is not there; Denied unless the asker is an administrator
    whose clearance is not below the person's (what only the person may know would show), or the
    operator.
    """
    if not asks_about_all(asker):
        raise Denied
    async with as_actor(pool, asker) as conn:
        person = await _person(conn, asker, user_id)
        unlimited = await retrieve(
            conn, question, embedder=embedder, settings=settings, limit=limit
        )
    async with as_actor(pool, Actor(person.id, person.username, person.role)) as conn:
        own = await retrieve(conn, question, embedder=embedder, settings=settings)
        seen = await _seen(conn, unlimited.passages)
    async with as_actor(pool, asker, write=True) as conn:
        tested = await _judged(conn, person, unlimited.passages, own.passages, seen)
        found = LeakTest(person, tested)
        details: dict[str, object] = {
            "passages": len(tested),
            "blocked": found.blocked,
            "leaks": found.leaks,
        }
        if settings.audit.question_text:
            details["question"] = question
        await audit.record(
            conn,
            actor=asker,
            action="access.leak-test",
            resource=f"user:{person.id}",
            details=details,
        )
    return found


async def _person(conn: Connection, asker: Actor, user_id: UserId) -> Person:
    async with system_rights(conn):
        person = await person_of(conn, user_id)
    if await clearance_of_actor(conn) < person.clearance:
        raise Denied(
            "The clearance of %(name)s is above yours: somebody whose clearance reaches it runs "
            "this test, or the operator at the server.",
            code="E-CLEARANCE",
            name=person.name,
        )
    return person


async def _seen(conn: Connection, passages: list[Passage]) -> frozenset[int]:
    """Which of the passages the database shows to the actor of the transaction."""
    cursor = await conn.execute(
        "SELECT c.id FROM chunks c WHERE c.id = ANY(%(ids)s::bigint[])",
        {"ids": [passage.chunk_id for passage in passages]},
    )
    return frozenset(row["id"] for row in await cursor.fetchall())


async def _judged(
    conn: Connection,
    person: Person,
    unlimited: list[Passage],
    own: list[Passage],
    seen: frozenset[int],
) -> tuple[Tested, ...]:
    places = {passage.chunk_id: rank for rank, passage in enumerate(unlimited, 1)}
    ranks = {passage.chunk_id: rank for rank, passage in enumerate(own, 1)}
    explained: dict[DocumentId, Explanation] = {}
    tested = []
    for passage in (*unlimited, *(each for each in own if each.chunk_id not in places)):
        found = explained.get(passage.document_id)
        if found is None:
            document = await get_document(conn, passage.document_id)
            found = await explanation(conn, person.id, document)
            explained[passage.document_id] = found
        place, got = places.get(passage.chunk_id), ranks.get(passage.chunk_id)
        tested.append(Tested(passage, found, place, got, passage.chunk_id in seen))
    return tuple(tested)
