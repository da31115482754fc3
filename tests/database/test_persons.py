"""Export, erasure and search of one person's data; retention of conversations."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg import sql

from govbot import audit
from govbot.auth import groups, users
from govbot.chat import store
from govbot.chat.store import Citation
from govbot.db.access import OPERATOR, Actor, as_actor, as_system
from govbot.db.dsns import Dsns
from govbot.db.pool import Connection, Pool
from govbot.errors import Conflict, Invalid, NotFound
from govbot.persons import erase, export, retention, subject
from tests.troupe import SECRET_A, Troupe

EMAIL = "reader.da.silva@exemplo.gov.br"
NAME = "Riobaldo Tatarana"


async def conversation(pool: Pool, actor: Actor, troupe: Troupe, question: str) -> None:
    """A question with an answer made from the document of collection A, cited."""
    shelf = troupe.a
    async with as_actor(pool, actor, write=True) as conn:
        found = await store.create_conversation(conn, actor)
        asked = await store.add_question(conn, actor, found, question)
        answer = await store.add_answer(conn, actor, found, asked)
        await store.set_sources(conn, answer, [shelf.document_key])
        citation = Citation(
            1, shelf.document_id, shelf.document_key, shelf.version_id, "norma-a.txt", "Norma", 1,
            1, 1, "", SECRET_A, 0, len(SECRET_A),
        )  # fmt: skip
        await store.finish_answer(
            conn, actor, answer, content=f"{SECRET_A} [1]", state="done", citations=[citation]
        )


async def known(pool: Pool, troupe: Troupe) -> None:
    """The reader has everything that an account can have."""
    reader = troupe.reader
    async with as_system(pool) as conn:
        await conn.execute(
            "UPDATE users SET email = %(email)s, name = %(name)s WHERE id = %(id)s",
            {"email": EMAIL, "name": NAME, "id": reader.id},
        )
        group = await groups.create_group(conn, "Jurídico", by=None)
        await groups.add_member(conn, group, reader.id, by=None)
        for statement in (
            "INSERT INTO sessions (token_hash, user_id, csrf, ip, user_agent, expires_at) VALUES"
            " ('\\x01', %(id)s, 'c', '10.1.2.3', 'Firefox', now() + interval '1 day')",
            "INSERT INTO totp (user_id, secret) VALUES (%(id)s, '\\x02')",
            "INSERT INTO recovery_codes (user_id, hash) VALUES (%(id)s, '\\x03')",
            "INSERT INTO api_keys (id, handle, hash, user_id, name, scopes) VALUES"
            " (gen_random_uuid(), 'abcdefghij', decode(repeat('ab', 32), 'hex'), %(id)s, 'Robô',"
            " ARRAY['ask'])",
            "UPDATE documents SET created_by = %(id)s WHERE filename = 'norma-a.txt'",
            "UPDATE queue_control SET paused_by = 'reader', paused_at = now()",
        ):
            await conn.execute(statement.encode(), {"id": reader.id})
        await audit.record(conn, actor=reader, action="question.asked")
    await conversation(pool, reader, troupe, "Meu CPF é 123.456.789-09?")


async def unpacked(pool: Pool, actor: Actor, *, conversations: bool = True) -> dict[str, str]:
    async with as_system(pool) as conn:
        dossier = await export.collect(conn, actor.id, by=OPERATOR, conversations=conversations)
    with zipfile.ZipFile(io.BytesIO(export.archive(dossier))) as file:
        return {name: file.read(name).decode() for name in file.namelist()}


async def test_an_export_holds_everything_about_the_person(pool: Pool, troupe: Troupe) -> None:
    await known(pool, troupe)
    files = await unpacked(pool, troupe.reader)
    assert set(files) == {"index.html", *(f"{name}.json" for name in export.ORDER)}
    for name in set(export.ORDER) - {"reviews"}:
        assert json.loads(files[f"{name}.json"]), name
        assert f"<h2>{export.words('pt-BR')[name]}</h2>" in files["index.html"]
    assert json.loads(files["account.json"])[0]["email"] == EMAIL
    turn = json.loads(files["conversations.json"])[0]["turns"][0]
    assert turn["question"] == "Meu CPF é 123.456.789-09?"
    assert turn["answers"][0]["citations"][0]["quote"] == SECRET_A
    assert "10.1.2.3" in files["sessions.json"]


async def test_an_export_holds_no_secret_and_nobody_else(pool: Pool, troupe: Troupe) -> None:
    await known(pool, troupe)
    await conversation(pool, troupe.curator, troupe, "Pergunta da curadora")
    everything = "".join((await unpacked(pool, troupe.reader)).values())
    for secret in ("argon2", "Pergunta da curadora", "\\x01", "abab", "curator"):
        assert secret not in everything


async def test_an_export_for_an_administrator_tells_only_how_many_conversations(
    pool: Pool, troupe: Troupe
) -> None:
    await known(pool, troupe)
    files = await unpacked(pool, troupe.reader, conversations=False)
    assert json.loads(files["conversations.json"]) == []
    assert "são 1" in files["notes.json"]
    assert "123.456" not in "".join(files.values())


async def test_an_answer_out_of_reach_is_not_exported(pool: Pool, troupe: Troupe) -> None:
    await known(pool, troupe)
    async with as_system(pool) as conn:
        await conn.execute("DELETE FROM grants WHERE user_id = %(id)s", {"id": troupe.reader.id})
    files = await unpacked(pool, troupe.reader)
    assert "Meu CPF" in files["conversations.json"]
    assert SECRET_A not in "".join(files.values())


async def test_the_page_of_an_export_shows_text_as_text(pool: Pool, troupe: Troupe) -> None:
    await conversation(pool, troupe.reader, troupe, "<script>alert(1)</script>")
    assert "<script" not in (await unpacked(pool, troupe.reader))["index.html"]


async def test_an_export_of_nobody_is_not_found(pool: Pool) -> None:
    async with as_system(pool) as conn:
        with pytest.raises(NotFound):
            await export.collect(conn, OPERATOR.id, by=OPERATOR)


async def test_after_an_erasure_no_row_names_the_person(
    pool: Pool, dsns: Dsns, troupe: Troupe
) -> None:
    await known(pool, troupe)
    report = await erase.erase(pool, troupe.reader.id, by=OPERATOR)
    assert report.removed == {
        "users": 1, "conversations": 1, "sessions": 1, "totp": 1, "recovery_codes": 1,
        "api_keys": 1, "memberships": 1, "grants": 1, "queue_control": 1,
        "answer_reports": 0, "gap_topics": 0, "gap_questions": 0, "cached_answers": 0,
        "share_readers": 0, "model_transfers": 0, "announcement_dismissals": 0, "announcements": 0,
        "setting_changes": 0, "incoming_files": 0,
    }  # fmt: skip
    named = everywhere(dsns, [NAME, EMAIL, "reader", "Riobaldo", "10.1.2.3", "123.456.789-09"])
    assert {table for table, _column in named} <= {"audit_log"}
    numbered = everywhere(dsns, [str(troupe.reader.id), troupe.reader.id.hex])
    assert {column for column in numbered if column[0] != "audit_log"} == {
        ("users", "id"), ("users", "username"), ("documents", "created_by"),
        ("document_listings", "created_by"), ("queue_control", "paused_by"),
    }  # fmt: skip


def everywhere(dsns: Dsns, values: Sequence[str]) -> set[tuple[str, str]]:
    """Tables and columns where one of the values stands, whatever the policies say."""
    found = set()
    with psycopg.connect(dsns.superuser, autocommit=True) as conn:
        columns = conn.execute(
            "SELECT c.table_name, c.column_name FROM information_schema.columns c"
            " JOIN information_schema.tables t USING (table_schema, table_name)"
            " WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE'"
        ).fetchall()
        assert len(columns) > 100
        for table, column in columns:
            query = sql.SQL("SELECT 1 FROM {} WHERE {}::text ~* %s LIMIT 1").format(
                sql.Identifier(table), sql.Identifier(column)
            )
            pattern = "|".join(value.replace(".", r"\.") for value in values)
            if conn.execute(query, [pattern]).fetchone():
                found.add((table, column))
    return found


async def test_every_table_that_refers_to_accounts_is_thought_of(owner_pool: Pool) -> None:
    async with owner_pool.connection() as conn:
        cursor = await conn.execute(
            "SELECT DISTINCT conrelid::regclass::text AS name FROM pg_constraint"
            " WHERE contype = 'f' AND confrelid = 'users'::regclass"
        )
        tables = {row["name"] for row in await cursor.fetchall()}
    assert tables <= {*erase.DELETED, *erase.OWN, *erase.KEPT}


async def test_an_erased_account_never_comes_back(pool: Pool, troupe: Troupe) -> None:
    await erase.erase(pool, troupe.reader.id, by=OPERATOR)
    async with as_system(pool) as conn:
        user = await users.get(conn, troupe.reader.id)
        assert user.disabled_at is not None
        assert "reader" not in (user.username, user.name)
    for change in (
        lambda conn: users.set_disabled(conn, troupe.reader.id, disabled=False),
        lambda conn: users.set_password(conn, troupe.reader.id, "outra senha bem comprida"),
    ):
        with pytest.raises(Invalid):
            async with as_system(pool) as conn:
                await change(conn)
    with pytest.raises(Conflict) as caught:
        await erase.erase(pool, troupe.reader.id, by=OPERATOR)
    assert caught.value.error_code == "E-ERASED"


async def test_a_rehearsal_tells_the_same_and_changes_nothing(
    pool: Pool, dsns: Dsns, troupe: Troupe
) -> None:
    await known(pool, troupe)
    before = await counts(pool)
    planned = await erase.erase(pool, troupe.reader.id, by=OPERATOR, rehearse=True)
    assert await counts(pool) == before
    assert EMAIL
    assert everywhere(dsns, [EMAIL])
    done = await erase.erase(pool, troupe.reader.id, by=OPERATOR)
    assert (planned.planned, done.planned) == (True, False)
    assert planned.removed == done.removed
    assert planned.kept == done.kept


async def counts(pool: Pool) -> dict[str, int]:
    async with as_system(pool) as conn:
        found = {}
        for table in ("users", "sessions", "memberships", "grants", "audit_log", "api_keys"):
            query = sql.SQL("SELECT count(*) AS n FROM {}").format(sql.Identifier(table))
            row = await (await conn.execute(query)).fetchone()
            assert row is not None
            found[table] = row["n"]
        return found


async def test_the_last_administrator_stays(pool: Pool, troupe: Troupe) -> None:
    with pytest.raises(Conflict) as caught:
        await erase.erase(pool, troupe.admin.id, by=OPERATOR)
    assert caught.value.error_code == "E-LAST-ADMIN"
    async with as_system(pool) as conn:
        assert (await users.get(conn, troupe.admin.id)).username == "admin"


async def test_what_breaks_in_the_middle_has_erased_nothing(
    pool: Pool, troupe: Troupe, monkeypatch: pytest.MonkeyPatch
) -> None:
    await known(pool, troupe)
    before = await counts(pool)

    async def broken(*_args: object, **_named: object) -> None:
        raise RuntimeError("out of power")

    monkeypatch.setattr(erase, "_make_anonymous", broken)
    with pytest.raises(RuntimeError):
        await erase.erase(pool, troupe.reader.id, by=OPERATOR)
    assert await counts(pool) == before
    async with as_actor(pool, troupe.reader) as conn:
        assert len(await store.list_conversations(conn)) == 1


async def test_the_report_says_what_stays_and_why(pool: Pool, troupe: Troupe) -> None:
    await known(pool, troupe)
    report = await erase.erase(pool, troupe.reader.id, by=OPERATOR)
    assert report.kept["documents"] == 1
    text = report.as_text("pt-BR")
    assert "Registros de auditoria" in text
    assert "LGPD, art. 16, I" in text
    assert json.loads(json.dumps(report.as_json("en")))["reasons"]["audit_log"].startswith("Unch")
    async with as_system(pool) as conn:
        newest = (await audit.entries(conn, limit=1))[0]
    assert (newest.action, newest.resource) == ("person.erased", f"user:{troupe.reader.id}")
    assert NAME not in newest.details
    assert EMAIL not in newest.details


TEXT = "Servidora Maria  das\nDores, CPF 123.456.\n789-09, maria@\nexemplo.gov.br, fone 3216-7570."


@pytest.fixture
async def named(pool: Pool, troupe: Troupe) -> Troupe:
    async with as_system(pool) as conn:
        await conn.execute(
            "UPDATE version_pages SET text = %(text)s WHERE version_id = %(id)s",
            {"text": TEXT, "id": troupe.a.version_id},
        )
    return troupe


async def search(pool: Pool, value: str) -> list[subject.Place]:
    async with as_system(pool) as conn:
        return await subject.search(conn, value, by=OPERATOR)


@pytest.mark.parametrize(
    "value",
    ["123.456.789-09", "12345678909", "maria@exemplo.gov.br", "MARIA@exemplo.gov.br",
     "Maria das Dores", "maria DAS dores", "3216-7570"],
)  # fmt: skip
async def test_a_person_is_found_where_documents_name_them(
    pool: Pool, named: Troupe, value: str
) -> None:
    places = await search(pool, value)
    assert [(place.document_id, place.page) for place in places] == [(named.a.document_id, 1)]
    assert places[0].collection == "Coleção A"


@pytest.mark.parametrize("value", ["123.456.789-10", "2345678909", "x@exemplo.gov.br", "Ana Dores"])
async def test_another_person_is_not_found(pool: Pool, named: Troupe, value: str) -> None:
    assert await search(pool, value) == []


async def test_a_title_counts_too(pool: Pool, troupe: Troupe) -> None:
    async with as_system(pool) as conn:
        await conn.execute(
            "UPDATE documents SET title = 'Férias de José d''Ávila' WHERE key = %(key)s",
            {"key": troupe.b.document_key},
        )
    places = await search(pool, "jose d'avila")
    assert [(place.document_id, place.page) for place in places] == [(troupe.b.document_id, None)]


@pytest.mark.parametrize("value", ["", "Maria", "123", "a@b", "(.*) (.*)"])
async def test_what_would_match_many_people_is_refused(pool: Pool, value: str) -> None:
    with pytest.raises(Invalid) as caught:
        await search(pool, value)
    assert caught.value.error_code == "E-SUBJECT"


@pytest.mark.parametrize("value", ["123.456.789-09", "maria@exemplo.gov.br", "Maria das Dores"])
async def test_a_search_is_written_down_without_its_value(
    pool: Pool, named: Troupe, value: str
) -> None:
    await search(pool, value)
    async with as_system(pool) as conn:
        newest = (await audit.entries(conn, limit=1))[0]
    assert newest.action == "person.searched"
    assert json.loads(newest.details)["places"] == 1
    assert value not in newest.details
    assert "Dores" not in newest.details


async def test_an_administrator_finds_only_within_reach(pool: Pool, named: Troupe) -> None:
    async with as_actor(pool, named.stranger, write=True) as conn:
        assert await subject.search(conn, "123.456.789-09", by=named.stranger) == []


async def test_old_conversations_are_deleted_and_newer_ones_stay(
    pool: Pool, troupe: Troupe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    for number in range(5):
        await conversation(pool, troupe.reader, troupe, f"Pergunta {number}")
    await conversation(pool, troupe.curator, troupe, "Pergunta da curadora")
    in_ten_days = datetime.now(UTC) + timedelta(days=10)
    assert await retention.purge_conversations(pool, days=0, now=in_ten_days) == 0
    assert await retention.purge_conversations(pool, days=11, now=in_ten_days) == 0
    assert await retention.purge_conversations(pool, days=9, now=in_ten_days) == 6
    async with as_actor(pool, troupe.reader) as conn:
        assert await store.list_conversations(conn) == []
    async with as_system(pool) as conn:
        entries = await audit.entries(conn, limit=3)
    purged = [json.loads(e.details)["conversations"] for e in entries]
    assert sum(purged) == 6
    assert {e.action for e in entries} == {"conversation.purged"}


async def test_nobody_but_the_service_purges(pool: Pool, troupe: Troupe) -> None:
    async with as_actor(pool, troupe.admin, write=True) as conn:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await _purge(conn)


async def _purge(conn: Connection) -> None:
    await conn.execute("SELECT govbot_purge_conversations(now() + interval '1 day', 10)")
