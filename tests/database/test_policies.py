"""Row-level security itself: what each of the cast gets by asking the database directly."""

from __future__ import annotations

import psycopg
import pytest

from govbot.db.access import as_actor, as_system
from govbot.db.pool import Pool
from govbot.errors import Denied
from govbot.ids import new_id
from tests.troupe import Troupe

# What is of no person and no document: states of the machinery. All else is content.
TECHNICAL = {
    "alembic_version", "embedding_models", "queue_control", "procrastinate_events",
    "procrastinate_jobs", "procrastinate_periodic_defers", "procrastinate_workers",
}  # fmt: skip
OF_DOCUMENTS = (
    "collections", "documents", "document_versions", "version_pages", "chunks", "postings",
    "term_stats", "collection_stats",
)  # fmt: skip


async def _count(conn: psycopg.AsyncConnection[dict[str, int]], table: str) -> int:
    cursor = await conn.execute(f"SELECT count(*) AS n FROM {table}".encode())
    row = await cursor.fetchone()
    assert row is not None
    return row["n"]


async def _tables(conn: psycopg.AsyncConnection[dict[str, str]]) -> set[str]:
    """All tables and views but those of the machinery, whoever added them."""
    cursor = await conn.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " AND relkind IN ('r', 'p', 'v', 'm')"
    )
    return {row["relname"] for row in await cursor.fetchall()} - TECHNICAL


async def test_every_table_with_content_has_forced_row_level_security(owner_pool: Pool) -> None:
    async with owner_pool.connection() as conn:
        cursor = await conn.execute(
            "SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity"
        )
        forced = {row["relname"] for row in await cursor.fetchall()}
        assert await _tables(conn) - forced == set()


async def test_the_application_role_cannot_go_round_the_policies(pool: Pool) -> None:
    async with pool.connection() as conn:
        cursor = await conn.execute(
            "SELECT rolsuper, rolbypassrls, rolcreaterole"
            " FROM pg_roles WHERE rolname = current_user"
        )
        role = await cursor.fetchone()
        cursor = await conn.execute(
            "SELECT count(*) AS n FROM pg_class WHERE relowner = current_user::regrole"
        )
        owned = await cursor.fetchone()
    assert role == {"rolsuper": False, "rolbypassrls": False, "rolcreaterole": False}
    assert owned == {"n": 0}


@pytest.mark.parametrize("who", [None, "unknown", "disabled"])
async def test_a_dump_of_all_tables_by_nobody_has_no_row(
    pool: Pool, owner_pool: Pool, troupe: Troupe, who: str | None
) -> None:
    async with as_system(pool) as conn:
        await conn.execute(
            "UPDATE users SET disabled_at = now() WHERE id = %(id)s", {"id": troupe.admin.id}
        )
    async with owner_pool.connection() as conn:
        tables = await _tables(conn)
    actor = {None: "", "unknown": str(new_id()), "disabled": str(troupe.admin.id)}[who]
    async with pool.connection() as conn:
        await conn.execute("SELECT set_config('govbot.actor', %(actor)s, true)", {"actor": actor})
        for table in sorted(tables):
            cursor = await conn.execute(
                "SELECT has_table_privilege(%(table)s, 'SELECT') AS may", {"table": table}
            )
            if (await cursor.fetchone() or {"may": False})["may"]:
                assert await _count(conn, table) == 0, table


async def test_an_actor_that_is_no_identifier_is_nobody(pool: Pool, troupe: Troupe) -> None:
    async with pool.connection() as conn:
        for actor in (
            "SYSTEM",
            "system ",
            "operator",
            "null",
            "' OR true --",
            str(troupe.admin.id)[:-1],
        ):
            await conn.execute("SELECT set_config('govbot.actor', %(a)s, true)", {"a": actor})
            assert await _count(conn, "documents") == 0, actor


@pytest.mark.parametrize("table", OF_DOCUMENTS)
@pytest.mark.parametrize(
    ("name", "shelves"),
    [("reader", 1), ("curator", 1), ("stranger", 1), ("auditor", 0), ("admin", 2)],
)
async def test_the_cast_sees_the_rows_of_their_collections_only(
    pool: Pool, troupe: Troupe, table: str, name: str, shelves: int
) -> None:
    async with as_system(pool) as conn:
        everything = await _count(conn, table)
        column = "key" if table == "collections" else "collection_key"
        cursor = await conn.execute(
            f"SELECT count(*) AS n FROM {table} WHERE {column} = {troupe.a.collection_key}".encode()
        )
        of_a = (await cursor.fetchone() or {"n": 0})["n"]
    async with as_actor(pool, troupe[name]) as conn:
        seen = await _count(conn, table)
    expected = {0: 0, 1: of_a if name != "stranger" else everything - of_a, 2: everything}
    assert 0 < of_a < everything
    assert seen == expected[shelves]


async def test_a_disabled_account_reads_nothing_at_once(pool: Pool, troupe: Troupe) -> None:
    async with as_system(pool) as conn:
        await conn.execute(
            "UPDATE users SET disabled_at = now() WHERE id = %(id)s", {"id": troupe.reader.id}
        )
    async with as_actor(pool, troupe.reader) as conn:
        assert await _count(conn, "documents") == 0
        assert await _count(conn, "chunks") == 0


async def test_a_denial_of_one_document_wins_over_the_collection(
    pool: Pool, troupe: Troupe
) -> None:
    async with as_system(pool) as conn:
        await conn.execute(
            "INSERT INTO grants (id, user_id, document_key, level, effect)"
            " VALUES (%(id)s, %(user)s, %(key)s, 'read', 'deny')",
            {"id": new_id(), "user": troupe.reader.id, "key": troupe.a.document_key},
        )
    async with as_actor(pool, troupe.reader) as conn:
        for table in ("documents", "document_versions", "version_pages", "chunks", "postings"):
            assert await _count(conn, table) == 0, table


async def test_a_grant_on_one_document_opens_that_document_alone(
    pool: Pool, troupe: Troupe
) -> None:
    async with as_system(pool) as conn:
        await conn.execute(
            "INSERT INTO grants (id, user_id, document_key, level)"
            " VALUES (%(id)s, %(user)s, %(key)s, 'read')",
            {"id": new_id(), "user": troupe.stranger.id, "key": troupe.a.document_key},
        )
    async with as_actor(pool, troupe.stranger) as conn:
        assert await _count(conn, "documents") == 2
        assert await _count(conn, "collections") == 1


async def test_a_denial_of_writing_leaves_reading(pool: Pool, troupe: Troupe) -> None:
    async with as_system(pool) as conn:
        await conn.execute(
            "INSERT INTO grants (id, user_id, collection_key, level, effect)"
            " VALUES (%(id)s, %(user)s, %(key)s, 'write', 'deny')",
            {"id": new_id(), "user": troupe.curator.id, "key": troupe.a.collection_key},
        )
    async with as_actor(pool, troupe.curator) as conn:
        cursor = await conn.execute("SELECT key, level FROM govbot_collection_levels()")
        assert await cursor.fetchall() == [{"key": troupe.a.collection_key, "level": 1}]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE documents SET title = 'x'",
        "UPDATE document_versions SET state = 'ready'",
        "UPDATE version_pages SET text = 'x'",
        "UPDATE chunks SET text = 'x'",
        "DELETE FROM chunks",
        "DELETE FROM documents",
        "DELETE FROM grants",
        "UPDATE grants SET level = 'manage'",
    ],
)
async def test_a_reader_changes_nothing(pool: Pool, troupe: Troupe, statement: str) -> None:
    async with as_actor(pool, troupe.reader, write=True) as conn:
        cursor = await conn.execute(statement.encode())
        assert cursor.rowcount == 0


async def test_a_reader_cannot_grant_themselves_more(pool: Pool, troupe: Troupe) -> None:
    with pytest.raises(Denied):
        async with as_actor(pool, troupe.reader, write=True) as conn:
            await conn.execute(
                "INSERT INTO grants (id, user_id, collection_key, level)"
                " VALUES (%(id)s, %(user)s, %(key)s, 'manage')",
                {"id": new_id(), "user": troupe.reader.id, "key": troupe.b.collection_key},
            )


async def test_a_manager_cannot_grant_on_another_collection(pool: Pool, troupe: Troupe) -> None:
    with pytest.raises(Denied):
        async with as_actor(pool, troupe.curator, write=True) as conn:
            await conn.execute(
                "INSERT INTO grants (id, user_id, collection_key, level)"
                " VALUES (%(id)s, %(user)s, %(key)s, 'read')",
                {"id": new_id(), "user": troupe.curator.id, "key": troupe.b.collection_key},
            )


async def test_statistics_of_a_deleted_document_are_taken_back(pool: Pool, troupe: Troupe) -> None:
    async with as_system(pool) as conn:
        await conn.execute(
            "SELECT govbot_unindex_document(%(key)s)", {"key": troupe.a.document_key}
        )
        cursor = await conn.execute(
            "SELECT (SELECT count(*) FROM term_stats WHERE collection_key = %(key)s) AS terms,"
            " (SELECT count(*) FROM postings WHERE collection_key = %(key)s) AS postings,"
            " (SELECT chunks + length FROM collection_stats"
            "  WHERE collection_key = %(key)s) AS rest",
            {"key": troupe.a.collection_key},
        )
        assert await cursor.fetchone() == {"terms": 0, "postings": 0, "rest": 0}
        assert await _count(conn, "chunks") == 1
