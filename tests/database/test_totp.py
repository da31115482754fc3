"""The second factor in the database: enrolment, codes that count once, recovery codes."""

from __future__ import annotations

import asyncio
import time

import pyotp
import pytest

from govbot import audit
from govbot.auth import sessions, totp
from govbot.auth.attempts import TooManyAttempts
from govbot.auth.sessions import Factor, Method, Session, SignedIn, Step
from govbot.auth.sign_in import Device, Origin, pass_factor
from govbot.auth.totp import WrongCode
from govbot.db.access import OPERATOR, Actor, as_actor, as_system
from govbot.db.pool import Pool
from govbot.errors import BadConfig
from govbot.sealing import Sealer, new_key
from tests.database.test_attempts import Limits, hold, let_pass
from tests.troupe import Troupe

SEALER = Sealer([new_key()])
NOW = 1_700_000_000.0
PRIVILEGED = Limits(second_factor="privileged")


def code(secret: str, moment: float = NOW) -> str:
    return pyotp.TOTP(secret).at(int(moment))


async def enrol(pool: Pool, actor: Actor, moment: float = NOW) -> tuple[str, tuple[str, ...]]:
    """A secret and recovery codes."""
    secret = totp.new_secret()
    async with as_system(pool) as conn:
        codes = await totp.enrol(conn, SEALER, actor, secret, code(secret, moment), now=moment)
    return secret, codes


async def check(pool: Pool, actor: Actor, text: str, moment: float = NOW) -> str:
    async with as_system(pool) as conn:
        return await totp.check(conn, SEALER, actor.id, text, now=moment)


async def open_session(
    pool: Pool, actor: Actor, method: Method = Method.PASSWORD, settings: Limits = PRIVILEGED
) -> SignedIn:
    async with as_system(pool) as conn:
        return await sessions.open_session(
            conn, actor, method=method, user_agent="test", settings=settings
        )


async def session_of(pool: Pool, token: str, settings: Limits = PRIVILEGED) -> Session | None:
    async with as_system(pool) as conn:
        return await sessions.session_of(conn, token, ip="192.0.2.1", settings=settings)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1234567890, "89005924"),
        (20000000000, "65353130"),
    ],
)
def test_codes_are_those_of_rfc_6238(moment: int, expected: str) -> None:
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    assert totp.step_of(secret, expected[2:], moment) == moment // 30


@pytest.mark.parametrize(("seconds", "fits"), [(-60, False), (-30, True), (30, True), (60, False)])
async def test_a_code_counts_one_step_early_or_late(
    pool: Pool, troupe: Troupe, seconds: int, fits: bool
) -> None:
    secret, _ = await enrol(pool, troupe.admin, NOW - 600)
    if fits:
        assert await check(pool, troupe.admin, code(secret, NOW + seconds)) == "totp"
    else:
        with pytest.raises(WrongCode):
            await check(pool, troupe.admin, code(secret, NOW + seconds))


async def test_a_code_counts_once_even_at_the_same_moment(pool: Pool, troupe: Troupe) -> None:
    secret, _ = await enrol(pool, troupe.admin)
    with pytest.raises(WrongCode):  # used by the enrolment
        await check(pool, troupe.admin, code(secret))
    later = NOW + 300
    results = await asyncio.gather(
        *(check(pool, troupe.admin, code(secret, later), later) for _ in range(4)),
        return_exceptions=True,
    )
    assert [r for r in results if r == "totp"] == ["totp"]
    with pytest.raises(WrongCode):  # an earlier one that was never used
        await check(pool, troupe.admin, code(secret, later - 30), later)


async def test_the_secret_lies_sealed_and_opens_for_nothing_else(
    pool: Pool, troupe: Troupe
) -> None:
    secret, codes = await enrol(pool, troupe.admin)
    async with as_system(pool) as conn:
        cursor = await conn.execute("SELECT secret FROM totp")
        row = await cursor.fetchone()
        cursor = await conn.execute("SELECT hash FROM recovery_codes")
        hashes = [bytes(each["hash"]) for each in await cursor.fetchall()]
    assert row is not None
    assert secret.encode() not in bytes(row["secret"])
    assert SEALER.open(row["secret"], "totp") == secret
    with pytest.raises(BadConfig):
        SEALER.open(row["secret"], "device")
    assert len(set(hashes)) == len(codes) == 10
    assert all(len(each) == 32 for each in hashes)


async def test_a_recovery_code_lets_in_once_however_it_is_typed(pool: Pool, troupe: Troupe) -> None:
    _, codes = await enrol(pool, troupe.admin)
    assert await check(pool, troupe.admin, f" {codes[3].upper().replace('-', ' ')} ") == "recovery"
    with pytest.raises(WrongCode):
        await check(pool, troupe.admin, codes[3])
    async with as_system(pool) as conn:
        found = await totp.enrolment(conn, troupe.admin.id)
    assert found is not None
    assert found.recovery_codes == 9


async def test_codes_of_one_account_open_no_other(pool: Pool, troupe: Troupe) -> None:
    secret, codes = await enrol(pool, troupe.admin)
    await enrol(pool, troupe.auditor)
    for text in (code(secret, NOW + 30), codes[0], "", "000000", "x" * 100, "１２３４５６"):
        with pytest.raises(WrongCode):
            await check(pool, troupe.auditor, text, NOW + 30)


async def test_new_recovery_codes_replace_the_old(pool: Pool, troupe: Troupe) -> None:
    _, old = await enrol(pool, troupe.admin)
    async with as_system(pool) as conn:
        new = await totp.renew_codes(conn, troupe.admin)
    with pytest.raises(WrongCode):
        await check(pool, troupe.admin, old[0])
    assert await check(pool, troupe.admin, new[0]) == "recovery"


async def test_a_wrong_code_sets_nothing_up(pool: Pool, troupe: Troupe) -> None:
    with pytest.raises(WrongCode):
        async with as_system(pool) as conn:
            await totp.enrol(conn, SEALER, troupe.admin, totp.new_secret(), "000000", now=NOW)
    async with as_system(pool) as conn:
        assert await totp.enrolment(conn, troupe.admin.id) is None


async def test_nobody_but_the_service_reads_the_tables(pool: Pool, troupe: Troupe) -> None:
    await enrol(pool, troupe.admin)
    async with as_actor(pool, troupe.admin) as conn:
        for query in ("SELECT count(*) AS n FROM totp", "SELECT count(*) AS n FROM recovery_codes"):
            cursor = await conn.execute(query.encode())
            assert await cursor.fetchone() == {"n": 0}


async def test_a_reset_ends_the_sessions_and_says_who_did_it(pool: Pool, troupe: Troupe) -> None:
    await enrol(pool, troupe.curator)
    token = (await open_session(pool, troupe.curator)).token
    async with as_system(pool) as conn:
        assert await totp.remove(conn, troupe.curator.id, by=OPERATOR)
        assert not await totp.remove(conn, troupe.curator.id, by=OPERATOR)
        entries = await audit.entries(conn, action="second-factor.reset")
    assert await session_of(pool, token) is None
    assert [entry.actor_name for entry in entries] == ["operator"]


# What a session still has to do


async def test_who_has_a_factor_is_asked_and_goes_on_with_another_token(
    pool: Pool, troupe: Troupe
) -> None:
    secret, _ = await enrol(pool, troupe.admin, time.time() - 600)
    opened = await open_session(pool, troupe.admin)
    waiting = await session_of(pool, opened.token)
    assert opened.step is Step.CODE
    assert waiting is not None
    assert waiting.step is Step.CODE
    passed = await pass_factor(
        pool, waiting, code(secret, time.time()), origin=Origin("192.0.2.1"), settings=PRIVILEGED,
        sealer=SEALER,
    )  # fmt: skip
    assert await session_of(pool, opened.token) is None
    after = await session_of(pool, passed.token)
    assert after is not None
    assert (after.id, after.step, after.factor) == (waiting.id, None, Factor.PASSED)
    assert after.csrf != waiting.csrf
    async with as_system(pool) as conn:
        [entry] = await audit.entries(conn, action="sign-in.ok")
    assert '"second_factor":"totp"' in entry.details


@pytest.mark.parametrize(
    ("who", "setting", "method", "step"),
    [
        ("admin", "privileged", Method.PASSWORD, Step.ENROL),
        ("curator", "privileged", Method.LDAP, Step.ENROL),
        ("auditor", "privileged", Method.PASSWORD, Step.ENROL),
        ("reader", "privileged", Method.PASSWORD, None),
        ("reader", "everyone", Method.PASSWORD, Step.ENROL),
        ("admin", "off", Method.PASSWORD, None),
        ("admin", "everyone", Method.OIDC, None),
        ("admin", "everyone", Method.PROXY, None),
    ],
)
async def test_who_must_have_a_factor_is_led_to_it(
    pool: Pool, troupe: Troupe, who: str, setting: str, method: Method, step: Step | None
) -> None:
    settings = Limits(second_factor=setting)  # type: ignore[arg-type]
    opened = await open_session(pool, troupe[who], method, settings)
    session = await session_of(pool, opened.token, settings)
    assert session is not None
    assert (opened.step, session.step, session.complete) == (step, step, step is None)


async def test_a_factor_set_up_elsewhere_is_asked_for_in_sessions_that_are_open(
    pool: Pool, troupe: Troupe
) -> None:
    opened = await open_session(pool, troupe.reader)
    await enrol(pool, troupe.reader)
    session = await session_of(pool, opened.token)
    assert session is not None
    assert session.step is Step.CODE


async def test_a_given_password_is_replaced_between_the_code_and_the_pages(
    pool: Pool, troupe: Troupe
) -> None:
    async with as_system(pool) as conn:
        await conn.execute("UPDATE users SET must_change_password = true")
    assert (await open_session(pool, troupe.admin)).step is Step.PASSWORD
    await enrol(pool, troupe.admin)
    assert (await open_session(pool, troupe.admin)).step is Step.CODE


async def test_a_session_waits_for_its_code_a_quarter_of_an_hour(
    pool: Pool, troupe: Troupe
) -> None:
    await enrol(pool, troupe.reader)
    opened = await open_session(pool, troupe.reader)
    async with as_system(pool) as conn:
        await conn.execute("UPDATE sessions SET created_at = now() - interval '16 minutes'")
    assert await session_of(pool, opened.token) is None


async def test_guesses_at_codes_wait_across_sessions_but_not_on_a_known_device(
    pool: Pool, troupe: Troupe
) -> None:
    secret, _ = await enrol(pool, troupe.admin, time.time() - 600)
    results = []
    for number in range(9):
        opened = await open_session(pool, troupe.admin)
        session = await session_of(pool, opened.token)
        assert session is not None
        origin = Origin(f"198.51.100.{number}")
        try:
            await pass_factor(
                pool, session, "000000", origin=origin, settings=PRIVILEGED, sealer=SEALER
            )
        except (WrongCode, TooManyAttempts) as error:
            results.append(type(error))
        if number == 2:
            await hold(pool)
    assert results == [WrongCode] * 3 + [TooManyAttempts] * 6
    assert session is not None
    known = Origin("192.0.2.1", device=Device("d1", troupe.admin.id))
    right = code(secret, time.time())
    assert await pass_factor(pool, session, right, origin=known, settings=PRIVILEGED, sealer=SEALER)


async def test_a_patient_stranger_gets_some_hundred_guesses_a_day_at_most(
    pool: Pool, troupe: Troupe
) -> None:
    await enrol(pool, troupe.admin)
    opened = await open_session(pool, troupe.admin)
    session = await session_of(pool, opened.token)
    assert session is not None
    clock, guesses = 0.0, 0
    while clock < 6 * 3600:
        try:
            await pass_factor(
                pool, session, "000000", origin=Origin("192.0.2.1"), settings=PRIVILEGED,
                sealer=SEALER,
            )  # fmt: skip
        except WrongCode:
            guesses += 1
        except TooManyAttempts as error:
            clock += error.retry_after_s
            await let_pass(pool, error.retry_after_s)
    # Three codes of a million are right at a time: less than one in a thousand days of luck.
    assert guesses < 45


# Sessions by role


@pytest.mark.parametrize(
    ("who", "change", "alive"),
    [
        ("reader", "last_seen_at = now() - interval '29 minutes'", True),
        ("reader", "last_seen_at = now() - interval '31 minutes'", False),
        ("admin", "last_seen_at = now() - interval '9 minutes'", True),
        ("admin", "last_seen_at = now() - interval '11 minutes'", False),
        ("reader", "created_at = now() - interval '7 hours'", True),
        ("reader", "created_at = now() - interval '9 hours'", False),
        ("curator", "created_at = now() - interval '3 hours'", True),
        ("auditor", "created_at = now() - interval '5 hours'", False),
    ],
)
async def test_privileged_sessions_end_sooner(
    pool: Pool, troupe: Troupe, who: str, change: str, alive: bool
) -> None:
    settings = Limits()
    opened = await open_session(pool, troupe[who], settings=settings)
    async with as_system(pool) as conn:
        await conn.execute(f"UPDATE sessions SET {change}".encode())
        listed = await sessions.list_sessions(conn, troupe[who].id, settings)
    assert (await session_of(pool, opened.token, settings) is not None) is alive
    assert bool(listed) is alive


async def test_a_new_token_makes_no_session_live_longer(pool: Pool, troupe: Troupe) -> None:
    opened = await open_session(pool, troupe.reader)
    session = await session_of(pool, opened.token)
    assert session is not None
    async with as_system(pool) as conn:
        await conn.execute("UPDATE sessions SET created_at = now() - interval '7 hours 59 minutes'")
        renewed = await sessions.rotate(conn, session)
        await conn.execute("UPDATE sessions SET created_at = created_at - interval '2 minutes'")
    assert await session_of(pool, renewed.token) is None


async def test_administrators_see_and_end_sessions_and_nobody_else_does(
    pool: Pool, troupe: Troupe
) -> None:
    settings = Limits()
    token = (await open_session(pool, troupe.reader, settings=settings)).token
    async with as_actor(pool, troupe.curator, write=True) as conn:
        assert await sessions.list_sessions(conn, troupe.reader.id, settings) == []
        assert await sessions.end_sessions(conn, troupe.reader.id, by=troupe.curator) == 0
    assert await session_of(pool, token, settings) is not None
    async with as_actor(pool, troupe.admin, write=True) as conn:
        assert len(await sessions.list_sessions(conn, troupe.reader.id, settings)) == 1
        assert await sessions.end_sessions(conn, troupe.reader.id, by=troupe.admin) == 1
    assert await session_of(pool, token, settings) is None
