"""The second factor in the browser: the code after the password, setting it up, losing it."""

from __future__ import annotations

import re
import time
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import pyotp
import pytest

from govbot.auth import totp
from govbot.db.access import as_system
from govbot.db.pool import Pool
from govbot.web import device
from govbot.web.routes import routes
from tests.database.test_attempts import hold
from tests.web.conftest import HTMX, Client, csrf_of
from tests.web.scene import PASSWORD, Scene, make_scene

FACTOR = "/conta/segundo-fator"
CODE = "/entrar/codigo"


@pytest.fixture
async def scene(pool: Pool, tmp_path: Path) -> Scene:
    return await make_scene(pool, tmp_path, auth={"second_factor": "privileged"})


async def enrolled(scene: Scene, name: str) -> tuple[str, tuple[str, ...]]:
    """A secret whose codes of now are still unused, and the recovery codes."""
    secret, before = totp.new_secret(), time.time() - 600
    async with as_system(scene.app.pool) as conn:
        codes = await totp.enrol(
            conn, scene.app.sealer, scene.actors[name], secret,
            pyotp.TOTP(secret).at(int(before)), now=before,
        )  # fmt: skip
    return secret, codes


def code_of(secret: str, steps: int = 0) -> str:
    return pyotp.TOTP(secret).at(int(time.time()) + 30 * steps)


async def give_password(client: Client, name: str, follow: str = "/") -> str:
    """Where the browser, which forgets its session, is led after the right password."""
    if "govbot_session" in client.cookies:
        client.cookies.delete("govbot_session")
    client.headers.pop("x-csrf-token", None)
    fields = {"username": name, "password": PASSWORD, "follow": follow}
    answer = await client.post("/entrar", data=fields)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def token_of(client: Client, path: str = CODE) -> str:
    """The CSRF token of a page that stands alone."""
    return csrf_of((await client.get(path)).text)


async def give_code(client: Client, code: str, follow: str = "/") -> tuple[int, str]:
    fields = {"code": code, "follow": follow, "csrf": await token_of(client)}
    answer = await client.post(CODE, data=fields)
    return answer.status_code, answer.headers.get("location", "")


def field(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, page
    return unescape(found[1])


def secret_in(page: str) -> str:
    found = re.search(r'class="secret-text">([A-Z2-7 ]+)<', page)
    assert found, page
    return found[1].replace(" ", "")


async def enrol_here(client: Client, **fields: str) -> tuple[str, str]:
    """The secret and the page of recovery codes."""
    page = (await client.get(FACTOR)).text
    secret = secret_in(page)
    form = {
        "secret": field(page, "secret"), "code": code_of(secret), "csrf": csrf_of(page), **fields,
    }  # fmt: skip
    answer = await client.post(FACTOR, data=form)
    assert answer.status_code == 200, answer.text
    return secret, answer.text


async def test_after_the_password_the_code_leads_on_to_the_page_asked_for(
    anyone: Client, scene: Scene
) -> None:
    secret, _ = await enrolled(scene, "admin")
    assert await give_password(anyone, "admin", "/conta") == "/entrar/codigo?seguir=/conta"
    page = (await anyone.get("/entrar/codigo?seguir=/conta")).text
    assert 'name="follow" value="/conta"' in page
    assert 'autocomplete="one-time-code"' in page
    assert await give_code(anyone, code_of(secret), "/conta") == (303, "/conta")
    assert (await anyone.get("/admin/usuarios")).status_code == 200


async def test_before_the_code_every_other_route_is_closed(anyone: Client, scene: Scene) -> None:
    await enrolled(scene, "admin")
    await give_password(anyone, "admin")
    anyone.headers["x-csrf-token"] = await token_of(anyone)
    open_before = set()
    for route in routes():
        if route.opt.get("public"):
            continue
        path = re.sub(r"\{\w+:uuid\}", "01a1feb8-4c52-773c-8143-011023b64b67",
                      re.sub(r"\{\w+:int\}", "1", next(iter(route.paths))))  # fmt: skip
        for method in route.http_methods & {"GET", "POST"}:
            answer = await anyone.request(method, path, headers={"accept": "application/json"})
            if answer.status_code != 403:
                open_before.add((method, path))
        if path == "/sair":  # it ended the session
            await give_password(anyone, "admin")
            anyone.headers["x-csrf-token"] = await token_of(anyone)
    assert open_before == {("GET", CODE), ("POST", CODE), ("POST", "/sair")}
    assert (await anyone.get("/metrics")).status_code == 403
    assert (await anyone.get("/")).headers["location"] == CODE
    assert (await anyone.get("/", headers=HTMX)).headers["hx-redirect"] == CODE
    assert "Reader" not in (await anyone.get(CODE)).text


async def test_the_session_of_the_password_is_worth_nothing_after_the_code(
    anyone: Client, scene: Scene
) -> None:
    secret, _ = await enrolled(scene, "admin")
    await give_password(anyone, "admin")
    waiting, token = anyone.cookies["govbot_session"], await token_of(anyone)
    await give_code(anyone, code_of(secret))
    assert anyone.cookies["govbot_session"] != waiting
    assert csrf_of((await anyone.get("/conta")).text) != token
    anyone.cookies.set("govbot_session", waiting, domain="govbot.test")
    assert (await anyone.get("/conta")).headers["location"].startswith("/entrar")


async def test_a_wrong_code_is_refused_and_a_used_one_too(anyone: Client, scene: Scene) -> None:
    secret, _ = await enrolled(scene, "admin")
    await give_password(anyone, "admin")
    assert (await give_code(anyone, "000000"))[0] == 422
    used = code_of(secret)
    assert (await give_code(anyone, f"{used[:3]} {used[3:]}"))[0] == 303
    await give_password(anyone, "admin")
    assert (await give_code(anyone, used))[0] == 422


async def test_codes_cannot_be_tried_one_after_another(anyone: Client, scene: Scene) -> None:
    secret, _ = await enrolled(scene, "admin")
    await give_password(anyone, "admin")
    for _ in range(scene.app.settings.auth.sign_in_attempts):
        assert (await give_code(anyone, "000000"))[0] == 422
    await hold(scene.app.pool)
    fields = {"code": code_of(secret), "csrf": await token_of(anyone)}
    answer = await anyone.post(CODE, data=fields)
    assert answer.status_code == 429
    assert 50 <= int(answer.headers["retry-after"]) <= 61


async def test_a_recovery_code_opens_once(anyone: Client, scene: Scene) -> None:
    _, codes = await enrolled(scene, "auditor")
    for expected in (303, 422):
        await give_password(anyone, "auditor")
        assert (await give_code(anyone, codes[0]))[0] == expected


async def test_a_code_needs_the_token_of_its_page(anyone: Client, scene: Scene) -> None:
    secret, _ = await enrolled(scene, "admin")
    await give_password(anyone, "admin")
    answer = await anyone.post(CODE, data={"code": code_of(secret), "csrf": "x"})
    assert answer.status_code == 403
    assert (await anyone.get("/")).headers["location"] == CODE


# Setting it up


@pytest.mark.parametrize("name", ["admin", "curator", "auditor"])
async def test_privileged_roles_set_it_up_before_anything_else(anyone: Client, name: str) -> None:
    assert await give_password(anyone, name) == "/"
    assert (await anyone.get("/")).headers["location"] == FACTOR
    assert (await anyone.get("/conta")).headers["location"] == FACTOR
    secret, page = await enrol_here(anyone)
    assert len(re.findall(r"<li><code>[a-z2-9]{4}(?:-[a-z2-9]{4}){3}</code>", page)) == 10
    anyone.headers["x-csrf-token"] = csrf_of(page)
    assert (await anyone.post("/preferencias", data={"theme": "dark"})).status_code == 303
    assert (await anyone.get("/conta")).status_code == 200
    assert (await anyone.get(FACTOR)).text.count(secret[:4]) == 0


async def test_the_picture_is_drawn_without_style_or_script(anyone: Client) -> None:
    await give_password(anyone, "admin")
    answer = await anyone.get(FACTOR)
    found = re.search(r"<svg[^>]*>.*?</svg>", answer.text[answer.text.index('class="qr"') :])
    assert found
    assert "style" not in found[0]
    assert "script" not in found[0]
    assert answer.headers["cache-control"] == "no-store"


async def test_a_reader_may_have_one_and_is_asked_from_then_on(
    anyone: Client, scene: Scene
) -> None:
    await give_password(anyone, "reader")
    assert "/conta/segundo-fator" in (await anyone.get("/conta")).text
    secret, _ = await enrol_here(anyone)
    assert (await give_password(anyone, "reader")).startswith(CODE)
    assert (await give_code(anyone, code_of(secret, 1)))[0] == 303


async def test_an_old_session_is_asked_for_the_password_to_set_it_up(
    anyone: Client, scene: Scene
) -> None:
    await give_password(anyone, "reader")
    async with as_system(scene.app.pool) as conn:
        await conn.execute("UPDATE sessions SET created_at = now() - interval '11 minutes'")
    page = (await anyone.get(FACTOR)).text
    secret = secret_in(page)
    form = {"secret": field(page, "secret"), "csrf": csrf_of(page), "password": "errada"}
    answer = await anyone.post(FACTOR, data={**form, "code": code_of(secret)})
    assert answer.status_code == 422
    assert secret_in(answer.text) == secret
    form["password"] = PASSWORD
    answer = await anyone.post(FACTOR, data={**form, "code": code_of(secret)})
    assert answer.status_code == 200


async def test_setting_it_up_ends_the_other_sessions(anyone: Client) -> None:
    await give_password(anyone, "reader")
    stolen = anyone.cookies["govbot_session"]
    await give_password(anyone, "reader")
    await enrol_here(anyone)
    anyone.cookies.set("govbot_session", stolen, domain="govbot.test")
    assert (await anyone.get("/conta")).headers["location"].startswith("/entrar")


async def test_a_secret_of_another_account_or_of_nobody_sets_nothing_up(
    anyone: Client, scene: Scene
) -> None:
    await give_password(anyone, "curator")
    foreign = field((await anyone.get(FACTOR)).text, "secret")
    known = totp.new_secret()
    raw = scene.app.sealer.seal(f"{scene.actors['admin'].id} {known}", "totp").decode()
    await anyone.post("/sair", data={"csrf": csrf_of((await anyone.get(FACTOR)).text)})
    await give_password(anyone, "admin")
    for sealed in (foreign, raw, "x", "", "á"):
        token = await token_of(anyone, FACTOR)
        form = {"secret": sealed, "code": code_of(known), "csrf": token}
        assert (await anyone.post(FACTOR, data=form)).status_code == 422
    assert (await anyone.get("/conta")).headers["location"] == FACTOR


# Changing it


async def inside(anyone: Client, scene: Scene, name: str) -> tuple[str, tuple[str, ...]]:
    """Signed in with the second factor, the CSRF token at hand."""
    secret, codes = await enrolled(scene, name)
    await give_password(anyone, name)
    assert (await give_code(anyone, code_of(secret)))[0] == 303
    anyone.headers["x-csrf-token"] = csrf_of((await anyone.get("/conta")).text)
    return secret, codes


async def test_new_recovery_codes_need_the_password_and_replace_the_old(
    anyone: Client, scene: Scene
) -> None:
    _, old = await inside(anyone, scene, "admin")
    path = f"{FACTOR}/codigos"
    assert (await anyone.post(path, data={"password": "errada"})).status_code == 422
    answer = await anyone.post(path, data={"password": PASSWORD})
    new = re.findall(r"<li><code>([^<]+)</code>", answer.text)
    assert len(new) == 10
    await give_password(anyone, "admin")
    assert (await give_code(anyone, old[0]))[0] == 422
    assert (await give_code(anyone, new[0]))[0] == 303


async def test_another_app_replaces_the_first_after_the_password(
    anyone: Client, scene: Scene
) -> None:
    first, _ = await inside(anyone, scene, "admin")
    page = (await anyone.get(f"{FACTOR}/trocar")).text
    second = secret_in(page)
    form = {"secret": field(page, "secret"), "code": code_of(second)}
    assert (await anyone.post(FACTOR, data=form)).status_code == 422
    answer = await anyone.post(FACTOR, data={**form, "password": PASSWORD})
    assert answer.status_code == 200
    await give_password(anyone, "admin")
    assert (await give_code(anyone, code_of(first, 1)))[0] == 422
    assert (await give_code(anyone, code_of(second, 1)))[0] == 303


async def test_who_must_have_one_cannot_remove_it_and_who_need_not_can(
    anyone: Client, scene: Scene
) -> None:
    await inside(anyone, scene, "admin")
    answer = await anyone.post(f"{FACTOR}/retirar", data={"password": PASSWORD})
    assert answer.status_code == 409
    await inside(anyone, scene, "reader")
    path = f"{FACTOR}/retirar"
    assert (await anyone.post(path, data={"password": "errada"})).status_code == 422
    answer = await anyone.post(path, data={"password": PASSWORD})
    assert answer.headers["location"] == "/conta?feito=fator"
    assert await give_password(anyone, "reader") == "/"


async def test_an_administrator_resets_it_and_the_person_sets_it_up_again(
    anyone: Client, scene: Scene
) -> None:
    await enrolled(scene, "curator")
    await inside(anyone, scene, "admin")
    person = f"/admin/usuarios/{scene.actors['curator'].id}"
    assert f"{person}/segundo-fator/retirar" in (await anyone.get(person)).text
    answer = await anyone.post(f"{person}/segundo-fator/retirar")
    assert answer.headers["location"] == f"{person}?feito=fator"
    own = f"/admin/usuarios/{scene.actors['admin'].id}/segundo-fator/retirar"
    assert (await anyone.post(own)).status_code == 409
    assert await give_password(anyone, "curator") == "/"
    assert (await anyone.get("/")).headers["location"] == FACTOR


# The browser is remembered


async def test_a_browser_is_remembered_only_after_the_whole_sign_in(
    anyone: Client, scene: Scene
) -> None:
    secret, _ = await enrolled(scene, "admin")
    await give_password(anyone, "admin")
    assert device.NAME not in anyone.cookies
    await give_code(anyone, code_of(secret))
    sealed = unquote(anyone.cookies[device.NAME])
    assert str(scene.actors["admin"].id.hex) not in sealed
    assert scene.app.sealer.open(sealed.encode(), "device").split()[1] == (
        scene.actors["admin"].id.hex
    )


async def test_strangers_keep_nobody_out_of_a_browser_they_know(
    anyone: Client, scene: Scene
) -> None:
    await give_password(anyone, "reader")
    known = anyone.cookies[device.NAME]
    anyone.cookies.clear()
    for _ in range(scene.app.settings.auth.sign_in_attempts):
        await anyone.post("/entrar", data={"username": "reader", "password": "x"})
    await hold(scene.app.pool)
    form = {"username": "reader", "password": PASSWORD}
    assert (await anyone.post("/entrar", data=form)).status_code == 429
    for forged in ("x", known[:-4] + "AAAA", scene.app.sealer.seal("a b c", "totp").decode()):
        anyone.cookies.set(device.NAME, forged)
        assert (await anyone.post("/entrar", data=form)).status_code == 429
        anyone.cookies.clear()
    anyone.cookies.set(device.NAME, known)
    assert (await anyone.post("/entrar", data=form)).status_code == 303
