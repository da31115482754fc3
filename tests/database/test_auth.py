"""Accounts, groups and sessions against a real database."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher

from govbot import audit, metrics
from govbot.auth import groups, passwords, sessions, users
from govbot.auth.attempts import TooManyAttempts
from govbot.auth.sign_in import FirstPasswordEnded, Origin, sign_in
from govbot.db.access import Role, as_system
from govbot.db.pool import Pool
from govbot.errors import Conflict, Invalid, NotFound
from tests.database.test_attempts import Limits, hold
from tests.troupe import PASSWORD, Troupe


async def _sign_in(pool: Pool, username: str, password: str, ip: str = "10.0.0.1") -> str:
    signed_in = await sign_in(
        pool, username=username, password=password, origin=Origin(ip), settings=Limits()
    )
    return signed_in.token


async def _session(pool: Pool, token: str) -> sessions.Session | None:
    async with as_system(pool) as conn:
        return await sessions.session_of(conn, token, ip="10.0.0.1", settings=Limits())


async def _actions(pool: Pool) -> list[str]:
    async with as_system(pool) as conn:
        return [entry.action for entry in await audit.entries(conn, limit=20)]


async def test_the_right_password_opens_a_session(pool: Pool, troupe: Troupe) -> None:
    session = await _session(pool, await _sign_in(pool, "Reader ", PASSWORD))
    assert session is not None
    assert (session.actor.id, session.actor.role) == (troupe.reader.id, Role.USER)
    assert (await _actions(pool))[0] == "sign-in.ok"


@pytest.mark.parametrize(
    ("username", "password"), [("reader", "wrong"), ("ghost", PASSWORD), ("", ""), ("reader", "")]
)
async def test_wrong_credentials_all_read_the_same(
    pool: Pool, troupe: Troupe, username: str, password: str
) -> None:
    with pytest.raises(sessions.WrongCredentials) as error:
        await _sign_in(pool, username, password)
    assert str(error.value) == "The user name or the password is wrong."
    assert (await _actions(pool))[0] == "sign-in.failed"


@pytest.mark.parametrize(("must_change", "days", "opens"), [(True, 13, True), (True, 15, False),
                                                            (False, 15, True)])  # fmt: skip
async def test_a_password_given_out_is_worth_nothing_after_some_days(
    pool: Pool, troupe: Troupe, must_change: bool, days: int, opens: bool
) -> None:
    async with as_system(pool) as conn:
        await users.set_password(conn, troupe.reader.id, PASSWORD, must_change=must_change)
        await conn.execute(
            "UPDATE users SET password_at = now() - make_interval(days => %(days)s)",
            {"days": days},
        )
    if opens:
        assert await _session(pool, await _sign_in(pool, "reader", PASSWORD)) is not None
        return
    with pytest.raises(sessions.WrongCredentials):
        await _sign_in(pool, "reader", "wrong")
    with pytest.raises(FirstPasswordEnded):
        await _sign_in(pool, "reader", PASSWORD)
    assert "sign-in.ok" not in await _actions(pool)


async def test_too_many_attempts_close_the_door_for_the_right_password_too(
    pool: Pool, troupe: Troupe
) -> None:
    for _ in range(3):
        with pytest.raises(sessions.WrongCredentials):
            await _sign_in(pool, "reader", "wrong")
    await hold(pool)
    with pytest.raises(TooManyAttempts):
        await _sign_in(pool, "reader", PASSWORD)
    assert await _sign_in(pool, "stranger", PASSWORD)


async def test_a_good_sign_in_forgets_the_attempts_before_it(pool: Pool, troupe: Troupe) -> None:
    for _ in range(4):
        with pytest.raises(sessions.WrongCredentials):
            await _sign_in(pool, "reader", "wrong")
        await _sign_in(pool, "reader", PASSWORD)


async def test_the_database_does_not_hold_the_token(pool: Pool, troupe: Troupe) -> None:
    token = await _sign_in(pool, "reader", PASSWORD)
    async with as_system(pool) as conn:
        cursor = await conn.execute("SELECT s::text AS line FROM sessions s")
        lines = [row["line"] for row in await cursor.fetchall()]
    assert lines
    assert all(token not in line for line in lines)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE sessions SET expires_at = now() - interval '1 second'",
        "UPDATE sessions SET last_seen_at = now() - interval '31 minutes'",
        "UPDATE users SET disabled_at = now()",
        "DELETE FROM sessions",
    ],
)
async def test_a_session_that_is_over_is_no_session(
    pool: Pool, troupe: Troupe, change: str
) -> None:
    token = await _sign_in(pool, "reader", PASSWORD)
    async with as_system(pool) as conn:
        await conn.execute(change.encode())
    assert await _session(pool, token) is None


async def test_signing_out_ends_that_session_alone(pool: Pool, troupe: Troupe) -> None:
    first, second = [await _sign_in(pool, "reader", PASSWORD) for _ in range(2)]
    async with as_system(pool) as conn:
        await sessions.sign_out(conn, first, troupe.reader)
    assert await _session(pool, first) is None
    assert await _session(pool, second) is not None


@pytest.mark.parametrize("act", ["password", "disable"])
async def test_a_new_password_or_a_lock_ends_every_session(
    pool: Pool, troupe: Troupe, act: str
) -> None:
    tokens = [await _sign_in(pool, "reader", PASSWORD) for _ in range(2)]
    async with as_system(pool) as conn:
        if act == "password":
            await users.set_password(conn, troupe.reader.id, "outra senha bem longa")
        else:
            await users.set_disabled(conn, troupe.reader.id, disabled=True)
    assert [await _session(pool, token) for token in tokens] == [None, None]


async def test_another_role_ends_the_sessions_of_the_old_one(pool: Pool, troupe: Troupe) -> None:
    token = await _sign_in(pool, "reader", PASSWORD)
    async with as_system(pool) as conn:
        await users.set_role(conn, troupe.reader.id, Role.CURATOR, by=troupe.admin)
    assert await _session(pool, token) is None
    session = await _session(pool, await _sign_in(pool, "reader", PASSWORD))
    assert session is not None
    assert session.actor.role is Role.CURATOR


async def test_a_weaker_hash_is_replaced_at_the_next_sign_in(pool: Pool, troupe: Troupe) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8192).hash(PASSWORD)
    async with as_system(pool) as conn:
        await conn.execute(
            "UPDATE users SET password_hash = %(hash)s WHERE username = 'reader'", {"hash": weak}
        )
    await _sign_in(pool, "reader", PASSWORD)
    async with as_system(pool) as conn:
        cursor = await conn.execute("SELECT password_hash FROM users WHERE username = 'reader'")
        row = await cursor.fetchone()
    assert row is not None
    assert row["password_hash"] != weak
    assert not passwords.needs_rehash(row["password_hash"])
    assert await _sign_in(pool, "reader", PASSWORD)


async def test_attempts_to_sign_in_are_counted_by_outcome(pool: Pool, troupe: Troupe) -> None:
    def counted() -> dict[str, float]:
        return {
            outcome: metrics.registry.get_sample_value(
                "govbot_sign_ins_total", {"outcome": outcome}
            )
            or 0
            for outcome in ("ok", "failed", "limited")
        }

    before = counted()
    await _sign_in(pool, "stranger", PASSWORD)
    for _ in range(3):
        with pytest.raises(sessions.WrongCredentials):
            await _sign_in(pool, "reader", "wrong")
    await hold(pool)
    with pytest.raises(TooManyAttempts):
        await _sign_in(pool, "reader", "wrong")
    after = counted()
    assert {k: after[k] - before[k] for k in after} == {"ok": 1, "failed": 3, "limited": 1}


async def test_expired_sessions_are_swept(pool: Pool, troupe: Troupe) -> None:
    await _sign_in(pool, "reader", PASSWORD)
    async with as_system(pool) as conn:
        await conn.execute("UPDATE sessions SET expires_at = now() - interval '1 hour'")
        await sessions.delete_expired(conn)
        cursor = await conn.execute("SELECT count(*) AS n FROM sessions")
        assert await cursor.fetchone() == {"n": 0}


async def test_a_user_name_is_taken_once_whatever_its_capitals(pool: Pool, troupe: Troupe) -> None:
    with pytest.raises(Conflict):
        async with as_system(pool) as conn:
            await users.create_user(conn, username="READER", name="x", password="y", role=Role.USER)


@pytest.mark.parametrize("username", ["a", "josé", "two words", "x" * 65, "-dash", "a'; --"])
async def test_odd_user_names_are_refused(pool: Pool, username: str) -> None:
    with pytest.raises(Invalid):
        async with as_system(pool) as conn:
            await users.create_user(conn, username=username, name="x", password="y", role=Role.USER)


async def test_members_of_a_group_come_and_go(pool: Pool, troupe: Troupe) -> None:
    async with as_system(pool) as conn:
        group_id = await groups.create_group(conn, "Compras", by=troupe.admin)
        await groups.add_member(conn, group_id, troupe.reader.id, by=troupe.admin)
        await groups.add_member(conn, group_id, troupe.reader.id, by=troupe.admin)
        assert (await groups.by_name(conn, "Compras")).members == ("reader",)
        assert (await users.get(conn, troupe.reader.id)).groups == ("Compras",)
        await groups.remove_member(conn, group_id, troupe.reader.id, by=troupe.admin)
        assert (await groups.by_name(conn, "Compras")).members == ()


async def test_a_group_name_is_taken_once(pool: Pool, troupe: Troupe) -> None:
    async with as_system(pool) as conn:
        await groups.create_group(conn, "Compras")
        with pytest.raises(Conflict):
            await groups.create_group(conn, "Compras")


async def test_unknown_names_are_not_found(pool: Pool, troupe: Troupe) -> None:
    async with as_system(pool) as conn:
        with pytest.raises(NotFound):
            await users.by_username(conn, "ghost")
        with pytest.raises(NotFound):
            await groups.by_name(conn, "Ghosts")
        with pytest.raises(NotFound):
            await groups.remove_member(conn, await groups.create_group(conn, "G"), troupe.reader.id)
