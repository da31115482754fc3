"""Conversations under supervision: off by default, and never in silence."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest

from govbot import audit
from govbot.audit.keys import open_key
from govbot.audit.starts import record_start
from govbot.chat import store, supervision
from govbot.config import as_texts
from govbot.config.table import Audit
from govbot.db.access import Actor, as_actor, as_system
from govbot.db.pool import Pool
from govbot.errors import Denied, Invalid, NotFound
from govbot.ids import ConversationId, UserId
from tests.web.conftest import Client, SignIn
from tests.web.scene import Scene, make_scene, revoke

REASON = "Processo administrativo 12/2026"


@pytest.fixture
async def scene(pool: Pool, tmp_path: Path) -> Scene:
    """The setting is on, and the service was started with it."""
    scene = await make_scene(pool, tmp_path, audit=Audit(read_conversations=True))
    await start(scene)
    return scene


async def start(scene: Scene) -> None:
    settings = scene.app.settings
    async with as_system(scene.app.pool) as conn:
        await record_start(conn, *as_texts(settings), open_key("", settings.data_dir))


async def asked(scene: Scene, client: Client) -> ConversationId:
    """The reader's conversation, whose answer is made of the law."""
    scene.app.answers.script.sources = [scene.law_key]
    scene.app.answers.script.citations = [scene.citation()]
    await client.post("/conversas", data={"question": "Quantos períodos de férias?"})
    reader = scene.actors["reader"]
    async with as_actor(scene.app.pool, reader) as conn:
        [found] = await store.list_conversations(conn)
        turns = await store.turns(conn, found.id)
    await scene.app.answers.finish(reader, turns[0].answers[0].id)
    return found.id


def path(scene: Scene, conversation: ConversationId | None = None) -> str:
    base = f"/admin/usuarios/{scene.actors['reader'].id}/conversas"
    return f"{base}/{conversation}" if conversation else base


async def looks(pool: Pool) -> list[dict[str, str]]:
    async with as_system(pool) as conn:
        found = await audit.entries(conn, action="conversation.supervised")
    return [json.loads(each.details) for each in found]


async def test_an_administrator_reads_with_a_reason_and_the_person_sees_it(
    scene: Scene, signed_in: SignIn
) -> None:
    reader, admin = await signed_in("reader"), await signed_in("admin")
    conversation = await asked(scene, reader)
    person = (await admin.get(f"/admin/usuarios/{scene.actors['reader'].id}")).text
    assert path(scene) in person
    assert REASON not in (await admin.get(path(scene))).text
    listed = await admin.post(path(scene), data={"reason": REASON})
    assert "Quantos períodos de férias?" in listed.text
    read = await admin.post(path(scene, conversation), data={"reason": REASON})
    assert "até três períodos" in read.text
    assert f"/documentos/{scene.law}/pagina/1" in read.text
    assert await looks(scene.app.pool) == [
        {"conversation": str(conversation), "reason": REASON},
        {"reason": REASON},
    ]
    own = (await reader.get("/conta/supervisao")).text
    assert own.count(REASON) == 2
    assert "admin" in own
    assert REASON not in (await admin.get("/conta/supervisao")).text


@pytest.mark.parametrize("reason", ["", "   ", "curta", "x" * 501])
async def test_without_a_reason_nothing_is_shown(
    scene: Scene, signed_in: SignIn, reason: str
) -> None:
    conversation = await asked(scene, await signed_in("reader"))
    admin = await signed_in("admin")
    for address in (path(scene), path(scene, conversation)):
        answer = await admin.post(address, data={"reason": reason})
        assert answer.status_code == 422
        assert "até três períodos" not in answer.text
        assert "Quantos períodos" not in answer.text
    assert await looks(scene.app.pool) == []


async def test_the_administrator_s_own_rights_to_the_documents_count(
    scene: Scene, signed_in: SignIn
) -> None:
    conversation = await asked(scene, await signed_in("reader"))
    await revoke(scene)
    async with as_system(scene.app.pool) as conn:
        await conn.execute("UPDATE documents SET secrecy = 4")
    admin = await signed_in("admin")
    read = (await admin.post(path(scene, conversation), data={"reason": REASON})).text
    assert "Quantos períodos de férias?" in read
    assert "até três períodos" not in read
    assert str(scene.law) not in read


@pytest.mark.parametrize("who", ["reader", "curator", "auditor", "stranger"])
async def test_nobody_but_administrators_supervises(
    scene: Scene, signed_in: SignIn, who: str
) -> None:
    conversation = await asked(scene, await signed_in("reader"))
    client = await signed_in(who)
    for address in (path(scene), path(scene, conversation)):
        assert (await client.post(address, data={"reason": REASON})).status_code == 403
    with pytest.raises(Denied):
        async with as_actor(scene.app.pool, scene.actors[who], write=True) as conn:
            await supervise(conn, scene.actors[who], scene)


async def supervise(conn: store.Connection, actor: Actor, scene: Scene) -> None:
    person = scene.actors["reader"].id
    await supervision.supervise(conn, actor, person, reason=REASON, enabled=True)


async def test_supervision_reads_and_changes_nothing(scene: Scene, signed_in: SignIn) -> None:
    conversation = await asked(scene, await signed_in("reader"))
    admin = scene.actors["admin"]
    async with as_actor(scene.app.pool, admin, write=True) as conn:
        await supervise(conn, admin, scene)
        for table in ("messages", "conversations"):
            cursor = await conn.execute(f"DELETE FROM {table}".encode())
            assert cursor.rowcount == 0
        with pytest.raises(NotFound):
            await store.rename(conn, admin, conversation, "outro")


async def test_a_look_ends_with_its_transaction(scene: Scene, signed_in: SignIn) -> None:
    await asked(scene, await signed_in("reader"))
    admin, person = scene.actors["admin"], scene.actors["reader"].id
    async with as_actor(scene.app.pool, admin, write=True) as conn:
        await supervise(conn, admin, scene)
        assert len(await supervision.conversations_of(conn, person)) == 1
        cursor = await conn.execute("SELECT current_setting('govbot.supervision') AS seq")
        row = await cursor.fetchone()
    assert row is not None
    async with as_actor(scene.app.pool, admin, write=True) as conn:
        # The number of an old entry opens nothing.
        await conn.execute("SELECT set_config('govbot.supervision', %(seq)s, true)", row)
        assert await supervision.conversations_of(conn, person) == []


@pytest.mark.parametrize("value", ["1", "0", "x", "99999999999999999999", ""])
async def test_the_mark_of_a_transaction_alone_opens_nothing(
    scene: Scene, signed_in: SignIn, value: str
) -> None:
    await asked(scene, await signed_in("reader"))
    admin = scene.actors["admin"]
    async with as_actor(scene.app.pool, admin, write=True) as conn:
        await conn.execute(
            "SELECT set_config('govbot.supervision', %(value)s, true)", {"value": value}
        )
        assert await supervision.conversations_of(conn, scene.actors["reader"].id) == []


async def test_an_entry_about_another_person_opens_that_one_alone(
    scene: Scene, signed_in: SignIn
) -> None:
    await asked(scene, await signed_in("reader"))
    admin = scene.actors["admin"]
    async with as_actor(scene.app.pool, admin, write=True) as conn:
        await supervision.supervise(
            conn, admin, scene.actors["stranger"].id, reason=REASON, enabled=True
        )
        assert await supervision.conversations_of(conn, scene.actors["reader"].id) == []


async def test_with_the_setting_off_nothing_can(
    scene: Scene, signed_in: SignIn, tmp_path: Path
) -> None:
    conversation = await asked(scene, await signed_in("reader"))
    off = scene.app.settings.model_copy(update={"audit": Audit()})
    scene.app.settings = off
    await start(scene)
    admin = await signed_in("admin")
    for address in (path(scene), path(scene, conversation)):
        assert (await admin.post(address, data={"reason": REASON})).status_code == 404
    assert (await admin.get(path(scene))).status_code == 404
    actor = scene.actors["admin"]
    with pytest.raises(Denied):
        async with as_actor(scene.app.pool, actor, write=True) as conn:
            await supervision.supervise(
                conn, actor, scene.actors["reader"].id, reason=REASON, enabled=False
            )
    # Not even code that forgets the setting: the database knows it from the last start.
    async with as_actor(scene.app.pool, actor, write=True) as conn:
        await supervise(conn, actor, scene)
        assert await supervision.conversations_of(conn, scene.actors["reader"].id) == []


async def test_turning_it_on_is_told_by_the_entry_of_the_start(scene: Scene) -> None:
    async with as_system(scene.app.pool) as conn:
        [started] = await audit.entries(conn, action="service.started")
    change = json.loads(started.details)["settings"]["audit.read_conversations"]
    assert change == {"after": "true", "before": None}


async def test_one_s_own_account_and_people_who_are_not_there_are_not_supervised(
    scene: Scene, signed_in: SignIn
) -> None:
    admin = await signed_in("admin")
    own = f"/admin/usuarios/{scene.actors['admin'].id}/conversas"
    nobody = f"/admin/usuarios/{UserId(scene.law)}/conversas"
    for address in (own, nobody):
        assert (await admin.post(address, data={"reason": REASON})).status_code == 404


async def test_a_reason_is_asked_for_below_the_page_too(scene: Scene) -> None:
    actor = scene.actors["admin"]
    with pytest.raises(Invalid):
        async with as_actor(scene.app.pool, actor, write=True) as conn:
            await supervision.supervise(
                conn, actor, scene.actors["reader"].id, reason=" ", enabled=True
            )


async def test_the_application_cannot_write_settings_as_a_person(scene: Scene) -> None:
    with pytest.raises((Denied, psycopg.Error)):
        async with as_actor(scene.app.pool, scene.actors["admin"], write=True) as conn:
            await conn.execute("INSERT INTO settings_seen (name, value) VALUES ('x', 'true')")
