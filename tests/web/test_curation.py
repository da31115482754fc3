"""The thumbs in the chat and the curators' pages."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from govbot.chat import store as chats
from govbot.db.access import as_actor
from govbot.db.pool import Pool
from govbot.eval import gold
from govbot.feedback import gaps, reports
from govbot.jobs.queue import Queue
from tests.web.conftest import HTMX, Client, SignIn
from tests.web.office import Office, make_office

BAD = {"rating": "down", "reason": "wrong", "comment": "<b>São 20 dias.</b>"}


@pytest.fixture
async def scene(pool: Pool, queue: Queue, tmp_path: Path) -> Office:
    return await make_office(pool, queue, tmp_path)


async def asked(office: Office, client: Client) -> tuple[str, str]:
    """The addresses of the reader's conversation and of the rating of its answer."""
    script, reader = office.app.answers.script, office.actors["reader"]
    script.sources, script.citations = [office.law_key], [office.citation()]
    await client.post("/conversas", data={"question": "Quantos períodos de férias?"})
    async with as_actor(office.app.pool, reader) as conn:
        [found] = await chats.list_conversations(conn)
        turns = await chats.turns(conn, found.id)
    answer = turns[0].answers[0].id
    await office.app.answers.finish(reader, answer)
    path = f"/conversas/{found.id}"
    return path, f"{path}/respostas/{answer}/avaliacao"


async def test_a_bad_answer_goes_from_the_thumb_to_a_gold_question(
    scene: Office, signed_in: SignIn
) -> None:
    reader, curator = await signed_in("reader"), await signed_in("curator")
    page, thumb = await asked(scene, reader)
    shown = (await reader.get(page)).text
    assert "serão mostrados aos curadores" in shown
    assert 'aria-pressed="false"' in shown
    # Without a reason nothing is sent; htmx gets the fragment, a plain form the page.
    assert (await reader.post(thumb, data={"rating": "down"})).status_code == 422
    fragment = await reader.post(thumb, data={"rating": "up"}, headers=HTMX)
    assert 'value="none" aria-pressed="true"' in fragment.text
    assert "<html" not in fragment.text
    plain = await reader.post(thumb, data=BAD)
    assert (plain.status_code, plain.headers["location"].split("#")[0]) == (303, page)
    assert "data-rated" in (await reader.get(page)).text

    queue = (await curator.get("/curadoria")).text
    assert "Quantos períodos de férias?" in queue
    assert "&lt;b&gt;São 20 dias." in queue
    assert "reader" not in queue.casefold()
    address = await report_address(scene)
    detail = (await curator.get(address)).text
    assert f"/documentos/{scene.law}/pagina/1" in detail
    assert "três períodos" in detail
    form = (await curator.get(address + "/avaliacao")).text
    assert "As férias podem ser divididas em até três períodos" in form
    # The second click: as the form is filled in, nothing typed.
    made = await curator.post(address + "/avaliacao", data=filled(form))
    assert (made.status_code, made.headers["location"]) == (303, f"{address}?feito=pergunta")
    async with as_actor(scene.app.pool, scene.actors["curator"]) as conn:
        [found] = await gold.sets(conn)
        [question] = await gold.questions(conn, found.id)
    assert question.question == "Quantos períodos de férias?"
    assert question.pages == (1,)
    assert question.answers[0].startswith("As férias podem ser divididas")
    again = await curator.post(address + "/avaliacao", data=filled(form))
    assert again.status_code == 409
    dismissed = await curator.post(address, data={"state": "dismissed", "note": ""})
    assert dismissed.status_code == 422
    done = await curator.post(address, data={"state": "done", "note": "Corrigido."})
    assert done.status_code == 303
    assert "Quantos períodos" not in (await curator.get("/curadoria")).text
    assert "Corrigido." in (await curator.get("/curadoria?situacao=done")).text

    taken = await reader.post(thumb, data={"rating": "none"}, headers=HTMX)
    assert 'aria-pressed="false"' in taken.text
    assert (await curator.get(address)).status_code == 404


async def report_address(scene: Office) -> str:
    async with as_actor(scene.app.pool, scene.actors["curator"]) as conn:
        [report] = await reports.reports(conn)
    return f"/curadoria/respostas/{report.id}"


def filled(page: str) -> dict[str, Any]:
    """What a browser sends of the form as it stands."""
    from lxml import html

    tree: Any = html.fromstring(page)
    form = tree.xpath("//form[contains(@class, 'gold-form')]")[0]
    return {name: value for name, value in form.form_values() if name != "csrf"}


async def test_a_topic_without_answer_is_tried_again_and_answered_by_a_document(
    scene: Office, signed_in: SignIn
) -> None:
    curator = await signed_in("curator")
    empty = (await curator.get("/curadoria/lacunas")).text
    assert "Nenhum tema espera um documento." in empty
    for name in ("reader", "writer"):
        async with as_actor(scene.app.pool, scene.actors[name], write=True) as conn:
            question = "Quantas vagas tem o estacionamento da sede?"
            await gaps.record(conn, question, [scene.law_key], day=date.today())
    assert "Quantas vagas tem o estacionamento" in (await curator.get("/curadoria/lacunas")).text
    async with as_actor(scene.app.pool, scene.actors["curator"]) as conn:
        [topic] = await gaps.topics(conn, least_people=2)
    address = f"/curadoria/lacunas/{topic.id}"
    before = await curator.post(address + "/testar", headers=HTMX)
    assert "ainda não respondem" in before.text
    await scene.put("vagas.txt", b"Art. 1 O estacionamento da sede tem quarenta vagas.\n")
    await scene.desk.work()
    after = await curator.post(address + "/testar")
    assert "já respondem" in after.text
    assert "quarenta vagas" in after.text
    made = await curator.post(
        address + "/avaliacao", data=filled((await curator.get(address + "/avaliacao")).text)
    )
    assert made.status_code == 303
    page = (await curator.get(address)).text
    assert "Tem pergunta de referência" in page
    assert "Em andamento" in page
