"""What the search may not tell: chunks, counts and scores that come of unreadable documents."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path

import pytest

from govbot.config import Settings
from govbot.db.access import Actor, Role, as_actor
from govbot.db.pool import Pool
from govbot.retrieval.passages import Passage
from govbot.retrieval.retrieve import Mode, retrieve
from tests.database.library import Document, FixedEmbedder, Library

QUESTION = "Qual o prazo de recurso do edital?"
SECRET = "O prazo de recurso do edital secreto é de dois dias."
MODES: tuple[Mode, ...] = ("hybrid", "lexical", "dense")


@pytest.fixture
async def library(pool: Pool) -> Library:
    """One collection, `Aberta`, that is read by `ana`."""
    library = Library(pool)
    await library.model()
    await library.document(
        "Aberta",
        "aberta.txt",
        "O prazo de recurso é de dez dias.",
        "O edital será publicado.",
        "Da vigência.",
        vectors=[(0.6, 0.8, 0), (0.5, 0, 0.8), (0, 0, 1)],
    )
    return library


@pytest.fixture
async def ana(library: Library) -> Actor:
    return await library.person("ana", "Aberta")


async def secret(library: Library) -> Document:
    """Nearer to the question in words and in meaning than anything that is open."""
    return await library.document(
        "Fechada",
        "secreta.txt",
        SECRET,
        "prazo prazo recurso edital",
        vectors=[(1, 0, 0), (1, 0.01, 0)],
    )


async def find(
    pool: Pool, actor: Actor, mode: Mode = "hybrid", limit: int = 8, scan: int = 50_000
) -> list[Passage]:
    settings = Settings(data_dir=Path("unused"))
    settings = settings.model_copy(
        update={"retrieval": settings.retrieval.model_copy(update={"exact_scan_limit": scan})}
    )
    async with as_actor(pool, actor) as conn:
        found = await retrieve(
            conn, QUESTION, embedder=FixedEmbedder(), settings=settings, mode=mode, limit=limit
        )
    return found.passages


def seen(passages: list[Passage]) -> list[tuple[object, ...]]:
    return [astuple(passage) for passage in passages]


@pytest.mark.parametrize("mode", MODES)
async def test_nothing_changes_when_an_unreadable_collection_appears(
    pool: Pool, library: Library, ana: Actor, mode: Mode
) -> None:
    before = await find(pool, ana, mode)
    await secret(library)
    assert before
    assert seen(await find(pool, ana, mode)) == seen(before)


@pytest.mark.parametrize("mode", MODES)
async def test_one_passage_asked_for_is_not_crowded_out_by_unreadable_ones(
    pool: Pool, library: Library, ana: Actor, mode: Mode
) -> None:
    await secret(library)
    assert [p.filename for p in await find(pool, ana, mode, limit=1)] == ["aberta.txt"]


async def test_the_size_of_unreadable_collections_does_not_choose_the_way_of_the_search(
    pool: Pool, library: Library, ana: Actor
) -> None:
    before = await find(pool, ana, scan=3)
    await secret(library)
    assert seen(await find(pool, ana, scan=3)) == seen(before)


@pytest.mark.parametrize("mode", MODES)
async def test_who_reads_only_the_other_collection_finds_only_that(
    pool: Pool, library: Library, mode: Mode
) -> None:
    await secret(library)
    stranger = await library.person("estranho", "Fechada")
    found = await find(pool, stranger, mode)
    assert {passage.filename for passage in found} == {"secreta.txt"}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("role", [Role.USER, Role.CURATOR, Role.AUDITOR])
async def test_a_role_alone_reads_nothing(
    pool: Pool, library: Library, mode: Mode, role: Role
) -> None:
    nobody = await library.person("ninguem", role=role)
    assert await find(pool, nobody, mode) == []


async def test_an_administrator_finds_everything(pool: Pool, library: Library) -> None:
    await secret(library)
    admin = await library.person("admin", role=Role.ADMIN)
    assert {p.filename for p in await find(pool, admin)} == {"aberta.txt", "secreta.txt"}


async def test_a_connection_without_an_actor_finds_nothing(pool: Pool, library: Library) -> None:
    async with pool.connection() as conn:
        found = await retrieve(
            conn, QUESTION, embedder=FixedEmbedder(), settings=Settings(data_dir=Path("unused"))
        )
    assert found.passages == []
    assert not found.sufficient


@pytest.mark.parametrize("mode", MODES)
async def test_a_refused_document_of_a_readable_collection_leaves_no_trace(
    pool: Pool, library: Library, ana: Actor, mode: Mode
) -> None:
    before = await find(pool, ana, mode)
    hidden = await library.document(
        "Aberta", "vedada.txt", SECRET, "edital", vectors=[(1, 0, 0), (1, 0, 0)]
    )
    await library.grant(ana, document_key=hidden.key, effect="deny")
    assert seen(await find(pool, ana, mode)) == seen(before)


@pytest.mark.parametrize("mode", MODES)
async def test_a_single_document_granted_is_found_and_weighed_alone(
    pool: Pool, library: Library, mode: Mode
) -> None:
    granted = await secret(library)
    guest = await library.person("visita")
    await library.grant(guest, document_key=granted.key)
    found = await find(pool, guest, mode)
    await library.document("Fechada", "outra.txt", SECRET, vectors=[(1, 0, 0)])
    again = await find(pool, guest, mode)
    assert {passage.filename for passage in found} == {"secreta.txt"}
    assert {passage.collection for passage in found} == {""}
    assert seen(again) == seen(found)


async def test_a_right_taken_away_ends_the_finding_at_once(
    pool: Pool, library: Library, ana: Actor, owner_pool: Pool
) -> None:
    assert await find(pool, ana)
    key = await library.collection("Aberta")
    await library.grant(ana, collection_key=key, effect="deny")
    assert await find(pool, ana) == []


async def test_a_group_reads_what_it_was_granted_and_its_leavers_do_not(
    pool: Pool, library: Library
) -> None:
    from govbot.db.access import as_system
    from govbot.ids import new_id

    bia = await library.person("bia")
    group = new_id()
    values = {"group": group, "user": bia.id, "grant": new_id()}
    async with as_system(pool) as conn:
        await conn.execute("INSERT INTO groups (id, name) VALUES (%(group)s, 'Jurídico')", values)
        await conn.execute(
            "INSERT INTO grants (id, group_id, collection_key, level)"
            " SELECT %(grant)s, %(group)s, c.key, 'read' FROM collections c",
            values,
        )
        await conn.execute(
            "INSERT INTO memberships (group_id, user_id) VALUES (%(group)s, %(user)s)", values
        )
    assert await find(pool, bia)
    async with as_system(pool) as conn:
        await conn.execute("DELETE FROM memberships WHERE user_id = %(user)s", values)
    assert await find(pool, bia) == []
