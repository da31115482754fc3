"""The page of the queue: who sees what, pause, cancel, retry."""

from __future__ import annotations

from pathlib import Path

import pytest

from govbot import audit
from govbot.db.access import as_system
from govbot.db.pool import Pool
from govbot.documents.types import State
from govbot.jobs import control
from govbot.jobs.queue import Queue
from tests.web.conftest import HTMX, SignIn
from tests.web.office import Office, make_office


@pytest.fixture
async def scene(pool: Pool, queue: Queue, tmp_path: Path) -> Office:
    return await make_office(pool, queue, tmp_path)


async def test_the_page_shows_what_waits_and_why_something_failed(
    scene: Office, signed_in: SignIn
) -> None:
    await scene.put("ruim.pdf", b"%PDF-1.7 broken")
    await scene.desk.work()
    await scene.put("nota.txt", b"Art. 1 Nota.")
    page = (await (await signed_in("curator")).get("/admin/fila")).text
    assert page.index("nota.txt") < page.index("ruim.pdf")
    assert "E-CORROMPIDO" in page
    assert "every 2s" in page
    bad = await scene.document("ruim.pdf")
    assert f'action="/documentos/{bad.id}/repetir"' in page


async def test_a_curator_does_not_see_the_work_of_other_collections(
    scene: Office, signed_in: SignIn
) -> None:
    await scene.put("nota.txt", b"Art. 1 Nota.")
    async with as_system(scene.app.pool) as conn:
        await conn.execute("DELETE FROM grants")
    assert "nota.txt" not in (await (await signed_in("curator")).get("/admin/fila")).text
    assert "nota.txt" in (await (await signed_in("admin")).get("/admin/fila")).text


async def test_htmx_gets_the_list_alone(scene: Office, signed_in: SignIn) -> None:
    answer = await (await signed_in("admin")).get("/admin/fila", headers=HTMX)
    assert answer.text.lstrip().startswith('<section id="queue"')
    assert "every 10s" in answer.text


async def test_a_paused_queue_says_since_when_and_by_whom(scene: Office, signed_in: SignIn) -> None:
    admin = await signed_in("admin")
    await admin.post("/admin/fila/pausar")
    async with as_system(scene.app.pool) as conn:
        paused = await control.paused(conn)
    assert paused is not None
    assert paused.by == "admin"
    await scene.put("nota.txt", b"Art. 1 Nota.")
    await scene.desk.work()
    assert (await scene.document("nota.txt")).version.state is State.QUEUED
    assert 'action="/admin/fila/retomar"' in (await admin.get("/admin/fila")).text
    seen = (await (await signed_in("curator")).get("/admin/fila")).text
    assert "admin" in seen
    assert "/admin/fila/retomar" not in seen
    await admin.post("/admin/fila/retomar")
    await scene.desk.work()
    assert (await scene.document("nota.txt")).version.state is State.READY
    async with as_system(scene.app.pool) as conn:
        actions = [entry.action for entry in await audit.entries(conn)]
    assert {"queue.paused", "queue.resumed"} <= set(actions)


async def test_cancelling_and_retrying_tell_the_page_to_renew_itself(
    scene: Office, signed_in: SignIn
) -> None:
    await scene.put("nota.txt", b"Art. 1 Nota.")
    note = await scene.document("nota.txt")
    client = await signed_in("curator")
    answer = await client.post(f"/admin/fila/{note.version.id}/cancelar", headers=HTMX)
    assert (answer.status_code, answer.headers["hx-trigger"]) == (204, "documents-changed")
    assert (await scene.document("nota.txt")).version.state is State.CANCELLED
    answer = await client.post(f"/documentos/{note.id}/repetir", data={"back": "/admin/fila"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin/fila")
    assert (await scene.document("nota.txt")).version.state is State.QUEUED


async def test_all_that_failed_is_queued_again(scene: Office, signed_in: SignIn) -> None:
    await scene.put("ruim.pdf", b"%PDF-1.7 broken")
    await scene.put("pior.pdf", b"%PDF-1.7 broken too")
    await scene.desk.work()
    await (await signed_in("curator")).post("/admin/fila/repetir")
    for name in ("ruim.pdf", "pior.pdf"):
        assert (await scene.document(name)).version.state is State.QUEUED
