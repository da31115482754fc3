"""An answer made of attacks, in a real browser: nothing is loaded, sent or run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest_asyncio
from playwright.async_api import Page, Route

from govbot.chat.live import Answers
from govbot.config import Settings
from govbot.db.access import as_system
from govbot.generate.extractive import ExtractiveGenerator
from govbot.generate.remote import RemoteGenerator
from govbot.ingest.receive import receive
from tests.answering import Desk
from tests.attacks import ATTACKS, QUESTION, docx, pdf
from tests.browser.conftest import OpenPage
from tests.ingestion import Cast, Parts
from tests.obeying import KEY, obeying_server
from tests.web.scene import ENCODED
from tests.web.test_leaks import House

OWN = ("127.0.0.1", "localhost")


@pytest_asyncio.fixture(loop_scope="session")
async def scene(parts: Parts, cast: Cast) -> AsyncIterator[House]:
    """Poisoned documents, and a model that obeys them."""
    texts = [attack.text for attack in ATTACKS]
    for name, body in (("a.pdf", pdf(texts[:10])), ("b.docx", docx(texts[10:]))):

        async def stream(content: bytes = body) -> AsyncIterator[bytes]:
            yield content

        await receive(
            parts, None, collection_id=cast.a, filename=name, source="upload", stream=stream()
        )
    await parts.work()
    async with as_system(parts.pool) as conn:
        await conn.execute("UPDATE users SET password_hash = %(hash)s", {"hash": ENCODED})
    async with obeying_server() as server:
        settings = Settings(generation={"base_url": server.url, "model": "m"})  # type: ignore[arg-type]
        generator = RemoteGenerator(settings.generation)
        answers = Answers(Desk(parts.settings, parts.pool, parts.embedder, generator))
        yield House(parts, answers, ExtractiveGenerator())
        await answers.close()
        await generator.aclose()


async def watched(page: Page) -> list[str]:
    """Every request that would leave for another host; it is recorded and stopped."""
    foreign: list[str] = []

    async def look(route: Route) -> None:
        url = urlsplit(route.request.url)
        if url.scheme in ("http", "https", "ws", "wss") and url.hostname not in OWN:
            foreign.append(route.request.url)
            await route.abort()
        else:
            await route.continue_()

    await page.context.route("**/*", look)
    return foreign


async def test_nothing_in_an_answer_leaves_the_page(open_page: OpenPage, tmp_path: Path) -> None:
    page = await open_page("reader")
    foreign = await watched(page)
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    await page.get_by_role("textbox").first.fill(QUESTION)
    await page.keyboard.press("Enter")
    answer = page.locator("[data-answer]")
    await answer.get_by_text("Chave de acesso").first.wait_for(timeout=60_000)
    await page.get_by_text("[omitido por segurança]").first.wait_for()
    await page.wait_for_load_state("networkidle")
    assert "CANARIO-9001" in await answer.inner_text()
    assert KEY not in await page.content()
    for kind in ("img", "iframe", "form[action*='exemplo']", "script", "style", "object", "svg a"):
        assert await answer.locator(f".prose {kind}").count() == 0, kind
    for link in await answer.locator("a").all():
        assert (await link.get_attribute("href") or "").startswith(("/", "#")), link
    # The sources too: titles, headings and quotes come from the same documents.
    cite = answer.locator("a.cite").first
    await cite.click()
    await page.wait_for_load_state("networkidle")
    await page.reload()
    await page.wait_for_load_state("networkidle")
    assert foreign == []
    assert dialogs == []
