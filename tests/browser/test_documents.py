"""Sending files and following them, in Chromium: with the mouse, the keyboard, and no script."""

from __future__ import annotations

import asyncio
import base64
import re
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, Route, expect

from govbot.db.access import as_system
from govbot.db.pool import Pool
from govbot.documents import store
from govbot.documents.types import State
from govbot.jobs.queue import Queue
from tests.browser.conftest import OpenPage
from tests.web.office import Office, make_office

NOTE = "Art. 1º O protocolo funciona das oito às dezessete horas.\n"
PICTURE = b"\x89PNG\r\n\x1a\n123"
DROP = """([zone, files]) => {
    const data = new DataTransfer();
    for (const [name, body] of files) {
        data.items.add(new File([Uint8Array.from(atob(body), (c) => c.charCodeAt(0))], name));
    }
    const event = new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
    document.querySelector(zone).dispatchEvent(event);
}"""


@pytest_asyncio.fixture(loop_scope="session")
async def scene(pool: Pool, queue: Queue, tmp_path: Path) -> Office:
    return await make_office(pool, queue, tmp_path)


def note(folder: Path, name: str = "nota.txt", text: str = NOTE) -> Path:
    path = folder / name
    path.write_text(text)
    return path


async def fits(page: Page) -> bool:
    """Nothing is wider than the window."""
    return bool(
        await page.evaluate(
            "[document.documentElement, document.getElementById('main')]"
            ".every((part) => part.scrollWidth <= part.clientWidth)"
        )
    )


async def test_a_file_is_sent_and_followed_until_it_is_ready(
    scene: Office, open_page: OpenPage, tmp_path: Path
) -> None:
    page = await open_page("curator")
    await page.goto("/documentos")
    await page.get_by_label("Escolha arquivos").set_input_files(note(tmp_path))
    await expect(page.get_by_text("Recebido. Está sendo lido.")).to_be_visible()
    row = page.get_by_role("row").filter(has_text="nota.txt")
    await expect(row.get_by_text("Na fila")).to_be_visible()
    await scene.desk.work()
    await expect(row.get_by_text("Pronto")).to_be_visible()
    await expect(page.locator("#progress-status")).to_have_text(
        "Todos os documentos estão prontos."
    )
    await row.get_by_role("link", name="Abrir o texto").click()
    await expect(page.get_by_text("O protocolo funciona")).to_be_visible()


async def test_files_are_dropped_and_a_bad_one_harms_no_other(
    scene: Office, open_page: OpenPage
) -> None:
    page = await open_page("writer")
    await page.goto("/documentos")
    dropped = [
        [name, base64.b64encode(body).decode()]
        for name, body in (("boa.txt", NOTE.encode()), ("foto.png", PICTURE), ("vazia.txt", b""))
    ]
    await page.evaluate(DROP, ["[data-drop]", dropped])
    outcomes = page.get_by_role("form", name="Enviar documentos").get_by_role("listitem")
    await expect(outcomes.filter(has_text="boa.txt")).to_contain_text("Recebido.")
    await expect(outcomes.filter(has_text="foto.png")).to_contain_text("Imagens não podem")
    await expect(outcomes.filter(has_text="vazia.txt")).to_contain_text("O arquivo está vazio.")
    await expect(page.locator("[data-upload-status]")).to_have_text("3 de 3 arquivos enviados.")
    assert "boa.txt" in [document.filename for document in await scene.documents()]


async def test_a_file_over_the_limit_is_not_even_sent(
    scene: Office, open_page: OpenPage, tmp_path: Path
) -> None:
    page = await open_page("curator")
    await page.goto("/documentos")
    await page.evaluate("document.querySelector('[data-upload]').dataset.maxBytes = '10'")
    await page.get_by_label("Escolha arquivos").set_input_files(note(tmp_path))
    await expect(page.get_by_text("O arquivo é maior que o limite de 200 MB.")).to_be_visible()
    assert len(await scene.documents()) == 2


async def test_a_document_is_deleted_from_the_keyboard_and_restored(
    scene: Office, open_page: OpenPage
) -> None:
    page = await open_page("curator")
    await page.goto("/documentos")
    await page.get_by_role("link", name="Excluir “memorando.txt”").focus()
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await page.get_by_role("link", name="Excluir “memorando.txt”").click()
    await dialog.get_by_role("button", name="Mover para a lixeira").click()
    await expect(dialog).to_be_hidden()
    await expect(page.get_by_role("row").filter(has_text="memorando.txt")).to_have_count(0)
    await page.get_by_role("link", name="Lixeira 1").click()
    await page.get_by_role("button", name="Restaurar “memorando.txt”").click()
    await expect(page.get_by_text("A lixeira está vazia.")).to_be_visible()
    assert (await scene.document("memorando.txt")).version.state is State.QUEUED


async def _trashed(scene: Office, *names: str) -> None:
    for name in names:
        await scene.put(name, f"{NOTE} {name}".encode())
        document = await scene.document(name)
        async with as_system(scene.app.pool) as conn:
            await store.trash_document(conn, None, document.id)


async def test_a_list_renewed_during_a_change_is_renewed_after_it(
    scene: Office, open_page: OpenPage
) -> None:
    await _trashed(scene, "nota 1.txt", "nota 2.txt")
    page = await open_page("curator")
    await page.goto("/documentos?estado=lixeira")
    renewed = asyncio.Event()

    async def late(route: Route) -> None:
        await renewed.wait()
        await route.continue_()

    await page.route("**/restaurar", late)
    row = page.get_by_role("row").filter(has_text="nota 1.txt")
    async with page.expect_request("**/restaurar"):
        await row.get_by_role("button", name="Restaurar").click()
    async with page.expect_response("**/documentos?*q=nota*"):
        await page.get_by_role("searchbox", name="Nome").fill("nota")
    await expect(page).to_have_url(re.compile("q=nota"))
    renewed.set()
    await expect(row).to_have_count(0)
    await expect(page.get_by_role("row").filter(has_text="nota 2.txt")).to_be_visible()


async def test_a_search_is_not_lost_to_a_change_that_comes_during_it(
    scene: Office, open_page: OpenPage
) -> None:
    await _trashed(scene, "nota 1.txt", "nota 2.txt", "outra.txt")
    page = await open_page("curator")
    await page.goto("/documentos?estado=lixeira")
    changed = asyncio.Event()

    async def early(route: Route) -> None:
        """Answers with the list as it was before the change, once that is made."""
        answer = await route.fetch()
        await changed.wait()
        await route.fulfill(response=answer)

    await page.route("**/documentos?*q=nota*", early, times=1)
    async with page.expect_request("**/documentos?*q=nota*"):
        await page.get_by_role("searchbox", name="Nome").fill("nota")
    row = page.get_by_role("row").filter(has_text="nota 1.txt")
    async with page.expect_response("**/restaurar"):
        await row.get_by_role("button", name="Restaurar").click()
    changed.set()
    await expect(page.get_by_role("row").filter(has_text="outra.txt")).to_have_count(0)
    await expect(row).to_have_count(0)
    await expect(page.get_by_role("row").filter(has_text="nota 2.txt")).to_be_visible()
    await expect(page).to_have_url(re.compile("q=nota"))


async def test_a_change_is_not_lost_on_a_list_that_has_come_and_does_not_listen_yet(
    scene: Office, open_page: OpenPage
) -> None:
    page = await open_page("curator")
    await page.goto("/documentos")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    await page.evaluate("""document.body.addEventListener("htmx:afterRequest", () =>
        document.body.dispatchEvent(new CustomEvent("documents-changed")), { once: true })""")
    async with page.expect_response("**/documentos?*q=memo*"):
        await page.get_by_role("searchbox", name="Nome").fill("memo")
    await expect(page.get_by_role("row").filter(has_text="memorando.txt")).to_be_visible()
    await page.wait_for_timeout(500)
    assert len([url for url in asked if "/documentos" in url and "q=memo" in url]) == 2


async def test_search_and_filter_work_together_and_stand_in_the_address(
    scene: Office, open_page: OpenPage
) -> None:
    page = await open_page("curator")
    await page.goto("/documentos")
    await page.get_by_role("link", name="Prontos 2").click()
    await page.wait_for_url("**estado=prontos")
    await page.get_by_role("searchbox", name="Nome").press_sequentially("memo")
    await page.wait_for_url("**q=memo**")
    await expect(page.get_by_role("row").filter(has_text="Lei das férias")).to_have_count(0)
    assert "estado=prontos" in page.url
    await page.reload()
    await expect(page.get_by_role("searchbox", name="Nome")).to_have_value("memo")
    await expect(page.get_by_role("row").filter(has_text="memorando.txt")).to_be_visible()


async def test_the_place_of_the_keyboard_survives_a_renewal_of_the_list(
    scene: Office, open_page: OpenPage, tmp_path: Path
) -> None:
    page = await open_page("curator")
    await page.goto("/documentos")
    await page.get_by_label("Escolha arquivos").set_input_files(note(tmp_path))
    await expect(page.get_by_text("Na fila")).to_be_visible()
    link = page.get_by_role("link", name="Lei das férias", exact=True)
    await link.focus()
    async with page.expect_response(lambda answer: answer.url.endswith("/documentos")):
        await page.evaluate("htmx.trigger(document.body, 'documents-sent')")
    await page.wait_for_timeout(100)
    await expect(link).to_be_focused()


async def test_everything_works_without_javascript(
    scene: Office, open_page: OpenPage, tmp_path: Path
) -> None:
    page = await open_page("curator", java_script_enabled=False)
    await page.goto("/documentos")
    await page.locator("summary", has_text="Enviar documentos").click()
    await page.locator("#files").set_input_files([note(tmp_path), note(tmp_path, "vazia.txt", "")])
    await page.get_by_role("button", name="Enviar", exact=True).click()
    await expect(page.get_by_text("Recebido. Está sendo lido.")).to_be_visible()
    await expect(page.get_by_text("O arquivo está vazio.")).to_be_visible()
    await page.get_by_role("link", name="Ver os documentos").click()
    await page.get_by_role("link", name="Excluir “nota.txt”").click()
    await page.get_by_role("button", name="Mover para a lixeira").click()
    await expect(page.get_by_role("link", name="Lixeira 1")).to_be_visible()
    await page.goto("/colecoes")
    await page.get_by_role("link", name="Legislação").click()
    await page.get_by_label("Pessoa ou grupo").fill("auditor")
    await page.get_by_role("button", name="Adicionar").click()
    await expect(page.get_by_role("listitem").filter(has_text="Auditor Souza")).to_be_visible()


async def test_access_is_given_changed_and_taken_in_place(
    scene: Office, open_page: OpenPage
) -> None:
    page = await open_page("curator")
    await page.goto(f"/colecoes/{scene.laws}")
    await page.get_by_label("Pessoa ou grupo").fill("auditor")
    await page.get_by_role("button", name="Adicionar").click()
    level = page.get_by_label("O que Auditor Souza pode fazer", exact=True)
    await level.select_option(label="Escreve")
    await page.get_by_role("button", name="Salvar o que Auditor Souza pode fazer").click()
    await expect(page.get_by_role("status").filter(has_text="Salvo.")).to_be_visible()
    await expect(level).to_have_value("write")
    await page.get_by_role("button", name="Retirar o acesso de Auditor Souza").click()
    await expect(level).to_have_count(0)
    await page.get_by_label("Pessoa ou grupo").fill("ninguem")
    await page.get_by_role("button", name="Adicionar").click()
    await expect(page.get_by_role("alert").filter(has_text="ninguém")).to_be_visible()


async def test_of_two_changes_that_are_under_way_together_the_second_is_shown(
    scene: Office, open_page: OpenPage
) -> None:
    page = await open_page("curator")
    await page.goto(f"/colecoes/{scene.laws}")
    await page.get_by_label("Pessoa ou grupo").fill("auditor")
    await page.get_by_role("button", name="Adicionar").click()
    level = page.get_by_label("O que Auditor Souza pode fazer", exact=True)
    await expect(level).to_be_visible()
    taken, shown = asyncio.Event(), asyncio.Event()

    async def save(route: Route) -> None:
        answer = await route.fetch()
        await taken.wait()
        await route.fulfill(response=answer)

    async def take(route: Route) -> None:
        answer = await route.fetch()
        taken.set()
        await shown.wait()
        await route.fulfill(response=answer)

    await page.route("**/acessos", save)
    await page.route("**/acessos/retirar", take)
    await level.select_option(label="Escreve")
    async with page.expect_response("**/acessos"):
        await page.get_by_role("button", name="Salvar o que Auditor Souza pode fazer").click()
        await page.get_by_role("button", name="Retirar o acesso de Auditor Souza").click()
    await expect(level).to_have_value("write")
    shown.set()
    await expect(level).to_have_count(0)


async def test_the_audit_log_is_verified_in_place(scene: Office, open_page: OpenPage) -> None:
    page = await open_page("auditor")
    await page.goto("/admin/auditoria")
    await page.get_by_role("button", name="Verificar a cadeia").click()
    await expect(page.get_by_text("A cadeia está íntegra")).to_be_visible()
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Baixar CSV").click()
    assert (await download.value).suggested_filename.endswith(".csv")


@pytest.mark.parametrize("width", [320, 360, 1000, 1280])
async def test_every_page_fits_into_the_window(
    scene: Office, open_page: OpenPage, width: int
) -> None:
    page = await open_page("admin", viewport={"width": width, "height": 800})
    for path in (
        "/documentos", "/documentos/enviar", "/colecoes", "/colecoes/nova",
        f"/colecoes/{scene.laws}", f"/colecoes/{scene.laws}/excluir", "/admin/usuarios",
        "/admin/usuarios/novo", f"/admin/usuarios/{scene.actors['reader'].id}", "/admin/grupos",
        "/admin/auditoria",
    ):  # fmt: skip
        await page.goto(path)
        assert await fits(page), path
