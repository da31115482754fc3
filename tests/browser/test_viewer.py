"""The viewer in Chromium: selecting, searching, zooming, small pages; beside a conversation, on a
page of its own, on a phone, by keyboard and without JavaScript."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.web.scene import LAW, Scene, Script

SELECT = """([first, last]) => {
    const lines = document.querySelectorAll("svg.words text");
    const range = document.createRange();
    range.setStart(lines[first].querySelector("tspan").firstChild, 0);
    const end = lines[last].querySelector("tspan:last-child").firstChild;
    range.setEnd(end, end.length);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    return getSelection().toString();
}"""
OVERFLOW = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
PLACE = """(selector) => {
    const box = document.querySelector(selector).getBoundingClientRect();
    const sheet = document.querySelector(".sheet").getBoundingClientRect();
    return [(box.top - sheet.top) / sheet.height, (box.left - sheet.left) / sheet.width,
            box.width / sheet.width];
}"""


async def drag(page: Page, first: int, last: int) -> str:
    """What is selected by drawing the mouse from the start of a line to the end of another."""
    boxes = [await page.locator("svg.words text").nth(n).bounding_box() for n in (first, last)]
    start, end = boxes
    assert start
    assert end
    await page.evaluate("getSelection().removeAllRanges()")
    await page.mouse.move(start["x"] + 1, start["y"] + start["height"] / 2)
    await page.mouse.down()
    await page.mouse.move(end["x"] + end["width"] - 1, end["y"] + end["height"] / 2, steps=6)
    await page.mouse.up()
    return str(await page.evaluate("getSelection().toString()"))


async def test_a_document_is_read_on_a_page_of_its_own(scene: Scene, open_page: OpenPage) -> None:
    page = await open_page("reader", viewport={"width": 1280, "height": 900})
    await page.goto(f"/documentos/{scene.law}/pagina/1")
    await expect(page.get_by_role("heading", level=1, name="Lei das férias")).to_be_visible()
    # The words lie on their letters and are copied line by line, in their order.
    top, left, wide = await page.evaluate(PLACE, "svg.words text:nth-child(3)")
    assert abs(top - (1 - (740 - 68 + 10) / 842)) < 0.02
    assert abs(left - 70 / 595) < 0.01
    assert 0.6 < wide < 0.9
    assert await page.evaluate(SELECT, [0, 5]) == "\n".join(LAW)
    assert (await drag(page, 3, 4)).split() == " ".join(LAW[3:5]).split()
    # Keys turn pages once the focus is in the document, and it stays there.
    body = page.get_by_role("region", name="Lei das férias")
    await body.focus()
    await page.keyboard.press("ArrowRight")
    await page.wait_for_url("**/pagina/2")
    await expect(page.locator(".viewer-facts")).to_contain_text("página 2 de 2")
    await expect(body).to_be_focused()
    await page.go_back()
    await expect(page.locator(".viewer-facts")).to_contain_text("página 1 de 2")
    # Larger by keyboard, and the same by the address.
    await body.focus()
    for zoom in (125, 150, 200):
        await page.keyboard.press("+")
        await page.wait_for_url(f"**/pagina/1?zoom={zoom}")
    frame, sheet = await body.bounding_box(), await page.locator(".sheet").bounding_box()
    assert frame
    assert sheet
    assert sheet["width"] > 1.8 * frame["width"] * 0.9
    assert not await page.evaluate(OVERFLOW)
    # A word is searched for and followed over the pages.
    await page.keyboard.press("/")
    field = page.get_by_role("searchbox", name="Buscar neste documento")
    await expect(field).to_be_focused()
    await field.fill("art. 3")
    await field.press("Enter")
    await page.get_by_role("link", name="Art. 3º Esta lei").click()
    await expect(page.get_by_text("“art. 3”: 1 de 1 nesta página")).to_be_visible()
    assert await page.locator("svg.marks rect.current").count() == 1
    # The page by its number, and all of them at a glance.
    await page.get_by_label("Ir para a página").fill("1")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/pagina/1?busca=art.+3&zoom=200")
    await page.get_by_role("link", name="Todas as páginas em miniatura").click()
    small = page.get_by_role("link", name="Página 2")
    await expect(small.locator("img")).to_have_js_property("complete", True)
    await small.click()
    await page.wait_for_url("**/pagina/2?zoom=200")


async def test_a_document_is_read_beside_the_conversation_and_on_a_phone(
    scene: Scene, open_page: OpenPage
) -> None:
    scene.app.answers.script = Script(citations=[scene.citation()])
    page = await open_page("reader", viewport={"width": 1280, "height": 900})
    await page.get_by_label("Sua pergunta").fill("Posso dividir as férias?")
    await page.keyboard.press("Enter")
    await page.get_by_role("link", name="Fonte 1: Lei das férias, página 1").click()
    panel = page.get_by_role("complementary", name="Fonte")
    await expect(panel.get_by_role("heading", name="Lei das férias")).to_be_focused()
    address = page.url
    await panel.get_by_role("link", name="Aumentar").click()
    await expect(panel.locator(".sheet.zoom-125")).to_be_visible()
    await expect(panel.get_by_role("link", name="Aumentar")).to_be_focused()
    await panel.get_by_role("searchbox").fill("adicional")
    await page.keyboard.press("Enter")
    await panel.get_by_role("link", name="adicional de férias").click()
    await expect(panel.get_by_text("“adicional”: 1 de 1 nesta página")).to_be_visible()
    # The citation is marked as before, and the conversation is where it was.
    assert await panel.locator("svg.marks rect:not(.hit)").count() == 2
    assert page.url == address
    for width in (360, 768):
        await page.set_viewport_size({"width": width, "height": 740})
        assert not await page.evaluate(OVERFLOW)
        box = await panel.bounding_box()
        assert box
        assert box["width"] == width
        for link in await panel.locator(".viewer-nav :is(a, button), .viewer-tools a").all():
            inside = await link.bounding_box()
            assert inside is None or inside["x"] + inside["width"] <= width + 1
    await page.keyboard.press("Escape")
    await expect(panel).to_be_hidden()


async def test_the_viewer_works_without_javascript(scene: Scene, open_page: OpenPage) -> None:
    page = await open_page("reader", java_script_enabled=False)
    await page.goto(f"/documentos/{scene.law}/pagina/1?zoom=150")
    await page.get_by_role("link", name="Aumentar").click()
    await page.wait_for_url("**zoom=200")
    await page.get_by_label("Ir para a página").fill("2")
    await page.get_by_role("button", name="Ir", exact=True).click()
    await page.wait_for_url("**/pagina/2?zoom=200")
    await page.get_by_role("searchbox").fill("ferias")
    await page.get_by_role("button", name="Buscar neste documento").click()
    await page.get_by_role("link", name="adicional de férias").click()
    await page.wait_for_url("**/pagina/1?busca=ferias&zoom=200&achado=4#achado")
    await page.get_by_role("link", name="Ocorrência anterior").click()
    await page.wait_for_url("**achado=3#achado")
