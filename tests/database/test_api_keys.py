"""API keys: made, shown once, refused, revoked; whom they act as."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, LiteralString

import psycopg
import pytest

from govbot.auth import api_keys, bearer, users
from govbot.auth.api_keys import ApiKey, Scope, Wish
from govbot.auth.bearer import Bearer, OutOfScope, Refusal
from govbot.auth.key_text import KEY, digest, handle_of, new_key
from govbot.config.table import Api
from govbot.db.access import Actor, Role, as_actor, as_system
from govbot.db.pool import Pool
from govbot.errors import Conflict, Denied, Invalid, NotFound
from tests.troupe import Troupe

SETTINGS = Api()
IP = "192.0.2.7"


async def make(
    pool: Pool, owner: Actor, *, settings: Api = SETTINGS, **wish: Any
) -> tuple[ApiKey, str]:
    asked = Wish(**{"name": "Portal", "scopes": ["search"], **wish})
    async with as_actor(pool, owner, write=True) as conn:
        return await api_keys.create(conn, owner, asked, settings=settings, by=owner)


async def use(pool: Pool, text: str, *, ip: str = IP, settings: Api = SETTINGS) -> Bearer | Refusal:
    async with as_system(pool) as conn:
        return await bearer.bearer_of(conn, text, ip=ip, settings=settings)


async def refused(pool: Pool, text: str, **options: Any) -> str:
    found = await use(pool, text, **options)
    assert isinstance(found, Refusal)
    return found.reason


async def change(pool: Pool, query: LiteralString, **params: object) -> None:
    async with as_system(pool) as conn:
        await conn.execute(query, params)


async def logged(pool: Pool, action: str) -> list[dict[str, Any]]:
    async with as_system(pool) as conn:
        cursor = await conn.execute(
            "SELECT actor_name, resource, details FROM audit_log WHERE action = %(action)s"
            " ORDER BY seq",
            {"action": action},
        )
        return list(await cursor.fetchall())


def test_a_key_has_a_prefix_a_handle_and_256_random_bits() -> None:
    handle, text = new_key()
    assert KEY.fullmatch(text)
    assert text.startswith(f"gb_{handle}_")
    assert handle_of(text) == handle
    assert 62**43 > 2**256
    assert len({new_key()[1] for _ in range(50)}) == 50


@pytest.mark.parametrize("place", [3, 9, 14, 30, -1])
def test_one_wrong_letter_is_seen_before_the_database(place: int) -> None:
    text = new_key()[1]
    wrong = "a" if text[place] != "a" else "b"
    letters = list(text)
    letters[place] = wrong
    assert handle_of("".join(letters)) is None


@pytest.mark.parametrize("text", ["", "gb_", "x" * 500, "gb_" + "é" * 60])
def test_what_is_no_key_has_no_handle(text: str) -> None:
    assert handle_of(text) is None


def test_a_key_with_a_line_end_is_no_key() -> None:
    assert handle_of(new_key()[1] + "\n") is None


async def test_a_key_acts_as_its_person_with_the_role_of_now(pool: Pool, troupe: Troupe) -> None:
    _, text = await make(pool, troupe.reader, scopes=["ask", "search"])
    found = await use(pool, text)
    assert isinstance(found, Bearer)
    assert found.actor == Actor(troupe.reader.id, "reader", Role.USER, IP)
    assert found.scopes == {Scope.SEARCH, Scope.ASK}
    await change(pool, "UPDATE users SET role = 'curator' WHERE id = %(id)s", id=troupe.reader.id)
    again = await use(pool, text)
    assert isinstance(again, Bearer)
    assert again.actor.role is Role.CURATOR


async def test_the_text_of_a_key_is_nowhere_in_the_database(pool: Pool, troupe: Troupe) -> None:
    key, text = await make(pool, troupe.reader)
    async with as_system(pool) as conn:
        cursor = await conn.execute(
            "SELECT hash, row_to_json(k)::text AS row FROM api_keys k WHERE id = %(id)s",
            {"id": key.id},
        )
        row = await cursor.fetchone()
        assert row is not None
        assert bytes(row["hash"]) == digest(text)
        assert text.rpartition("_")[2] not in row["row"]
        log = await conn.execute("SELECT string_agg(details, ' ') AS words FROM audit_log")
        words = (await log.fetchone() or {})["words"]
    assert key.handle in words
    assert text.rpartition("_")[2] not in words


async def test_a_key_does_only_what_its_scopes_name(pool: Pool, troupe: Troupe) -> None:
    _, text = await make(pool, troupe.reader, scopes=["search"])
    found = await use(pool, text)
    assert isinstance(found, Bearer)
    found.require(Scope.SEARCH)
    with pytest.raises(OutOfScope, match="documents:write"):
        found.require(Scope.DOCUMENTS_WRITE)


async def test_keys_that_open_nothing(pool: Pool, troupe: Troupe) -> None:
    _, text = await make(pool, troupe.reader)
    handle, other = new_key()
    assert await refused(pool, other) == "unknown"
    genuine = text[3:13]
    forged = other.replace(handle, genuine)
    assert await refused(pool, forged) == "malformed"  # the checksum covers the handle
    assert await refused(pool, text[:-1]) == "malformed"


async def test_the_right_handle_with_another_secret_is_unknown(pool: Pool, troupe: Troupe) -> None:
    handle, other = new_key()
    async with as_system(pool) as conn:
        await conn.execute(
            """
            INSERT INTO api_keys (id, handle, hash, user_id, name, scopes)
            VALUES (gen_random_uuid(), %(handle)s, %(hash)s, %(user)s, 'x', '{ask}')
            """,
            {"handle": handle, "hash": digest("something else"), "user": troupe.reader.id},
        )
    assert await refused(pool, other) == "unknown"


async def test_a_revoked_key_is_dead_at_once_and_for_ever(pool: Pool, troupe: Troupe) -> None:
    key, text = await make(pool, troupe.reader)
    for _ in range(2):
        async with as_actor(pool, troupe.reader, write=True) as conn:
            await api_keys.revoke(conn, key.id, by=troupe.reader)
    assert await refused(pool, text) == "revoked"
    assert len(await logged(pool, "key.revoked")) == 1


async def test_an_expired_key_is_dead(pool: Pool, troupe: Troupe) -> None:
    key, text = await make(pool, troupe.reader, days=1)
    assert key.expires_at is not None
    assert 0.9 < (key.expires_at - key.created_at).total_seconds() / 86_400 <= 1
    await expire(pool, key)
    assert await refused(pool, text) == "expired"
    async with as_actor(pool, troupe.reader) as conn:
        assert not (await api_keys.get(conn, key.id)).in_force


async def expire(pool: Pool, key: ApiKey) -> None:
    """What waiting would do; the application itself may never move the end of a key."""
    async with as_system(pool) as conn:
        await conn.execute(
            """
            WITH gone AS (
                DELETE FROM api_keys WHERE id = %(id)s
                RETURNING id, handle, hash, user_id, name, scopes
            )
            INSERT INTO api_keys (id, handle, hash, user_id, name, scopes, created_at, expires_at)
            SELECT id, handle, hash, user_id, name, scopes, now() - interval '2 days', now()
            FROM gone
            """,
            {"id": key.id},
        )


async def test_the_key_of_a_disabled_account_is_dead_and_lives_again_with_it(
    pool: Pool, troupe: Troupe
) -> None:
    _, text = await make(pool, troupe.reader)
    async with as_system(pool) as conn:
        await users.set_disabled(conn, troupe.reader.id, disabled=True)
    assert await refused(pool, text) == "disabled"
    async with as_system(pool) as conn:
        await users.set_disabled(conn, troupe.reader.id, disabled=False)
    assert isinstance(await use(pool, text), Bearer)


async def test_the_key_of_an_account_whose_password_was_reset_waits_for_a_new_one(
    pool: Pool, troupe: Troupe
) -> None:
    _, text = await make(pool, troupe.reader)
    await change(
        pool, "UPDATE users SET must_change_password = true WHERE id = %(id)s",
        id=troupe.reader.id,
    )  # fmt: skip
    assert await refused(pool, text) == "password"


async def test_privileged_accounts_have_no_keys_unless_a_setting_says_so(
    pool: Pool, troupe: Troupe
) -> None:
    for who in (troupe.admin, troupe.auditor):
        with pytest.raises(Denied) as caught:
            await make(pool, who)
        assert caught.value.error_code == "E-KEY-ROLE"
    free = Api(roles=("admin",))
    _, text = await make(pool, troupe.admin, settings=free)
    assert isinstance(await use(pool, text, settings=free), Bearer)
    assert await refused(pool, text) == "role"


async def test_who_becomes_an_administrator_has_dead_keys(pool: Pool, troupe: Troupe) -> None:
    _, text = await make(pool, troupe.reader)
    await change(pool, "UPDATE users SET role = 'admin' WHERE id = %(id)s", id=troupe.reader.id)
    assert await refused(pool, text) == "role"


@pytest.mark.parametrize(
    ("allowed", "ip", "opens"),
    [
        (["192.0.2.0/24"], "192.0.2.7", True),
        (["192.0.2.7"], "192.0.2.7", True),
        (["10.0.0.0/8", "192.0.2.0/30"], "192.0.2.7", False),
        (["192.0.2.0/24"], "::ffff:192.0.2.7", True),
        (["2001:db8::/32"], "2001:db8:1::9", True),
        (["2001:db8::/32"], "192.0.2.7", False),
        (["192.0.2.0/24"], "", False),
    ],
)
async def test_a_key_may_be_bound_to_addresses(
    pool: Pool, troupe: Troupe, allowed: Sequence[str], ip: str, opens: bool
) -> None:
    _, text = await make(pool, troupe.reader, addresses=allowed)
    assert isinstance(await use(pool, text, ip=ip), Bearer) is opens
    if not opens:
        assert await refused(pool, text, ip=ip) == "address"


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"name": "  "}, "E-KEY-NAME"),
        ({"name": "x" * 81}, "E-KEY-NAME"),
        ({"scopes": []}, "E-KEY-SCOPES"),
        ({"scopes": ["admin"]}, "E-KEY-SCOPES"),
        ({"days": 0}, "E-KEY-DAYS"),
        ({"days": -1}, "E-KEY-DAYS"),
        ({"days": 366}, "E-KEY-DAYS"),
        ({"addresses": ["10.0.0.0/33"]}, "E-ADDRESS"),
        ({"addresses": ["intranet"]}, "E-ADDRESS"),
        ({"addresses": [f"10.0.{n}.0/24" for n in range(21)]}, "E-ADDRESS"),
        ({"per_minute": 0}, "E-KEY-RATE"),
    ],
)
async def test_what_a_key_cannot_be(
    pool: Pool, troupe: Troupe, wish: dict[str, Any], code: str
) -> None:
    with pytest.raises(Invalid) as caught:
        await make(pool, troupe.reader, **wish)
    assert caught.value.error_code == code
    assert await logged(pool, "key.created") == []


async def test_keys_without_an_end_only_by_setting(pool: Pool, troupe: Troupe) -> None:
    key, _ = await make(pool, troupe.reader, days=0, settings=Api(keys_without_end=True))
    assert key.expires_at is None
    assert key.in_force


async def test_the_default_life_is_never_longer_than_the_longest(
    pool: Pool, troupe: Troupe
) -> None:
    key, _ = await make(pool, troupe.reader, settings=Api(max_key_days=7))
    assert key.expires_at is not None
    assert round((key.expires_at - key.created_at).total_seconds() / 86_400) == 7


async def test_a_person_has_so_many_keys_in_force(pool: Pool, troupe: Troupe) -> None:
    few = Api(max_keys=2)
    first, _ = await make(pool, troupe.reader, settings=few)
    await make(pool, troupe.reader, settings=few)
    with pytest.raises(Conflict) as caught:
        await make(pool, troupe.reader, settings=few)
    assert caught.value.error_code == "E-KEYS"
    async with as_actor(pool, troupe.reader, write=True) as conn:
        await api_keys.revoke(conn, first.id, by=troupe.reader)
    await make(pool, troupe.reader, settings=few)


async def test_the_last_use_is_kept_to_the_minute(pool: Pool, troupe: Troupe) -> None:
    key, text = await make(pool, troupe.reader)
    await use(pool, text)
    async with as_actor(pool, troupe.reader) as conn:
        first = await api_keys.get(conn, key.id)
    assert (first.last_used_at is not None, first.last_used_ip) == (True, IP)
    await use(pool, text, ip="192.0.2.8")
    async with as_actor(pool, troupe.reader) as conn:
        assert await api_keys.get(conn, key.id) == first
    await change(pool, "UPDATE api_keys SET last_used_at = now() - interval '2 minutes'")
    await use(pool, text, ip="192.0.2.8")
    async with as_actor(pool, troupe.reader) as conn:
        assert (await api_keys.get(conn, key.id)).last_used_ip == "192.0.2.8"


async def test_who_sees_and_revokes_whose_keys(pool: Pool, troupe: Troupe) -> None:
    key, text = await make(pool, troupe.reader)
    for stranger in (troupe.stranger, troupe.curator, troupe.auditor):
        async with as_actor(pool, stranger) as conn:
            assert await api_keys.keys_of(conn) == []
        with pytest.raises(NotFound):
            async with as_actor(pool, stranger, write=True) as conn:
                await api_keys.revoke(conn, key.id, by=stranger)
    async with as_actor(pool, troupe.admin, write=True) as conn:
        assert [each.id for each in await api_keys.keys_of(conn, troupe.reader.id)] == [key.id]
        await api_keys.revoke(conn, key.id, by=troupe.admin)
    assert await refused(pool, text) == "revoked"
    (entry,) = await logged(pool, "key.revoked")
    assert entry["actor_name"] == "admin"


async def test_not_even_an_administrator_makes_a_key_for_somebody_else(
    pool: Pool, troupe: Troupe
) -> None:
    with pytest.raises(Denied):
        async with as_actor(pool, troupe.admin, write=True) as conn:
            await api_keys.create(
                conn, troupe.reader, Wish("x", ["ask"]), settings=SETTINGS, by=troupe.admin
            )


@pytest.mark.parametrize(
    "query",
    [
        "UPDATE api_keys SET scopes = '{ask}'",
        "UPDATE api_keys SET hash = hash",
        "UPDATE api_keys SET expires_at = NULL",
        "UPDATE api_keys SET user_id = user_id",
    ],
)
async def test_a_key_never_changes(pool: Pool, troupe: Troupe, query: LiteralString) -> None:
    await make(pool, troupe.reader)
    with pytest.raises(Denied) as caught:
        await change(pool, query)
    assert isinstance(caught.value.__cause__, psycopg.errors.InsufficientPrivilege)


async def test_without_an_actor_no_key_is_seen(pool: Pool, troupe: Troupe) -> None:
    await make(pool, troupe.reader)
    async with pool.connection() as conn:
        assert (await conn.execute("SELECT id FROM api_keys")).rowcount == 0


async def test_a_refusal_is_audited_once_in_ten_minutes(pool: Pool, troupe: Troupe) -> None:
    key, text = await make(pool, troupe.reader)
    async with as_actor(pool, troupe.reader, write=True) as conn:
        await api_keys.revoke(conn, key.id, by=troupe.reader)
    for _ in range(5):
        async with as_system(pool) as conn:
            found = await bearer.bearer_of(conn, text, ip=IP, settings=SETTINGS)
            assert isinstance(found, Refusal)
            await bearer.record_refusal(conn, found, ip=IP)
            await bearer.record_refusal(conn, Refusal("malformed"), ip=IP)
            await bearer.record_refusal(conn, Refusal("unknown", new_key()[0]), ip=IP)
    entries = await logged(pool, "key.refused")
    assert [json.loads(entry["details"])["reason"] for entry in entries] == [
        "revoked", "malformed", "unknown",
    ]  # fmt: skip
    assert entries[0]["resource"] == f"user:{troupe.reader.id}"


async def test_a_key_is_found_by_its_handle_however_it_is_written(
    pool: Pool, troupe: Troupe
) -> None:
    key, text = await make(pool, troupe.reader)
    async with as_system(pool) as conn:
        for words in (key.handle, f"gb_{key.handle}", text):
            assert (await api_keys.by_handle(conn, words)).id == key.id
        with pytest.raises(NotFound):
            await api_keys.by_handle(conn, "nothing")
