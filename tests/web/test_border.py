"""What is asked before a route is looked for: method, Host, and who stands behind the proxies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from govbot.config import Settings
from govbot.db.pool import Pool
from govbot.web.border import Border, Hosts, forwarded, host_of, is_in
from tests.web.conftest import Client, SignIn, browser
from tests.web.scene import PASSWORD, Scene, make_scene
from tests.web.sockets import raw, served

INSIDE = ("10.0.0.0/8", "::1/128")


def known(given: str | None, path: str = "/", here: str = "192.0.2.9", **web: Any) -> bool:
    headers = [] if given is None else [(b"host", given.encode("latin-1"))]
    scope = {"path": path, "server": (here, 8080)}
    return Hosts(Settings(web=web)).known(scope, headers)


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080", "192.0.2.9", "192.0.2.9:80",
     "ia.gov.example", "IA.GOV.EXAMPLE:443", "ia.gov.example."],
)  # fmt: skip
def test_the_names_of_the_installation_are_answered(host: str) -> None:
    assert known(host, base_url="https://ia.gov.example/govbot", host="0.0.0.0")


@pytest.mark.parametrize(
    "host",
    ["evil.example", "ia.gov.example.evil.example", "ia.gov.example@evil.example", "", " ",
     "evil.example/ia.gov.example", "ia.gov.example, evil.example", "203.0.113.5", "0.0.0.0",
     "ia.gov.example:x", "ia.gov.example#", "ia.gov.example?x", "[::1", "locálhost"],
)  # fmt: skip
def test_other_hosts_are_not(host: str) -> None:
    assert not known(host, base_url="https://ia.gov.example", host="0.0.0.0")


def test_a_list_replaces_what_is_derived() -> None:
    assert known("ia.example", allowed_hosts=("ia.example",))
    assert not known("localhost", allowed_hosts=("ia.example",))
    assert not known("192.0.2.9", allowed_hosts=("ia.example",))


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_health_is_told_at_every_address_but_not_under_every_name(path: str) -> None:
    assert known("203.0.113.5:8080", path, allowed_hosts=("ia.example",))
    assert known("[2001:db8::5]", path)
    assert known(None, path)
    assert not known("evil.example", path)
    assert not known(None, "/")


def test_two_host_headers_are_refused() -> None:
    scope = {"path": "/healthz", "server": ("192.0.2.9", 80)}
    assert not Hosts(Settings()).known(scope, [(b"host", b"localhost"), (b"Host", b"localhost")])


def test_a_host_header_is_read_without_its_port() -> None:
    assert host_of("IA.gov.example:443") == "ia.gov.example"
    assert host_of("[2001:db8::1]:80") == "2001:db8::1"


async def test_a_foreign_host_gets_no_page_and_is_not_repeated(anyone: Client) -> None:
    answer = await anyone.get("/entrar", headers={"host": "evil.example"})
    assert answer.status_code == 400
    assert "evil" not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize(
    ("chain", "client"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("1.2.3.4, 198.51.100.7", "198.51.100.7"),  # 1.2.3.4 is what the client claims
        ("198.51.100.7, 10.0.0.9", "198.51.100.7"),
        ("127.0.0.1, 198.51.100.7, 10.0.0.9", "198.51.100.7"),
        ("198.51.100.7:5443", "198.51.100.7"),
        ("[2001:db8::7]:5443", "2001:db8::7"),
        ("2001:db8::7", "2001:db8::7"),
        ("10.0.0.3", "10.0.0.3"),
        ("198.51.100.7, rubbish", ""),
        ("rubbish, 10.0.0.9", "10.0.0.9"),
        ("", ""),
    ],
)
def test_the_client_is_the_last_address_that_is_no_proxy(chain: str, client: str) -> None:
    from ipaddress import ip_network

    networks = [ip_network(each) for each in INSIDE]
    assert forwarded([(b"X-Forwarded-For", chain.encode())], networks)[0] == client


def test_several_forwarded_headers_are_one_list() -> None:
    from ipaddress import ip_network

    headers = [(b"x-forwarded-for", b"1.2.3.4"), (b"x-forwarded-for", b"198.51.100.7")]
    headers += [(b"x-forwarded-proto", b"http"), (b"x-forwarded-proto", b"https")]
    assert forwarded(headers, [ip_network("10.0.0.0/8")]) == ("198.51.100.7", "https")


def test_an_address_of_v4_inside_v6_is_the_v4_address() -> None:
    from ipaddress import ip_network

    assert is_in("::ffff:10.0.0.5", [ip_network("10.0.0.0/8")])
    assert not is_in("unix", [ip_network("10.0.0.0/8")])


@pytest.mark.parametrize(
    ("peer", "seen"), [("10.0.0.1", "198.51.100.7"), ("203.0.113.9", "203.0.113.9")]
)
async def test_only_a_trusted_proxy_says_who_asks(peer: str, seen: str) -> None:
    found: dict[str, Any] = {}

    async def site(scope: Any, receive: Any, send: Any) -> None:
        found.update(scope)

    border = Border(site, Settings(proxy={"trusted": INSIDE}))  # type: ignore[arg-type]
    headers = [
        (b"host", b"localhost"),
        (b"x-forwarded-for", b"198.51.100.7"),
        (b"x-forwarded-proto", b"https"),
        (b"x-forwarded-host", b"evil.example"),
    ]
    scope: Any = {
        "type": "http", "method": "GET", "path": "/", "headers": headers, "scheme": "http",
        "client": (peer, 5), "server": ("192.0.2.9", 80),
    }  # fmt: skip
    await border(scope, None, None)  # type: ignore[arg-type]
    assert found["client"][0] == seen
    assert found["scheme"] == ("https" if peer == "10.0.0.1" else "http")
    assert found["state"]["peer"] == peer


@pytest.mark.parametrize("method", ["TRACE", "TRACK", "OPTIONS", "PROPFIND", "DEBUG"])
async def test_other_methods_are_refused(anyone: Client, method: str) -> None:
    answer = await anyone.request(method, "/entrar")
    assert answer.status_code == 405
    assert "TRACE" not in answer.headers["allow"]


async def test_no_header_changes_the_method(signed_in: SignIn, scene: Scene) -> None:
    reader = await signed_in("reader")
    headers = {
        "x-http-method-override": "DELETE",
        "x-method-override": "GET",
        "x-http-method": "GET",
    }
    form = {"question": "Oi?", "_method": "DELETE"}
    answer = await reader.post("/conversas", data=form, headers=headers)
    assert answer.status_code == 303
    assert (
        await reader.get("/sair", headers={"x-http-method-override": "POST"})
    ).status_code == 404
    assert (await reader.get("/conta")).status_code == 200


async def test_methods_on_a_real_socket(scene: Scene) -> None:
    from govbot.web.site import build_site

    async with served(build_site(scene.app)) as port:  # type: ignore[arg-type]
        host = f"Host: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode()
        for line, expected in (
            (b"TRACE / HTTP/1.1\r\n", b"405"),
            (b"CONNECT example.org:443 HTTP/1.1\r\n", b"40"),
            (b"HEAD /healthz HTTP/1.1\r\n", b"40"),
            (b"GET /healthz HTTP/1.1\r\n", b"200"),
            (b"GET http://evil.example/healthz HTTP/1.1\r\n", b"200"),
        ):
            answer = await raw(port, line + host)
            assert answer.split(b" ")[1].startswith(expected), line
            assert b"\r\nserver:" not in answer.lower()
        gone = await raw(port, b"GET /entrar HTTP/1.1\r\nHost: evil.example\r\n\r\n")
        assert gone.startswith(b"HTTP/1.1 400")


async def test_over_https_cookies_carry_the_prefix_host(pool: Pool, tmp_path: Path) -> None:
    scene = await make_scene(pool, tmp_path, web={"base_url": "https://govbot.test"})
    async with browser(scene) as client:
        client.base_url = "https://govbot.test"  # type: ignore[assignment]
        answer = await client.post("/entrar", data={"username": "reader", "password": PASSWORD})
        for cookie in answer.headers.get_list("set-cookie"):
            assert cookie.startswith("__Host-govbot_")
            for flag in ("Secure", "HttpOnly", "Path=/", "SameSite="):
                assert flag in cookie
            assert "Domain" not in cookie
        assert (await client.get("/conta")).status_code == 200
        assert "max-age=31536000" in answer.headers["strict-transport-security"]
        # A cookie that a host beside this one could have set counts for nothing.
        token = client.cookies["__Host-govbot_session"]
        client.cookies.clear()
        client.cookies.set("govbot_session", token)
        assert (await client.get("/conta")).status_code == 303


async def test_a_form_has_a_bounded_number_of_fields(signed_in: SignIn) -> None:
    reader = await signed_in("reader")
    many = "&".join(f"a{n}=1" for n in range(400))
    kind = {"content-type": "application/x-www-form-urlencoded"}
    answer = await reader.post("/conversas", content=many, headers=kind)
    assert answer.status_code == 413
    del reader.headers["x-csrf-token"]
    assert (await reader.post("/conversas", content=many, headers=kind)).status_code == 413


async def test_a_multipart_form_has_a_bounded_number_of_parts(signed_in: SignIn) -> None:
    writer = await signed_in("reader")
    parts = {f"a{n}": (None, "1") for n in range(400)}
    answer = await writer.post("/conversas", files=parts)
    assert answer.status_code in (400, 413, 422)
