"""A day at a service that really runs: `govbot serve` with people, two collections and three
laws, and what somebody does in a window of it, whatever the width, the colours, the language.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, Error, Locator, Page, expect

from govbot.db.access import Actor, Role, as_system
from govbot.db.dsns import Dsns
from govbot.db.pool import Connection, open_pool
from govbot.documents import collections, grants
from govbot.documents.types import Level, Principal, Target
from govbot.ids import UserId, new_id
from govbot.web.i18n import Language, language
from tests.browser.entry import enter
from tests.browser.test_every_page import (
    ALL_RULES,
    AUDIT,
    AXE,
    DARK,
    MIDDLE,
    SIDEWAYS,
    WATCH,
    WIDE,
)  # fmt: skip
from tests.system.installation import Installation, through
from tests.web.scene import ENCODED, PASSWORD, law_pdf

ALLOWANCES = """LEI MUNICIPAL Nº 40, DE 8 DE MAIO DE 2018

Dispõe sobre as diárias dos servidores públicos do Município.

Art. 1º A diária de viagem dentro do Estado é de duzentos e dez reais.

Art. 2º A prestação de contas da viagem é feita em cinco dias úteis depois do retorno.
"""
VISITORS = """LEI MUNICIPAL Nº 7, DE 3 DE JUNHO DE 2020

Art. 1º O crachá de visitante é entregue na portaria do edifício-sede.
"""
HOLIDAYS = "Em quantos períodos as férias podem ser divididas?"
TRAVEL = "De quanto é a diária de viagem dentro do Estado?"
LAWS, ORDINANCES = "Legislação", "Portarias"
PEOPLE = {
    **{f"servidora{width}": Role.USER for width in (360, 768, 1440)},
    **{"colega": Role.USER, "estranho": Role.USER, "curadora": Role.CURATOR},
    **{"aprovador": Role.CURATOR, "administradora": Role.ADMIN, "auditor": Role.AUDITOR},
}
GRANTS = (
    *((LAWS, name, Level.READ) for name in ("servidora360", "servidora768", "servidora1440")),
    *((ORDINANCES, name, Level.READ) for name in ("servidora360", "colega")),
    (LAWS, "colega", Level.READ), (LAWS, "curadora", Level.MANAGE),
    (ORDINANCES, "curadora", Level.WRITE), (ORDINANCES, "aprovador", Level.MANAGE),
)  # fmt: skip


@dataclass(frozen=True)
class Look:
    """The window somebody works in."""

    width: int
    theme: str
    code: str

    def __str__(self) -> str:
        return f"{self.width}-{self.theme}-{self.code}"


# Together they have every width, both themes and both languages.
ODD = (Look(360, "dark", "pt-BR"), Look(768, "light", "en"), Look(1440, "dark", "pt-BR"))
EVEN = (Look(360, "light", "en"), Look(768, "dark", "pt-BR"), Look(1440, "light", "en"))


async def people(dsns: Dsns) -> None:
    """The people of PEOPLE, the collections, and who may do what in them."""
    pool = await open_pool(dsns.app, size=2, name="test-day")
    async with as_system(pool) as conn:
        actors = {name: await _person(conn, name, role) for name, role in PEOPLE.items()}
        shelves = {
            name: await collections.create_collection(conn, None, name=name)
            for name in (LAWS, ORDINANCES)
        }
        await collections.set_review(conn, None, shelves[ORDINANCES], True)
        for shelf, name, level in GRANTS:
            principal = Principal.user(actors[name].id)
            await grants.set_grant(conn, None, Target.collection(shelves[shelf]), principal, level)
    await pool.close()


async def _person(conn: Connection, username: str, role: Role) -> Actor:
    actor = Actor(UserId(new_id()), username, role)
    await conn.execute(
        "INSERT INTO users (id, username, name, role, password_hash)"
        " VALUES (%(id)s, %(username)s, %(name)s, %(role)s, %(hash)s)",
        {
            "id": actor.id,
            "username": username,
            "name": f"{username.title()} Souza",
            "role": role.value,
            "hash": ENCODED,
        },
    )
    return actor


@contextmanager
def service(dsns: Dsns, folder: Path) -> Iterator[str]:
    """The address of `govbot serve` with its laws ready; new ones of ORDINANCES wait for the
    approval of a second person."""
    house = Installation(
        folder,
        {
            **through(dsns),
            "GOVBOT_EMBEDDER__KIND": "none",
            "GOVBOT_AUTH__SECOND_FACTOR": "off",
            "GOVBOT_ORGANISATION": "Prefeitura de Aurora",
        },
    )
    with ThreadPoolExecutor(1) as thread:  # a loop of its own, whatever runs here
        thread.submit(asyncio.run, people(dsns)).result()
    laws = [house.write("lei 40.txt", ALLOWANCES), house.write("lei 7.txt", VISITORS)]
    laws.append(folder / "lei 12.pdf")
    laws[-1].write_bytes(law_pdf())
    assert len(house.lines("ingest", *laws, "-c", LAWS, "--wait")) == len(laws)
    with house.serving() as server:
        yield server.address


@dataclass
class Day:
    """Somebody's window, spoken to by the words of its language."""

    browser: Browser
    address: str
    look: Look
    complaints: list[str]
    contexts: list[BrowserContext] = field(default_factory=list)
    page: Page = field(init=False)

    @property
    def language(self) -> Language:
        return language(self.look.code)

    def t(self, message: str, /, **values: Any) -> str:
        """An English sentence of the program as this window shows it."""
        text = self.language.gettext(message)
        return text % values if values else text

    def n(self, singular: str, plural: str, count: int) -> str:
        return self.language.ngettext(singular, plural, count) % {"num": count, "number": count}

    async def window(self, username: str | None = None) -> Page:
        """A window of its own; of somebody who is signed in, without going through the form."""
        height = 760 if self.look.width < 500 else 900
        context = await self.browser.new_context(
            base_url=self.address,
            locale="en-US" if self.look.code == "en" else "pt-BR",
            color_scheme="dark" if self.look.theme == "dark" else "light",
            viewport={"width": self.look.width, "height": height},
            reduced_motion="reduce",
        )
        self.contexts.append(context)
        await context.add_init_script(WATCH)
        page = await context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url} {error}"))
        page.on("console", lambda line: self._note(page.url, line.type, line.text))
        if username:
            await enter(context, username)
        return page

    def _note(self, url: str, kind: str, text: str) -> None:
        refused = "status of 4" in text or "Status Error Code 4" in text
        # htmx tells so of a request that a newer one, or the next page, has overtaken.
        overtaken = text.startswith(("htmx:afterRequest", "htmx:sendAbort", "htmx:sendError"))
        if kind == "error" and not (refused or overtaken):
            self.complaints.append(f"{url} {text}")

    async def sign_in(self, username: str) -> None:
        """The day begins."""
        self.page = await self.window()
        await self.page.goto("/")
        await self.fits("the door")
        await self.field("User name").fill(username)
        await self.field("Password").fill(PASSWORD)
        await self.press("Sign in")
        await self.page.wait_for_url(lambda url: "/entrar" not in url)

    async def beside(self, username: str) -> Day:
        """Somebody else at the same time, in a window of the same look."""
        other = Day(self.browser, self.address, self.look, self.complaints, self.contexts)
        other.page = await other.window(username)
        await other.page.goto("/")
        return other

    async def end(self) -> None:
        for context in self.contexts:
            await context.close()

    # What stands in the window, by its English name.
    def field(self, label: str, /, **values: Any) -> Locator:
        return self.page.get_by_label(self.t(label, **values), exact=True)

    def button(self, name: str, /, **values: Any) -> Locator:
        return self.page.get_by_role("button", name=self.t(name, **values), exact=True)

    def link(self, name: str, /, **values: Any) -> Locator:
        return self.page.get_by_role("link", name=self.t(name, **values), exact=True)

    def heading(self, name: str, /, **values: Any) -> Locator:
        return self.page.get_by_role("heading", name=self.t(name, **values), exact=True)

    def state(self, name: str) -> Locator:
        """A filter of the list of documents, such as "Trash 2"."""
        return self.page.locator("#figures").get_by_role("link", name=self.t(name))

    def row(self, text: str) -> Locator:
        return self.page.get_by_role("row").filter(has_text=text)

    @property
    def dialog(self) -> Locator:
        return self.page.get_by_role("dialog")

    async def press(self, name: str, /, **values: Any) -> None:
        await self.button(name, **values).click()

    async def follow(self, name: str, /, **values: Any) -> None:
        await self.link(name, **values).click()

    async def menu(self) -> None:
        """Where the menu is folded away, it is opened."""
        if self.look.width < 960:
            await self.follow("Open the menu")

    async def go(self, name: str, group: str = "") -> None:
        """To another part of the program, by the menu."""
        await self.menu()
        nav = self.page.get_by_role("navigation", name=self.t("Main"), exact=True)
        entry = nav.get_by_role("link", name=self.t(name), exact=name != "Reviews")
        if group and not await entry.is_visible():
            await nav.get_by_text(self.t(group), exact=True).click()
        path = await entry.get_attribute("href")
        await entry.click()
        await self.page.wait_for_url(lambda url: urlsplit(url).path == path)

    async def sees(self, message: str, /, **values: Any) -> None:
        await expect(self.page.get_by_text(self.t(message, **values)).first).to_be_visible()

    async def said(self, message: str, /, **values: Any) -> None:
        """A sentence that screen readers read out."""
        told = self.page.locator("[role=status], [role=alert]")
        await expect(told.filter(has_text=self.t(message, **values)).first).to_be_visible()

    async def fits(self, step: str, page: Page | None = None) -> None:
        """Nothing scrolls sideways, and nothing was refused by the policy of the page."""
        page = page or self.page
        assert await _told(page, SIDEWAYS) == [], f"{step} at {self.look}"
        refused = await _told(page, "window.refused.splice(0)")
        self.complaints += [f"{step}: {each}" for each in refused]

    async def axe(self, step: str) -> None:
        """This state of the page, which no address has, is as accessible as the pages are: all
        rules on the widest screen, contrast and the size of targets on the narrowest."""
        if self.look.width != MIDDLE:
            await self.page.evaluate(AXE)
            rules = ALL_RULES if self.look.width == WIDE else DARK
            found = await self.page.evaluate(AUDIT, rules)
            assert found == [], f"{step} at {self.look}: {json.dumps(found, indent=1)}"
        await self.fits(step)


async def _told(page: Page, script: str) -> Any:
    """What a script says; once more where the page was on its way to another one."""
    await page.wait_for_load_state()
    try:
        return await page.evaluate(script)
    except Error:
        await page.wait_for_load_state()
        return await page.evaluate(script)
