"""Pins and the search in one's own conversations, as a person uses them."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.test_chat import PHONE, ask
from tests.web.scene import Scene, Script
from tests.web.test_memory import searchable


async def test_a_source_is_pinned_found_again_and_unpinned(
    open_page: OpenPage, scene: Scene
) -> None:
    citation = scene.citation()
    await searchable(scene, citation)
    scene.app.answers.script = Script(citations=[citation], sources=[scene.law_key])
    page = await open_page("reader")
    await ask(page)
    await page.locator(".source-pin button").click()
    pins = page.locator("#fixados li")
    await expect(pins).to_contain_text("Lei das férias")
    await page.keyboard.press("Control+k")
    await page.keyboard.type("divididas periodo")
    await expect(page.locator(".snippet mark").first).to_have_text("divididas")
    await page.locator(".conversation-link").click()
    await page.wait_for_url("**/conversas/*#m-*")
    await pins.get_by_role("button").click()
    await expect(pins).to_have_count(0)
    # On a phone the panel lies over the conversation: pinning leads back to it.
    phone = await open_page("reader", **PHONE)
    await phone.goto(page.url)
    await phone.locator(".source").click()
    await phone.locator("#panel form[data-pin] button").click()
    await expect(phone.locator("#panel")).to_be_hidden()
    await expect(phone.locator("#fixados li")).to_be_visible()
    told = phone.locator("#announcer", has_text="Trecho fixado.")
    await expect(told).to_have_css("clip-path", "none")  # shown, not only said aloud
    # What else can be asked for stands in one line, until one of it is opened.
    tops = "all => all.map((each) => each.getBoundingClientRect().top)"
    found = await phone.locator(".composer-options summary").evaluate_all(tops)
    assert len(found) == 3
    assert len(set(found)) == 1
    await phone.locator("[data-as-of] summary").click()
    await expect(phone.locator("#as-of")).to_be_in_viewport(ratio=1)
