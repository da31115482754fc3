"""What stands around every response: headers, CSRF, errors, static files."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from govbot.web.headers import Frame
from tests.web.conftest import ADDRESS, HTMX, Client, SignIn, browser
from tests.web.scene import Scene, make_scene

PAGES = ["/entrar", "/healthz", "/nada", "/static/x/y.css"]


@pytest.mark.parametrize("path", PAGES)
async def test_every_response_carries_the_security_headers(anyone: Client, path: str) -> None:
    headers = (await anyone.get(path)).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert re.fullmatch("[0-9a-f]{12}", headers["x-request-id"])


async def test_no_page_holds_script_or_style_that_the_policy_forbids(signed_in: SignIn) -> None:
    reader = await signed_in("reader")
    for path in ("/", "/conta", "/conta/senha", "/nada"):
        text = (await reader.get(path)).text
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|hx-on", text), path
        for script in re.findall(r"<script[^>]*>", text):
            assert 'src="/static/' in script


async def test_secure_cookies_come_with_strict_transport(pool: object, tmp_path: object) -> None:
    scene = await make_scene(pool, tmp_path, web={"secure_cookies": True})  # type: ignore[arg-type]
    async with browser(scene) as client:
        answer = await client.get("/entrar")
        assert answer.headers["strict-transport-security"].startswith("max-age=")
        chosen = await client.post("/preferencias", data={"theme": "dark"})
        assert "Secure" in chosen.headers["set-cookie"]


async def test_a_change_needs_the_token(signed_in: SignIn) -> None:
    reader = await signed_in("reader")
    token = reader.headers.pop("x-csrf-token")
    assert (await reader.post("/conversas", data={"question": "Oi?"})).status_code == 403
    wrong = {"x-csrf-token": token[::-1]}
    refused = await reader.post("/conversas", data={"question": "Oi?"}, headers=wrong)
    assert refused.status_code == 403
    assert "não veio desta página" in refused.text
    in_form = await reader.post("/conversas", data={"question": "Oi?", "csrf": token})
    assert in_form.status_code == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://example.org"},
        {"origin": "null"},
    ],
)
async def test_a_change_must_come_from_this_site(
    anyone: Client, signed_in: SignIn, headers: dict[str, str]
) -> None:
    reader = await signed_in("reader")
    assert (
        await reader.post("/conversas", data={"question": "Oi?"}, headers=headers)
    ).status_code == 403
    form = {"username": "reader", "password": "x"}
    assert (await anyone.post("/entrar", data=form, headers=headers)).status_code == 403


async def test_a_change_from_this_site_passes(signed_in: SignIn) -> None:
    reader = await signed_in("reader")
    headers = {"origin": ADDRESS, "sec-fetch-site": "same-origin"}
    answer = await reader.post("/conversas", data={"question": "Oi?"}, headers=headers)
    assert answer.status_code == 303


async def test_behind_a_proxy_the_address_that_users_type_counts(
    pool: object, tmp_path: object
) -> None:
    scene = await make_scene(pool, tmp_path, web={"base_url": "https://ia.gov.example"})  # type: ignore[arg-type]
    async with browser(scene) as client:
        for origin, status in (("https://ia.gov.example", 303), ("https://x.example", 403)):
            answer = await client.post(
                "/preferencias", data={"theme": "dark"}, headers={"origin": origin}
            )
            assert answer.status_code == status


async def test_a_missing_page_is_a_calm_page(signed_in: SignIn) -> None:
    reader = await signed_in("reader")
    answer = await reader.get("/nada")
    assert answer.status_code == 404
    assert "não existe ou não está ao seu alcance" in answer.text
    fragment = await reader.get("/nada", headers=HTMX)
    assert fragment.status_code == 404
    assert "<html" not in fragment.text
    assert "data-notice" in fragment.text


async def test_an_unexpected_error_shows_its_number_and_nothing_else(
    signed_in: SignIn, scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    reader = await signed_in("reader")

    async def broken(*_args: object, **_options: object) -> None:
        raise RuntimeError("secret detail")

    scene.app.answers.start = broken  # type: ignore[assignment]
    answer = await reader.post("/conversas", data={"question": "Oi?"})
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert "Traceback" not in answer.text
    assert answer.headers["x-request-id"] in answer.text
    assert any(record.exc_info for record in caplog.records)


async def test_static_files_are_kept_for_a_year_under_an_address_of_their_own(
    anyone: Client,
) -> None:
    page = (await anyone.get("/entrar")).text
    addresses = re.findall(r'(?:href|src)="(/static/[^"#]+)"', page)
    assert len(addresses) > 5
    for address in addresses:
        answer = await anyone.get(address)
        assert answer.status_code == 200, address
        assert "immutable" in answer.headers["cache-control"]
    sheet = next(address for address in addresses if address.endswith("css/base.css"))
    css = await anyone.get(sheet, headers={"accept-encoding": "gzip"})
    assert css.headers["content-encoding"] == "gzip"
    assert css.headers["content-type"].startswith("text/css")
    plain = await anyone.get(sheet, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.text == css.text


async def test_pages_are_packed_for_browsers_that_take_it_with_a_length_that_tells_nothing(
    anyone: Client,
) -> None:
    plain = await anyone.get("/entrar", headers={"accept-encoding": "identity"})
    packed = [await anyone.get("/entrar", headers={"accept-encoding": "gzip"}) for _ in range(8)]
    assert "content-encoding" not in plain.headers
    assert {page.headers["content-encoding"] for page in packed} == {"gzip"}
    assert {page.text for page in packed} == {plain.text}
    assert len({page.headers["content-length"] for page in packed}) > 1


async def test_an_address_of_another_release_is_not_kept(anyone: Client) -> None:
    answer = await anyone.get("/static/000000000000/css/base.css")
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path", ["/static/x/../../pyproject.toml", "/static/x/%2e%2e/%2e%2e/pyproject.toml"]
)
async def test_static_files_do_not_lead_outside(anyone: Client, path: str) -> None:
    answer = await anyone.get(path)
    assert answer.status_code in (303, 404)
    assert "litestar" not in answer.text


async def test_a_large_body_is_refused(signed_in: SignIn) -> None:
    reader = await signed_in("reader")
    answer = await reader.post("/conversas", data={"question": "a" * 1_100_000})
    assert answer.status_code == 413


async def test_only_known_hosts_are_answered(pool: object, tmp_path: object) -> None:
    scene = await make_scene(
        pool,  # type: ignore[arg-type]
        tmp_path,  # type: ignore[arg-type]
        web={"allowed_hosts": ("govbot.test",)},
    )
    async with browser(scene) as client:
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/healthz", headers={"host": "evil.test"})).status_code == 400


async def test_a_request_that_the_stopping_server_cuts_off_is_told_in_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def endless(_scope: Any, _receive: Any, _send: Any) -> None:
        await asyncio.Event().wait()

    async def ask(why: str | None) -> None:
        scope: Any = {"type": "http", "method": "GET"}
        task = asyncio.ensure_future(Frame(endless, secure=False)(scope, Any, Any))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        task.cancel(msg=why)
        await task

    await ask("Task cancelled, timeout graceful shutdown exceeded")
    assert [each.exc_info for each in caplog.records if "cut off" in each.message] == [None]
    with pytest.raises(asyncio.CancelledError):
        await ask(None)
