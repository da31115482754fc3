"""Signing in with a second factor in Chromium: set up, asked for, lost, reset."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pyotp
import pytest_asyncio
from playwright.async_api import Page, expect

from govbot.auth import totp
from govbot.db.access import OPERATOR, as_system
from govbot.db.pool import Pool
from tests.browser.conftest import OpenPage
from tests.browser.test_lifecycle import fits
from tests.web.scene import PASSWORD, Scene, make_scene


@pytest_asyncio.fixture(loop_scope="session")
async def scene(pool: Pool, tmp_path: Path) -> Scene:
    return await make_scene(pool, tmp_path, auth={"second_factor": "privileged"})


async def give_password(page: Page, name: str) -> None:
    await page.locator("#username").fill(name)
    await page.locator("#password").fill(PASSWORD)
    await page.locator("form[action='/entrar'] button").click()


async def set_up(page: Page) -> tuple[pyotp.TOTP, list[str]]:
    """Reads the secret from the page as a person does; the app, and the recovery codes."""
    await expect(page.locator(".qr svg")).to_be_visible()
    secret = (await page.locator(".secret-text").inner_text()).replace(" ", "")
    app = pyotp.TOTP(secret)
    await page.locator("#code").fill(app.now())
    await page.locator("form[action='/conta/segundo-fator'] button").click()
    codes = page.locator(".codes code")
    await expect(codes).to_have_count(10)
    return app, await codes.all_inner_texts()


async def sign_out(page: Page) -> None:
    await page.locator(".user-menu summary").click()
    await page.locator(".user-menu form[action='/sair'] button").click()
    await page.wait_for_url("**/entrar")


async def give_code(page: Page, code: str) -> None:
    await page.wait_for_url(re.compile("/entrar/codigo"))
    await page.locator("#code").fill(code)
    await page.locator("form[action='/entrar/codigo'] button").click()


async def test_an_administrator_sets_it_up_uses_it_and_loses_it(
    scene: Scene, open_page: OpenPage
) -> None:
    page = await open_page(None, viewport={"width": 360, "height": 740})
    await page.goto("/admin/usuarios")
    await give_password(page, "admin")
    await page.wait_for_url("**/conta/segundo-fator")
    assert await fits(page)
    app, recovery = await set_up(page)
    assert await fits(page)
    await page.set_viewport_size({"width": 1200, "height": 800})
    await page.locator("main a.button[href='/']").click()
    await page.wait_for_url("**/")

    await sign_out(page)
    await give_password(page, "admin")
    assert await page.locator(".sidebar").count() == 0
    await give_code(page, "000000")
    await expect(page.locator("#problem")).to_be_visible()
    await give_code(page, app.at(int(time.time()) + 30))  # the code of now set it up
    await page.wait_for_url("**/")

    await sign_out(page)
    await give_password(page, "admin")
    await give_code(page, recovery[0])
    await page.wait_for_url("**/")
    await page.goto("/conta/segundo-fator")
    await expect(page.locator(".facts")).to_contain_text("9")

    async with as_system(scene.app.pool) as conn:
        await totp.remove(conn, scene.actors["admin"].id, by=OPERATOR)
    await page.goto("/")
    await page.wait_for_url("**/entrar")
    await give_password(page, "admin")
    await page.wait_for_url("**/conta/segundo-fator")
    await set_up(page)


async def test_sessions_are_listed_and_the_others_ended(open_page: OpenPage) -> None:
    other, page = await open_page("reader"), await open_page("reader")
    await page.goto("/conta/sessoes")
    await expect(page.locator(".sessions > li")).to_have_count(2)
    assert await fits(page)
    await page.locator("main button.warn").click()
    await expect(page.locator(".sessions > li")).to_have_count(1)
    await other.goto("/conta")
    await other.wait_for_url(re.compile("/entrar"))
