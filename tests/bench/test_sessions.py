"""Many people in browsers at once: all of their answers are written together, and one more waits.

A real service with a model file of random weights, one Chromium, a window and an account for each.
`GOVBOT_BENCH_SESSIONS` (30) changes the number, `GOVBOT_BENCH_SHOT` says where the picture of the
one who waits is put.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, Page, async_playwright

from govbot.app import open_store
from govbot.auth import groups, users
from govbot.config import load_settings
from govbot.db.access import Role, as_system
from tests.bench.shapes import SHAPES, write_shape
from tests.browser.conftest import FLAGS
from tests.system.installation import Installation

SESSIONS = int(os.environ.get("GOVBOT_BENCH_SESSIONS", "30"))
SHOT = os.environ.get("GOVBOT_BENCH_SHOT", "")
PASSWORD = "uma senha de teste bem longa"
QUESTION = "Quantos dias de férias tem o servidor e quem decide sobre elas?"
_LOOK = """() => [
    document.querySelector('.answer .prose')?.innerText.trim().length || 0,
    document.querySelector('[data-answer]') !== null,
]"""
RUNNING = [0]
PER_ANSWER = 700  # tokens


@pytest.mark.timeout(1800)
async def test_thirty_answers_at_once_and_one_who_waits(tmp_path: Path) -> None:
    model = write_shape(tmp_path / "tiny.gguf", SHAPES["tiny"])
    house = Installation(
        tmp_path,
        {
            "GOVBOT_GENERATION__MODEL_PATH": str(model),
            "GOVBOT_GENERATION__SLOTS": str(SESSIONS),
            "GOVBOT_GENERATION__MAX_TOKENS": str(PER_ANSWER),
            "GOVBOT_RETRIEVAL__PASSAGES": "2",
            "GOVBOT_ANSWERS__CACHE": "off",
        },
    )
    with house.serving("--demo") as server:
        await _people(house)
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path="/usr/bin/chromium", args=FLAGS
            )
            windows = [
                await _signed_in(browser, server.address, number) for number in range(SESSIONS + 1)
            ]
            began = time.perf_counter()
            counting = asyncio.create_task(_most_running(server.address))
            watching = [
                asyncio.create_task(_asked(page, began, number * 0.05))
                for number, page in enumerate(windows[:-1])
            ]
            last = windows[-1]
            while RUNNING[-1] < SESSIONS:
                await asyncio.sleep(0.2)
            await _ask(last)
            status = last.locator(".answer .status")
            await status.filter(has_text=re.compile("fila", re.IGNORECASE)).wait_for()
            print(f"\nthe {SESSIONS + 1}st reads: {await status.inner_text()}")
            if SHOT:
                await last.screenshot(path=SHOT)
            times = await asyncio.gather(*watching)
            _, answered = await _watched(last, began)
            print(f"and is answered after {answered:.1f} s")
            counting.cancel()
            await browser.close()
    firsts, ends = (sorted(column) for column in zip(*times, strict=True))
    print(
        f"{SESSIONS} sessions: first words after {firsts[0]:.1f} to {firsts[-1]:.1f} s, "
        f"ends after {ends[0]:.1f} to {ends[-1]:.1f} s (all browsers on this machine); at most "
        f"{max(RUNNING)} were being written at one moment"
    )
    assert max(RUNNING) == SESSIONS


async def _most_running(address: str) -> None:
    """Notes, until it is cancelled, how many answers the model is writing."""
    async with httpx.AsyncClient() as client:
        while True:
            text = (await client.get(f"{address}/metrics", timeout=60)).text
            found = re.search(r"^govbot_model_running\{.*\} (\d+)", text, re.MULTILINE)
            RUNNING.append(int(found[1]) if found else 0)
            await asyncio.sleep(0.5)


async def _people(house: Installation) -> None:
    settings = load_settings(environ=house.environ)
    async with open_store(settings) as pool, as_system(pool) as conn:
        group = await groups.by_name(conn, "servidores")
        for number in range(SESSIONS + 1):
            user = await users.create_user(
                conn, username=f"pessoa{number}", name=f"Pessoa {number}", password=PASSWORD,
                role=Role.USER,
            )  # fmt: skip
            await groups.add_member(conn, group.id, user)


async def _signed_in(browser: Browser, address: str, number: int) -> Page:
    context = await browser.new_context(
        base_url=address, locale="pt-BR", viewport={"width": 1000, "height": 700}
    )
    page = await context.new_page()
    page.set_default_timeout(120_000)
    await page.goto("/")
    await page.get_by_label("Nome de usuário").fill(f"pessoa{number}")
    await page.get_by_label("Senha").fill(PASSWORD)
    await page.get_by_role("button", name="Entrar").click()
    await page.get_by_label("Sua pergunta").wait_for()
    return page


async def _ask(page: Page) -> None:
    await page.get_by_label("Sua pergunta").fill(QUESTION)
    await page.keyboard.press("Enter")


async def _asked(page: Page, began: float, after: float) -> tuple[float, float]:
    """Seconds until the first word, and until the end."""
    await asyncio.sleep(after)
    await _ask(page)
    return await _watched(page, began)


async def _watched(page: Page, began: float) -> tuple[float, float]:
    first = 0.0
    while True:
        # Asked from here: windows that nobody looks at draw no frames, by which others wait.
        written, over = await page.evaluate(_LOOK)
        now = time.perf_counter() - began
        first = first or (now if written else 0.0)
        if over:
            return first, now
        await asyncio.sleep(0.5)
