"""What lists narrowed by life show is what they count, and tags are those within reach."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from govbot.db.access import as_actor, as_system
from govbot.documents import collections, detail, lifecycle, listing, store
from govbot.documents.lives import Life
from govbot.documents.suggestions import suggestions
from govbot.ids import DocumentId
from tests.ingestion import Cast, Parts, take

TODAY = date.today()


@pytest.fixture
async def by_life(parts: Parts, cast: Cast) -> dict[str, DocumentId]:
    """Documents of A in each part of their life, and one that ended in B."""
    found = {}
    for name, collection in (
        ("plain", cast.a), ("expired", cast.a), ("revoked", cast.a), ("later", cast.a),
        ("trashed", cast.a), ("other", cast.b), ("draft", cast.a), ("waiting", cast.a),
    ):  # fmt: skip
        if name == "draft":
            async with as_system(parts.pool) as conn:
                await collections.set_review(conn, None, cast.a, True)
        received = await take(parts, None, collection, f"{name}.txt", f"Art. 1º {name}.")
        found[name] = received.document_id
    yesterday = TODAY - timedelta(days=1)
    async with as_system(parts.pool) as conn:
        for name, assignment in (
            ("expired", "valid_to = %(day)s"),
            ("revoked", "revoked_on = %(day)s"),
            ("later", "revoked_on = %(day)s + 10, tags = '{futuro}'"),
            ("trashed", "valid_to = %(day)s, tags = '{lixo}', trashed_at = now()"),
            ("other", "valid_to = %(day)s, tags = '{segredo}'"),
        ):
            await conn.execute(
                f"UPDATE documents SET {assignment} WHERE id = %(id)s".encode(),
                {"id": found[name], "day": yesterday},
            )
        waiting = await store.get_document(conn, found["waiting"])
        await lifecycle.submit(conn, None, waiting.version.id)
    return found


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        ("curator", {Life.DRAFT: {"draft"}, Life.IN_REVIEW: {"waiting"},
                     Life.ENDED: {"expired", "revoked"}}),
        ("reader", {Life.DRAFT: set(), Life.IN_REVIEW: set(), Life.ENDED: {"expired", "revoked"}}),
        ("stranger", {Life.DRAFT: set(), Life.IN_REVIEW: set(), Life.ENDED: {"other"}}),
    ],
)  # fmt: skip
async def test_each_life_is_listed_and_counted_alike(
    parts: Parts,
    cast: Cast,
    by_life: dict[str, DocumentId],
    who: str,
    expected: dict[Life, set[str]],
) -> None:
    names = {document_id: name for name, document_id in by_life.items()}
    async with as_actor(parts.pool, getattr(cast, who)) as conn:
        counted = await listing.counts(conn)
        for life in Life:
            found = {names[each.id] for each in await store.list_documents(conn, life=life)}
            assert found == expected[life]
            assert counted.lives[life] == len(found)


async def test_tags_are_those_of_documents_within_reach_and_outside_the_trash(
    parts: Parts, cast: Cast, by_life: dict[str, DocumentId]
) -> None:
    for actor, expected in ((cast.reader, ["futuro"]), (cast.stranger, ["segredo"])):
        async with as_actor(parts.pool, actor) as conn:
            assert (await suggestions(conn)).tags == expected
    async with as_actor(parts.pool, cast.curator) as conn:
        (tagged,) = await store.list_documents(conn, tag="futuro")
        assert tagged.id == by_life["later"]
        assert await store.list_documents(conn, tag="segredo") == []


async def test_a_search_for_a_document_finds_only_what_is_within_reach(
    parts: Parts, cast: Cast, by_life: dict[str, DocumentId]
) -> None:
    async with as_actor(parts.pool, cast.reader) as conn:
        found = await detail.find(conn, "txt", without=by_life["plain"])
        assert {each.id for each in found} == {
            by_life[name] for name in ("expired", "revoked", "later")
        }
        assert await detail.find(conn, "other", without=by_life["plain"]) == []
        assert await detail.find(conn, "  ", without=by_life["plain"]) == []
