"""Personal data in the browser: places of a document, what answers hide, export, erasure."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page

from govbot.db.pool import Pool
from govbot.jobs.queue import Queue
from tests.browser.conftest import OpenPage
from tests.web.office import Office, make_office

TEXT = (
    "Portaria nº 9\n\nDesigna Ana Lima, CPF 123.456.789-09, RG 1.234.567, fone (83) 99999-1234 e\n"
    "ana.lima@exemplo.gov.br, e Bruno, CPF 987.654.321-00, para fiscalizar o contrato.\n"
)


@pytest_asyncio.fixture(loop_scope="session")
async def scene(pool: Pool, queue: Queue, tmp_path: Path) -> Office:
    return await make_office(pool, queue, tmp_path)


@pytest.mark.parametrize("width", [360, 1280])
async def test_personal_data_from_the_document_to_the_erasure(
    scene: Office, open_page: OpenPage, width: int
) -> None:
    await scene.put("portaria.txt", TEXT.encode())
    await scene.desk.work()
    order = await scene.document("portaria.txt")
    size = {"width": width, "height": 900}
    colours = "dark" if width == 360 else "light"
    page = await open_page("curator", viewport=size, color_scheme=colours)
    await page.goto(f"/documentos/{order.id}")
    await page.locator("#dados-pessoais").scroll_into_view_if_needed()
    await _seen(page, f"document-{width}")
    await page.locator("#dados-pessoais a.button").click()
    assert await page.locator(".personal-places li").count() == 5
    await _seen(page, f"places-{width}")
    await page.goto(f"/colecoes/{scene.laws}")
    await page.locator("input[name=mask-cpf]").check()
    await page.locator("#dados-pessoais button").click()
    assert await page.locator("input[name=mask-cpf]").is_checked()
    await _seen(page, f"collection-{width}")
    own = await open_page("reader", viewport=size)
    await own.goto("/conta")
    async with own.expect_download() as download:
        await own.locator("form[action='/conta/dados'] button").click()
    assert (await download.value).suggested_filename == "dados-pessoais.zip"
    await _seen(own, f"account-{width}")
    admin = await open_page("admin", viewport=size)
    await admin.goto(f"/admin/usuarios/{scene.actors['reader'].id}")
    await _seen(admin, f"person-{width}")
    await admin.locator("#dados-pessoais a.button").click()
    await _seen(admin, f"erase-{width}")
    await admin.locator("input[name=username]").fill("reader")
    await admin.locator("form[action$='/apagar'] button").click()
    await admin.locator("p.good").wait_for()
    await _seen(admin, f"erased-{width}")


async def _seen(page: Page, name: str) -> None:
    """Nothing is wider than the window."""
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert await page.evaluate(wide) <= 0, name
