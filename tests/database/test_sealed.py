"""What is sealed in the database: secrets of settings, and the rotation of the key."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from govbot.auth import sealed
from govbot.auth.sealed import SEALED, fillable
from govbot.config import Settings, load_settings
from govbot.db.access import as_system
from govbot.db.pool import Pool
from govbot.errors import BadConfig, Invalid, NotFound
from govbot.sealing import KEY_FILE, Sealer, new_key, open_sealer, write_keys
from tests.troupe import Troupe

# Columns of bytes that hold hashes, chains and queues: none of them can be opened.
NOT_SEALED = {
    ("sessions", "token_hash"),
    ("recovery_codes", "hash"),
    ("oidc_requests", "state_hash"),
    ("oidc_requests", "browser_hash"),
    ("api_keys", "hash"),
    ("cached_answers", "key"),
    ("cached_answers", "context"),
    ("messages", "cached_as"),
    # People of a month told apart by digests; the salt goes with the month.
    ("gap_questions", "asker"),
    ("question_facts", "asker"),
    ("gap_salts", "salt"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    open_sealer("", tmp_path)
    return tmp_path


async def fill_all(pool: Pool, sealer: Sealer, troupe: Troupe) -> None:
    """One sealed value in every table that has any."""
    async with as_system(pool) as conn:
        await sealed.set_secret(conn, sealer, "generation.api_key", "valor")
        await conn.execute(
            "INSERT INTO totp (user_id, secret) VALUES (%(user)s, %(secret)s)",
            {"user": troupe.admin.id, "secret": sealer.seal("semente", "totp")},
        )
        await conn.execute(
            "INSERT INTO oidc_requests (state_hash, browser_hash, nonce, verifier, follow)"
            " VALUES ('a', 'b', 'c', %(sealed)s, '/')",
            {"sealed": sealer.seal("prova", "verifier")},
        )
        await conn.execute(
            """
            WITH s AS (
                INSERT INTO sessions (token_hash, user_id, csrf, expires_at)
                VALUES ('x', %(user)s, 'c', now() + interval '1 day') RETURNING id
            )
            INSERT INTO outside_sessions (session_id, subject, id_token)
            SELECT id, 'ana', %(sealed)s FROM s
            """,
            {"user": troupe.admin.id, "sealed": sealer.seal("ficha", "id")},
        )
        await conn.execute(
            "INSERT INTO installation (id, proof) VALUES (%(id)s, %(sealed)s)",
            {"id": troupe.admin.id, "sealed": sealer.seal("marca", "installation")},
        )


async def all_values(pool: Pool) -> list[bytes]:
    found = []
    async with as_system(pool) as conn:
        for column in SEALED:
            cursor = await conn.execute(f"SELECT {column.name} AS v FROM {column.table}".encode())
            found += [bytes(row["v"]) for row in await cursor.fetchall()]
    return found


async def test_every_column_of_bytes_is_known_to_be_sealed_or_not(owner_pool: Pool) -> None:
    async with owner_pool.connection() as conn:
        cursor = await conn.execute(
            """
            SELECT c.table_name, c.column_name FROM information_schema.columns c
            JOIN information_schema.tables t USING (table_schema, table_name)
            WHERE c.table_schema = 'public' AND c.data_type = 'bytea'
              AND t.table_type = 'BASE TABLE' AND c.table_name NOT LIKE 'audit%'
              AND c.table_name NOT LIKE 'procrastinate%'
            """
        )
        found = {(row["table_name"], row["column_name"]) for row in await cursor.fetchall()}
    assert found == NOT_SEALED | {(column.table, column.name) for column in SEALED}


async def test_a_stored_secret_fills_an_empty_setting_and_no_other(
    pool: Pool, folder: Path
) -> None:
    sealer = open_sealer("", folder)
    async with as_system(pool) as conn:
        await sealed.set_secret(conn, sealer, "generation.api_key", "guardado")
        await sealed.set_secret(conn, sealer, "oidc.client_secret", "guardado")
    settings = load_settings(environ={"GOVBOT_GENERATION__API_KEY": "do ambiente"})
    filled = await sealed.fill(settings, pool, sealer)
    assert filled.generation.api_key.get_secret_value() == "do ambiente"
    assert filled.oidc.client_secret.get_secret_value() == "guardado"
    assert filled.origin("oidc.client_secret") == "govbot secret"
    assert settings.oidc.client_secret.get_secret_value() == ""
    assert settings.origin("oidc.client_secret") == "default"


async def test_the_key_of_one_model_of_the_list_can_be_stored(pool: Pool, folder: Path) -> None:
    models = [
        {"name": "qwen2.5", "base_url": "http://a", "model": "m"},
        {"name": "outro", "base_url": "http://b", "model": "m", "api_key": "do arquivo"},
    ]
    settings = load_settings(environ={"GOVBOT_GENERATION__MODELS": json.dumps(models)})
    sealer = open_sealer("", folder)
    async with as_system(pool) as conn:
        for name in ("qwen2.5", "outro"):
            await sealed.set_secret(conn, sealer, f"generation.models.{name}.api_key", "guardado")
    filled = await sealed.fill(settings, pool, sealer)
    keys = [each.api_key.get_secret_value() for each in filled.generation.models]
    assert keys == ["guardado", "do arquivo"]


def test_what_opens_the_database_or_its_seals_cannot_lie_in_it() -> None:
    names = fillable()
    assert {"generation.api_key", "ldap.bind_password", "oidc.client_secret"} <= set(names)
    assert not [name for name in names if name.startswith(("database.", "security.", "audit."))]


async def test_a_secret_never_stands_in_the_database_as_it_is(pool: Pool, folder: Path) -> None:
    sealer = open_sealer("", folder)
    async with as_system(pool) as conn:
        await sealed.set_secret(conn, sealer, "generation.api_key", "quimera-azul")
        cursor = await conn.execute(
            "SELECT convert_from(value, 'UTF8') AS v FROM secrets"
            " UNION ALL SELECT details FROM audit_log"
        )
        words = " ".join(row["v"] for row in await cursor.fetchall())
    assert "quimera" not in words
    assert "generation.api_key" in words


async def test_a_secret_put_in_the_place_of_another_does_not_open(pool: Pool, folder: Path) -> None:
    sealer = open_sealer("", folder)
    async with as_system(pool) as conn:
        await sealed.set_secret(conn, sealer, "generation.api_key", "um")
        await conn.execute("UPDATE secrets SET name = 'oidc.client_secret'")
    with pytest.raises(BadConfig):
        await sealed.fill(Settings(), pool, sealer)


async def test_secrets_are_listed_and_removed_by_name(pool: Pool, folder: Path) -> None:
    sealer = open_sealer("", folder)
    async with as_system(pool) as conn:
        with pytest.raises(Invalid):
            await sealed.set_secret(conn, sealer, "generation.api_key", "")
        await sealed.set_secret(conn, sealer, "generation.api_key", "um")
        await sealed.set_secret(conn, sealer, "generation.api_key", "dois")
        assert await sealed.names(conn) == ["generation.api_key"]
        opened = await sealed.open_secrets(conn, sealer, ["generation.api_key"])
        assert opened == {"generation.api_key": "dois"}
        await sealed.remove_secret(conn, "generation.api_key")
        assert await sealed.names(conn) == []
        with pytest.raises(NotFound):
            await sealed.remove_secret(conn, "generation.api_key")


async def test_after_a_rotation_the_new_key_opens_everything_and_the_old_one_nothing(
    pool: Pool, folder: Path, troupe: Troupe
) -> None:
    before = (folder / KEY_FILE).read_text().split()
    await fill_all(pool, Sealer(before), troupe)
    assert await sealed.rotate(pool, folder) == len(SEALED)
    (after,) = (folder / KEY_FILE).read_text().split()
    assert [after] != before
    assert (folder / KEY_FILE).stat().st_mode & 0o077 == 0
    fresh, old = Sealer([after]), Sealer(before)
    values = await all_values(pool)
    assert len(values) == len(SEALED)
    for value in values:
        fresh.reseal(value)
        with pytest.raises(BadConfig):
            old.reseal(value)
    async with as_system(pool) as conn:
        opened = await sealed.open_secrets(conn, fresh, ["generation.api_key"])
        assert opened == {"generation.api_key": "valor"}


@pytest.mark.parametrize("moment", ["before the transaction", "inside it", "after it"])
async def test_a_rotation_that_breaks_off_loses_nothing_and_can_be_run_again(
    pool: Pool, folder: Path, troupe: Troupe, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    await fill_all(pool, open_sealer("", folder), troupe)
    originals = (sealed.reseal, sealed._reseal_column, sealed._reseal_again)

    async def crash(*args: object) -> int:
        if moment == "inside it" and args[2] is SEALED[0]:  # type: ignore[misc]
            return await originals[1](*args)  # type: ignore[arg-type]
        raise ZeroDivisionError

    name = {
        "before the transaction": "reseal",
        "inside it": "_reseal_column",
        "after it": "_reseal_again",
    }[moment]
    with monkeypatch.context() as patch:
        patch.setattr(sealed, name, crash)
        with pytest.raises(ZeroDivisionError):
            await sealed.rotate(pool, folder)
    sealer = open_sealer("", folder)
    for value in await all_values(pool):
        sealer.reseal(value)
    await sealed.rotate(pool, folder)
    sealer = open_sealer("", folder)
    assert len((folder / KEY_FILE).read_text().split()) == 1
    for value in await all_values(pool):
        sealer.reseal(value)


async def test_a_process_that_runs_follows_a_rotation(
    pool: Pool, folder: Path, troupe: Troupe
) -> None:
    running = open_sealer("", folder)
    await fill_all(pool, running, troupe)
    await sealed.rotate(pool, folder)
    async with as_system(pool) as conn:
        opened = await sealed.open_secrets(conn, running, ["generation.api_key"])
        assert opened == {"generation.api_key": "valor"}
    assert open_sealer("", folder).open(running.seal("novo", "x"), "x") == "novo"


async def test_a_rotation_with_a_value_that_no_key_opens_changes_nothing(
    pool: Pool, folder: Path, troupe: Troupe
) -> None:
    await fill_all(pool, open_sealer("", folder), troupe)
    async with as_system(pool) as conn:
        await sealed.set_secret(conn, Sealer([new_key()]), "oidc.client_secret", "de outra chave")
    before = await all_values(pool)
    with pytest.raises(BadConfig):
        await sealed.rotate(pool, folder)
    assert await all_values(pool) == before
    assert len((folder / KEY_FILE).read_text().split()) == 2


async def test_a_second_rotation_at_the_same_time_is_refused(
    pool: Pool, folder: Path, troupe: Troupe
) -> None:
    await fill_all(pool, open_sealer("", folder), troupe)
    results = await asyncio.gather(
        sealed.rotate(pool, folder), sealed.rotate(pool, folder), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["Conflict", "int"]
    sealer = open_sealer("", folder)
    for value in await all_values(pool):
        sealer.reseal(value)


def test_a_file_of_keys_is_written_whole_and_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "new" / KEY_FILE
    write_keys(file, ["a", "b"], replace=True)
    assert file.read_text() == "a\nb\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(file.parent.iterdir()) == [file]
