"""The pages of API keys: made and shown once, listed, revoked."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from govbot.auth import api_keys
from govbot.auth.bearer import Bearer, bearer_of
from govbot.auth.key_text import KEY
from govbot.config.table import Api
from govbot.db.access import as_system
from govbot.db.pool import Pool
from tests.web.conftest import Client, SignIn
from tests.web.scene import Scene, make_scene

FORM = {"name": "Portal", "scope": ["ask", "search"], "days": "30", "addresses": "192.0.2.0/24"}


@pytest.fixture
async def scene(pool: Pool, tmp_path: Path) -> Scene:
    return await make_scene(pool, tmp_path)


async def made(client: Client, **changes: object) -> str:
    """The text of a key made on the page."""
    answer = await client.post("/conta/chaves", data={**FORM, **changes})
    assert answer.status_code == 200, answer.text
    found = KEY.search(answer.text)
    assert found, answer.text
    return found[0]


def problem_of(answer: httpx.Response) -> str:
    found = re.search(r'class="problem" role="alert">.*?<span>([^<]*)</span>', answer.text, re.S)
    assert found, answer.text
    return found[1]


async def test_a_key_is_shown_once_and_works(scene: Scene, signed_in: SignIn) -> None:
    client = await signed_in("reader")
    text = await made(client)
    async with as_system(scene.app.pool) as conn:
        found = await bearer_of(conn, text, ip="192.0.2.9", settings=Api())
    assert isinstance(found, Bearer)
    assert found.actor.name == "reader"
    page = (await client.get("/conta/chaves")).text
    assert text not in page
    assert f"gb_{text[3:13]}_…" in page
    assert "192.0.2.0/24" in page


async def test_a_revoked_key_is_listed_as_ended_and_opens_nothing(
    scene: Scene, signed_in: SignIn
) -> None:
    client = await signed_in("reader")
    text = await made(client)
    page = (await client.get("/conta/chaves")).text
    action = re.search(r'action="(/conta/chaves/[0-9a-f-]{36}/revogar)"', page)
    assert action
    answer = await client.post(action[1])
    assert answer.headers["location"] == "/conta/chaves?feito=revogada"
    page = (await client.get(answer.headers["location"])).text
    assert action[1] not in page
    assert "<details" in page
    async with as_system(scene.app.pool) as conn:
        found = await bearer_of(conn, text, ip="192.0.2.9", settings=Api())
    assert not isinstance(found, Bearer)


async def test_an_administrator_sees_and_revokes_a_person_s_keys_but_makes_none(
    scene: Scene, signed_in: SignIn
) -> None:
    text = await made(await signed_in("reader"), name="<b>Robô</b>")
    admin = await signed_in("admin")
    person = scene.actors["reader"].id
    page = (await admin.get(f"/admin/usuarios/{person}/chaves")).text
    assert "<b>Robô" not in page
    assert text[3:13] in page
    assert 'name="scope"' not in page
    action = re.search(r'action="(/admin/usuarios/[^"]+/revogar)"', page)
    assert action
    assert (await admin.post(action[1])).status_code == 303
    async with as_system(scene.app.pool) as conn:
        (key,) = await api_keys.keys_of(conn, person)
    assert not key.in_force


async def test_a_person_s_address_does_not_revoke_another_s_key(
    scene: Scene, signed_in: SignIn
) -> None:
    await made(await signed_in("reader"))
    async with as_system(scene.app.pool) as conn:
        (key,) = await api_keys.keys_of(conn, scene.actors["reader"].id)
    admin, stranger = await signed_in("admin"), await signed_in("stranger")
    for client, path in (
        (stranger, f"/conta/chaves/{key.id}/revogar"),
        (admin, f"/conta/chaves/{key.id}/revogar"),
        (admin, f"/admin/usuarios/{scene.actors['stranger'].id}/chaves/{key.id}/revogar"),
    ):
        assert (await client.post(path)).status_code == 404


async def test_what_is_wrong_is_said_and_what_was_typed_stays(
    scene: Scene, signed_in: SignIn
) -> None:
    client = await signed_in("reader")
    for changes, fragment in (
        ({"scope": []}, ""),
        ({"days": "9999"}, ""),
        ({"days": "x"}, ""),
        ({"addresses": "intranet"}, "intranet"),
    ):
        answer = await client.post("/conta/chaves", data={**FORM, **changes})
        assert answer.status_code == 422
        assert fragment in problem_of(answer)
        assert 'value="Portal"' in answer.text
    async with as_system(scene.app.pool) as conn:
        assert await api_keys.keys_of(conn) == []


async def test_privileged_accounts_are_told_that_they_have_none(
    scene: Scene, signed_in: SignIn
) -> None:
    for name in ("admin", "auditor"):
        client = await signed_in(name)
        assert 'name="scope"' not in (await client.get("/conta/chaves")).text
        assert (await client.post("/conta/chaves", data=FORM)).status_code == 403


async def test_a_form_without_the_token_makes_no_key(scene: Scene, signed_in: SignIn) -> None:
    client = await signed_in("reader")
    del client.headers["x-csrf-token"]
    assert (await client.post("/conta/chaves", data=FORM)).status_code == 403
    async with as_system(scene.app.pool) as conn:
        assert await api_keys.keys_of(conn) == []


async def test_never_is_offered_only_by_setting(pool: Pool, tmp_path: Path) -> None:
    scene = await make_scene(pool, tmp_path, api=Api(keys_without_end=True, max_key_days=60))
    reader = scene.actors["reader"]
    async with as_system(pool) as conn:
        key, _ = await api_keys.create(
            conn, reader, api_keys.Wish("x", ["ask"], 0), settings=scene.app.settings.api, by=reader
        )
    assert key.expires_at is None
