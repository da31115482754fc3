"""The page of one document: for readers what it says, for writers how it was read, its passages."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from govbot.db.access import as_actor, as_system
from govbot.db.pool import Pool
from govbot.documents import lifecycle, store
from govbot.documents.types import Document, State
from govbot.jobs.queue import Queue
from tests.web.conftest import HTMX, Client, SignIn
from tests.web.office import Office, make_office

NOTE = "Art. {n}º O protocolo {n} funciona das oito às dezessete horas.\n\n"
TODAY = date.today()


@pytest.fixture
async def scene(pool: Pool, queue: Queue, tmp_path: Path) -> Office:
    return await make_office(pool, queue, tmp_path)


async def page_of(client: Client, document: Document, query: str = "") -> str:
    answer = await client.get(f"/documentos/{document.id}{query}")
    assert answer.status_code == 200, answer.text
    return answer.text


def _long(number: int) -> str:
    """A paragraph that fills a passage."""
    return (
        "".join(
            f"O setor {number} recebe o pedido {number}-{n} no térreo do prédio, mediante senha, e"
            f" encaminha cópia à chefia da unidade em até {n} dias úteis. "
            for n in range(1, 9)
        )
        + "\n\n"
    )


async def change(scene: Office, document: Document, assignments: str, **values: Any) -> None:
    """Sets columns of the newest version, as the worker would."""
    async with as_system(scene.app.pool) as conn:
        await conn.execute(
            f"UPDATE document_versions SET {assignments} WHERE id = %(id)s".encode(),
            {"id": document.version.id, **values},
        )


async def test_a_reader_sees_what_it_says_and_not_how_it_came(
    scene: Office, signed_in: SignIn
) -> None:
    law = await scene.document("lei-12.pdf")
    async with as_actor(scene.app.pool, scene.actors["writer"], write=True) as conn:
        facts = {"kind": "lei", "number": "12", "year": 2021, "signed_on": date(2021, 3, 4)}
        words = {"issuer": "Prefeitura", "summary": "Dispõe sobre as férias.", "tags": ["férias"]}
        await lifecycle.describe(conn, scene.actors["writer"], law.id, facts | words)
    async with as_actor(scene.app.pool, scene.actors["curator"], write=True) as conn:
        await lifecycle.set_legal_hold(conn, scene.actors["curator"], law.id, "Processo 7/2026")
    await change(scene, law, 'metadata = \'{"producer": "Impressora"}\', started_at = now()')
    page = await page_of(await signed_in("reader"), law)
    assert "Lei nº 12/2021" in page
    assert "04/03/2021" in page
    assert "Dispõe sobre as férias." in page
    assert 'href="/documentos?etiqueta=f%C3%A9rias"' in page
    for hidden in ("Impressora", "Processo 7/2026", "Guarda legal", "Início", "/dados", "/excluir"):
        assert hidden not in page
    page = await page_of(await signed_in("writer"), law)
    assert "Impressora" in page
    assert "Guarda legal" in page
    assert "Processo 7/2026" not in page
    assert "/excluir" not in page
    page = await page_of(await signed_in("curator"), law)
    assert "Processo 7/2026" in page


async def test_versions_open_and_say_which_one_is_in_use(scene: Office, signed_in: SignIn) -> None:
    await scene.put("nova.txt", NOTE.format(n=1).encode())
    await scene.desk.work()
    await scene.put("nova.txt", NOTE.format(n=2).encode())
    document = await scene.document("nova.txt")
    page = await page_of(await signed_in("writer"), document)
    async with as_system(scene.app.pool) as conn:
        newer, older = await store.versions_of(conn, document.id)
    assert f"/documentos/{older.id}/pagina/1" in page
    assert f"/documentos/{newer.id}/pagina/1" not in page
    assert f"/documentos/{newer.id}/arquivo" in page
    assert re.search(r"Versão 1</a>\s*<span class=\"chip ready\">em uso", page)
    assert "Curator Souza" in page
    page = await page_of(await signed_in("reader"), document)
    assert "Curator Souza" not in page


async def test_progress_is_asked_for_until_the_work_is_done(
    scene: Office, signed_in: SignIn
) -> None:
    client = await signed_in("writer")
    await scene.put("nova.txt", NOTE.format(n=1).encode())
    document = await scene.document("nova.txt")
    await change(scene, document, "state = 'embedding', pages = 10, pages_done = 5")
    page = await page_of(client, document)
    assert "every 2s" in page
    assert '<progress max="100" value="70"' in page
    assert "/cancelar" in page
    assert "/repetir" not in page
    await change(scene, document, "state = 'queued', pages_done = 0")
    await scene.desk.work()
    answer = await client.get(f"/documentos/{document.id}", headers=HTMX)
    assert answer.text.lstrip().startswith("<article")
    assert "every 2s" not in answer.text


async def test_a_failure_is_explained_and_tried_again_from_the_page(
    scene: Office, signed_in: SignIn
) -> None:
    await scene.put("ruim.pdf", b"%PDF-1.7 broken")
    await scene.desk.work()
    bad = await scene.document("ruim.pdf")
    client = await signed_in("writer")
    page = await page_of(client, bad)
    assert "O arquivo está danificado e não pode ser aberto." in page
    assert "E-CORROMPIDO" in page
    back = {"back": f"/documentos/{bad.id}"}
    answer = await client.post(f"/documentos/{bad.id}/repetir", data=back)
    assert answer.headers["location"] == f"/documentos/{bad.id}"
    assert (await scene.document("ruim.pdf")).version.state is State.QUEUED


async def test_work_is_cancelled_and_the_word_for_it_is_shown(
    scene: Office, signed_in: SignIn
) -> None:
    client = await signed_in("writer")
    await scene.put("nova.txt", NOTE.format(n=1).encode())
    document = await scene.document("nova.txt")
    answer = await client.post(f"/documentos/{document.id}/cancelar", headers=HTMX)
    assert answer.headers["hx-trigger"] == "documents-changed"
    document = await scene.document("nova.txt")
    assert document.version.state is State.CANCELLED
    page = await page_of(client, document)
    assert "O processamento foi cancelado." in page
    assert "/repetir" in page


async def test_pages_that_were_not_read_are_named_to_everybody_with_a_remedy_for_writers(
    scene: Office, signed_in: SignIn
) -> None:
    law = await scene.document("lei-12.pdf")
    await change(scene, law, "unread_pages = '{2}', ocr_pages = '{1}', attachments = '{anexo.xls}'")
    page = await page_of(await signed_in("reader"), law)
    assert "1 página não lida" in page
    assert f'/documentos/{law.version.id}/pagina/2"' in page
    assert "Reconhecidas em imagem (OCR)" in page
    assert "anexo.xls" in page
    assert "tesseract-ocr-por" not in page
    assert "tesseract-ocr-por" in await page_of(await signed_in("writer"), law)


@pytest.mark.parametrize(
    ("days", "words"),
    [(-1, "Só responde a perguntas sobre datas anteriores."), (5, "Será revogado em")],
)
async def test_a_revocation_is_said_at_the_top_with_the_successor(
    scene: Office, signed_in: SignIn, days: int, words: str
) -> None:
    memo, law = await scene.document("memorando.txt"), await scene.document("lei-12.pdf")
    on = TODAY + timedelta(days=days)
    async with as_actor(scene.app.pool, scene.actors["curator"], write=True) as conn:
        await lifecycle.revoke(conn, scene.actors["curator"], memo.id, on=on, by=law.id)
    client = await signed_in("reader")
    page = await page_of(client, memo)
    assert words in page
    assert on.strftime("%d/%m/%Y") in page
    assert f'href="/documentos/{law.id}">Lei das férias' in page
    page = await page_of(client, law)
    assert "Revoga<" in page
    assert f'href="/documentos/{memo.id}">' in page


async def test_a_successor_out_of_reach_is_not_named(scene: Office, signed_in: SignIn) -> None:
    memo, law = await scene.document("memorando.txt"), await scene.document("lei-12.pdf")
    async with as_actor(scene.app.pool, scene.actors["curator"], write=True) as conn:
        await lifecycle.revoke(conn, scene.actors["curator"], memo.id, on=TODAY, by=law.id)
    async with as_system(scene.app.pool) as conn:
        await conn.execute(
            "UPDATE documents SET collection_key ="
            " (SELECT key FROM collections WHERE id = %(id)s) WHERE id = %(law)s",
            {"id": scene.secret, "law": law.id},
        )
    page = await page_of(await signed_in("reader"), memo)
    assert "Revogado desde" in page
    assert str(law.id) not in page
    assert "férias" not in page


async def test_passages_are_shown_twenty_at_a_time_with_their_pages(
    scene: Office, signed_in: SignIn
) -> None:
    text = "".join(NOTE.format(n=n) + _long(n) for n in range(1, 40))
    await scene.put("longa.txt", text.encode())
    await scene.desk.work()
    document = await scene.document("longa.txt")
    assert document.version.chunks > 20
    client = await signed_in("reader")
    first = (await client.get(f"/documentos/{document.id}/trechos")).text
    assert first.count('class="passage-item"') == 20
    assert f'href="/documentos/{document.version.id}/pagina/1"' in first
    assert "O protocolo 1 funciona" in first
    second = await client.get(f"/documentos/{document.id}/trechos?n=2", headers=HTMX)
    assert second.text.lstrip().startswith("<section")
    assert 'start="21"' in second.text
    assert "O protocolo 1 funciona" not in second.text


async def test_passages_of_what_is_not_in_force_are_not_searched_and_not_shown(
    scene: Office, signed_in: SignIn
) -> None:
    await scene.put("nova.txt", NOTE.format(n=1).encode())
    await scene.desk.work()
    document = await scene.document("nova.txt")
    async with as_actor(scene.app.pool, scene.actors["curator"], write=True) as conn:
        await lifecycle.revoke(conn, scene.actors["curator"], document.id, on=TODAY)
    page = (await (await signed_in("reader")).get(f"/documentos/{document.id}/trechos")).text
    assert "nenhum de seus trechos entra na busca" in page
    assert "passage-item" not in page


async def test_a_document_in_the_trash_says_when_it_goes_for_good(
    scene: Office, signed_in: SignIn
) -> None:
    memo = await scene.document("memorando.txt")
    client = await signed_in("writer")
    await client.post(f"/documentos/{memo.id}/excluir")
    async with as_system(scene.app.pool) as conn:
        await conn.execute("UPDATE documents SET trashed_at = trashed_at - interval '20 days'")
    page = await page_of(client, memo)
    assert "É excluído definitivamente em 10 dias." in page
    assert "/excluir-definitivamente" not in page
    assert (
        "É excluído definitivamente em 10 dias."
        in (await client.get("/documentos?estado=lixeira")).text
    )
    assert "/excluir-definitivamente" in await page_of(await signed_in("curator"), memo)
