"""An administrator's first day in Chromium: the guide, settings, an announcement; two widths."""

from __future__ import annotations

from playwright.async_api import Page, expect

from govbot.db.access import as_system
from tests.browser.conftest import OpenPage
from tests.web.scene import Scene

NARROW = {"width": 360, "height": 780}
WIDE = {"width": 1280, "height": 900}


async def test_the_first_day_of_an_administrator(scene: Scene, open_page: OpenPage) -> None:
    async with as_system(scene.app.pool) as conn:  # as if nothing had been done yet
        await conn.execute("DELETE FROM document_versions")
        await conn.execute("DELETE FROM documents")
        await conn.execute("DELETE FROM collections")
    page = await open_page("admin", viewport=WIDE)
    await page.goto("/")
    await expect(page.get_by_role("heading", name="Primeiros passos")).to_be_visible()
    await page.get_by_role("link", name="Nome da organização").click()
    await page.get_by_role("textbox", name="Nome da organização").fill("Câmara de Aurora")
    await page.get_by_role("button", name="Salvar e continuar").click()
    await page.get_by_role("textbox", name="Nome da coleção").fill("Normas")
    await page.get_by_role("button", name="Criar e continuar").click()
    await expect(page.get_by_text("Escolha arquivos")).to_be_visible()
    await page.get_by_role("button", name="Pular este passo").click()
    await expect(page.get_by_role("link", name="Várias, de uma tabela (CSV)")).to_be_visible()
    await page.get_by_role("link", name="Modelo de linguagem").click()
    await expect(page.get_by_text("Funciona sem modelo")).to_be_visible()
    await page.get_by_role("button", name="Pular este passo").click()
    await expect(page.get_by_role("heading", name="Pronto")).to_be_visible()
    await expect(page).to_have_title("Primeiros passos · Câmara de Aurora")
    await _settings(page)
    await _announcement(page)
    for size in (WIDE, NARROW):
        await page.set_viewport_size(size)
        for path in (
            "/admin", "/admin/comecar?passo=3", "/admin/sistema", "/admin/configuracoes",
            "/admin/configuracoes/historico", "/admin/avisos", "/admin/permissoes",
            "/admin/usuarios/importar",
        ):  # fmt: skip
            await page.goto(path)
            width = await page.evaluate("document.documentElement.scrollWidth")
            assert width <= size["width"], path


async def _settings(page: Page) -> None:
    await page.goto("/admin/configuracoes")
    await page.get_by_label("Dias na lixeira").fill("7")
    await page.get_by_role("button", name="Salvar: Documentos").click()
    await page.get_by_label("Sei que o que for mais antigo será excluído.").check()
    await page.get_by_role("button", name="Salvar: Documentos").click()
    await expect(page.get_by_text("Salvo. Já está valendo.")).to_be_visible()
    await page.get_by_role("link", name="Histórico", exact=True).first.click()
    await page.get_by_role("button", name="Voltar Dias na lixeira para 30").click()
    await expect(page.get_by_text("Desfeito.")).to_be_visible()


async def _announcement(page: Page) -> None:
    await page.goto("/admin/avisos")
    await page.get_by_label("Texto em português").fill("Hoje o sistema para às 18 h.")
    await page.get_by_role("button", name="Publicar").click()
    banner = page.locator(".announcement")
    await expect(banner).to_contain_text("às 18 h")
    await banner.get_by_role("button", name="Dispensar este aviso").click()
    await expect(banner).to_have_count(0)
    await page.reload()
    await expect(banner).to_have_count(0)
