"""Waits after failed sign-ins: how they grow and fade, and whom they keep out."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import pytest

from govbot import audit
from govbot.auth import attempts, passwords
from govbot.auth.attempts import Attempt, Door, TooManyAttempts
from govbot.auth.sign_in import Device, Origin, SignInSettings, WrongCredentials, sign_in
from govbot.db.access import as_system
from govbot.db.pool import Pool
from govbot.errors import Unavailable
from govbot.ids import UserId
from tests.troupe import PASSWORD, Troupe

WINDOW = 15
DOOR = Door("account:x", 5)


@dataclass(frozen=True)
class Limits:
    session_idle_minutes: int = 30
    session_absolute_hours: int = 8
    privileged_idle_minutes: int = 10
    privileged_absolute_hours: int = 4
    second_factor: Literal["off", "privileged", "everyone"] = "off"
    sign_in_attempts: int = 3
    first_password_days: int = 14
    sign_in_window_minutes: int = WINDOW


async def take(pool: Pool, *doors: Door) -> Attempt:
    return await attempts.take(pool, doors, window_minutes=WINDOW)


async def wait_of(pool: Pool, *doors: Door) -> int:
    """The seconds that the next attempt has to wait; it is taken when there are none."""
    try:
        await take(pool, *doors)
    except TooManyAttempts as error:
        return error.retry_after_s
    return 0


async def let_pass(pool: Pool, seconds: float) -> None:
    """The clock goes on without anybody waiting for it."""
    async with as_system(pool) as conn:
        await conn.execute(
            "UPDATE sign_in_failures SET last_at = last_at - make_interval(secs => %(s)s),"
            " blocked_until = blocked_until - make_interval(secs => %(s)s)",
            {"s": seconds},
        )


async def begun(pool: Pool) -> int:
    """The seconds of the wait that the last attempt has begun, however long ago."""
    async with as_system(pool) as conn:
        cursor = await conn.execute(
            "SELECT coalesce(extract(epoch FROM blocked_until - last_at), 0)::integer AS wait"
            " FROM sign_in_failures"
        )
        row = await cursor.fetchone()
    return int(row["wait"]) if row else 0


async def hold(pool: Pool) -> None:
    """Waits that have begun last a minute more, however slow this machine is."""
    async with as_system(pool) as conn:
        await conn.execute(
            "UPDATE sign_in_failures SET blocked_until = blocked_until + interval '1 minute'"
        )


async def attempt(
    pool: Pool, username: str, password: str = "wrong", settings: SignInSettings | None = None,
    **origin: object,
) -> None:  # fmt: skip
    where = Origin(**{"ip": "192.0.2.1", **origin})  # type: ignore[arg-type]
    await sign_in(
        pool, username=username, password=password, origin=where, settings=settings or Limits()
    )


async def test_waits_begin_after_the_free_failures_and_double_up_to_the_bound(pool: Pool) -> None:
    waits = []
    for _ in range(17):
        await take(pool, DOOR)
        waits.append(await begun(pool))
        await let_pass(pool, waits[-1])
    assert waits == [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]


async def test_an_attempt_while_waiting_counts_nothing_and_makes_no_wait_longer(pool: Pool) -> None:
    for _ in range(10):
        await let_pass(pool, await wait_of(pool, DOOR))
    waits = [await wait_of(pool, DOOR) for _ in range(20)]
    assert len(set(waits)) <= 2
    assert max(waits) <= 32


async def test_failures_are_forgotten_one_by_one(pool: Pool) -> None:
    for _ in range(7):
        await take(pool, DOOR)
        await let_pass(pool, 5)
    await let_pass(pool, 3 * WINDOW * 60)
    await take(pool, DOOR)  # the fifth that counts
    assert await begun(pool) == 1


async def test_counts_that_have_run_out_are_swept(pool: Pool) -> None:
    for _ in range(3):
        await take(pool, DOOR)
    for passed, left in ((WINDOW * 60 * 2, 1), (WINDOW * 60 + 5, 0)):
        await let_pass(pool, passed)
        async with as_system(pool) as conn:
            await attempts.delete_forgotten(conn, window_minutes=WINDOW)
            cursor = await conn.execute("SELECT count(*) AS n FROM sign_in_failures")
            assert await cursor.fetchone() == {"n": left}


async def test_many_at_once_do_not_outrun_the_count(pool: Pool) -> None:
    for _ in range(14):
        await take(pool, DOOR)
        await let_pass(pool, await begun(pool))
    results = await asyncio.gather(*(wait_of(pool, DOOR) for _ in range(20)))
    assert results.count(0) == 1


async def test_a_stranger_with_an_account_of_their_own_shortens_no_wait_of_the_address(
    pool: Pool,
) -> None:
    address = Door("address:x", 2, shared=True)
    own = await take(pool, address)  # signing in to the own account, judged slowly
    await take(pool, address)  # a guess at another one meanwhile
    await hold(pool)
    async with as_system(pool) as conn:
        await attempts.forgive(conn, own)
    assert await wait_of(pool, address) > 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::5", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::5", "2001:db8:1:3::5", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("", "", True),
    ],
)
def test_an_address_is_what_one_customer_gets(one: str, other: str, same: bool) -> None:
    assert (attempts.address_door(one, 5) == attempts.address_door(other, 5)) is same


async def test_the_right_password_waits_like_a_wrong_one(pool: Pool, troupe: Troupe) -> None:
    for _ in range(3):
        with pytest.raises(WrongCredentials):
            await attempt(pool, "reader")
    await hold(pool)
    with pytest.raises(TooManyAttempts):
        await attempt(pool, "reader", PASSWORD)
    await let_pass(pool, 61)
    await attempt(pool, "reader", PASSWORD)


async def test_a_name_nobody_has_waits_like_one_that_somebody_has(
    pool: Pool, troupe: Troupe
) -> None:
    for name in ("reader", "ghost", "not a user name"):
        for _ in range(3):
            with pytest.raises(WrongCredentials):
                await attempt(pool, name)
        await hold(pool)
        with pytest.raises(TooManyAttempts) as error:
            await attempt(pool, name)
        assert 50 <= error.value.retry_after_s <= 61


async def test_strangers_do_not_keep_the_owner_out_of_a_device_they_know(
    pool: Pool, troupe: Troupe
) -> None:
    for number in range(12):
        with pytest.raises((WrongCredentials, TooManyAttempts)):
            await attempt(pool, "reader", ip=f"198.51.100.{number}")
    await hold(pool)
    known = Device("d1", troupe.reader.id)
    await attempt(pool, "reader", PASSWORD, device=known)
    with pytest.raises(TooManyAttempts):
        await attempt(pool, "reader", PASSWORD)


async def test_a_known_device_has_its_own_count_and_only_for_its_account(
    pool: Pool, troupe: Troupe
) -> None:
    known = Device("d1", troupe.reader.id)
    for _ in range(3):
        with pytest.raises(WrongCredentials):
            await attempt(pool, "reader", device=known)
    await hold(pool)
    with pytest.raises(TooManyAttempts):
        await attempt(pool, "reader", PASSWORD, device=known)
    for _ in range(3):
        with pytest.raises(WrongCredentials):
            await attempt(pool, "stranger", device=known)
    await hold(pool)
    with pytest.raises(TooManyAttempts):
        await attempt(pool, "stranger", PASSWORD)


async def test_one_address_cannot_try_a_common_password_on_every_account(
    pool: Pool, troupe: Troupe
) -> None:
    for number in range(30):
        with pytest.raises(WrongCredentials):
            await attempt(pool, f"name{number}")
    await hold(pool)
    with pytest.raises(TooManyAttempts):
        await attempt(pool, "reader", PASSWORD)
    await attempt(pool, "reader", PASSWORD, ip="192.0.2.99")


async def test_what_is_typed_into_the_wrong_field_stands_in_no_table_of_counts(
    pool: Pool, troupe: Troupe
) -> None:
    with pytest.raises(WrongCredentials):
        await attempt(pool, "minha-senha-secreta")
    async with as_system(pool) as conn:
        cursor = await conn.execute("SELECT key FROM sign_in_failures")
        assert not [row for row in await cursor.fetchall() if "secreta" in row["key"]]


async def test_attempts_that_wait_are_not_judged_and_not_written_down(
    pool: Pool, troupe: Troupe
) -> None:
    for _ in range(3):
        with pytest.raises(WrongCredentials):
            await attempt(pool, "reader")
    await hold(pool)
    for _ in range(5):
        with pytest.raises(TooManyAttempts):
            await attempt(pool, "reader")
    async with as_system(pool) as conn:
        assert len(await audit.entries(conn, action="sign-in.failed")) == 3


class Phonebook:
    """A directory that knows one person; remembers what it was asked."""

    def __init__(self, user_id: UserId, *, down: bool = False) -> None:
        self.user_id = user_id
        self.down = down
        self.asked: list[tuple[str, str]] = []

    async def check(self, username: str, password: str) -> UserId | None:
        self.asked.append((username, password))
        if self.down:
            raise Unavailable
        return self.user_id if (username, password) == ("stranger", "da rede") else None


async def make_outside(pool: Pool, user_id: UUID) -> None:
    async with as_system(pool) as conn:
        await conn.execute(
            "UPDATE users SET source = 'ldap', external_id = 'e1' WHERE id = %(id)s",
            {"id": user_id},
        )


async def test_a_directory_judges_its_own_accounts_and_no_local_password_reaches_it(
    pool: Pool, troupe: Troupe
) -> None:
    await make_outside(pool, troupe.stranger.id)
    directory = Phonebook(troupe.stranger.id)

    async def through(username: str, password: str) -> str:
        signed_in = await sign_in(
            pool, username=username, password=password, origin=Origin("192.0.2.1"),
            settings=Limits(), directory=directory,
        )  # fmt: skip
        return signed_in.actor.name

    assert await through("stranger", "da rede") == "stranger"
    assert await through("reader", PASSWORD) == "reader"
    for name, password in (("stranger", PASSWORD), ("reader", "wrong"), ("ghost", "wrong")):
        with pytest.raises(WrongCredentials):
            await through(name, password)
    # For the failed local account it was asked something, only to take the same time.
    assert len(directory.asked) == 4
    assert not [words for words in directory.asked if "reader" in words or words[0] == "wrong"]


@pytest.mark.parametrize("name", ["stranger", "ghost", "reader"])
async def test_a_directory_that_is_down_tells_nothing_about_accounts(
    pool: Pool, troupe: Troupe, name: str
) -> None:
    await make_outside(pool, troupe.stranger.id)
    with pytest.raises(Unavailable):
        await sign_in(
            pool, username=name, password="wrong", origin=Origin("192.0.2.1"), settings=Limits(),
            directory=Phonebook(troupe.stranger.id, down=True),
        )  # fmt: skip
    async with as_system(pool) as conn:
        (entry,) = await audit.entries(conn, action="sign-in.failed")
    assert json.loads(entry.details)["reason"] == Unavailable.code


async def test_an_outage_of_the_directory_closes_the_address_for_nobody(
    pool: Pool, troupe: Troupe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "ADDRESS_FACTOR", 2)
    strict = Limits(sign_in_attempts=1)  # of an address two
    down = Phonebook(troupe.stranger.id, down=True)

    async def through(username: str, password: str) -> str:
        signed_in = await sign_in(
            pool, username=username, password=password, origin=Origin("192.0.2.1"),
            settings=strict, directory=down,
        )  # fmt: skip
        return signed_in.actor.name

    for number in range(3):
        with pytest.raises(Unavailable):
            await through(f"ghost{number}", "wrong")
    assert await through("reader", PASSWORD) == "reader"


async def test_who_a_directory_confirms_but_is_disabled_here_stays_out(
    pool: Pool, troupe: Troupe
) -> None:
    await make_outside(pool, troupe.stranger.id)
    async with as_system(pool) as conn:
        await conn.execute("UPDATE users SET disabled_at = now() WHERE username = 'stranger'")
    with pytest.raises(WrongCredentials):
        await sign_in(
            pool, username="stranger", password="da rede", origin=Origin("192.0.2.1"),
            settings=Limits(), directory=Phonebook(troupe.stranger.id),
        )  # fmt: skip


async def test_no_account_is_known_by_the_time_that_a_refusal_takes(
    pool: Pool, troupe: Troupe
) -> None:
    """Medians of interleaved attempts lie together: apart by less than half of one hashing."""
    await make_outside(pool, troupe.stranger.id)
    async with as_system(pool) as conn:
        await conn.execute("UPDATE users SET disabled_at = now() WHERE username = 'curator'")
    started = time.perf_counter()
    await asyncio.to_thread(passwords.verify_password, None, "wrong")
    names = {"unknown": "ghost", "disabled": "curator", "outside": "stranger", "wrong": "reader"}
    times: dict[str, list[float]] = {kind: [] for kind in names}
    hashing = [time.perf_counter() - started]
    for _ in range(11):
        for kind, name in names.items():
            started = time.perf_counter()
            with pytest.raises(WrongCredentials):
                await attempt(pool, name, settings=Limits(sign_in_attempts=1000))
            times[kind].append(time.perf_counter() - started)
        started = time.perf_counter()
        await asyncio.to_thread(passwords.verify_password, None, "wrong")
        hashing.append(time.perf_counter() - started)
    medians = {kind: statistics.median(found) for kind, found in times.items()}
    spread = max(medians.values()) - min(medians.values())
    assert spread < statistics.median(hashing) / 2, medians
