"""Files that go on being sent: on other pages, after a refusal; given up; whole folders.
And rows that are ticked and follow by a stream."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Page, Route, expect

from govbot.db.access import as_system
from govbot.db.pool import Pool
from govbot.jobs.queue import Queue
from tests.browser.conftest import OpenPage
from tests.web.office import Office, make_office

NOTE = "Art. 1º O protocolo funciona das oito às dezessete horas.\n"


@pytest_asyncio.fixture(loop_scope="session")
async def scene(pool: Pool, queue: Queue, tmp_path: Path) -> Office:
    return await make_office(pool, queue, tmp_path)


def files_of(folder: Path) -> list[Path]:
    found = []
    for name in ("primeiro.txt", "segundo.txt", "terceiro.txt"):
        path = folder / name
        path.write_text(NOTE + name)
        found.append(path)
    return found


async def fits(page: Page) -> bool:
    return bool(
        await page.evaluate(
            "[document.documentElement, document.getElementById('main')]"
            ".every((part) => part.scrollWidth <= part.clientWidth)"
        )
    )


async def test_files_go_on_being_sent_on_other_pages_and_can_be_given_up(
    scene: Office, open_page: OpenPage, tmp_path: Path
) -> None:
    page = await open_page("writer", viewport={"width": 360, "height": 740})
    held, refused = asyncio.Event(), 0

    async def slow(route: Route) -> None:
        nonlocal refused
        if not held.is_set():
            refused += 1
            await route.fulfill(status=429, headers={"Retry-After": "1"}, body="<p>Espere.</p>")
        else:
            await route.continue_()

    await page.route("**/documentos/envios/*/partes*", slow)
    await page.goto("/documentos")
    await page.get_by_label("Escolha arquivos").set_input_files(files_of(tmp_path))
    rows = page.get_by_role("form", name="Enviar documentos").get_by_role("listitem")
    await expect(rows).to_have_count(3)
    assert await fits(page)
    await page.get_by_role("button", name="Cancelar: terceiro.txt").click()
    await expect(rows).to_have_count(2)
    await page.goto("/colecoes")
    tray = page.get_by_role("complementary", name="Arquivos em envio")
    await expect(tray.get_by_role("status")).to_have_text("0 de 2 arquivos enviados.")
    assert await fits(page)
    held.set()
    await expect(tray.get_by_role("status")).to_have_text(
        "2 de 2 arquivos enviados.", timeout=20_000
    )
    assert refused > 0
    names = {document.filename for document in await scene.documents()}
    assert names == {"primeiro.txt", "segundo.txt", "memorando.txt", "lei-12.pdf"}
    async with as_system(scene.app.pool) as conn:
        cursor = await conn.execute("SELECT count(*) AS n FROM incoming_files")
        assert (await cursor.fetchone() or {})["n"] == 0
    await tray.get_by_role("link", name="Ver os documentos").click()
    await expect(rows.filter(has_text="primeiro.txt")).to_contain_text("Recebido.")
    # Files belong to their session: the next person of this browser finds none.
    await page.goto("/colecoes")
    await page.context.clear_cookies()
    await page.goto("/entrar")
    for _ in range(50):
        if await page.evaluate("localStorage.getItem('govbot-uploads')") is None:
            break
        await asyncio.sleep(0.1)
    assert await page.evaluate("localStorage.getItem('govbot-uploads')") is None


async def test_a_folder_keeps_its_paths_and_ticked_rows_are_changed_together(
    scene: Office, open_page: OpenPage, tmp_path: Path
) -> None:
    folder = tmp_path / "normas"
    (folder / "2021").mkdir(parents=True)
    (folder / "2022").mkdir()
    for year in ("2021", "2022"):
        (folder / year / "lei.txt").write_text(NOTE + year)
    page = await open_page("curator", viewport={"width": 1280, "height": 900})
    await page.goto("/documentos")
    await page.get_by_label("Escolher uma pasta inteira").set_input_files(folder)
    await expect(page.locator("#documents").get_by_role("row")).to_have_count(5)
    places = {document.path for document in await scene.documents()}
    assert {"normas/2021/lei.txt", "normas/2022/lei.txt"} <= places
    row = page.get_by_role("row").filter(has_text="lei.txt").first
    await row.get_by_role("checkbox").check()
    await expect(page.get_by_text("1 documento marcado")).to_be_visible()
    await scene.desk.work()
    await expect(row.get_by_text("Pronto")).to_be_visible()
    await expect(row.get_by_role("checkbox")).to_be_checked()
    await page.get_by_role("checkbox", name="Marcar todos desta página").check()
    await page.get_by_label("O que fazer com eles").select_option("etiquetar")
    await page.get_by_role("button", name="Continuar").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Etiqueta").fill("conferir")
    await dialog.get_by_role("button", name="Acrescentar uma etiqueta").click()
    await expect(page.get_by_text("4 documentos alterados.")).to_be_visible()
    assert all(document.tags == ["conferir"] for document in await scene.documents())
    await page.get_by_text("Mais filtros").click()
    await page.get_by_label("Etiqueta").fill("conferir")
    await page.get_by_label("Etiqueta").press("Enter")
    await expect(
        page.get_by_role("link", name="Retirar o filtro Etiqueta: conferir")
    ).to_be_visible()
    assert "etiqueta=conferir" in page.url
    await page.reload()
    await expect(page.get_by_text("4 documentos", exact=True)).to_be_visible()
