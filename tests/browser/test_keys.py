"""API keys in a real browser: made, shown once, revoked."""

from __future__ import annotations

from govbot.auth.key_text import KEY
from tests.browser.conftest import OpenPage


async def test_a_key_is_made_shown_once_and_revoked_on_a_narrow_screen(
    open_page: OpenPage,
) -> None:
    page = await open_page("reader", viewport={"width": 360, "height": 740})
    await page.goto("/conta/chaves")
    await page.fill("#name", "Portal da secretaria")
    await page.click('main form[action="/conta/chaves"] button[type="submit"]')
    text = await page.inner_text("code.secret-text")
    assert KEY.fullmatch(text)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await page.goto("/conta/chaves")
    assert text not in await page.content()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await page.click('main form[action$="/revogar"] button')
    await page.wait_for_selector('p.good[role="status"]')
    assert await page.locator('main form[action$="/revogar"]').count() == 0
    await page.goto("/conta/chaves")
    await (
        page.get_by_role("link", name="O que os programas podem pedir")
        .or_(page.get_by_role("link", name="What programs can ask"))
        .click()
    )
    operation = page.locator("#chatCompletions")
    await operation.locator("summary").click()
    assert "/v1/chat/completions" in await operation.locator("pre").inner_text()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
