"""Conversations kept in order, shared, exported and temporary, on a wide screen and on a phone."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.web.scene import Scene, Script

SCREENS = {
    360: {"viewport": {"width": 360, "height": 740}, "has_touch": True, "color_scheme": "dark"},
    1280: {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"},
}


async def ask(page: Page, question: str) -> None:
    await page.get_by_label("Sua pergunta").fill(question)
    await page.get_by_role("button", name="Enviar").click()
    await expect(page.get_by_role("heading", name="Fontes")).to_be_visible()


async def fits(page: Page) -> None:
    assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


async def menu(page: Page, width: int) -> None:
    if width < 960:
        await page.get_by_role("link", name="Abrir o menu").click()


@pytest.mark.parametrize("width", SCREENS)
async def test_the_life_of_a_conversation(open_page: OpenPage, scene: Scene, width: int) -> None:
    scene.app.answers.script = Script(citations=[scene.citation()], sources=[scene.law_key])
    page = await open_page("reader", **SCREENS[width])
    await ask(page, "Posso dividir as férias?")
    await page.goto("/")
    await ask(page, "Quando recebo o adicional?")
    # Pinned from the options, archived, and back by "undo".
    await page.get_by_role("link", name="Opções desta conversa").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Fixar no topo").click()
    await expect(dialog).to_be_hidden()
    await menu(page, width)
    await expect(page.get_by_role("heading", name="Fixadas")).to_be_visible()
    await page.get_by_role("link", name="Opções de “Posso dividir").click()
    await dialog.get_by_role("button", name="Arquivar").click()
    await expect(page.get_by_role("alert")).to_contain_text("foi arquivada")
    await expect(page.locator(".conversation-link")).to_have_count(1)
    await page.get_by_role("button", name="Desfazer").click()
    await expect(page.locator(".conversation-link")).to_have_count(2)
    # Exported as PDF.
    await page.goto(page.url)
    await page.get_by_role("link", name="Exportar esta conversa").click()
    async with page.expect_download() as started:
        await dialog.get_by_role("link", name="PDF").click()
    assert (await started.value).suggested_filename.startswith("govbot-quando-recebo-o-adicional")
    await dialog.get_by_role("link", name="Fechar").click()
    # Shared with everybody; the administrator reads it, who may read the law.
    await page.get_by_role("link", name="Compartilhar esta conversa").click()
    await fits(page)
    await page.get_by_label("Todas as pessoas que entram aqui").check()
    await expect(page.get_by_label("Pessoa ou grupo 1")).to_be_hidden()
    await page.get_by_role("button", name="Criar o link").click()
    await expect(page.get_by_role("heading", name="O link está pronto")).to_be_visible()
    link = await page.locator("[data-link]").first.input_value()
    await fits(page)
    other = await open_page("admin", **SCREENS[width])
    await other.goto(link)
    await expect(other.get_by_text("só para leitura")).to_be_visible()
    await expect(other.locator(".prose")).to_contain_text("três períodos")
    await fits(other)
    await page.get_by_role("button", name="Retirar").click()
    await expect(page.get_by_text("o link não abre mais nada")).to_be_visible()
    await other.reload()
    await expect(other.locator(".prose")).to_have_count(0)


@pytest.mark.parametrize("width", SCREENS)
async def test_several_are_deleted_at_once_and_a_temporary_one_by_itself(
    open_page: OpenPage, scene: Scene, width: int
) -> None:
    scene.app.answers.script = Script(citations=[scene.citation()], sources=[scene.law_key])
    page = await open_page("reader", **SCREENS[width])
    for number in range(2):
        await page.goto("/")
        await ask(page, f"Pergunta número {number}")
    await page.goto("/conversas")
    await fits(page)
    delete = page.get_by_role("button", name="Excluir…")
    await expect(delete).to_be_disabled()
    await page.get_by_label("Marcar todas").check()
    await expect(page.get_by_text("Marcadas: 2")).to_be_visible()
    await delete.click()
    heading = page.get_by_role("heading", name="Excluir 2 conversas definitivamente?")
    await expect(heading).to_be_visible()
    await page.get_by_role("button", name="Excluir 2 conversas").click()
    await expect(page.get_by_text("excluídas definitivamente")).to_be_visible()
    # A temporary one says so, survives a reload, and is in no list.
    await page.goto("/")
    await page.get_by_role("link", name="Conversa temporária").click()
    await expect(page.get_by_text("Não vai aparecer na lista")).to_be_visible()
    await ask(page, "Um segredo")
    await expect(page.get_by_text("Não aparece na lista")).to_be_visible()
    await fits(page)
    await expect(page.locator(".rating")).to_be_hidden()
    await page.reload()
    await expect(page.locator(".question")).to_contain_text("Um segredo")
    await expect(page.locator(".conversation-link")).to_have_count(0)
    address = page.url
    await menu(page, width)
    async with page.expect_response("**/saida?aberta=*"):
        await page.locator("#sidebar").get_by_role("link", name="Nova conversa").click()
    async with page.expect_response(address):
        await page.goto(address)
    await page.get_by_role("button", name="Excluir agora").click()
    await expect(page.get_by_role("heading", name="O que você quer saber?")).to_be_visible()
    answer = await page.goto(address)
    assert answer
    assert answer.status == 404
