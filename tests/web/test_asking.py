"""Editing a question, choosing sources, files of one conversation, suggested questions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from govbot.chat.suggestions import set_suggested
from govbot.db.access import as_system
from govbot.db.pool import Pool
from govbot.jobs.queue import Queue
from tests.web.conftest import HTMX, Client, SignIn
from tests.web.office import Office, make_office
from tests.web.scene import Script

NOTE = b"Art. 1 O protocolo da bicicleta funciona das oito as dezessete horas.\n"


@pytest.fixture
async def scene(pool: Pool, queue: Queue, tmp_path: Path) -> Office:
    return await make_office(pool, queue, tmp_path)


async def _answered(client: Client, conversation: str) -> str:
    """The conversation once its last answer is finished."""
    page = (await client.get(conversation)).text
    for path in re.findall(r'sse-connect="([^"]+)/eventos"', page):
        await client.get(f"{path}/eventos")
    return (await client.get(conversation)).text


async def _ask(client: Client, question: str, **fields: str) -> str:
    answer = await client.post("/conversas", data={"question": question, **fields})
    assert answer.status_code == 303, answer.text
    conversation = str(answer.headers["location"])
    await _answered(client, conversation)
    return conversation


async def test_a_question_is_edited_and_both_versions_stay_within_reach(
    signed_in: SignIn, scene: Office
) -> None:
    reader = await signed_in("reader")
    conversation = await _ask(reader, "Posso dividir as férias?")
    await reader.post(f"{conversation}/perguntas", data={"question": "E o adicional?"})
    page = await _answered(reader, conversation)
    first, second = re.findall(r'class="turn" role="group" id="m-([0-9a-f-]+)"', page)
    assert "de 2" not in page
    form = await reader.get(f"{conversation}/perguntas/{first}/editar")
    assert "<html" in form.text
    assert "Posso dividir as férias?</textarea>" in form.text
    form = await reader.get(f"{conversation}/perguntas/{first}/editar", headers=HTMX)
    assert "<html" not in form.text
    edited = await reader.post(
        f"{conversation}/perguntas/{first}", data={"question": "Em quantas <b>vezes?"}, headers=HTMX
    )
    assert 'id="turns"' in edited.text
    assert 'id="fixados"' in edited.text  # what is pinned follows the branch
    assert "E o adicional?" not in edited.text
    page = await _answered(reader, conversation)
    assert "Em quantas &lt;b&gt;vezes?" in page
    assert "2 de 2" in page
    assert "Posso dividir" not in page.partition('id="turns"')[2]
    back = re.search(r'formaction="([^"]+/mostrar)"', page)
    assert back
    plain = await reader.post(back[1])
    assert plain.status_code == 303
    assert plain.headers["location"] == f"{conversation}#m-{first}"
    page = (await reader.get(conversation)).text
    assert f'id="m-{second}"' in page
    assert "1 de 2" in page
    assert (await reader.get(f"{conversation}/perguntas/{first}")).status_code == 303
    given_up = await reader.get(f"{conversation}/perguntas/{first}", headers=HTMX)
    assert given_up.text.lstrip().startswith('<div class="question">')
    empty = await reader.post(f"{conversation}/perguntas/{first}", data={"question": " "})
    assert empty.status_code == 422


async def test_a_conversation_is_answered_from_what_was_chosen(
    signed_in: SignIn, scene: Office
) -> None:
    reader = await signed_in("reader")
    law = (await scene.document("lei-12.pdf")).id
    home = (await reader.get(f"/?colecao={scene.laws}&documento={law}&colecao={scene.secret}")).text
    assert "Só de:" in home
    assert f'name="documento" value="{law}" form="composer"' in home
    assert re.search(rf'value="{scene.laws}" form="composer" checked', home)
    assert "Reservada" not in home  # what may not be read does not even have a name
    assert (await reader.get("/?colecao=nada")).status_code == 422
    conversation = await _ask(reader, "Férias?", colecao=str(scene.laws), documento=str(law))
    page = (await reader.get(conversation)).text
    chips = page.partition('id="escopo"')[2].partition("</section>")[0]
    assert "Legislação" in chips
    assert chips.count('class="scope-chip"') == 2
    leave = re.findall(r'action="([^"]+/retirar)"', chips)
    shown = await reader.post(leave[0], headers=HTMX)
    assert shown.text.count('class="scope-chip"') == 1
    assert 'hx-swap-oob="true"' in shown.text  # the boxes follow
    assert (await reader.post(leave[1])).status_code == 303
    data = {"colecao": [str(scene.laws), str(scene.secret), "x"]}
    shown = await reader.post(f"{conversation}/fontes", data=data, headers=HTMX)
    assert shown.text.count('class="scope-chip"') == 1
    page = (await reader.get(conversation)).text
    assert "Deixar de responder só a partir de “Legislação”" in page
    for other in ("stranger", "admin"):
        client = await signed_in(other)
        assert (await client.post(f"{conversation}/fontes", data=data)).status_code == 404


async def test_a_file_is_attached_followed_and_removed(signed_in: SignIn, scene: Office) -> None:
    reader = await signed_in("reader")
    file = {"arquivo": ("bicicleta.txt", NOTE)}
    begun = await reader.post(
        "/anexos",
        data={"question": "Quando abre o", "colecao": str(scene.laws)},
        files=file,
        headers=HTMX,
    )
    conversation = begun.headers["hx-push-url"]
    assert "Quando abre o</textarea>" in begun.text
    assert "esperando a leitura" in begun.text
    assert 'hx-trigger="every 2s"' in begun.text
    assert 'class="scope-chip"' in begun.text
    await scene.desk.work()
    files = (await reader.get(f"{conversation}/anexos", headers=HTMX)).text
    assert "1 página" in files
    assert "every 2s" not in files
    viewer = re.search(r'href="(/documentos/[^"]+/pagina/1)"', files)
    assert viewer
    assert "bicicleta" in (await reader.get(viewer[1])).text
    for name in ("admin", "curator", "writer", "stranger"):
        other = await signed_in(name)
        assert (await other.get(viewer[1])).status_code == 404
        assert (await other.get(f"{conversation}/anexos")).status_code == 404
        for page in ("/", "/documentos", "/conversas", "/colecoes"):
            assert "bicicleta" not in (await other.get(page)).text
    admin = await signed_in("admin")
    for page in ("/admin/fila", "/admin/auditoria", "/analises", "/documentos?q=bicicleta"):
        assert "bicicleta.txt" not in (await admin.get(page)).text
    assert "bicicleta" not in (await reader.get("/documentos")).text
    # Errors are words: no file, one that cannot be read, a broken one.
    assert (await reader.post(f"{conversation}/anexos", headers=HTMX)).status_code == 422
    wrong = {"arquivo": ("x.bin", b"\x7fELF\x02\x01\x01" + bytes(64))}
    answer = await reader.post(f"{conversation}/anexos", files=wrong, headers=HTMX)
    assert answer.status_code in (415, 422)
    assert "data-notice" in answer.text
    broken = {"arquivo": ("ruim.pdf", b"%PDF-1.7 broken")}
    await reader.post(f"{conversation}/anexos", files=broken, headers=HTMX)
    await scene.desk.work()
    files = (await reader.get(f"{conversation}/anexos", headers=HTMX)).text
    assert "file-failed" in files
    # Removed one by one, and the rest with the conversation, from the disk too.
    kept = _originals(scene)
    remove = re.findall(r'action="([^"]+/retirar)"', files)
    left = await reader.post(remove[0], headers=HTMX)
    assert "bicicleta" not in left.text
    assert (await reader.post(f"{conversation}/excluir")).status_code == 303
    assert len(_originals(scene)) == len(kept) - 2
    # A file that is refused leaves no conversation behind.
    before = (await reader.get("/conversas")).text
    assert (await reader.post("/anexos", files=wrong)).status_code in (415, 422)
    assert (await reader.get("/conversas")).text.count("/conversas/") == before.count("/conversas/")


def _originals(scene: Office) -> list[Path]:
    return [each for each in scene.app.files.root.glob("??/??/*") if each.is_file()]


async def test_questions_of_a_collection_are_suggested_to_its_readers(
    signed_in: SignIn, scene: Office
) -> None:
    curator, reader = await signed_in("curator"), await signed_in("reader")
    path = f"/colecoes/{scene.laws}"
    page = (await curator.get(path)).text
    assert "Perguntas sugeridas" in page
    assert "questions-text" not in (await reader.get(path)).text
    lines = "Quando são pagas as férias?\n\n  Quem   pede a divisão? \nQuem pede a divisão?\n"
    saved = await curator.post(path + "/perguntas", data={"questions": lines})
    assert saved.headers["location"].endswith("?feito=perguntas#perguntas")
    page = (await curator.get(path)).text
    assert "Quando são pagas as férias?\nQuem pede a divisão?</textarea>" in page
    home = (await reader.get("/")).text
    assert 'value="Quem pede a divisão?"' in home
    assert "Quem pede" not in (await (await signed_in("stranger")).get("/")).text
    assert (await reader.post(path + "/perguntas", data={"questions": "x"})).status_code == 403
    many = await curator.post(path + "/perguntas", data={"questions": "a?\n" + "b" * 301})
    assert many.status_code == 422
    assert "No máximo 12 perguntas" in many.text
    # Under an answer stands what speaks of the same, once; and nothing that may not be read.
    async with as_system(scene.app.pool) as conn:
        await set_suggested(conn, scene.collection_key, ["Quem pede a divisão das férias?"])
    scene.app.answers.script = Script(citations=[scene.citation()], sources=[scene.law_key])
    conversation = await _ask(reader, "Posso dividir as férias?")
    page = (await reader.get(conversation)).text
    further = page.partition('class="further"')[2].partition("</form>")[0]
    assert 'value="Quem pede a divisão das férias?"' in further
    again = await reader.post(
        f"{conversation}/perguntas", data={"question": "Quem pede a divisão das férias?"}
    )
    assert again.status_code == 303
    page = await _answered(reader, conversation)
    assert page.count('value="Quem pede a divisão das férias?"') == 0


async def test_all_keys_stand_on_a_page_and_in_a_dialog(signed_in: SignIn) -> None:
    reader = await signed_in("reader")
    page = (await reader.get("/atalhos")).text
    assert "<html" in page
    assert "<kbd>Ctrl</kbd>" in page
    dialog = (await reader.get("/atalhos", headers=HTMX)).text
    assert "data-close-dialog" in dialog
    assert "<html" not in dialog
