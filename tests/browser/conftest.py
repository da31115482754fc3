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
import pytest_asyncio
import uvicorn
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from govbot.db.dsns import Dsns
from govbot.db.pool import Pool, open_pool
from govbot.jobs.queue import Queue, open_queue
from tests.browser.entry import enter
from tests.ingestion import Cast, add_cast
from tests.web.scene import Scene, make_scene
from tests.web.sites import give_back, site_of

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
HERE = Path(__file__).parent


# All tests here run in one event loop, in which the driver of the browser stays: to start it anew
# takes a second. What they use must live in that loop too.
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(loop_scope="session")
async def pool(dsns: Dsns) -> AsyncIterator[Pool]:
    opened = await open_pool(dsns.app, size=5, name="test-app")
    yield opened
    await opened.close()


@pytest_asyncio.fixture(loop_scope="session")
async def queue(dsns: Dsns) -> AsyncIterator[Queue]:
    async with open_queue(dsns.app) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def cast(pool: Pool) -> Cast:
    return await add_cast(pool)


@pytest_asyncio.fixture(loop_scope="session")
async def scene(pool: Pool, tmp_path: Path) -> Scene:
    return await make_scene(pool, tmp_path)


@pytest_asyncio.fixture(loop_scope="session")
async def address(scene: Scene) -> AsyncIterator[str]:
    """Where the server answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            site_of(scene.app),
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
        give_back()


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


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def driven(devtools: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.connect_over_cdp(devtools, timeout=120_000)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def chromium(driven: Browser) -> AsyncIterator[Browser]:
    """A browser without windows."""
    yield driven
    for context in driven.contexts[1:]:  # the first is the browser's own
        await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(chromium: Browser, address: str) -> AsyncIterator[OpenPage]:
    """Opens a window in which somebody of the cast is signed in; any complaint of the browser
    (a script error, something the content security policy refused) fails the test."""
    complaints: list[str] = []
    opened: list[BrowserContext] = []

    async def open_for(name: str | None, **options: Any) -> Page:
        context = await chromium.new_context(base_url=address, locale="pt-BR", **options)
        opened.append(context)
        page = await context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: _note(complaints, line.type, line.text))
        if name:  # the form itself is tried in test_sign_in.py
            await enter(context, name)
        await page.goto("/")
        return page

    yield open_for
    for context in opened:  # before the server, which waits for those who listen to it
        await context.close()
    assert complaints == []


def _note(complaints: list[str], kind: str, text: str) -> None:
    refused = "status of 4" in text or "Status Error Code 4" in text
    if kind == "error" and not refused:
        complaints.append(text)
