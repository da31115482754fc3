"""The documents page and the sending of files."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import uuid4

import pytest

from govbot.db.access import as_actor, as_system
from govbot.db.pool import Pool
from govbot.documents import store
from govbot.documents.types import State
from govbot.jobs.queue import Queue
from govbot.web import reasons
from govbot.web.documents import Query
from govbot.web.i18n import language
from tests.web.conftest import HTMX, SignIn
from tests.web.office import Office, make_office

NOTE = "Art. 1º O protocolo funciona das oito às dezessete horas.\n"


@pytest.fixture
async def scene(pool: Pool, queue: Queue, tmp_path: Path) -> Office:
    return await make_office(pool, queue, tmp_path)


# Who may do what


@pytest.mark.parametrize(
    ("who", "status"), [("reader", 404), ("stranger", 404), ("writer", 303), ("admin", 303)]
)
async def test_the_trash_exists_only_for_those_who_write(
    scene: Office, signed_in: SignIn, who: str, status: int
) -> None:
    memo = await scene.document("memorando.txt")
    async with as_actor(scene.app.pool, scene.actors["curator"], write=True) as conn:
        await store.trash_document(conn, scene.actors["curator"], memo.id)
    client = await signed_in(who)
    page = await client.get("/documentos?estado=lixeira")
    assert ("memorando.txt" in page.text) is (status == 303)
    answer = await client.post(f"/documentos/{memo.id}/restaurar")
    assert answer.status_code == status


async def test_a_document_out_of_reach_and_one_that_is_not_give_the_same_page(
    scene: Office, signed_in: SignIn
) -> None:
    client = await signed_in("stranger")
    memo = (await scene.document("memorando.txt")).id
    for path in ("/documentos/{}/excluir", "/documentos?colecao={}"):
        hidden = memo if "excluir" in path else scene.laws
        first = await client.get(path.format(hidden))
        second = await client.get(path.format(uuid4()))
        assert first.status_code == second.status_code == 404
        assert first.text.replace(str(hidden), "") == re.sub(r"[0-9a-f-]{36}", "", second.text)


# The list


async def test_a_reader_sees_documents_without_actions(scene: Office, signed_in: SignIn) -> None:
    page = (await (await signed_in("reader")).get("/documentos")).text
    assert "Lei das férias" in page
    assert "memorando.txt" in page
    assert "/excluir" not in page
    assert 'type="file"' not in page


async def test_a_stranger_sees_and_counts_nothing_of_other_collections(
    scene: Office, signed_in: SignIn
) -> None:
    page = (await (await signed_in("stranger")).get("/documentos")).text
    assert "Lei das férias" not in page
    assert "Legislação" not in page
    assert "Ainda não há documentos nas suas coleções." in page


async def test_states_are_counted_and_filtered(scene: Office, signed_in: SignIn) -> None:
    client = await signed_in("curator")
    await scene.put("ruim.pdf", b"%PDF-1.7 broken")
    await scene.desk.work()
    await scene.put("nova.txt", NOTE.encode())
    page = (await client.get("/documentos")).text
    counts = re.findall(r'([^>]+) <span class="count">(\d+)</span>', page)
    assert counts == [("Todos", "4"), ("Em andamento", "1"), ("Prontos", "2"), ("Com falha", "1")]
    waiting = (await client.get("/documentos?estado=andamento", headers=HTMX)).text
    assert "nova.txt" in waiting
    assert "memorando.txt" not in waiting
    failed = (await client.get("/documentos?estado=falhas", headers=HTMX)).text
    assert "ruim.pdf" in failed
    assert "nova.txt" not in failed


async def test_a_search_ignores_accents_and_capitals(scene: Office, signed_in: SignIn) -> None:
    page = (await (await signed_in("reader")).get("/documentos?q=FERIAS", headers=HTMX)).text
    assert "Lei das férias" in page
    assert "memorando.txt" not in page


async def test_the_list_follows_its_rows_only_while_something_is_under_way(
    scene: Office, signed_in: SignIn
) -> None:
    client = await signed_in("curator")
    assert "sse-connect" not in (await client.get("/documentos")).text
    await scene.put("nova.txt", NOTE.encode())
    page = (await client.get("/documentos")).text
    assert "sse-connect" in page
    assert "1 documento em processamento." in page
    await scene.desk.work()
    assert "sse-connect" not in (await client.get("/documentos", headers=HTMX)).text


async def test_progress_is_shown_in_figures_and_as_a_bar(scene: Office, signed_in: SignIn) -> None:
    await scene.put("nova.txt", NOTE.encode())
    version = (await scene.document("nova.txt")).version
    async with as_system(scene.app.pool) as conn:
        await conn.execute(
            "UPDATE document_versions SET state = 'embedding', pages = 10, pages_done = 5"
            " WHERE id = %(id)s",
            {"id": version.id},
        )
    page = (await (await signed_in("curator")).get("/documentos", headers=HTMX)).text
    assert "Indexando 70%" in page
    assert '<progress max="100" value="70"' in page


async def test_pages_of_the_list_follow_one_another(
    scene: Office, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("govbot.web.documents.PAGE", 1)
    client = await signed_in("reader")
    first = (await client.get("/documentos")).text
    found = re.search(r'rel="next" href="([^"]+)"', first)
    assert found
    second = (await client.get(found[1])).text
    assert "memorando.txt" in first
    assert "memorando.txt" not in second
    assert "lei-12.pdf" in second
    assert 'rel="next"' not in second


def test_an_address_keeps_what_is_chosen_and_starts_on_the_first_page() -> None:
    collection, after = uuid4(), uuid4()
    query = Query(collection, "falhas", "lei nº 1", after)
    assert (
        query.here
        == f"/documentos?colecao={collection}&estado=falhas&q=lei+n%C2%BA+1&depois={after}"
    )
    assert query.path(estado="", q="") == f"/documentos?colecao={collection}"


async def test_a_failure_is_explained_with_its_code_and_what_to_do(
    scene: Office, signed_in: SignIn
) -> None:
    await scene.put("ruim.pdf", b"%PDF-1.7 broken")
    await scene.desk.work()
    page = (await (await signed_in("curator")).get("/documentos")).text
    assert "O arquivo está danificado e não pode ser aberto." in page
    assert "salve de novo e envie o arquivo" in page
    assert "E-CORROMPIDO" in page


@pytest.mark.parametrize("words", [*reasons._REASONS.values(), reasons._OTHER])
def test_every_reason_and_advice_is_translated(words: tuple[str, str]) -> None:
    assert all(language("pt-BR").gettext(text) != text for text in words)


# Changes


async def test_a_failed_document_can_be_tried_again(scene: Office, signed_in: SignIn) -> None:
    await scene.put("ruim.pdf", b"%PDF-1.7 broken")
    await scene.desk.work()
    bad = await scene.document("ruim.pdf")
    assert bad.version.state is State.FAILED
    client = await signed_in("writer")
    answer = await client.post(f"/documentos/{bad.id}/repetir", headers=HTMX)
    assert answer.status_code == 204
    assert answer.headers["hx-trigger"] == "documents-changed"
    assert (await scene.document("ruim.pdf")).version.state is State.QUEUED


async def test_a_document_goes_to_the_trash_and_comes_back(
    scene: Office, signed_in: SignIn
) -> None:
    client = await signed_in("curator")
    memo = await scene.document("memorando.txt")
    back = f"/documentos?colecao={scene.laws}"
    form = await client.get(f"/documentos/{memo.id}/excluir", params={"voltar": back})
    assert "Mover este documento para a lixeira?" in form.text
    answer = await client.post(f"/documentos/{memo.id}/excluir", data={"back": back})
    assert (answer.status_code, answer.headers["location"]) == (303, back)
    assert "memorando.txt" not in (await client.get("/documentos")).text
    assert "memorando.txt" in (await client.get("/documentos?estado=lixeira")).text
    await client.post(f"/documentos/{memo.id}/restaurar")
    assert (await scene.document("memorando.txt")).version.state is State.QUEUED


async def test_restoring_over_a_name_that_is_taken_says_so(
    scene: Office, signed_in: SignIn
) -> None:
    client = await signed_in("curator")
    memo = await scene.document("memorando.txt")
    await client.post(f"/documentos/{memo.id}/excluir")
    await scene.put("memorando.txt", NOTE.encode())
    answer = await client.post(f"/documentos/{memo.id}/restaurar")
    assert answer.status_code == 409
    assert "Outro documento tem este nome agora" in answer.text


async def test_the_way_back_stays_in_this_site(scene: Office, signed_in: SignIn) -> None:
    client = await signed_in("curator")
    memo = await scene.document("memorando.txt")
    answer = await client.post(
        f"/documentos/{memo.id}/excluir", data={"back": "https://evil.example/"}
    )
    assert answer.headers["location"] == "/documentos"
