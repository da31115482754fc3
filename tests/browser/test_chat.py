"""The chat as a person uses it, in a real browser."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.web.scene import Scene, Script

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


async def ask(page: Page, question: str = "Posso dividir as férias?") -> None:
    await page.get_by_label("Sua pergunta").fill(question)
    await page.keyboard.press("Enter")


def words(count: int) -> list[str]:
    text = "As férias podem ser divididas em até três períodos [1]. " * 20
    return [text[: 5 * end] for end in range(1, count)]


async def test_an_answer_is_written_while_one_watches(open_page: OpenPage, scene: Scene) -> None:
    hold = asyncio.Event()
    scene.app.answers.script = Script(
        texts=words(12), citations=[scene.citation()], hold=hold, pause=0.01
    )
    page = await open_page("reader")
    await ask(page)
    await expect(page.locator(".answer .prose")).to_contain_text("As férias podem")
    await expect(page.get_by_role("button", name="Parar")).to_be_visible()
    assert "/conversas/" in page.url
    await expect(page.locator(".conversation-link[aria-current=page]")).to_have_count(1)
    hold.set()
    await expect(page.get_by_role("heading", name="Fontes")).to_be_visible()
    await expect(page.get_by_role("button", name="Parar")).to_have_count(0)
    await expect(page.locator("#announcer")).to_contain_text("Resposta: As férias")
    await expect(page.get_by_label("Sua pergunta")).to_have_value("")


async def test_shift_enter_starts_a_line_and_enter_sends(open_page: OpenPage) -> None:
    page = await open_page("reader")
    field = page.get_by_label("Sua pergunta")
    await field.fill("Uma linha")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("outra linha")
    await expect(field).to_have_value("Uma linha\noutra linha")
    await page.keyboard.press("Enter")
    await expect(page.locator(".question")).to_contain_text("outra linha")


async def test_escape_stops_the_answer(open_page: OpenPage, scene: Scene) -> None:
    scene.app.answers.script = Script(texts=words(5), hold=asyncio.Event())
    page = await open_page("reader")
    await ask(page)
    await expect(page.locator(".answer .prose")).to_contain_text("férias")
    await page.keyboard.press("Escape")
    await expect(page.get_by_text("Você interrompeu esta resposta.")).to_be_visible()


async def test_a_second_question_waits_for_the_first_answer(
    open_page: OpenPage, scene: Scene
) -> None:
    hold = asyncio.Event()
    scene.app.answers.script = Script(texts=words(3), hold=hold)
    page = await open_page("reader")
    await ask(page)
    await expect(page.get_by_role("button", name="Parar")).to_be_visible()
    await ask(page, "E o adicional?")
    await expect(page.get_by_label("Sua pergunta")).to_have_value("E o adicional?")
    await expect(page.locator(".turn")).to_have_count(1)
    hold.set()
    await expect(page.get_by_role("button", name="Parar")).to_have_count(0)
    await page.get_by_label("Sua pergunta").press("Enter")
    await expect(page.locator(".turn")).to_have_count(2)


async def test_a_reload_in_the_middle_goes_on(open_page: OpenPage, scene: Scene) -> None:
    hold = asyncio.Event()
    scene.app.answers.script = Script(texts=words(8), hold=hold)
    page = await open_page("reader")
    await ask(page)
    await expect(page.locator(".answer .prose")).to_contain_text("férias")
    await page.reload()
    await expect(page.locator(".answer .prose")).to_contain_text("férias")
    hold.set()
    await expect(page.get_by_role("button", name="Escrever a resposta de novo")).to_be_visible()


async def test_a_citation_opens_the_page_beside_with_the_passage_marked(
    open_page: OpenPage, scene: Scene
) -> None:
    scene.app.answers.script = Script(citations=[scene.citation()])
    page = await open_page("reader")
    await ask(page)
    mark = page.get_by_role("link", name="Fonte 1: Lei das férias, página 1")
    await mark.click()
    panel = page.get_by_role("complementary", name="Fonte")
    await expect(panel.get_by_role("heading", name="Lei das férias")).to_be_focused()
    picture = panel.get_by_role("img", name="Página 1 como ela é")
    await expect(picture).to_be_visible()
    drawn = await picture.evaluate("image => image.decode().then(() => image.currentSrc)")
    assert drawn.endswith("/pagina/1/imagem?largura=1000")
    box, sheet = await panel.locator("rect").first.bounding_box(), await picture.bounding_box()
    assert box
    assert sheet
    assert sheet["x"] < box["x"] < sheet["x"] + sheet["width"]
    assert box["y"] == pytest.approx(sheet["y"] + sheet["height"] * 0.23, abs=12)
    await panel.get_by_role("link", name="Próxima página").click()
    await expect(panel.get_by_text("página 2 de 2")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(panel).to_be_hidden()
    await expect(mark).to_be_focused()


async def test_on_a_phone_the_source_covers_the_page(open_page: OpenPage, scene: Scene) -> None:
    scene.app.answers.script = Script(citations=[scene.citation()])
    page = await open_page("reader", **PHONE)
    await ask(page)
    await page.get_by_role("link", name="Fonte 1: Lei das férias, página 1").click()
    panel = page.get_by_role("complementary", name="Fonte")
    await expect(panel).to_be_visible()
    box = await panel.bounding_box()
    assert box
    assert (box["width"], box["height"]) == (360, 740)
    await page.get_by_role("button", name="Fechar a fonte").click()
    await expect(panel).to_be_hidden()


@pytest.mark.parametrize("width", [320, 360, 768, 1280])
async def test_nothing_is_wider_than_the_screen(
    open_page: OpenPage, scene: Scene, width: int
) -> None:
    table = "| " + " | ".join(["coluna muito larga"] * 9) + " |\n|" + "-|" * 9
    scene.app.answers.script = Script(
        texts=[f"{table}\n\n{'palavrasemfim' * 20} [1]"], citations=[scene.citation()]
    )
    page = await open_page("reader", viewport={"width": width, "height": 700})
    await ask(page)
    await expect(page.get_by_role("heading", name="Fontes")).to_be_visible()
    wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0


async def test_conversations_are_found_renamed_and_deleted(
    open_page: OpenPage, scene: Scene
) -> None:
    page = await open_page("reader")
    await ask(page, "Férias do servidor")
    await expect(page.locator(".conversation-link")).to_have_text(["Férias do servidor"])
    options = page.get_by_role("link", name="Opções de “")
    await options.click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("link", name="Renomear").click()
    await expect(dialog).to_be_hidden()
    await expect(page.get_by_label("Título")).to_be_focused()
    await page.keyboard.type("Descanso anual")
    await page.keyboard.press("Enter")
    await expect(page.locator(".conversation-link")).to_have_text(["Descanso anual"])
    await page.keyboard.press("Control+k")
    await page.keyboard.type("xyz")
    await expect(page.get_by_text("Nenhuma conversa encontrada.")).to_be_visible()
    await page.get_by_label("Buscar conversas").fill("descanso")
    await expect(page.locator(".conversation-link")).to_have_text(["Descanso anual"])
    await page.locator(".conversation").hover()
    await options.click()
    await dialog.get_by_role("link", name="Excluir").click()
    await expect(dialog).to_contain_text("Excluir esta conversa?")
    await dialog.get_by_role("link", name="Cancelar").click()
    await expect(dialog).to_be_hidden()
    await page.locator(".conversation").hover()
    await options.click()
    await dialog.get_by_role("link", name="Excluir").click()
    await dialog.get_by_role("button", name="Excluir").click()
    await expect(page.get_by_text("Suas conversas aparecerão aqui.")).to_be_visible()


async def test_moving_between_conversations_keeps_address_and_title(
    open_page: OpenPage, scene: Scene
) -> None:
    page = await open_page("reader")
    await ask(page, "Primeira pergunta")
    await expect(page).to_have_title("Primeira pergunta · Prefeitura de Aurora")
    first = page.url
    await page.get_by_role("link", name="Nova conversa").first.click()
    await expect(page.get_by_role("heading", name="O que você quer saber?")).to_be_visible()
    await ask(page, "Segunda pergunta")
    await expect(page.locator(".question")).to_contain_text("Segunda")
    await page.get_by_role("link", name="Primeira pergunta", exact=True).click()
    await expect(page.locator(".question")).to_contain_text("Primeira")
    assert page.url == first
    await page.go_back()
    await expect(page.locator(".question")).to_contain_text("Segunda")


async def test_a_suggested_question_is_asked_with_one_click(open_page: OpenPage) -> None:
    page = await open_page("reader")
    await page.get_by_role("button", name="Em quantos períodos divido as férias?").click()
    await expect(page.locator(".question")).to_contain_text("Em quantos períodos")


async def test_the_colours_are_switched_at_once_and_kept(open_page: OpenPage) -> None:
    page = await open_page("reader", color_scheme="light")
    light = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    await page.locator(".user-menu > summary").click()
    async with page.expect_response("**/preferencias"):
        await page.get_by_role("button", name="Escuro").click()
    dark = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark != light
    await page.reload()
    assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == dark


async def test_an_error_is_told_and_the_question_stays(open_page: OpenPage, scene: Scene) -> None:
    page = await open_page("reader")
    await page.evaluate("document.querySelector('#question').maxLength = 9000")
    await ask(page, "a" * 4100)
    await expect(page.get_by_role("alert")).to_contain_text("O texto é longo demais")
    await expect(page.get_by_label("Sua pergunta")).to_have_value("a" * 4100)
    await page.get_by_role("button", name="Fechar", exact=True).click()
    await expect(page.get_by_role("alert")).to_be_empty()


async def test_the_keyboard_reaches_everything(open_page: OpenPage, scene: Scene) -> None:
    scene.app.answers.script = Script(citations=[scene.citation()])
    page = await open_page("reader")
    await ask(page)
    await expect(page.get_by_role("heading", name="Fontes")).to_be_visible()
    await page.locator(".skip").focus()
    seen = []
    for _step in range(60):
        if await page.evaluate("document.activeElement === document.body"):
            break  # once around
        seen.append(
            await page.evaluate(
                "[document.activeElement.getAttribute('aria-label')"
                " ?? document.activeElement.textContent.trim(),"
                " getComputedStyle(document.activeElement).outlineStyle]"
            )
        )
        await page.keyboard.press("Tab")
    names = [name for name, _outline in seen]
    assert names[0] == "Pular para o conteúdo"
    assert "Fonte 1: Lei das férias, página 1" in names
    assert "Copiar a resposta" in names
    # The field for questions shows its focus on the frame around it.
    assert [name for name, outline in seen if name and outline == "none"] == []


async def test_it_works_without_javascript(open_page: OpenPage, scene: Scene) -> None:
    scene.app.answers.script = Script(citations=[scene.citation()])
    page = await open_page("reader", java_script_enabled=False)
    await page.get_by_label("Sua pergunta").fill("Posso dividir as férias?")
    await page.get_by_role("button", name="Enviar").click()
    await page.wait_for_url("**/conversas/*")
    actor, answers = scene.actors["reader"], scene.app.answers
    await answers.finish(actor, next(iter(answers.scripts)))
    await page.get_by_role("link", name="Fonte 1: Lei das férias, página 1").click(timeout=15_000)
    await page.wait_for_url("**/documentos/**")
    assert await page.locator("rect").count() == 2
    await page.get_by_role("link", name="Próxima página").click()
    await page.wait_for_url("**/pagina/2*")
