"""The life of a document in Chromium: its page, revocation, approval, questions about a day."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from govbot.db.access import as_system
from govbot.db.pool import Pool
from govbot.documents import collections
from govbot.jobs.queue import Queue
from tests.browser.conftest import OpenPage
from tests.web.office import Office, make_office

NOTE = "Art. 1º O protocolo funciona das oito às dezessete horas.\n"


@pytest_asyncio.fixture(loop_scope="session")
async def scene(pool: Pool, queue: Queue, tmp_path: Path) -> Office:
    return await make_office(pool, queue, tmp_path)


async def fits(page: Page) -> bool:
    """Nothing is wider than the window."""
    return bool(
        await page.evaluate(
            "[document.documentElement, document.getElementById('main')]"
            ".every((part) => part.scrollWidth <= part.clientWidth)"
        )
    )


async def test_the_page_follows_the_work_and_opens_passages_in_place(
    scene: Office, open_page: OpenPage
) -> None:
    page = await open_page("writer")
    await scene.put("nova.txt", NOTE.encode())
    await page.goto("/documentos")
    await page.get_by_role("link", name="nova.txt", exact=True).click()
    await expect(page.get_by_role("progressbar")).to_be_visible()
    await page.get_by_role("button", name="Cancelar o processamento").click()
    await expect(page.get_by_text("O processamento foi cancelado.")).to_be_visible()
    await page.get_by_role("button", name="Tentar de novo").click()
    await expect(page.get_by_role("progressbar")).to_be_visible()
    await scene.desk.work()
    link = page.get_by_role("link", name="Ver o texto como o modelo o vê")
    await link.click()
    await expect(page.get_by_text("O protocolo funciona das oito")).to_be_visible()
    assert page.url.endswith(str((await scene.document("nova.txt")).id))


async def test_a_document_is_moved_to_the_trash_and_restored_on_its_page(
    scene: Office, open_page: OpenPage
) -> None:
    page = await open_page("curator")
    memo = await scene.document("memorando.txt")
    await page.goto(f"/documentos/{memo.id}")
    await page.get_by_role("link", name="Mover para a lixeira").click()
    await page.get_by_role("dialog").get_by_role("button", name="Mover para a lixeira").click()
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await expect(page.get_by_text("É excluído definitivamente em 30 dias.")).to_be_visible()
    await page.get_by_role("button", name="Restaurar").click()
    await expect(page.get_by_role("link", name="Mover para a lixeira")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
async def test_a_document_is_revoked_by_another_one(
    scene: Office, open_page: OpenPage, scripts: bool
) -> None:
    page = await open_page(
        "writer", java_script_enabled=scripts, viewport={"width": 360, "height": 740}
    )
    memo = await scene.document("memorando.txt")
    await page.goto(f"/documentos/{memo.id}/revogar")
    await page.get_by_label("Nome ou número").fill("ferias")
    if not scripts:
        await page.get_by_role("button", name="Buscar").click()
    await page.get_by_role("radio", name="Lei das férias").check()
    await page.get_by_label("Revogado desde").fill("2024-05-01")
    if scripts:
        assert await fits(page)
    await page.get_by_role("button", name="Revogar").click()
    await expect(page.get_by_text("Não responde mais a perguntas sobre hoje.")).to_be_visible()
    await expect(page.get_by_role("link", name="Lei das férias").first).to_be_visible()
    if scripts:
        assert await fits(page)


async def test_a_second_person_approves_what_the_first_one_sent(
    scene: Office, open_page: OpenPage, tmp_path: Path
) -> None:
    async with as_system(scene.app.pool) as conn:
        await collections.set_review(conn, None, scene.laws, True)
    file = tmp_path / "nova.txt"
    file.write_text(NOTE)
    writer = await open_page("writer")
    await writer.goto("/documentos")
    await writer.get_by_label("Escolha arquivos").set_input_files(file)
    await writer.get_by_role("link", name="Ver o rascunho").click()
    await scene.desk.work()
    await writer.get_by_role("button", name="Enviar para revisão").click()
    await expect(writer.get_by_text("Outra pessoa que gerencia a coleção decide.")).to_be_visible()
    curator = await open_page("curator", viewport={"width": 360, "height": 740})
    await curator.goto("/revisoes")
    assert await fits(curator)
    await curator.get_by_role("button", name="Aprovar").click()
    await expect(curator.get_by_text("Nada aguarda a sua decisão.")).to_be_visible()
    await scene.desk.work()
    assert (await scene.document("nova.txt")).served == 1


async def test_a_day_counts_for_one_question_and_only_while_it_is_seen(
    scene: Office, open_page: OpenPage
) -> None:
    page = await open_page("reader")
    toggle = page.get_by_text("Sobre outra data")
    day = page.get_by_label("Considerar o que valia em")
    await toggle.click()
    await day.fill("2020-01-31")
    await toggle.click()
    await toggle.click()
    await expect(day).to_have_value("")
    await day.fill("2020-01-31")
    await page.get_by_label("Sua pergunta").fill("Quantos dias de férias?")
    await page.get_by_role("button", name="Enviar").click()
    await expect(page.get_by_text("Sobre o que valia em 31/01/2020")).to_be_visible()
    await expect(page.get_by_label("Considerar o que valia em")).to_be_hidden()
    await page.get_by_label("Sua pergunta").fill("E hoje?")
    await expect(page.locator("[data-running]")).to_have_count(0)
    await page.get_by_role("button", name="Enviar").click()
    await expect(page.get_by_text("E hoje?")).to_be_visible()
    await expect(page.get_by_text("Sobre o que valia em")).to_have_count(1)
