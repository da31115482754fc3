"""The site over a real database, asked in the process, without a browser."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from govbot.auth import sessions
from govbot.auth.sessions import Method
from govbot.db.access import as_system
from govbot.db.pool import Pool
from govbot.web import cookies
from govbot.web.site import build_site
from tests.prepared import Prepared
from tests.web.programs import Shelves, shelves_of
from tests.web.scene import Scene, make_scene
from tests.web.sites import give_back, site_of

ADDRESS = "http://govbot.test"
AGENT = f"python-httpx/{httpx.__version__}"
Client = httpx.AsyncClient
SignIn = Callable[[str], Awaitable[Client]]


@pytest.fixture(autouse=True)
def _sites_come_back() -> Iterator[None]:
    yield
    give_back()


@pytest.fixture
def shelves(prepared: Prepared | None) -> Shelves:
    """A law and a hidden order, for programs."""
    return shelves_of(prepared)


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
        settings = scene.app.settings
        actor = replace(scene.actors[name], ip="192.0.2.7")
        async with as_system(scene.app.pool) as conn:
            session = await sessions.open_session(
                conn, actor, method=Method.PASSWORD, user_agent=AGENT, settings=settings.auth
            )
        client.cookies.set(
            cookies.name_of(cookies.SESSION, settings), session.token, domain="govbot.test"
        )
        client.headers["x-csrf-token"] = session.csrf
        return client

    yield open_for
    for client in opened:
        await client.aclose()


def browser(scene: Scene, **options: Any) -> Client:
    site = build_site(scene.app, **options) if options else site_of(scene.app)  # type: ignore[arg-type]
    transport = httpx.ASGITransport(app=site, client=("192.0.2.7", 50000))  # type: ignore[arg-type]
    # As it is: packed pages have a random length (test_headers.py), and some tests compare bytes.
    headers = {"accept": "text/html", "accept-encoding": "identity"}
    return httpx.AsyncClient(transport=transport, base_url=ADDRESS, headers=headers)


def csrf_of(page: str) -> str:
    found = re.search(r'"X-CSRF-Token": "([^"]+)"', page)
    assert found, "the page holds no CSRF token"
    return found[1]


HTMX = {"hx-request": "true"}
