"""The leak test: what passes, what is blocked by which rule, and that a leak would be seen."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from govbot.auth import users
from govbot.config import Settings
from govbot.db.access import OPERATOR, Actor, as_system
from govbot.db.dsns import Dsns
from govbot.documents import grants, secrecy
from govbot.documents.types import Level, Principal, Secrecy, Target
from govbot.documents.verdict import Reason
from govbot.errors import Denied, NotFound
from govbot.ids import DocumentId, UserId, new_id
from govbot.retrieval import leaks
from govbot.retrieval.leaks import LeakTest, leak_test
from tests.ingestion import Cast, Parts, add_cast, open_parts, take
from tests.prepared import Prepared, recipe

QUESTION = "Qual é o limite de diárias do servidor?"
OPEN = "Art. 1º O limite de diárias do servidor é de vinte por ano."
HIDDEN = "Art. 1º O limite de diárias do servidor da missão Jaguatirica é secreto."


@dataclass(frozen=True)
class Laws:
    cast: Cast
    hidden: DocumentId


@recipe("laws")
async def fill(dsns: Dsns, data: Path) -> Laws:
    """A law in A, and one in B that answers the same question."""
    async with open_parts(dsns, data) as parts:
        cast = await add_cast(parts.pool)
        await take(parts, cast.curator, cast.a, "aberta.txt", OPEN)
        received = await take(parts, None, cast.b, "fechada.txt", HIDDEN)
        await parts.work()
    return Laws(cast, received.document_id)


@pytest.fixture
def laws(prepared: Prepared) -> Laws:
    found = prepared.scene
    assert isinstance(found, Laws)
    return found


@pytest.fixture
def hidden(laws: Laws) -> DocumentId:
    return laws.hidden


async def run(
    parts: Parts, asker: Actor, about: Actor, settings: Settings | None = None
) -> LeakTest:
    return await leak_test(
        parts.pool, asker, about.id, QUESTION, embedder=parts.embedder,
        settings=settings or parts.settings,
    )  # fmt: skip


def results(found: LeakTest) -> dict[str, tuple[bool, bool]]:
    return {t.passage.filename: (t.passes, t.got is not None) for t in found.tested}


async def clear(parts: Parts, who: Actor, degree: Secrecy) -> None:
    async with as_system(parts.pool) as conn:
        await users.set_clearance(conn, who.id, int(degree))


async def test_what_the_person_may_read_passes_and_the_rest_is_blocked_with_its_rule(
    parts: Parts, cast: Cast, hidden: DocumentId
) -> None:
    for asker in (cast.admin, OPERATOR):
        found = await run(parts, asker, cast.reader)
        assert results(found) == {"aberta.txt": (True, True), "fechada.txt": (False, False)}
        assert (found.blocked, found.leaks) == (1, 0)
        (blocked,) = [each for each in found.tested if not each.passes]
        decided = [r.reason for r in blocked.explanation.verdict.rules if r.decides]
        assert decided == [Reason.NO_GRANT]
        assert {each.place for each in found.tested} == {1, 2}


async def test_a_grant_and_a_denial_of_one_document_change_what_passes(
    parts: Parts, cast: Cast, hidden: DocumentId
) -> None:
    reader = Principal.user(cast.reader.id)
    for effect, passes in (("allow", True), ("deny", False)):
        async with as_system(parts.pool) as conn:
            await grants.set_grant(
                conn, None, Target.document(hidden), reader, Level.READ,
                effect=effect,  # type: ignore[arg-type]
            )  # fmt: skip
        found = await run(parts, cast.admin, cast.reader)
        assert results(found)["fechada.txt"] == (passes, passes)
        assert found.leaks == 0


async def test_what_is_above_the_administrators_clearance_does_not_show_at_all(
    parts: Parts, cast: Cast, hidden: DocumentId
) -> None:
    async with as_system(parts.pool) as conn:
        await secrecy.set_secrecy(conn, None, hidden, Secrecy.SECRET)
    found = await run(parts, cast.admin, cast.stranger)
    assert results(found) == {"aberta.txt": (False, False)}
    assert results(await run(parts, OPERATOR, cast.stranger))["fechada.txt"] == (False, False)


async def test_nobody_tests_a_person_whose_clearance_is_above_their_own(
    parts: Parts, cast: Cast, hidden: DocumentId
) -> None:
    await clear(parts, cast.stranger, Secrecy.SECRET)
    async with as_system(parts.pool) as conn:
        await secrecy.set_secrecy(conn, None, hidden, Secrecy.SECRET)
    with pytest.raises(Denied) as refused:
        await run(parts, cast.admin, cast.stranger)
    assert refused.value.error_code == "E-CLEARANCE"
    assert results(await run(parts, OPERATOR, cast.stranger))["fechada.txt"] == (True, True)
    await clear(parts, cast.admin, Secrecy.SECRET)
    assert results(await run(parts, cast.admin, cast.stranger))["fechada.txt"] == (True, True)


async def test_only_administrators_and_the_operator_run_it(
    parts: Parts, cast: Cast, hidden: DocumentId
) -> None:
    for asker in (cast.curator, cast.writer, cast.reader):
        with pytest.raises(Denied):
            await run(parts, asker, cast.reader)
    with pytest.raises(NotFound):
        await run(parts, cast.admin, Actor(UserId(new_id()), "nobody", cast.reader.role))


async def test_a_search_that_gives_too_much_is_seen(
    parts: Parts, cast: Cast, hidden: DocumentId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The search of the person is made to leak: it gives what the first search gave."""
    real, first = leaks.retrieve, []

    async def leaking(conn: Any, question: str, **options: Any) -> Any:
        first.append(await real(conn, question, **options))
        return first[0]

    monkeypatch.setattr(leaks, "retrieve", leaking)
    found = await run(parts, cast.admin, cast.reader)
    assert found.leaks == 1
    assert [t.passage.filename for t in found.tested if t.leaks] == ["fechada.txt"]


async def test_a_row_that_the_database_shows_too_much_is_a_leak_as_well(
    parts: Parts, cast: Cast, hidden: DocumentId, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def everything(_: Any, passages: Any) -> frozenset[int]:
        return frozenset(passage.chunk_id for passage in passages)

    monkeypatch.setattr(leaks, "_seen", everything)
    assert (await run(parts, cast.admin, cast.reader)).leaks == 1


@pytest.mark.parametrize("words", [False, True])
async def test_the_audit_log_has_the_question_only_by_setting(
    parts: Parts, cast: Cast, hidden: DocumentId, words: bool
) -> None:
    settings = parts.settings
    section = settings.audit.model_copy(update={"question_text": words})
    await run(parts, cast.admin, cast.reader, settings.model_copy(update={"audit": section}))
    async with as_system(parts.pool) as conn:
        cursor = await conn.execute(
            "SELECT actor_name, resource, details FROM audit_log WHERE action = 'access.leak-test'"
        )
        (entry,) = await cursor.fetchall()
    details = json.loads(entry["details"])
    assert (entry["actor_name"], entry["resource"]) == ("admin", f"user:{cast.reader.id}")
    assert details.pop("question", None) == (QUESTION if words else None)
    assert details == {"passages": 2, "blocked": 1, "leaks": 0}
