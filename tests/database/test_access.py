"""Who may read what is decided by the transaction that `as_actor` opens."""

from __future__ import annotations

import asyncio
from uuid import UUID

import psycopg
import pytest

from govbot.db.access import Actor, Role, as_actor, as_system, found
from govbot.db.dsns import Dsns
from govbot.db.pool import Connection, Pool, open_pool
from govbot.errors import Denied, NotFound, Unavailable
from govbot.ids import UserId, new_id
from tests.database.holder import ask


def person(name: str = "ana", role: Role = Role.USER) -> Actor:
    return Actor(UserId(new_id()), name, role)


async def value(conn: Connection, query: str) -> object:
    row = found(await (await conn.execute(query)).fetchone())
    return next(iter(row.values()))


async def add_user(pool: Pool, actor: Actor) -> None:
    async with as_system(pool) as conn:
        await conn.execute(
            "INSERT INTO users (id, username, name, role)"
            " VALUES (%(id)s, %(name)s, %(name)s, %(role)s)",
            {"id": actor.id, "name": actor.name, "role": actor.role},
        )


async def test_the_database_knows_the_actor_inside_the_block(pool: Pool) -> None:
    ana = person()
    async with as_actor(pool, ana) as conn:
        assert await value(conn, "SELECT govbot_actor() AS actor") == UUID(str(ana.id))
        assert await value(conn, "SELECT govbot_is_system() AS system") is False


async def test_the_system_is_nobody_in_particular(pool: Pool) -> None:
    async with as_system(pool) as conn:
        assert await value(conn, "SELECT govbot_actor() AS actor") is None
        assert await value(conn, "SELECT govbot_is_system() AS system") is True


async def test_a_connection_forgets_the_actor_when_it_returns_to_the_pool(dsns: Dsns) -> None:
    pool = await open_pool(dsns.app, size=1, name="single")
    async with as_system(pool):
        pass
    async with as_actor(pool, person()):
        pass
    async with pool.connection() as conn:
        assert await value(conn, "SELECT govbot_actor() AS actor") is None
        assert await value(conn, "SELECT govbot_is_system() AS system") is False
        assert await value(conn, "SHOW transaction_read_only") == "off"
    await pool.close()


async def test_a_connection_forgets_an_actor_that_was_set_for_the_session(dsns: Dsns) -> None:
    pool = await open_pool(dsns.app, size=1, name="test")
    async with pool.connection() as conn:
        await conn.execute("SELECT set_config('govbot.actor', 'system', false)")
        await conn.execute("SET statement_timeout = 0")
    async with pool.connection() as conn:
        cursor = await conn.execute(
            "SELECT govbot_is_system() AS system, current_setting('statement_timeout') AS timeout"
        )
        assert await cursor.fetchone() == {"system": False, "timeout": "1min"}
    await pool.close()


async def test_a_connection_forgets_the_actor_after_an_error(dsns: Dsns) -> None:
    pool = await open_pool(dsns.app, size=1, name="single")
    with pytest.raises(ZeroDivisionError):
        async with as_system(pool):
            raise ZeroDivisionError
    async with pool.connection() as conn:
        assert await value(conn, "SELECT govbot_is_system() AS system") is False
    await pool.close()


async def test_an_actor_cannot_write_without_asking_for_it(pool: Pool) -> None:
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        async with as_actor(pool, person()) as conn:
            await conn.execute("DELETE FROM rate_buckets")


async def test_a_read_only_block_cannot_be_made_writable_again(pool: Pool) -> None:
    with pytest.raises(psycopg.errors.ActiveSqlTransaction):
        async with as_actor(pool, person()) as conn:
            await conn.execute("SET TRANSACTION READ WRITE")


async def test_what_is_written_is_committed_at_the_end_of_the_block(pool: Pool) -> None:
    ana = person()
    await add_user(pool, ana)
    async with as_actor(pool, ana) as conn:
        assert await value(conn, "SELECT username FROM users") == "ana"


async def test_an_error_in_the_block_undoes_what_was_written(pool: Pool) -> None:
    async def write_and_fail() -> None:
        async with as_system(pool) as conn:
            await conn.execute(
                "INSERT INTO sign_in_failures (key, failures, last_at) VALUES ('k', 1, now())"
            )
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await write_and_fail()
    async with as_system(pool) as conn:
        assert await value(conn, "SELECT count(*) FROM sign_in_failures") == 0


async def test_blocks_must_not_be_nested(pool: Pool) -> None:
    async with as_system(pool):
        with pytest.raises(RuntimeError, match="nested"):
            async with as_actor(pool, person()):
                pass


async def test_a_task_started_inside_a_block_may_open_its_own(pool: Pool) -> None:
    async def other() -> object:
        async with as_system(pool) as conn:
            return await value(conn, "SELECT 1 AS one")

    async with as_system(pool):
        assert await asyncio.create_task(other()) == 1


async def test_many_actors_at_once_never_see_each_other(dsns: Dsns) -> None:
    pool = await open_pool(dsns.app, size=4, name="crowd")

    async def ask(actor: Actor) -> bool:
        async with as_actor(pool, actor) as conn:
            return await value(conn, "SELECT govbot_actor() AS actor") == UUID(str(actor.id))

    people = [person(f"p{number}") for number in range(20)]
    assert all(await asyncio.gather(*(ask(actor) for actor in people * 25)))
    await pool.close()


async def test_nobody_reads_a_document_outside_a_block(pool: Pool, owner_pool: Pool) -> None:
    async with as_system(pool) as conn:
        await conn.execute(
            """
            WITH c AS (
                INSERT INTO collections (id, name) VALUES (%(collection)s, 'Atos') RETURNING key
            )
            INSERT INTO documents (id, collection_key, path, filename, source)
            SELECT %(document)s, c.key, 'lei.pdf', 'lei.pdf', 'upload' FROM c
            """,
            {"collection": new_id(), "document": (document := new_id())},
        )
        await conn.execute(
            """
            INSERT INTO document_versions
                (id, document_id, document_key, collection_key, number, sha256, size_bytes, mime)
            SELECT %(version)s, d.id, d.key, d.collection_key, 1, repeat('0', 64), 1, 'text/plain'
            FROM documents d WHERE d.id = %(document)s
            """,
            {"version": (version := new_id()), "document": document},
        )
        await conn.execute(
            """
            INSERT INTO version_pages (version_id, document_key, collection_key, number, text)
            SELECT v.id, v.document_key, v.collection_key, 1, 'Art. 1º'
            FROM document_versions v WHERE v.id = %(version)s
            """,
            {"version": version},
        )
        assert await value(conn, "SELECT count(*) FROM version_pages") == 1
    async with pool.connection() as conn:
        assert await value(conn, "SELECT count(*) FROM documents") == 0
        assert await value(conn, "SELECT count(*) FROM version_pages") == 0
    # The owner, under whom the decisions are taken, sees what documents there are and no text.
    async with owner_pool.connection() as conn:
        assert await value(conn, "SELECT count(*) FROM version_pages") == 0


async def test_a_change_that_a_policy_forbids_is_denied(pool: Pool) -> None:
    ana = person()
    await add_user(pool, ana)
    with pytest.raises(Denied):
        async with as_actor(pool, ana, write=True) as conn:
            await conn.execute(
                "INSERT INTO collections (id, name) VALUES (%(id)s, 'Atos')", {"id": new_id()}
            )


async def test_a_statement_that_takes_too_long_is_stopped(dsns: Dsns) -> None:
    pool = await open_pool(dsns.app, size=1, name="short", statement_timeout_s=0.05)
    with pytest.raises(Unavailable):
        async with as_system(pool) as conn:
            await conn.execute("SELECT pg_sleep(5)")
    await pool.close()


async def test_a_transaction_that_rests_too_long_is_the_databases_matter(pool: Pool) -> None:
    """It is told as any loss of the connection: a clock that jumps ahead makes it too long."""

    async def rest() -> None:
        async with as_system(pool) as conn:
            await conn.execute("SET idle_in_transaction_session_timeout = '50ms'")
            await asyncio.sleep(0.3)
            await conn.execute("SELECT 1")

    with pytest.raises(Unavailable):
        await rest()


async def test_a_lost_connection_is_replaced(pool: Pool, owner_pool: Pool) -> None:
    with pytest.raises(Unavailable):
        async with as_system(pool) as conn:
            await conn.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    async with as_system(pool) as conn:
        assert await value(conn, "SELECT 1 AS one") == 1


async def test_a_connection_that_the_server_ended_is_replaced_before_it_is_used(
    pool: Pool, dsns: Dsns
) -> None:
    for _connection in range(4):  # each of the pool's was heard of a moment ago
        async with as_system(pool):
            pass
    ask(
        dsns.superuser,
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND usename = 'govbot_app'",
    )
    for _connection in range(4):
        async with as_system(pool) as conn:
            assert await value(conn, "SELECT 1 AS one") == 1


async def test_vectors_travel_in_both_directions(pool: Pool) -> None:
    async with as_system(pool) as conn:
        assert str(await value(conn, "SELECT '[1,2]'::halfvec")) == "HalfVector([1.0, 2.0])"


def test_a_missing_row_is_not_found() -> None:
    with pytest.raises(NotFound):
        found(None)
    assert found({"id": 1}) == {"id": 1}
