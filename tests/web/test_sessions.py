"""One's sessions: the list, ending them, and what ends or renews them by itself."""

from __future__ import annotations

import re

import pytest

from govbot import audit
from govbot.auth import users
from govbot.db.access import Role, as_system
from govbot.web.user_agent import describe
from tests.web.conftest import Client, SignIn, csrf_of
from tests.web.scene import PASSWORD, Scene

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
NEW = "quatro-canoas-no-igarape"


async def ids_of(scene: Scene, name: str) -> list[str]:
    async with as_system(scene.app.pool) as conn:
        cursor = await conn.execute(
            "SELECT id FROM sessions WHERE user_id = %(id)s ORDER BY created_at",
            {"id": scene.actors[name].id},
        )
        return [str(row["id"]) for row in await cursor.fetchall()]


async def test_the_list_says_what_where_how_and_which_is_this_one(
    scene: Scene, signed_in: SignIn, anyone: Client
) -> None:
    form = {"username": "reader", "password": PASSWORD}
    await anyone.post("/entrar", data=form, headers={"user-agent": FIREFOX + "<b>"})
    await signed_in("stranger")
    reader = await signed_in("reader")
    page = (await reader.get("/conta/sessoes")).text
    assert page.count('class="session-facts"') == 2
    assert "Firefox · Linux" in page
    assert page.count("192.0.2.7") >= 2
    first, here = await ids_of(scene, "reader")
    assert f"/conta/sessoes/{first}/encerrar" in page
    assert here not in page
    assert "<b>" not in page


async def test_one_session_is_ended_and_it_is_written_down(scene: Scene, signed_in: SignIn) -> None:
    there, here = await signed_in("reader"), await signed_in("reader")
    first, _ = await ids_of(scene, "reader")
    answer = await here.post(f"/conta/sessoes/{first}/encerrar")
    assert answer.headers["location"] == "/conta/sessoes?feito=encerrada"
    assert (await there.get("/conta")).headers["location"].startswith("/entrar")
    assert (await here.get("/conta")).status_code == 200
    async with as_system(scene.app.pool) as conn:
        [entry] = await audit.entries(conn, action="session.ended")
    assert (entry.actor_name, entry.resource) == ("reader", f"user:{scene.actors['reader'].id}")


async def test_all_others_are_ended_and_this_one_stays(scene: Scene, signed_in: SignIn) -> None:
    others = [await signed_in("reader") for _ in range(2)]
    here, stranger = await signed_in("reader"), await signed_in("stranger")
    await here.post("/conta/sessoes/encerrar-outras")
    assert [(await each.get("/conta")).status_code for each in others] == [303, 303]
    assert [(await each.get("/conta")).status_code for each in (here, stranger)] == [200, 200]


async def test_an_old_session_ends_others_only_with_the_password(
    scene: Scene, signed_in: SignIn
) -> None:
    there, here = await signed_in("reader"), await signed_in("reader")
    first, _ = await ids_of(scene, "reader")
    async with as_system(scene.app.pool) as conn:
        await conn.execute("UPDATE sessions SET created_at = now() - interval '11 minutes'")
    for path in ("encerrar-outras", f"{first}/encerrar"):
        answer = await here.post(f"/conta/sessoes/{path}", data={"password": "errada"})
        assert answer.status_code == 422
        assert 'name="password"' in answer.text
    assert (await there.get("/conta")).status_code == 200
    await here.post(f"/conta/sessoes/{first}/encerrar", data={"password": PASSWORD})
    assert (await there.get("/conta")).status_code == 303


async def test_the_session_of_somebody_else_does_not_exist(scene: Scene, signed_in: SignIn) -> None:
    reader, admin = await signed_in("reader"), await signed_in("admin")
    [session] = await ids_of(scene, "reader")
    assert (await admin.post(f"/conta/sessoes/{session}/encerrar")).status_code == 404
    assert (await reader.get("/conta")).status_code == 200


async def test_an_administrator_ends_all_sessions_of_a_person(
    scene: Scene, signed_in: SignIn
) -> None:
    reader, admin = await signed_in("reader"), await signed_in("admin")
    person = f"/admin/usuarios/{scene.actors['reader'].id}"
    assert f"{person}/sessoes/encerrar" in (await admin.get(person)).text
    answer = await admin.post(f"{person}/sessoes/encerrar")
    assert answer.headers["location"] == f"{person}?feito=sessoes"
    assert (await reader.get("/conta")).status_code == 303
    assert (await admin.get("/conta")).status_code == 200


async def test_signing_in_again_ends_the_session_of_before(scene: Scene, signed_in: SignIn) -> None:
    reader = await signed_in("reader")
    [before] = await ids_of(scene, "reader")
    form = {"username": "reader", "password": PASSWORD}
    assert (await reader.post("/entrar", data=form)).status_code == 303
    [now] = await ids_of(scene, "reader")
    assert now != before


async def test_another_role_ends_the_sessions(scene: Scene, signed_in: SignIn) -> None:
    admin = await signed_in("admin")
    async with as_system(scene.app.pool) as conn:
        await users.set_role(conn, scene.actors["admin"].id, Role.USER)
    assert (await admin.get("/admin/usuarios")).headers["location"].startswith("/entrar")


async def test_a_new_password_gives_this_session_another_token(signed_in: SignIn) -> None:
    reader = await signed_in("reader")
    before, token = reader.cookies["govbot_session"], reader.headers["x-csrf-token"]
    form = {"current": PASSWORD, "password": NEW, "again": NEW}
    assert (await reader.post("/conta/senha", data=form)).status_code == 303
    assert reader.cookies["govbot_session"] != before
    assert csrf_of((await reader.get("/conta")).text) != token
    reader.cookies.set("govbot_session", before, domain="govbot.test")
    assert (await reader.get("/conta")).status_code == 303


@pytest.mark.parametrize(
    ("password", "sentence"),
    [
        (PASSWORD, None),
        ("prefeitura-de-aurora-1", None),
        ("reader.souza.2026", None),
        ("x" * 257, "256"),
    ],
)
async def test_a_password_that_others_would_try_is_refused(
    signed_in: SignIn, password: str, sentence: str | None
) -> None:
    reader = await signed_in("reader")
    form = {"current": PASSWORD, "password": password, "again": password}
    answer = await reader.post("/conta/senha", data=form)
    assert answer.status_code == 422
    found = re.search(r'id="problem">.*?<span>([^<]+)', answer.text)
    assert found
    assert sentence is None or sentence in found[1]


async def test_who_signs_in_elsewhere_changes_the_password_there(
    scene: Scene, signed_in: SignIn
) -> None:
    reader = await signed_in("reader")
    async with as_system(scene.app.pool) as conn:
        await conn.execute("UPDATE sessions SET method = 'oidc'")
    assert (await reader.get("/conta/senha")).status_code == 403
    assert (await reader.post("/conta/senha", data={})).status_code == 403
    assert "/conta/senha" not in (await reader.get("/conta")).text


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox · Linux"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
         "Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0", "Edge · Windows"),
        ("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) "
         "Chrome/142.0.0.0 Mobile Safari/537.36", "Chrome · Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 "
         "(KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1", "Safari · iPhone"),
        ("curl/8.5.0", "curl"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_user_agent_becomes_words(agent: str, words: str) -> None:
    assert describe(agent) == words
