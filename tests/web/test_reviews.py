"""Approval by a second person: drafts, the queue of those who decide, what readers see of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from govbot.db.access import as_actor, as_system
from govbot.db.pool import Pool
from govbot.documents import collections
from govbot.documents.types import Document, Review, State
from govbot.jobs.queue import Queue
from tests.web.conftest import Client, SignIn
from tests.web.office import Office, make_office

NOTE = "Art. 1º O protocolo funciona das oito às dezessete horas.\n"


@pytest.fixture
async def scene(pool: Pool, queue: Queue, tmp_path: Path) -> Office:
    """The collection of laws asks for the approval of a second person."""
    office = await make_office(pool, queue, tmp_path)
    async with as_system(pool) as conn:
        await collections.set_review(conn, None, office.laws, True)
    return office


async def send(client: Client, scene: Office, name: str = "nova.txt", text: str = NOTE) -> str:
    """Sends a file as somebody; returns what the page says."""
    answer = await client.post(
        "/documentos/enviar",
        data={"colecao": str(scene.laws)},
        files={"arquivos": (name, text.encode())},
    )
    assert answer.status_code == 200, answer.text
    return answer.text


async def waiting(scene: Office, client: Client, name: str = "nova.txt") -> Document:
    """A document that the owner of `client` sent, that was read and submitted."""
    await send(client, scene, name, f"{NOTE}\n{name}\n")
    await scene.desk.work()
    document = await scene.document(name)
    answer = await client.post(f"/documentos/{document.version.id}/revisao")
    assert answer.headers["location"] == f"/documentos/{document.id}?feito=revisao"
    return await scene.document(name)


async def test_what_is_sent_into_such_a_collection_is_a_draft_and_says_so(
    scene: Office, signed_in: SignIn
) -> None:
    client = await signed_in("writer")
    assert "com aprovação" in (await client.get("/documentos/enviar")).text
    said = await send(client, scene)
    document = await scene.document("nova.txt")
    assert "É um rascunho" in said
    assert f'href="/documentos/{document.id}"' in said
    page = (await client.get(f"/documentos/{document.id}")).text
    assert "A versão 1 é um rascunho." in page
    assert f'action="/documentos/{document.version.id}/revisao"' in page
    assert "/aprovar" not in page


async def test_a_draft_does_not_exist_for_readers(scene: Office, signed_in: SignIn) -> None:
    await send(await signed_in("writer"), scene)
    document = await scene.document("nova.txt")
    reader = await signed_in("reader")
    assert (await reader.get(f"/documentos/{document.id}")).status_code == 404
    page = (await reader.get("/documentos")).text
    assert "nova.txt" not in page
    assert "Rascunhos" not in page


async def test_a_new_version_in_review_leaves_readers_the_old_one(
    scene: Office, signed_in: SignIn
) -> None:
    async with as_system(scene.app.pool) as conn:
        await collections.set_review(conn, None, scene.laws, False)
    await scene.put("nova.txt", NOTE.encode())
    await scene.desk.work()
    async with as_system(scene.app.pool) as conn:
        await collections.set_review(conn, None, scene.laws, True)
    await send(await signed_in("writer"), scene, text="Art. 1º Outro horário.\n")
    await scene.desk.work()
    document = await scene.document("nova.txt")
    page = (await (await signed_in("writer")).get(f"/documentos/{document.id}")).text
    assert "Nova versão: rascunho" in page
    assert "A versão 1 continua em uso." in page
    page = (await (await signed_in("reader")).get(f"/documentos/{document.id}")).text
    assert "Versão 1" in page
    assert "Versão 2" not in page
    assert "rascunho" not in page


async def test_the_queue_shows_what_waits_and_the_menu_counts_it(
    scene: Office, signed_in: SignIn
) -> None:
    writer, curator = await signed_in("writer"), await signed_in("curator")
    assert "/revisoes" not in (await curator.get("/")).text
    first = await waiting(scene, writer, "primeira.txt")
    second = await waiting(scene, writer, "segunda.txt")
    page = (await curator.get("/revisoes")).text
    assert page.index("primeira.txt") < page.index("segunda.txt")
    assert f"/documentos/{first.version.id}/pagina/1" in page
    assert f'action="/documentos/{second.version.id}/aprovar"' in page
    assert "de Writer Souza" in page
    home = (await curator.get("/")).text
    assert 'href="/revisoes"' in home
    assert "(2 aguardam)" in home
    for who in ("writer", "reader", "stranger", "auditor"):
        assert 'href="/revisoes"' not in (await (await signed_in(who)).get("/")).text
    assert "primeira.txt" not in (await writer.get("/revisoes")).text


async def test_pages_of_the_queue_follow_one_another(
    scene: Office, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("govbot.web.reviews.PAGE", 1)
    writer, curator = await signed_in("writer"), await signed_in("curator")
    first = await waiting(scene, writer, "primeira.txt")
    await waiting(scene, writer, "segunda.txt")
    page = (await curator.get("/revisoes")).text
    assert "segunda.txt" not in page
    assert f'rel="next" href="/revisoes?depois={first.version.id}"' in page
    page = (await curator.get(f"/revisoes?depois={first.version.id}")).text
    assert "primeira.txt" not in page
    assert "segunda.txt" in page
    assert 'rel="next"' not in page


async def test_an_approved_version_is_indexed_and_found(scene: Office, signed_in: SignIn) -> None:
    document = await waiting(scene, await signed_in("writer"))
    curator = await signed_in("curator")
    answer = await curator.post(
        f"/documentos/{document.version.id}/aprovar", data={"back": "/revisoes"}
    )
    assert answer.headers["location"] == "/revisoes?feito=aprovado"
    assert "Nada aguarda a sua decisão." in (await curator.get("/revisoes?feito=aprovado")).text
    await scene.desk.work()
    document = await scene.document("nova.txt")
    assert (document.served, document.version.state) == (1, State.READY)
    assert document.version.chunks > 0
    page = (await (await signed_in("reader")).get(f"/documentos/{document.id}")).text
    assert "Curator Souza" not in page
    page = (await curator.get(f"/documentos/{document.id}")).text
    assert "Aprovada por Curator Souza" in page


async def test_who_brought_a_version_in_is_told_that_somebody_else_decides(
    scene: Office, signed_in: SignIn
) -> None:
    curator = await signed_in("curator")
    document = await waiting(scene, curator)
    for path in (f"/documentos/{document.id}", "/revisoes"):
        page = (await curator.get(path)).text
        assert "outra pessoa precisa aprová-la" in page
        assert "/aprovar" not in page
    answer = await curator.post(f"/documentos/{document.version.id}/aprovar")
    assert answer.status_code == 403
    assert "E-OWN-REVIEW" in answer.text
    assert (await scene.document("nova.txt")).version.review is Review.IN_REVIEW


async def test_a_version_is_sent_back_with_a_note_that_writers_read(
    scene: Office, signed_in: SignIn
) -> None:
    writer, curator = await signed_in("writer"), await signed_in("curator")
    document = await waiting(scene, writer)
    path = f"/documentos/{document.version.id}/devolver"
    empty = await curator.post(path, data={"note": "  "})
    assert empty.status_code == 422
    assert "Escreva o que precisa ser alterado." in empty.text
    answer = await curator.post(path, data={"note": "Falta o anexo II."})
    assert answer.headers["location"] == f"/documentos/{document.id}?feito=devolvido"
    page = (await writer.get(f"/documentos/{document.id}")).text
    assert "Falta o anexo II." in page
    assert "A versão 1 foi devolvida." in page
    assert f'action="/documentos/{document.version.id}/revisao"' in page
    listed = (await writer.get("/documentos?estado=rascunhos")).text
    assert "nova.txt" in listed
    assert "Devolvido" in listed


async def test_what_is_not_read_yet_is_not_offered_for_approval(
    scene: Office, signed_in: SignIn
) -> None:
    writer, curator = await signed_in("writer"), await signed_in("curator")
    await send(writer, scene)
    document = await scene.document("nova.txt")
    await writer.post(f"/documentos/{document.version.id}/revisao")
    page = (await curator.get("/revisoes")).text
    assert "nova.txt" in page
    assert "poderá ser aprovada quando tiver sido lida" in page
    assert "/aprovar" not in page


async def test_only_who_manages_a_collection_switches_approval(
    scene: Office, signed_in: SignIn
) -> None:
    path = f"/colecoes/{scene.laws}/revisao"
    for who, status in (("stranger", 404), ("reader", 403), ("writer", 403), ("curator", 303)):
        assert (await (await signed_in(who)).post(path, data={})).status_code == status
    async with as_actor(scene.app.pool, scene.actors["curator"]) as conn:
        assert not (await collections.get_collection(conn, scene.laws)).needs_review
    curator = await signed_in("curator")
    answer = await curator.post(path, data={"needs_review": "1"})
    assert answer.headers["location"] == f"/colecoes/{scene.laws}?feito=revisao#revisao"
    assert 'value="1" checked' in (await curator.get(f"/colecoes/{scene.laws}")).text
