"""Colours, language and the menu, as the pages show them."""

from __future__ import annotations

import re

from govbot.web import cookies
from tests.web.conftest import Client, SignIn, browser
from tests.web.scene import Scene


def shown(page: str) -> tuple[str, str]:
    """Language and colours of a page."""
    found = re.search(r'<html lang="([^"]*)" data-theme="([^"]*)"', page)
    assert found
    return found[1], found[2]


async def test_colours_and_language_go_with_the_account_then_the_browser_then_the_settings(
    scene: Scene, anyone: Client, signed_in: SignIn
) -> None:
    first, second = await signed_in("reader"), await signed_in("reader")
    assert shown((await first.get("/conta")).text) == ("pt-BR", "auto")
    first.cookies.set(cookies.THEME, "dark")
    assert shown((await first.get("/conta")).text) == ("pt-BR", "dark")
    for chosen in ({"theme": "contrast"}, {"language": "en"}, {"theme": "pink"}):
        await first.post("/preferencias", data=chosen)
    assert shown((await second.get("/conta")).text) == ("en", "contrast")
    other = await signed_in("curator")
    assert shown((await other.get("/conta")).text) == ("pt-BR", "auto")

    await anyone.post("/preferencias", data={"theme": "light"})
    assert shown((await anyone.get("/entrar")).text) == ("pt-BR", "light")
    dark = scene.app.settings.appearance.model_copy(update={"colours": "dark"})
    scene.app.settings = scene.app.settings.model_copy(update={"appearance": dark})
    async with browser(scene) as stranger:
        assert shown((await stranger.get("/entrar")).text) == ("pt-BR", "dark")


async def test_the_menu_folds_what_belongs_together_and_opens_where_one_is(
    signed_in: SignIn,
) -> None:
    def groups(page: str) -> list[tuple[bool, int]]:
        """Whether each group of the menu is open, and how many links it has."""
        menu = page.partition('class="main-nav"')[2].partition("</nav>")[0]
        return [
            ("open" in head, body.count("<a "))
            for head, body in re.findall(r"<details([^>]*)>(.*?)</details>", menu, re.DOTALL)
        ]

    admin, curator = await signed_in("admin"), await signed_in("curator")
    auditor, reader = await signed_in("auditor"), await signed_in("reader")
    home, people = (await admin.get("/")).text, (await admin.get("/admin/usuarios")).text
    assert [opened for opened, _ in groups(home)] == [False, False]
    assert [opened for opened, _ in groups(people)] == [False, True]
    assert groups((await reader.get("/")).text) == []
    assert groups((await auditor.get("/admin/auditoria")).text) == []
    page = (await curator.get("/avaliacao")).text
    assert groups(page)[0] == (True, 3)
    assert page.count('aria-current="page"') == 1
