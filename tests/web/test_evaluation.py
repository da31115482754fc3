"""The pages of the evaluation: gold questions, runs, history, comparison, the warning."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from govbot.chat.arrangement import Arrangement
from govbot.config import load_settings
from govbot.db.access import as_actor, as_system
from govbot.db.pool import Pool
from govbot.eval import background, gold, runs
from govbot.generate.extractive import ExtractiveGenerator
from govbot.ids import DocumentId
from govbot.jobs.queue import Queue
from govbot.jobs.worker import Worker
from tests.web.conftest import SignIn
from tests.web.office import Office, make_office

SET = "Referência"


@pytest.fixture
async def scene(pool: Pool, queue: Queue, tmp_path: Path) -> Office:
    return await make_office(pool, queue, tmp_path)


async def work(office: Office) -> None:
    """What the service does behind all other work."""
    parts = SimpleNamespace(
        pool=office.app.pool, queue=office.app.queue, settings=load_settings(environ={}),
        embedder=office.app.embedder, generator=ExtractiveGenerator(), reranker=None,
        entailment=None, arrangement=Arrangement(),
    )  # fmt: skip

    async def task() -> None:
        await background.work(parts)

    await Worker(office.app.queue, {background.TASK: task}).run_until_empty()


async def test_a_curator_writes_questions_evaluates_and_compares(
    scene: Office, pool: Pool, signed_in: SignIn
) -> None:
    client = await signed_in("curator")
    made = await client.post("/avaliacao/conjuntos", data={"name": SET})
    page = made.headers["location"]
    law = await scene.document("lei-12.pdf")
    fields = {"question": "Quantas férias?", "answers": "trinta dias", "documents": law.filename}
    assert (await client.get(f"{page}/perguntas/nova")).status_code == 200
    assert (await client.post(f"{page}/perguntas", data=fields)).status_code == 303
    # What is wrong is told above the form, with what was typed still in it.
    for wrong, told in (
        ({**fields, "question": "Nova?", "pages": "zero"}, 422),
        ({**fields, "question": "Outra?", "documents": "alheia.pdf"}, 422),
        (fields, 409),
    ):
        answer = await client.post(f"{page}/perguntas", data=wrong)
        assert answer.status_code == told
        assert 'role="alert"' in answer.text
        assert wrong["question"] in answer.text
    lines = b'{"question": "Qual o telefone do helic\xc3\xb3ptero?", "answers": []}\n'
    answer = await client.post(f"{page}/importar", files={"file": ("q.jsonl", lines)})
    assert answer.headers["location"] == f"{page}?feito=1-0-0#perguntas"
    shown = (await client.get(page + "?feito=1-0-0")).text
    assert "Quantas férias?" in shown
    assert "helicóptero" in (await client.get(f"{page}/exportar")).text
    # A run waits, is made, and shows what came of each question; the second is compared with it.
    for label in ("antes", "depois"):
        started = await client.post(f"{page}/rodar", data={"label": label, "answers": "1"})
        assert 'hx-trigger="every 2s"' in (await client.get(started.headers["location"])).text
        await work(scene)
    run = started.headers["location"]
    shown = (await client.get(run)).text
    assert "every 2s" not in shown
    assert "Quantas férias?" in shown
    assert '<svg class="chart-drawing" role="img"' in (await client.get(page)).text
    run_id = run.rpartition("/")[2]
    compared = (await client.get(f"/avaliacao/comparar?depois={run_id}")).text
    assert "antes</a> → " in compared
    assert "±" not in compared
    # Its name has to be typed, and only administrators delete a set.
    admin = await signed_in("admin")
    assert (await admin.post(f"{page}/excluir", data={"name": "?"})).status_code == 422
    assert (await admin.post(f"{page}/excluir", data={"name": SET})).status_code == 303
    assert (await admin.get(page)).status_code == 404
    assert (await admin.get(run)).status_code == 200  # its figures stay


async def test_administrators_are_warned_on_every_page_and_nobody_else(
    scene: Office, pool: Pool, signed_in: SignIn
) -> None:
    curator = scene.actors["curator"]
    law = await scene.document("lei-12.pdf")
    async with as_actor(pool, curator, write=True) as conn:
        gold_id = await gold.add(
            conn, curator, set_name=SET, question="?", answers=["x"],
            document_ids=[DocumentId(law.id)],
        )  # fmt: skip
        question = await gold.get(conn, gold_id)
    async with as_system(pool) as conn:
        wanted = runs.Wanted(SET, [question.as_question()], set_id=question.set_id)
        run_id = await runs.create(conn, None, wanted)
        await conn.execute(
            "UPDATE eval_runs SET state = 'done', verdict = 'failed' WHERE id = %(id)s",
            {"id": run_id},
        )
    html = {"accept": "text/html"}
    admin = await signed_in("admin")
    assert "house-notice" in (await admin.get("/documentos", headers=html)).text
    assert f"/avaliacao/rodadas/{run_id}" in (await admin.get("/avaliacao", headers=html)).text
    for name in ("curator", "reader"):
        client = await signed_in(name)
        assert "house-notice" not in (await client.get("/documentos", headers=html)).text
