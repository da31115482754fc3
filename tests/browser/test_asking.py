"""Editing, choosing, attaching and the passages behind the marks, in a real browser."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Page, expect

from govbot.db.pool import Pool
from govbot.jobs.queue import Queue
from tests.browser.conftest import OpenPage
from tests.web.office import Office, make_office
from tests.web.scene import Script

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


@pytest_asyncio.fixture(loop_scope="session")
async def scene(pool: Pool, queue: Queue, tmp_path: Path) -> Office:
    return await make_office(pool, queue, tmp_path)


async def _ask(page: Page, question: str) -> None:
    await page.get_by_label("Sua pergunta").fill(question)
    await page.keyboard.press("Enter")
    await expect(page.locator("[data-running]")).to_have_count(0)


async def _wide(page: Page) -> bool:
    return bool(
        await page.evaluate(
            "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        )
    )


async def test_a_question_is_edited_with_the_keyboard_and_the_passage_shows_on_focus(
    open_page: OpenPage, scene: Office
) -> None:
    scene.app.answers.script = Script(citations=[scene.citation()], sources=[scene.law_key])
    page = await open_page("reader")
    await _ask(page, "Posso dividir as férias?")
    mark = page.locator("a.cite").first
    # The passage on focus of the keyboard, then Esc; on hover too, and nothing moves.
    before = await mark.bounding_box()
    await page.get_by_role("link", name="Editar a pergunta").focus()
    await page.keyboard.press("Tab")
    await expect(mark).to_be_focused()
    card = page.locator("#cite-card")
    await expect(card).to_be_visible()
    await expect(card).to_contain_text("até três períodos")
    assert await mark.get_attribute("aria-describedby") == "cite-card"
    await page.keyboard.press("Escape")
    await expect(card).to_be_hidden()
    await page.mouse.move(0, 0)
    await mark.hover()
    await expect(card).to_be_visible()
    await card.hover()
    await page.wait_for_timeout(300)
    await expect(card).to_be_visible()
    await page.mouse.move(5, 5)
    await expect(card).to_be_hidden()
    assert await mark.bounding_box() == before
    # E edits the last question, Esc gives it up, Enter asks again; the arrows lead back.
    await page.locator("body").click(position={"x": 5, "y": 5})
    await page.evaluate("document.activeElement.blur()")
    await page.keyboard.press("e")
    field = page.get_by_label("Alterar a pergunta")
    await expect(field).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(field).to_have_count(0)
    await page.get_by_role("link", name="Editar a pergunta").click()
    await field.fill("Em quantas vezes divido?")
    await page.keyboard.press("Enter")
    await expect(page.locator(".branch-place")).to_have_text("2 de 2")
    await expect(page.locator("[data-running]")).to_have_count(0)
    await page.get_by_role("button", name="Versão anterior da pergunta").click()
    await expect(page.locator(".question").first).to_contain_text("Posso dividir as férias?")
    await expect(page.locator(".branch-place")).to_have_text("1 de 2")
    await page.reload()
    await expect(page.locator(".branch-place")).to_have_text("1 de 2")
    # All keys in a dialog; a question mark in the field is a question mark.
    await page.get_by_label("Sua pergunta").fill("")
    await page.keyboard.type("E?")
    await expect(page.get_by_label("Sua pergunta")).to_have_value("E?")
    await page.evaluate("document.activeElement.blur()")
    await page.keyboard.press("?")
    await expect(page.get_by_role("heading", name="Teclas")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.locator("dialog[open]")).to_have_count(0)
    # A lost connection is said, and that it is back.
    await page.context.set_offline(True)
    await expect(page.get_by_text("Sem conexão.")).to_be_visible()
    await page.context.set_offline(False)
    await expect(page.get_by_text("Conexão restabelecida.")).to_be_visible()


async def test_on_a_phone_a_collection_is_chosen_and_a_file_attached(
    open_page: OpenPage, scene: Office, tmp_path: Path
) -> None:
    scene.app.answers.script = Script(citations=[scene.citation()], sources=[scene.law_key])
    page = await open_page("reader", **PHONE)
    await page.get_by_text("Onde procurar").tap()
    await page.get_by_label("Legislação").check()
    assert not await _wide(page)
    own = tmp_path / "um contrato de nome muito comprido mesmo, assinado e datado.txt"
    own.write_text("O protocolo da bicicleta funciona das oito às dezessete horas.\n")
    await page.get_by_label("Sua pergunta").fill("Quando abre")
    await page.get_by_text("Anexar arquivo").tap()
    await page.get_by_label("Arquivo só para esta conversa").set_input_files(own)
    await page.get_by_role("button", name="Anexar").tap()
    await expect(page.get_by_text("esperando a leitura")).to_be_visible()
    await expect(page.get_by_label("Sua pergunta")).to_have_value("Quando abre")
    assert not await _wide(page)
    await asyncio.gather(scene.desk.work())
    await expect(page.locator(".file-state")).to_have_text("1 página")
    await expect(page.locator(".scope-chip")).to_contain_text("Legislação")
    await page.get_by_label("Sua pergunta").fill("Posso dividir as férias?")
    await page.get_by_role("button", name="Enviar", exact=True).tap()
    await expect(page.locator("a.cite").first).to_be_visible()
    # A tap opens the source; no card stands in the way.
    await page.locator("a.cite").first.tap()
    await expect(page.locator("#panel")).to_be_visible()
    await expect(page.locator("#cite-card:visible")).to_have_count(0)
    assert not await _wide(page)
