"""A real server on a port, a real database behind it, and Chromium in front."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.async_api import Browser, Page, async_playwright

from govbot.db.pool import Pool
from govbot.web.site import build_site
from tests.web.scene import PASSWORD, Scene, make_scene

# Chromium must not look for anything outside; as root it has no sandbox of its own.
FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    *(["--no-sandbox"] if os.geteuid() == 0 else []),
]
OpenPage = Callable[..., Awaitable[Page]]


@pytest.fixture
async def scene(pool: Pool, tmp_path: Path) -> Scene:
    return await make_scene(pool, tmp_path)


@pytest.fixture
async def address(scene: Scene) -> AsyncIterator[str]:
    """Where the server answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            build_site(scene.app),  # type: ignore[arg-type]
            log_config=None,
            lifespan="on",
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve([listener]))
        while not server.started:
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await serving


@pytest.fixture(scope="session")
def devtools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running Chromium: starting one takes longer than most tests."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed")
    profile = tmp_path_factory.mktemp("chromium")
    options = ["--headless=new", "--remote-debugging-port=0", f"--user-data-dir={profile}"]
    with (profile / "log").open("wb") as log:
        process = subprocess.Popen([program, *options, *FLAGS], stdout=log, stderr=log)
    port = profile / "DevToolsActivePort"
    deadline = time.monotonic() + 30
    while not port.exists() or not port.read_text().strip():
        assert process.poll() is None, (profile / "log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port.read_text().split()[0]}"
    process.terminate()
    process.wait(10)


@pytest.fixture
async def chromium(devtools: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.connect_over_cdp(devtools, timeout=120_000)
        yield browser
        for context in browser.contexts[1:]:  # the first is the browser's own
            await context.close()
        await browser.close()


@pytest.fixture
async def open_page(chromium: Browser, address: str) -> AsyncIterator[OpenPage]:
    """Opens a window in which somebody of the cast is signed in; any complaint of the browser
    (a script error, something the content security policy refused) fails the test."""
    complaints: list[str] = []

    async def open_for(name: str | None, **options: Any) -> Page:
        context = await chromium.new_context(base_url=address, locale="pt-BR", **options)
        page = await context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: _note(complaints, line.type, line.text))
        await page.goto("/")
        if name:
            await page.get_by_label("Nome de usuário").fill(name)
            await page.get_by_label("Senha").fill(PASSWORD)
            await page.get_by_role("button", name="Entrar").click()
            await page.wait_for_url(lambda url: "/entrar" not in url)
        return page

    yield open_for
    assert complaints == []


def _note(complaints: list[str], kind: str, text: str) -> None:
    refused = "status of 4" in text or "Status Error Code 4" in text
    if kind == "error" and not refused:
        complaints.append(text)
