"""Every page of the table of routes in Chromium: accessibility (axe-core) in both themes, valid
HTML, nothing that its own policy refuses, no sideways scrolling, little weight, nothing that jumps.

A new row of tests/web/table.py is looked at by itself; MORE has pages that other people see
differently.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Error, Page, expect

from govbot.auth import sessions
from govbot.auth.sessions import Method
from govbot.db.access import as_system
from govbot.db.pool import Pool
from govbot.jobs.queue import Queue
from govbot.web import cookies
from tests.browser.markup import faults
from tests.prepared import Prepared
from tests.web.office import Office
from tests.web.stage import Stage, stage_of
from tests.web.table import TABLE

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
ORDER = ("admin", "curator", "reader", "writer", "auditor", "nobody")  # the first who may see it
MORE = (
    ("reader", "/"), ("reader", "/documentos"), ("reader", "/colecoes"), ("reader", "/conta"),
    ("stranger", "/documentos"), ("curator", "/documentos"), ("auditor", "/admin/auditoria"),
    ("auditor", "/conta"), ("admin", "/there-is-no-such-page"),
)  # fmt: skip
WIDE, MIDDLE, NARROW = 1440, 768, 360
TIGHT = 1200  # the narrowest at which lists are tables beside the menu
# Of a page with all it needs, compressed, pictures of documents aside; of those that come first.
MOST_BYTES, FIRST_BYTES = 80_000, 60_000
FIRST = ("/entrar", "/", "/colecoes", "/conta", "/admin/auditoria")
MOST_SHIFT = 0.01  # cumulative layout shift; up to 0.1 counts as good

WATCH = """
window.refused = []; window.shifted = 0; window.moved = [];
document.addEventListener("securitypolicyviolation",
    (event) => window.refused.push(`policy: ${event.effectiveDirective} ${event.blockedURI}`));
window.addEventListener("error", (event) => window.refused.push(`script: ${event.message}`));
window.addEventListener("unhandledrejection",
    (event) => window.refused.push(`script: ${event.reason}`));
new PerformanceObserver((list) => {
    for (const { hadRecentInput, sources, value } of list.getEntries()) if (!hadRecentInput) {
        window.shifted += value;
        window.moved.push(...sources.map(({ node, previousRect, currentRect }) =>
            `${node?.nodeName}.${node?.className} ${previousRect.y} to ${currentRect.y}`));
    }
}).observe({ type: "layout-shift", buffered: true });
"""
AUDIT = """
async ({ without, ...run }) => {
    const context = { include: [["html"]], exclude: without ? [[without]] : [] };
    const { violations } = await axe.run(context, {
        resultTypes: ["violations"], preload: false, ...run,
    });
    return violations.flatMap(({ id, nodes }) => nodes.slice(0, 3).map((node) =>
        `${id}: ${node.target.join(" ")} ${node.any.concat(node.all, node.none)
            .map(({ message }) => message).join("; ").slice(0, 240)}`));
}
"""
WEIGHT = """
() => performance.getEntriesByType("resource").concat(performance.getEntriesByType("navigation"))
    .filter(({ name }) => !name.includes("/imagem"))
    .reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0)
"""
# What can be scrolled sideways, the page or a part that is not made for it, and what sticks out.
SIDEWAYS = """
() => [document.documentElement, ...document.querySelectorAll("#main, .column, .thread, .desk")]
    .filter((each) => each.scrollWidth > each.clientWidth + 1)
    .map((each) => {
        const edge = each.getBoundingClientRect().left + each.clientWidth + 1;
        const out = [...each.querySelectorAll("*")]
            .filter((inner) => inner.getBoundingClientRect().right > edge).slice(-3)
            .map((inner) => `${inner.tagName}.${inner.className} ${inner.textContent.trim()}`);
        return `${each.tagName}.${each.className} is ${each.scrollWidth} wide, ${out}`;
    })
"""
# Whether the element that has the focus follows the one before, can be seen and shows its focus.
STEP = """
() => {
    const here = document.activeElement, before = window.before;
    if (here === document.body || here === window.first) return "end";
    window.first ??= here;
    window.before = here;
    const name = `${here.tagName} ${here.id} ${here.className} ${here.textContent.slice(0, 40)}`;
    if (before && before.compareDocumentPosition(here) & Node.DOCUMENT_POSITION_PRECEDING)
        return `goes back: ${name}`;
    const { outlineStyle, outlineWidth } = getComputedStyle(here);
    const marked = outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
    const field = here.closest(".drop-zone, .composer");
    if (!marked && !(field && getComputedStyle(field).outlineStyle !== "none"))
        return `no mark: ${name}`;
    return here.checkVisibility({ visibilityProperty: true }) ? "" : `hidden: ${name}`;
}
"""
GOV = """
() => {
    const base = document.querySelector('link[href*="css/base.css"]').href;
    const href = base.replace("base.css", "gov.css");
    const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href });
    document.head.append(link);
}
"""
# The menu is the same on every page: it is looked at on those that everybody begins with.
MENU = {"without": "#sidebar"}
ALL_RULES = {"runOnly": {"type": "tag", "values": TAGS}}
CONTRAST = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
DARK = {"runOnly": {"type": "rule", "values": [*CONTRAST["runOnly"]["values"], "target-size"]}}


@pytest_asyncio.fixture(loop_scope="session")
async def stage(prepared: Prepared | None, pool: Pool, queue: Queue, tmp_path: Path) -> Stage:
    stage = stage_of(prepared, pool, queue, tmp_path)
    settings = stage.office.app.settings
    shown = settings.appearance.model_copy(update={"styleguide": True})
    stage.office.app.settings = settings.model_copy(update={"appearance": shown})
    return stage


@pytest.fixture
def scene(stage: Stage) -> Office:
    return stage.office


@pytest_asyncio.fixture(loop_scope="session")
async def windows(
    scene: Office, chromium: Browser, address: str
) -> AsyncIterator[Mapping[str, BrowserContext]]:
    """A browser for each person, signed in."""
    opened: dict[str, BrowserContext] = {}
    for name in (*ORDER, "stranger"):
        context = opened[name] = await chromium.new_context(base_url=address, locale="pt-BR")
        await context.add_init_script(WATCH)
        if name == "nobody":
            continue
        async with as_system(scene.app.pool) as conn:
            session = await sessions.open_session(
                conn, scene.actors[name], method=Method.PASSWORD, user_agent="Chromium",
                settings=scene.app.settings.auth,
            )  # fmt: skip
        cookie = cookies.name_of(cookies.SESSION, scene.app.settings)
        await context.add_cookies([{"name": cookie, "value": session.token, "url": address}])
    yield opened
    for context in opened.values():
        await context.close()


def addresses(stage: Stage) -> list[tuple[str, str]]:
    """Who looks at which address: every GET route that shows somebody something."""
    found: dict[str, str] = {}
    for row in TABLE:
        if row.method != "GET" or row.path.endswith("/eventos"):
            continue
        path = stage.address(row.path, row.use)
        if row.query:
            query = stage.filled(dict([row.query.split("=", 1)]))
            path += "?" + "&".join(f"{name}={value}" for name, value in query.items())
        who = next((name for name in ORDER if row.expected.get(name) == 200), "")
        if row.path == "/styleguide":
            who = "admin"
        if who:
            found.setdefault(path, who)
    return [*((who, path) for path, who in found.items()), *MORE]


@pytest.mark.timeout(900)  # on a busy machine; a minute on a quiet one
async def test_every_page_is_accessible_valid_light_and_fits_every_screen(
    stage: Stage, windows: Mapping[str, BrowserContext]
) -> None:
    waiting = addresses(stage)
    seen: dict[str, list[str]] = {}

    async def look() -> None:
        pages: dict[str, Page] = {}
        while waiting:
            who, path = waiting.pop()
            if who not in pages:
                pages[who] = await windows[who].new_page()
            try:
                found = await examine(pages[who], path)
            except Error as error:
                found = [] if "Download is starting" in str(error) else [str(error)[:300]]
                await pages.pop(who).close()
            if found is not None:
                seen[f"{who} {path}"] = found

    await asyncio.gather(look(), look(), look())
    assert len(seen) > 60
    told = [f"{path}\n    " + "\n    ".join(found) for path, found in sorted(seen.items()) if found]
    assert not told, "\n".join(told)


async def examine(page: Page, path: str) -> list[str] | None:
    """What is wrong with one page; None for what is not a page."""
    await page.set_viewport_size({"width": WIDE, "height": 900})
    await page.emulate_media(color_scheme="light", reduced_motion="reduce")
    answer = await page.goto(path, wait_until="load", timeout=30_000)
    assert answer is not None
    if not answer.headers.get("content-type", "").startswith("text/html"):
        return None
    found = [f"html: {each}" for each in faults(await answer.text())]
    part = {} if path in FIRST else MENU
    await page.evaluate(AXE)
    found += [f"light {each}" for each in await page.evaluate(AUDIT, ALL_RULES | part)]
    found += await measures(page, path)
    for width in (TIGHT, MIDDLE):
        await page.set_viewport_size({"width": width, "height": 800})
        found += [f"{width}: {each}" for each in await page.evaluate(SIDEWAYS)]
    await page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    await page.set_viewport_size({"width": NARROW, "height": 800})
    found += [f"{NARROW}: {each}" for each in await page.evaluate(SIDEWAYS)]
    found += [f"dark {NARROW} {each}" for each in await page.evaluate(AUDIT, DARK | part)]
    return found + await page.evaluate("refused")


async def measures(page: Page, path: str) -> list[str]:
    """Weight, what moved while the page was built, and its width."""
    found: list[str] = []
    weight, shift = await page.evaluate(WEIGHT), await page.evaluate("shifted")
    if weight > (FIRST_BYTES if path in FIRST else MOST_BYTES):
        found.append(f"weight: {weight} bytes")
    if shift > MOST_SHIFT:
        found.append(f"layout shift: {shift:.3f} {await page.evaluate('moved')}")
    return found + [f"{WIDE}: {each}" for each in await page.evaluate(SIDEWAYS)]


async def test_every_look_keeps_its_contrast_and_keys_go_everywhere_with_and_without_scripts(
    stage: Stage, chromium: Browser, address: str, windows: Mapping[str, BrowserContext]
) -> None:
    chat = f"/conversas/{stage.ids['conversation']}"
    for who, path in (("admin", "/styleguide"), ("reader", chat)):
        page = await windows[who].new_page()
        await page.goto(path)
        assert await looks(page) == {}
    page = await windows["admin"].new_page()
    await page.emulate_media(reduced_motion="reduce")
    for path in ("/documentos", "/styleguide"):
        await page.goto(path)
        assert await page.evaluate("document.getAnimations().length") == 0
        assert await keys(page) == []
    state = await windows["admin"].storage_state()
    narrow = {"width": NARROW, "height": 740}
    plain = await chromium.new_context(
        base_url=address, java_script_enabled=False, storage_state=state, viewport=narrow,
        locale="pt-BR",
    )  # fmt: skip
    await menu(await plain.new_page())
    await plain.close()


async def looks(page: Page) -> dict[str, Any]:
    """What cannot be read in the government's look and ours: light, dark, high contrast."""
    found: dict[str, Any] = {}
    await page.emulate_media(reduced_motion="reduce")  # no colour halfway between two
    await page.evaluate(AXE)
    for look in ("govbot", "gov"):
        if look == "gov":
            async with page.expect_response("**/gov.css"):
                await page.evaluate(GOV)
        for theme in ("light", "dark", "contrast"):
            await page.evaluate(
                "(name) => { document.documentElement.dataset.theme = name }", theme
            )
            found[f"{look} {theme}"] = await page.evaluate(AUDIT, CONTRAST)
    return {name: faulty for name, faulty in found.items() if faulty}


async def keys(page: Page) -> list[str]:
    """Where the Tab key does not go on, or does not show where it is; the link over the menu."""
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.className") == "skip"
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "main"
    await page.reload()
    found: list[str] = []
    for _ in range(60):
        await page.keyboard.press("Tab")
        step = await page.evaluate(STEP)
        if step == "end":
            break
        found += [step] if step else []
    return found


async def menu(page: Page) -> None:
    """The menu of a small screen opens and closes by its address alone."""
    await page.goto("/documentos")
    people = page.get_by_role("link", name="Pessoas", exact=True)
    await page.get_by_role("link", name="Abrir o menu").click()
    await page.locator(".nav-group > summary").last.click()
    await expect(people).to_be_visible()
    await page.get_by_role("link", name="Fechar o menu").click()
    await expect(people).to_be_hidden()
