"""Personal data on the pages: places in a document, what answers hide, export and erasure."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from govbot.auth import users
from govbot.chat import store as chats
from govbot.db.access import as_actor, as_system
from govbot.db.pool import Pool
from govbot.documents import personal
from govbot.documents.types import Document
from govbot.errors import NotFound
from govbot.jobs.queue import Queue
from govbot.privacy import Kind
from tests.web.conftest import SignIn
from tests.web.office import Office, make_office

CPF = "123.456.789-09"
TEXT = f"Portaria nº 9\n\nDesigna Ana, CPF {CPF}, fone (83) 99999-1234.\n"


@pytest.fixture
async def scene(pool: Pool, queue: Queue, tmp_path: Path) -> Office:
    return await make_office(pool, queue, tmp_path)


@pytest.fixture
async def order(scene: Office) -> Document:
    await scene.put("portaria.txt", TEXT.encode())
    await scene.desk.work()
    return await scene.document("portaria.txt")


async def test_who_writes_sees_kinds_and_pages_on_the_document(
    scene: Office, order: Document, signed_in: SignIn
) -> None:
    page = (await (await signed_in("curator")).get(f"/documentos/{order.id}")).text
    assert 'id="dados-pessoais"' in page
    assert f'href="/documentos/{order.version.id}/pagina/1"' in page
    block = page.split('id="dados-pessoais"')[1].split("</section>")[0]
    assert f'href="/documentos/{order.id}/acesso"' in block
    assert CPF not in block
    for reader in ("reader",):
        assert (
            "dados-pessoais"
            not in (await (await signed_in(reader)).get(f"/documentos/{order.id}")).text
        )


async def test_each_place_is_listed_masked(
    scene: Office, order: Document, signed_in: SignIn
) -> None:
    client = await signed_in("curator")
    page = (await client.get(f"/documentos/{order.id}/dados-pessoais")).text
    assert "***.456.789-**" in page
    assert "(83) *****-**34" in page
    assert CPF not in page
    far = await client.get(f"/documentos/{order.id}/dados-pessoais?n=9")
    assert far.status_code == 200


async def test_the_viewer_shows_the_document_as_it_is(
    scene: Office, order: Document, signed_in: SignIn
) -> None:
    async with as_system(scene.app.pool) as conn:
        await personal.set_masks(conn, None, scene.laws, [Kind.CPF])
    page = await (await signed_in("reader")).get(f"/documentos/{order.version.id}/pagina/1")
    assert CPF in page.text


async def test_a_manager_chooses_what_answers_hide(scene: Office, signed_in: SignIn) -> None:
    client = await signed_in("curator")
    path = f"/colecoes/{scene.laws}"
    answer = await client.post(
        f"{path}/dados-pessoais", data={"mask-cpf": "1", "mask-rg": "1", "mask-x": "1"}
    )
    assert answer.headers["location"] == f"{path}?feito=dados#dados-pessoais"
    async with as_system(scene.app.pool) as conn:
        assert await personal.masks_of(conn, scene.laws) == {Kind.CPF, Kind.RG}
    page = (await client.get(path)).text
    assert 'name="mask-cpf" value="1" checked' in page
    assert 'name="mask-email" value="1">' in page
    await client.post(f"{path}/dados-pessoais", data={})
    async with as_system(scene.app.pool) as conn:
        assert await personal.masks_of(conn, scene.laws) == frozenset()


async def asked(scene: Office) -> None:
    reader = scene.actors["reader"]
    async with as_actor(scene.app.pool, reader, write=True) as conn:
        conversation = await chats.create_conversation(conn, reader)
        await chats.add_question(conn, reader, conversation, "Pergunta muito minha")


async def test_everybody_gets_their_own_data(scene: Office, signed_in: SignIn) -> None:
    await asked(scene)
    answer = await (await signed_in("reader")).post("/conta/dados")
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["cache-control"] == "no-store"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as file:
        assert "Pergunta muito minha" in file.read("conversations.json").decode()
        assert json.loads(file.read("account.json"))[0]["username"] == "reader"


async def test_an_administrator_exports_no_conversations(scene: Office, signed_in: SignIn) -> None:
    await asked(scene)
    path = f"/admin/usuarios/{scene.actors['reader'].id}/dados"
    answer = await (await signed_in("admin")).post(path)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as file:
        everything = "".join(file.read(name).decode() for name in file.namelist())
    assert "Pergunta muito minha" not in everything
    assert "reader" in everything


async def test_an_erasure_asks_for_the_name_and_shows_its_report(
    scene: Office, signed_in: SignIn
) -> None:
    await asked(scene)
    reader = scene.actors["reader"]
    client = await signed_in("admin")
    own = await signed_in("reader")
    path = f"/admin/usuarios/{reader.id}/apagar"
    form = (await client.get(path)).text
    assert "Simulação: nada foi apagado." in form
    wrong = await client.post(path, data={"username": "outro"})
    assert wrong.status_code == 422
    async with as_system(scene.app.pool) as conn:
        assert (await users.by_username(conn, "reader")).disabled_at is None
    done = await client.post(path, data={"username": "Reader "})
    assert done.status_code == 200
    assert "Relatório de eliminação: reader" in done.text
    async with as_system(scene.app.pool) as conn:
        with pytest.raises(NotFound):
            await users.by_username(conn, "reader")
    assert (await own.get("/conta")).status_code in (303, 401)
    assert (await client.get(path)).status_code == 409


async def test_administrators_do_not_erase_themselves(scene: Office, signed_in: SignIn) -> None:
    path = f"/admin/usuarios/{scene.actors['admin'].id}/apagar"
    client = await signed_in("admin")
    assert (await client.get(path)).status_code == 409
    assert (await client.post(path, data={"username": "admin"})).status_code == 409
