"""The site over a real database, asked in the process, without a browser."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from govbot.db.pool import Pool
from govbot.web.site import build_site
from tests.web.scene import PASSWORD, Scene, make_scene

ADDRESS = "http://govbot.test"
Client = httpx.AsyncClient
SignIn = Callable[[str], Awaitable[Client]]


@pytest.fixture
async def scene(pool: Pool, tmp_path: Path) -> Scene:
    return await make_scene(pool, tmp_path)


@pytest.fixture
async def anyone(scene: Scene) -> AsyncIterator[Client]:
    """A browser that is not signed in."""
    async with browser(scene) as client:
        yield client


@pytest.fixture
async def signed_in(scene: Scene) -> AsyncIterator[SignIn]:
    """Opens a browser in which somebody of the cast is signed in, the CSRF token at hand."""
    opened: list[Client] = []

    async def open_for(name: str) -> Client:
        client = browser(scene)
        opened.append(client)
        answer = await client.post("/entrar", data={"username": name, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        page = await client.get("/conta")
        client.headers["x-csrf-token"] = csrf_of(page.text)
        return client

    yield open_for
    for client in opened:
        await client.aclose()


def browser(scene: Scene, **options: object) -> Client:
    site = build_site(scene.app, **options)  # type: ignore[arg-type]
    transport = httpx.ASGITransport(app=site, client=("192.0.2.7", 50000))  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=transport, base_url=ADDRESS, headers={"accept": "text/html"})


def csrf_of(page: str) -> str:
    found = re.search(r'"X-CSRF-Token": "([^"]+)"', page)
    assert found, "the page holds no CSRF token"
    return found[1]


HTMX = {"hx-request": "true"}
