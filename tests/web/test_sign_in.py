"""Signing in and out, and the password."""

from __future__ import annotations

import pytest

from govbot.db.access import as_system
from tests.database.test_attempts import hold
from tests.web.conftest import HTMX, Client, SignIn, csrf_of
from tests.web.scene import PASSWORD, Scene

NEW = "quatro-canoas-no-igarape"


async def test_a_visitor_is_led_to_the_form_and_back(anyone: Client) -> None:
    answer = await anyone.get("/conversas?q=a")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/entrar?seguir=/conversas%3Fq%3Da"
    form = await anyone.get(answer.headers["location"])
    assert "Prefeitura de Aurora" in form.text
    assert 'name="follow" value="/conversas?q=a"' in form.text


async def test_the_right_password_opens_a_session(anyone: Client) -> None:
    answer = await anyone.post(
        "/entrar", data={"username": "Reader", "password": PASSWORD, "follow": "/conta"}
    )
    assert answer.status_code == 303
    assert answer.headers["location"] == "/conta"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Reader Souza" in (await anyone.get("/conta")).text


async def test_the_wrong_password_opens_nothing(anyone: Client) -> None:
    answer = await anyone.post("/entrar", data={"username": "reader", "password": "outra"})
    assert answer.status_code == 401
    assert "O nome de usuário ou a senha está errado." in answer.text
    assert 'value="reader"' in answer.text
    assert "govbot_session" not in anyone.cookies


async def test_too_many_attempts_are_refused(anyone: Client, scene: Scene) -> None:
    for _attempt in range(scene.app.settings.auth.sign_in_attempts):
        await anyone.post("/entrar", data={"username": "reader", "password": "x"})
    await hold(scene.app.pool)
    answer = await anyone.post("/entrar", data={"username": "reader", "password": PASSWORD})
    assert answer.status_code == 429
    assert 50 <= int(answer.headers["retry-after"]) <= 61


@pytest.mark.parametrize(
    "address",
    ["https://example.org/", "//example.org", "/\\example.org", "javascript:1", "/a\r\nX: y", ""],
)
async def test_nobody_is_led_to_another_site(anyone: Client, address: str) -> None:
    answer = await anyone.post(
        "/entrar", data={"username": "reader", "password": PASSWORD, "follow": address}
    )
    assert answer.headers["location"] == "/"


async def test_signing_out_ends_the_session_on_the_server(signed_in: SignIn) -> None:
    reader = await signed_in("reader")
    token = reader.cookies["govbot_session"]
    assert (await reader.post("/sair")).headers["location"] == "/entrar"
    reader.cookies.set("govbot_session", token)
    assert (await reader.get("/")).status_code == 303


async def test_a_disabled_account_is_out_at_once(signed_in: SignIn, scene: Scene) -> None:
    reader = await signed_in("reader")
    async with as_system(scene.app.pool) as conn:
        await conn.execute("UPDATE users SET disabled_at = now() WHERE username = 'reader'")
    assert (await reader.get("/")).status_code == 303


async def test_htmx_is_sent_to_the_form_as_a_page(anyone: Client) -> None:
    answer = await anyone.get("/conversas", headers=HTMX)
    assert answer.status_code == 401
    assert answer.headers["hx-redirect"] == "/entrar"


async def test_a_request_for_data_gets_the_status_and_no_redirect(anyone: Client) -> None:
    answer = await anyone.get("/", headers={"accept": "application/json"})
    assert answer.status_code == 401


async def test_a_given_password_must_be_replaced_first(signed_in: SignIn, scene: Scene) -> None:
    reader = await signed_in("reader")
    async with as_system(scene.app.pool) as conn:
        await conn.execute("UPDATE users SET must_change_password = true WHERE username = 'reader'")
    assert (await reader.get("/")).headers["location"] == "/conta/senha"
    form = await reader.get("/conta/senha")
    assert "Sua senha foi definida por outra pessoa" in form.text
    answer = await reader.post(
        "/conta/senha", data={"current": PASSWORD, "password": NEW, "again": NEW}
    )
    assert answer.headers["location"] == "/conta?feito=senha"
    assert (await reader.get("/")).status_code == 200


async def test_a_new_password_ends_the_other_sessions(signed_in: SignIn) -> None:
    here, there = await signed_in("reader"), await signed_in("reader")
    answer = await here.post(
        "/conta/senha", data={"current": PASSWORD, "password": NEW, "again": NEW}
    )
    assert answer.status_code == 303
    assert (await here.get("/conta?feito=senha")).status_code == 200
    assert (await there.get("/conta")).status_code == 303


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"current": "x", "password": NEW, "again": NEW}, "A senha atual está errada."),
        ({"current": PASSWORD, "password": NEW, "again": "x"}, "As senhas novas não são iguais."),
        ({"current": PASSWORD, "password": "curta", "again": "curta"}, "pelo menos 12 caracteres"),
    ],
)
async def test_a_new_password_is_refused_with_the_reason(
    signed_in: SignIn, fields: dict[str, str], sentence: str
) -> None:
    reader = await signed_in("reader")
    answer = await reader.post("/conta/senha", data=fields)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert (await reader.get("/conta")).status_code == 200


async def test_the_language_is_the_browsers_until_one_is_chosen(anyone: Client) -> None:
    assert "Nome de usuário" in (await anyone.get("/entrar")).text
    english = {"accept-language": "en-GB,en;q=0.9,pt;q=0.1"}
    assert "User name" in (await anyone.get("/entrar", headers=english)).text
    answer = await anyone.post("/preferencias", data={"language": "pt-BR", "back": "/entrar"})
    assert answer.headers["location"] == "/entrar"
    assert "Nome de usuário" in (await anyone.get("/entrar", headers=english)).text


async def test_the_colours_are_kept(signed_in: SignIn) -> None:
    reader = await signed_in("reader")
    answer = await reader.post("/preferencias", data={"theme": "dark"}, headers=HTMX)
    assert answer.status_code == 204
    assert '<html lang="pt-BR" data-theme="dark"' in (await reader.get("/")).text
    await reader.post("/preferencias", data={"theme": "<script>"})
    assert 'data-theme="dark"' in (await reader.get("/")).text


async def test_the_token_in_the_page_belongs_to_the_session(signed_in: SignIn) -> None:
    one, other = await signed_in("reader"), await signed_in("reader")
    assert csrf_of((await one.get("/")).text) != csrf_of((await other.get("/")).text)
