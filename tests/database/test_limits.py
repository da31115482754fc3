"""Limits of rate: buckets of tokens in the database."""

from __future__ import annotations

import asyncio
from typing import LiteralString

import pytest

from govbot.auth import limits
from govbot.auth.limits import Rate, RateLimited
from govbot.db.access import as_system
from govbot.db.pool import Pool


async def passed(pool: Pool, times: int, *rates: Rate) -> int:
    """How many of so many requests pass."""
    count = 0
    for _ in range(times):
        try:
            await limits.admit(pool, *rates)
            count += 1
        except RateLimited:
            pass
    return count


async def later(pool: Pool, seconds: float) -> None:
    """Lets time pass for every bucket."""
    await change(
        pool,
        "UPDATE rate_buckets SET full_at = full_at - %(s)s * interval '1 second'",
        s=seconds,
    )


async def change(pool: Pool, query: LiteralString, **params: object) -> None:
    async with as_system(pool) as conn:
        await conn.execute(query, params)


async def test_as_many_as_the_limit_pass_at_once(pool: Pool) -> None:
    assert await passed(pool, 12, Rate("a", 10)) == 10


async def test_each_key_counts_for_itself(pool: Pool) -> None:
    assert await passed(pool, 5, Rate("a", 3)) == 3
    assert await passed(pool, 5, Rate("b", 3)) == 3


async def test_a_limit_of_zero_is_none_and_asks_the_database_nothing(pool: Pool) -> None:
    assert await passed(pool, 5, Rate("a", 0)) == 5
    async with as_system(pool) as conn:
        assert (await conn.execute("SELECT FROM rate_buckets")).rowcount == 0


async def test_after_a_part_of_the_window_that_part_passes_again(pool: Pool) -> None:
    rate = Rate("a", 10, 60)
    assert await passed(pool, 11, rate) == 10
    await later(pool, 30)
    assert await passed(pool, 8, rate) == 5


async def test_the_error_says_how_long_to_wait_and_after_that_it_passes(pool: Pool) -> None:
    rate = Rate("a", 2, 60)
    await passed(pool, 2, rate)
    with pytest.raises(RateLimited) as caught:
        await limits.admit(pool, rate)
    assert 29 <= caught.value.retry_after_s <= 30
    assert str(caught.value) == (
        f"Too many requests: try again in {caught.value.retry_after_s} seconds."
    )
    await later(pool, caught.value.retry_after_s)
    assert await passed(pool, 1, rate) == 1


async def test_who_keeps_asking_is_not_kept_out_for_longer(pool: Pool) -> None:
    rate = Rate("a", 2, 60)
    assert await passed(pool, 50, rate) == 2
    await later(pool, 31)
    assert await passed(pool, 50, rate) == 1


async def test_when_one_of_several_rates_is_spent_the_others_are_not_counted(pool: Pool) -> None:
    assert await passed(pool, 4, Rate("a", 3), Rate("z", 1)) == 1
    assert await passed(pool, 4, Rate("a", 3)) == 2


async def test_many_at_the_same_time_get_no_more_than_the_limit(pool: Pool) -> None:
    results = await asyncio.gather(
        *(passed(pool, 1, Rate("a", 7), Rate("b", 9)) for _ in range(25))
    )
    assert sum(results) == 7


async def test_a_word_instead_of_an_error(pool: Pool) -> None:
    async with as_system(pool) as conn:
        said = [await limits.allows(conn, "note:a", limit=1, window_s=600) for _ in range(3)]
    assert said == [True, False, False]


async def test_buckets_that_are_full_again_are_removed(pool: Pool) -> None:
    await passed(pool, 1, Rate("short", 10, 60))
    await passed(pool, 1, Rate("long", 10, 6000))
    await later(pool, 10)
    async with as_system(pool) as conn:
        assert await limits.forget(conn) == 1
        assert (await conn.execute("SELECT FROM rate_buckets")).rowcount == 1


async def test_nobody_but_the_system_sees_or_spends_a_bucket(pool: Pool) -> None:
    await passed(pool, 1, Rate("a", 1))
    async with pool.connection() as conn:
        assert (await conn.execute("SELECT FROM rate_buckets")).rowcount == 0
        assert (await conn.execute("DELETE FROM rate_buckets")).rowcount == 0
    assert await passed(pool, 1, Rate("a", 1)) == 0


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", "unknown"),
        ("testclient", "unknown"),
    ],
)
def test_an_address_of_ipv6_counts_with_its_network(address: str, counted: str) -> None:
    assert limits.origin(address) == counted
