"""Access in Chromium: one document shut and opened, why, what a person can see, the leak test."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from govbot.auth import users
from govbot.db.access import as_system
from govbot.db.pool import Pool
from govbot.documents import grants
from govbot.documents.types import Level, Principal, Secrecy, Target
from govbot.ids import UserId
from govbot.jobs.queue import Queue
from tests.browser.conftest import OpenPage
from tests.browser.test_lifecycle import fits
from tests.web.office import Office, make_office

NARROW = {"width": 360, "height": 740}
# Two elements with one id, fields without a name, controls whose label says nothing, a heading
# that leaves a level out.
FAULTS = """
() => {
    const main = document.getElementById("main"), ids = {}, faults = [];
    for (const each of document.querySelectorAll("[id]")) {
        if (ids[each.id]) faults.push("twice: " + each.id);
        ids[each.id] = true;
    }
    for (const each of main.querySelectorAll("input:not([type=hidden]), select, textarea")) {
        const label = each.labels && each.labels.length ? each.labels[0].textContent.trim() : "";
        if (!label && !each.getAttribute("aria-label")) faults.push("no label: " + each.name);
    }
    for (const each of main.querySelectorAll("a, button")) {
        if (!each.textContent.trim() && !each.getAttribute("aria-label")) faults.push("no words");
    }
    for (const each of document.querySelectorAll("[aria-describedby], [aria-labelledby]")) {
        const names = each.getAttribute("aria-describedby") || each.getAttribute("aria-labelledby");
        for (const id of names.split(" ")) if (!document.getElementById(id)) faults.push(id);
    }
    let last = 1;
    for (const each of main.querySelectorAll("h1, h2, h3")) {
        const level = Number(each.tagName[1]);
        if (level > last + 1) faults.push("heading: " + each.textContent);
        last = level;
    }
    return faults;
}
"""


@pytest_asyncio.fixture(loop_scope="session")
async def scene(pool: Pool, queue: Queue, tmp_path: Path) -> Office:
    return await make_office(pool, queue, tmp_path)


async def english(page: Page) -> Page:
    await page.context.add_cookies(
        [{"name": "govbot_language", "value": "en", "url": page.url.partition("/entrar")[0]}]
    )
    return page


async def well_made(page: Page) -> None:
    assert await page.evaluate(FAULTS) == []
    assert await fits(page)


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
async def test_a_manager_shuts_somebody_out_of_one_document_and_asks_why(
    scene: Office, open_page: OpenPage, scripts: bool
) -> None:
    page = await english(await open_page("curator", java_script_enabled=scripts, viewport=NARROW))
    law = await scene.document("lei-12.pdf")
    await page.goto(f"/documentos/{law.id}")
    await page.get_by_role("link", name="Access…").click()
    await page.get_by_label("Person or group").fill("reader")
    await page.get_by_label("Permission").select_option("deny")
    await page.get_by_role("button", name="Add").click()
    await expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()
    lift = page.get_by_role("button", name="Lift the denial of Reader Souza")
    await expect(lift).to_be_visible()
    if scripts:
        await well_made(page)
    await page.get_by_label("Person", exact=True).fill("reader")
    await page.get_by_role("button", name="Explain").click()
    await expect(
        page.get_by_role("heading", name="Reader Souza may not read this document.")
    ).to_be_visible()
    await expect(page.get_by_text("A denial on this document takes")).to_be_visible()
    await page.get_by_role("link", name="Change the access").click()
    await lift.click()
    await expect(lift).to_have_count(0)


async def test_a_wrong_name_is_said_beside_the_field_without_leaving_the_page(
    scene: Office, open_page: OpenPage
) -> None:
    page = await english(await open_page("curator"))
    law = await scene.document("lei-12.pdf")
    await page.goto(f"/documentos/{law.id}/acesso")
    await page.get_by_label("Person or group").fill("ninguem")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert").filter(has_text="ninguem")).to_be_visible()
    await expect(page.get_by_label("Person or group")).to_have_value("ninguem")
    await well_made(page)


async def test_an_administrator_runs_the_leak_test_in_place(
    scene: Office, open_page: OpenPage
) -> None:
    await scene.put("diarias.txt", b"Art. 1 O limite de diarias do servidor e de vinte por ano.\n")
    await scene.desk.work()
    page = await english(await open_page("admin", viewport=NARROW))
    await page.goto("/admin/acesso/teste?pessoa=stranger")
    await expect(page.get_by_label("Person")).to_have_value("stranger")
    await page.get_by_label("Question").fill("Qual o limite de diárias?")
    await page.get_by_role("button", name="Run the test").click()
    await expect(page.get_by_text("Nothing leaks.")).to_be_visible()
    await expect(page.get_by_text("Blocked")).to_be_visible()
    assert page.url.endswith("?pessoa=stranger")
    await well_made(page)


@pytest.mark.parametrize("width", [320, 1000])
async def test_the_pages_of_access_fit_and_name_what_they_hold(
    scene: Office, open_page: OpenPage, width: int
) -> None:
    law = await scene.document("lei-12.pdf")
    stranger = scene.actors["stranger"]
    async with as_system(scene.app.pool) as conn:
        principal = Principal.user(stranger.id)
        await grants.set_grant(conn, None, Target.document(law.id), principal, Level.READ)
        await users.set_clearance(conn, UserId(scene.actors["admin"].id), int(Secrecy.SECRET))
    page = await english(
        await open_page("admin", viewport={"width": width, "height": 800}, color_scheme="dark")
    )
    for path in (
        f"/documentos/{law.id}", f"/documentos/{law.id}/acesso", f"/documentos/{law.id}/quem",
        f"/documentos/{law.id}/porque?pessoa=stranger", f"/colecoes/{scene.laws}",
        f"/colecoes/{scene.laws}/quem", f"/admin/usuarios/{stranger.id}",
        f"/admin/usuarios/{stranger.id}/acesso", "/conta/acesso", "/admin/acesso/teste",
    ):  # fmt: skip
        await page.goto(path)
        await well_made(page)
