"""Signing in by the header of a trusted proxy; from anybody else it is only a header."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from govbot.auth import users
from govbot.auth.proxy import person_of
from govbot.config.table import Proxy
from govbot.db.access import Role, as_system
from govbot.db.pool import Pool
from tests.web.conftest import ADDRESS, Client
from tests.web.scene import Scene, make_scene
from tests.web.sites import site_of

TRUSTED, STRANGER = "192.0.2.7", "198.51.100.9"
HEADER = "X-Remote-User"
PROXY: dict[str, Any] = {
    "trusted": ("192.0.2.0/28", "::1"),
    "user_header": HEADER,
    "name_header": "X-Remote-Name",
    "groups_header": "X-Remote-Groups",
    "groups": [{"group": "gabinete", "role": "curator", "member_of": ["Gabinete"]}],
}


@pytest.fixture
async def scene(pool: Pool, tmp_path: Path) -> Scene:
    return await make_scene(pool, tmp_path, proxy=PROXY, web={"base_url": ADDRESS})


def visitor(scene: Scene, peer: str, **headers: str) -> Client:
    transport = httpx.ASGITransport(app=site_of(scene.app), client=(peer, 50000))
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    client = httpx.AsyncClient(
        transport=transport, base_url=ADDRESS, headers={"accept": "text/html", **named}
    )
    client.cookies.set("govbot_language", "en")
    return client


@pytest.fixture
async def client(scene: Scene) -> AsyncIterator[Client]:
    async with visitor(scene, TRUSTED, x_remote_user="Rita@AURORA.GOV") as found:
        yield found


async def test_the_header_of_a_trusted_proxy_opens_a_session(scene: Scene, client: Client) -> None:
    named = [(b"X-Remote-Name", "Rita Sá".encode()), (b"X-Remote-Groups", b"gabinete, outro")]
    client.headers.update(named)
    answer = await client.get("/conta", follow_redirects=True)
    assert answer.url.path == "/conta"
    assert "Rita Sá" in answer.text
    async with as_system(scene.app.pool) as conn:
        user = await users.by_username(conn, "rita")
    assert (user.role, user.groups) == (Role.CURATOR, ("Gabinete",))


async def test_the_header_of_anybody_else_is_not_believed(scene: Scene) -> None:
    for extra in ({}, {"x_forwarded_for": TRUSTED}, {"x_real_ip": TRUSTED}):
        async with visitor(scene, STRANGER, x_remote_user="admin", **extra) as client:
            assert (await client.get("/entrar/proxy")).status_code == 404
            assert (await client.get("/entrar")).status_code == 200
            assert (await client.get("/conta")).status_code == 303
    async with as_system(scene.app.pool) as conn:
        cursor = await conn.execute("SELECT count(*) AS n FROM users WHERE source = 'proxy'")
        assert await cursor.fetchone() == {"n": 0}


async def test_an_account_made_here_is_never_taken_over(scene: Scene) -> None:
    async with visitor(scene, TRUSTED, x_remote_user="admin") as client:
        answer = await client.get("/entrar/proxy")
        assert answer.status_code == 409
        assert "belongs to another account" in answer.text
        assert "govbot_session" not in client.cookies


async def test_another_user_in_the_header_ends_the_session(scene: Scene, client: Client) -> None:
    await client.get("/entrar/proxy")
    assert (await client.get("/conta")).status_code == 200
    client.headers[HEADER] = "outro@AURORA.GOV"
    assert (await client.get("/conta")).status_code == 303
    client.headers[HEADER] = "Rita@AURORA.GOV"
    assert (await client.get("/conta")).status_code == 303  # it is gone for good


async def test_the_cookie_opens_nothing_without_the_header_or_past_the_proxy(
    scene: Scene, client: Client
) -> None:
    await client.get("/entrar/proxy")
    cookie = client.cookies["govbot_session"]
    for peer, headers in (
        (TRUSTED, {}),
        (STRANGER, {}),
        (STRANGER, {"x_remote_user": "Rita@AURORA.GOV"}),
    ):
        async with visitor(scene, peer, **headers) as other:
            other.cookies.set("govbot_session", cookie)
            assert (await other.get("/conta")).status_code == 303
    assert (await client.get("/conta")).status_code == 200


async def test_two_realms_are_two_people(scene: Scene, client: Client) -> None:
    await client.get("/entrar/proxy")
    async with visitor(scene, TRUSTED, x_remote_user="rita@OUTRA.GOV") as other:
        assert (await other.get("/entrar/proxy")).status_code == 409


async def test_who_signs_out_sees_the_form_and_may_come_back(client: Client) -> None:
    await client.get("/entrar/proxy")
    page = await client.get("/conta")
    token = page.text.partition('"X-CSRF-Token": "')[2].partition('"')[0]
    answer = await client.post("/sair", headers={"x-csrf-token": token})
    assert answer.headers["location"] == "/entrar?saiu=1"
    form = await client.get("/entrar?saiu=1")
    assert 'href="/entrar/proxy?seguir=/"' in form.text


def _headers(*values: bytes, name: bytes = b"x-remote-user") -> list[tuple[bytes, bytes]]:
    return [(name, value) for value in values]


@pytest.mark.parametrize(
    ("peer", "headers", "username"),
    [
        (TRUSTED, _headers(b"rita"), "rita"),
        ("::1", _headers(b"rita"), "rita"),
        ("::ffff:192.0.2.7", _headers(b"rita"), "rita"),
        (TRUSTED, _headers(b"AURORA\\rita"), "rita"),
        (TRUSTED, _headers("josé".encode()), "josé"),
        (TRUSTED, _headers(b"rita", b"admin"), None),  # the visitor's own came through
        (TRUSTED, _headers(b""), None),
        (TRUSTED, _headers(b"a\x00b"), None),
        (TRUSTED, _headers(b"x" * 300), None),
        (TRUSTED, _headers(b"rita", name=b"x_remote_user"), None),
        (TRUSTED, [], None),
        (STRANGER, _headers(b"rita"), None),
        ("192.0.2.16", _headers(b"rita"), None),
        ("", _headers(b"rita"), None),
        ("testclient", _headers(b"rita"), None),
    ],
)
def test_whom_a_header_names(
    peer: str, headers: list[tuple[bytes, bytes]], username: str | None
) -> None:
    person = person_of(Proxy.model_validate(PROXY), peer, headers)
    assert (person.username if person else None) == username


def test_without_a_header_in_the_settings_nobody_is_named() -> None:
    settings = Proxy.model_validate({**PROXY, "user_header": ""})
    assert person_of(settings, TRUSTED, _headers(b"rita")) is None
