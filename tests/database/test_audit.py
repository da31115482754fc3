"""The audit log: in the act's transaction, append-only, and a chain that shows every change."""

from __future__ import annotations

import contextlib
import json

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from govbot import audit
from govbot.db.access import as_actor, as_system
from govbot.db.dsns import Dsns
from govbot.db.pool import Pool
from govbot.errors import Denied
from tests.troupe import Troupe


async def _fill(pool: Pool, troupe: Troupe, entries: int) -> int:
    for number in range(entries):
        async with as_system(pool) as conn:
            last = await audit.record(
                conn, actor=troupe.reader, action="test.done", details={"n": number, "word": "ação"}
            )
    return last


async def test_a_fresh_chain_is_whole(pool: Pool, troupe: Troupe) -> None:
    last = await _fill(pool, troupe, 5)
    async with as_system(pool) as conn:
        report = await audit.verify(conn)
    assert (report.entries, report.first_broken) == (last, None)


async def test_an_entry_belongs_to_the_transaction_of_its_act(pool: Pool, troupe: Troupe) -> None:
    last = await _fill(pool, troupe, 1)
    with contextlib.suppress(RuntimeError):
        async with as_system(pool) as conn:
            await audit.record(conn, actor=None, action="test.undone")
            raise RuntimeError
    assert await _fill(pool, troupe, 1) == last + 1


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit_log SET details = '{}' WHERE seq = 7",
        "UPDATE audit_log SET at = at + interval '1 second' WHERE seq = 7",
        "UPDATE audit_log SET actor_name = 'other' WHERE seq = 7",
        "DELETE FROM audit_log WHERE seq = 7",
        "UPDATE audit_log SET hash = sha256('x') WHERE seq = 7",
    ],
)
async def test_verify_names_the_first_entry_that_was_changed(
    pool: Pool, dsns: Dsns, troupe: Troupe, change: str
) -> None:
    await _fill(pool, troupe, 8)
    async with await psycopg.AsyncConnection.connect(dsns.superuser) as conn:
        await conn.execute("ALTER TABLE audit_log DISABLE TRIGGER USER")
        await conn.execute(change.encode())
    async with as_system(pool) as conn2:
        report = await audit.verify(conn2)
    assert report.first_broken == 7


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_log SET ip = 'x'", "DELETE FROM audit_log", "TRUNCATE audit_log"]
)
async def test_the_application_role_cannot_change_the_log(
    pool: Pool, troupe: Troupe, statement: str
) -> None:
    with pytest.raises(Denied):
        async with as_system(pool) as conn:
            await conn.execute(statement.encode())


@pytest.mark.parametrize("statement", ["DELETE FROM audit_log", "TRUNCATE audit_log"])
async def test_even_the_owner_of_the_table_is_refused(
    owner_pool: Pool, pool: Pool, troupe: Troupe, statement: str
) -> None:
    with pytest.raises(psycopg.errors.RaiseException):
        async with owner_pool.connection() as conn:
            await conn.execute(statement.encode())


@pytest.mark.parametrize(
    ("name", "reads"),
    [
        ("reader", False),
        ("curator", False),
        ("stranger", False),
        ("auditor", True),
        ("admin", True),
    ],
)
async def test_auditors_and_administrators_alone_read_it(
    pool: Pool, troupe: Troupe, name: str, reads: bool
) -> None:
    async with as_actor(pool, troupe[name]) as conn:
        assert bool(await audit.entries(conn)) is reads


async def test_entries_come_newest_first_and_go_on_from_a_number(
    pool: Pool, troupe: Troupe
) -> None:
    last = await _fill(pool, troupe, 4)
    async with as_system(pool) as conn:
        newest = await audit.entries(conn, limit=2, action="test.done")
        rest = await audit.entries(conn, before=newest[-1].seq, action="test.done")
    assert [e.seq for e in newest] == [last, last - 1]
    assert [json.loads(e.details)["n"] for e in rest] == [1, 0]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.text(alphabet=st.characters(exclude_characters="\x00", codec="utf-8"), max_size=80))
async def test_any_text_keeps_the_chain_whole(pool: Pool, text: str) -> None:
    async with as_system(pool) as conn:
        await audit.record(
            conn, actor=None, action=text, resource=text, details={text: text}, ip=text
        )
        report = await audit.verify(conn)
    assert report.first_broken is None
