"""The site over a real database, asked in the process, without a browser."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar.types import ASGIApp

from govbot.auth import sessions
from govbot.auth.sessions import Method
from govbot.db.access import as_system
from govbot.db.pool import Pool
from govbot.web import cookies, uploads
from govbot.web.border import Border
from govbot.web.headers import Frame
from govbot.web.site import application, build_site
from tests.prepared import Prepared
from tests.web.programs import Shelves, shelves_of
from tests.web.scene import Scene, make_scene

ADDRESS = "http://govbot.test"
AGENT = f"python-httpx/{httpx.__version__}"
Client = httpx.AsyncClient
SignIn = Callable[[str], Awaitable[Client]]


class _Lent:
    """A site, and who uses it now: it takes what it needs of their application."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.body_limit = uploads.body_limit(app.settings)  # what the routes are made with
        self.site = application(self)  # type: ignore[arg-type]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.app, name)

    def __setattr__(self, name: str, value: Any) -> None:
        own = name in ("app", "body_limit", "site")
        object.__setattr__(self if own else self.app, name, value)


# Litestar needs 0.3 s to take in the routes: sites are kept and lent to one test after the other.
_SITES: list[_Lent] = []


@pytest.fixture(autouse=True)
def _sites_come_back() -> Iterator[None]:
    yield
    for lent in _SITES:
        lent.app = None


def site_of(app: Any) -> ASGIApp:
    """The site for this application: build_site without the wait."""
    wanted = uploads.body_limit(app.settings)
    fitting = [each for each in _SITES if each.body_limit == wanted]
    lent = next((each for each in fitting if each.app is app), None)
    lent = lent or next((each for each in fitting if each.app is None), None)
    if lent is None:
        lent = _Lent(app)
        _SITES.append(lent)
    lent.app = app
    return Frame(Border(lent.site, app.settings), secure=app.settings.web.secure)


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
