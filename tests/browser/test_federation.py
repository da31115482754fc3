"""Signing in through slapd and through an identity provider, in Chromium."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio
from playwright.async_api import Page

from govbot.auth.ldap import LdapDirectory
from govbot.config.table import Ldap, Oidc, OutsideGroup, Web
from govbot.db.pool import Pool
from tests.browser.conftest import OpenPage
from tests.oidc_provider import CLIENT, SECRET, Provider, running
from tests.slapd import PASSWORD, Slapd
from tests.web.scene import Scene, make_scene


@pytest_asyncio.fixture(loop_scope="session")
async def provider() -> AsyncIterator[Provider]:
    async with running() as found:
        yield found


@pytest_asyncio.fixture(loop_scope="session")
async def scene(pool: Pool, tmp_path: Path, slapd: Slapd) -> Scene:
    """Members of a group that holds the secretariat through another one read the laws."""
    rules = (OutsideGroup(group="governo", member_of=("Leitores",)),)
    ldap = slapd.settings(servers=(slapd.ldap,), groups=rules)
    scene = await make_scene(pool, tmp_path, ldap=ldap)
    scene.app.directory = LdapDirectory(ldap, pool)
    return scene


def configure(scene: Scene, address: str, **sections: Any) -> None:
    web = Web(base_url=address)
    scene.app.settings = scene.app.settings.model_copy(update={"web": web, **sections})


async def sign_in(page: Page, name: str, password: str) -> None:
    await page.get_by_label("Nome de usuário").fill(name)
    await page.get_by_label("Senha").fill(password)
    await page.get_by_role("button", name="Entrar").click()


async def test_a_member_through_nested_groups_signs_in_with_the_password_of_the_directory(
    scene: Scene, open_page: OpenPage
) -> None:
    page = await open_page(None)
    await sign_in(page, "maria", "errada")
    await page.locator("#problem").wait_for()
    await sign_in(page, "maria", PASSWORD)
    await page.wait_for_url("**/")
    await page.goto("/conta")
    text = await page.locator("main").inner_text()
    assert "Maria da Conceição" in text
    assert "Leitores" in text


async def test_the_provider_signs_in_and_out(
    scene: Scene, provider: Provider, address: str, open_page: OpenPage
) -> None:
    oidc = Oidc.model_validate(
        {"issuer": provider.issuer, "name": "Aurora", "client_id": CLIENT, "client_secret": SECRET}
    )
    configure(scene, address, oidc=oidc, ldap=Ldap())
    page = await open_page(None)
    await page.goto("/conta")
    await page.locator('a[href^="/entrar/oidc"]').click()
    await page.get_by_role("link", name="Sou Clara").click()
    await page.wait_for_url(f"{address}/conta")
    assert "Clara Dias" in await page.locator("main").inner_text()
    await page.locator(".user-menu summary").click()
    await page.get_by_role("button", name="Sair").click()
    await page.wait_for_url(f"{address}/entrar?saiu=1")
    assert "logout" in provider.requests
    await page.goto("/conta")
    assert "/entrar" in page.url


async def test_the_administrator_tests_the_connection(
    scene: Scene, open_page: OpenPage, slapd: Slapd
) -> None:
    page = await open_page("admin")
    await page.goto("/admin/diretorio")
    await page.locator("#username").fill("maria")
    await page.locator('form[action$="testar"] button').click()
    steps = page.locator("tbody tr")
    await steps.first.wait_for()
    assert await steps.count() == 9
    assert "gabinete, governo, secretaria" in await page.locator("main").inner_text()
    await page.locator('form[action$="comparar"] button').click()
    await page.wait_for_url("**/admin/diretorio")
    assert await page.locator("time").count() == 1
