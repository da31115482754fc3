"""What holds for every route, by construction over the table: answers about what is not there,
forged requests, headers, and errors that tell nothing.
"""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from govbot.db.pool import Pool
from govbot.jobs.queue import Queue
from govbot.web.routes import routes
from govbot.web.visit import local_path
from tests.prepared import Prepared
from tests.web.conftest import Client, SignIn
from tests.web.office import Office
from tests.web.row import Row
from tests.web.stage import Stage, stage_of, without_ids
from tests.web.table import TABLE
from tests.web.test_table import ask

ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NUMBER = re.compile(r"\b[0-9a-f]{12}\b")
API = {path for route in routes() if route.opt.get("api") for path in route.paths}
PAGES = [row for row in TABLE if row.path not in API]
POSTS = [row for row in PAGES if row.method == "POST"]
KINDS = {
    "text/html", "text/plain", "text/css", "text/csv", "text/event-stream", "application/json",
    "application/pdf", "application/zip", "application/x-ndjson", "application/jsonl",
    "text/markdown", "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "image/png", "image/jpeg", "image/webp", "image/svg+xml",
}  # fmt: skip
DOWNLOADS = {
    "text/csv",
    "text/markdown",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/zip",
    "application/pdf",
    "application/x-ndjson",
    "application/jsonl",
}
WANTED = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-permitted-cross-domain-policies": "none",
}
UNWANTED = ("server", "x-powered-by", "access-control-allow-origin", "via")
DETAIL = "geheim-4711"


@pytest.fixture
async def stage(prepared: Prepared | None, pool: Pool, queue: Queue, tmp_path: Path) -> Stage:
    return stage_of(prepared, pool, queue, tmp_path)


@pytest.fixture
def scene(stage: Stage) -> Office:
    return stage.office


def shape(answer: httpx.Response) -> tuple[int, str, dict[str, str]]:
    """An answer without what differs between any two requests for the same thing."""
    text = NUMBER.sub("", ID.sub("", answer.text))
    headers = {
        name: NUMBER.sub("", ID.sub("", value))
        for name, value in answer.headers.items()
        if name not in ("x-request-id", "set-cookie", "date")
    }
    return answer.status_code, text, headers


@pytest.mark.parametrize("who", ["stranger", "auditor"])
async def test_what_is_out_of_reach_and_what_is_not_there_give_the_same_bytes(
    stage: Stage, signed_in: SignIn, who: str
) -> None:
    client = await signed_in(who)
    compared, different = 0, []
    for row in PAGES:
        if ":uuid}" not in row.path or row.expected[who] not in (403, 404):
            continue
        hidden = shape(await ask(client, stage, row))
        missing = shape(await ask(client, stage, row, without_ids(row.path, row.use)))
        compared += 1
        if hidden != missing:
            different.append((row.route, hidden[0], missing[0]))
    assert different == []
    assert compared > 40


async def test_a_change_without_the_token_is_refused_on_every_route(
    stage: Stage, signed_in: SignIn
) -> None:
    admin = await signed_in("admin")
    token = admin.headers.pop("x-csrf-token")
    unguarded = {row.route for row in POSTS if not await _refused(await ask(admin, stage, row))}
    assert unguarded == set()
    admin.headers["x-csrf-token"] = token[::-1]
    unguarded = {row.route for row in POSTS if not await _refused(await ask(admin, stage, row))}
    assert unguarded == set()


@pytest.mark.parametrize(
    "header", [{"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}]
)
async def test_a_change_from_another_site_is_refused_on_every_route(
    stage: Stage, anyone: Client, signed_in: SignIn, header: dict[str, str]
) -> None:
    admin = await signed_in("admin")
    for client in (admin, anyone):
        client.headers.update(header)
        unguarded = {
            row.route for row in POSTS if not await _refused(await ask(client, stage, row))
        }
        assert unguarded == set()


async def _refused(answer: httpx.Response) -> bool:
    return answer.status_code == 403 and "E-CSRF" in answer.text


async def test_every_response_carries_every_header(stage: Stage, signed_in: SignIn) -> None:
    admin = await signed_in("admin")
    complaints: list[tuple[str, str]] = []
    for row in PAGES:
        answer = await ask(admin, stage, row)
        complaints += [(row.route, each) for each in _complaints(row, answer)]
    answer = await admin.get("/not/there")
    complaints += [("unknown", each) for each in _complaints(PAGES[0], answer)]
    assert complaints == []


def _complaints(row: Row, answer: httpx.Response) -> list[str]:
    return [*_about_headers(row, answer.headers), *_about_content(answer)]


def _about_headers(row: Row, headers: httpx.Headers) -> list[str]:
    found = [name for name, value in WANTED.items() if headers.get(name) != value]
    if headers.get("referrer-policy") == "no-referrer":  # stricter: the address itself is a secret
        found = [name for name in found if name != "referrer-policy"]
    policy = headers.get("content-security-policy", "")
    for part in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"):
        if part not in policy:
            found.append(f"policy without {part}")
    if re.search(r"unsafe|\*|http", policy):
        found.append(f"policy {policy}")
    if "camera=()" not in headers.get("permissions-policy", ""):
        found.append("permissions-policy")
    found += [name for name in UNWANTED if name in headers]
    if not row.path.startswith("/static") and headers.get("cache-control") != "no-store":
        found.append(f"cache-control {headers.get('cache-control')}")
    for cookie in headers.get_list("set-cookie"):
        if "HttpOnly" not in cookie or "SameSite=" not in cookie or "Domain" in cookie:
            found.append(f"cookie {cookie.partition('=')[0]}")
    if not headers.get("location", "/").startswith("/"):
        found.append(f"location {headers['location']}")
    return found


def _about_content(answer: httpx.Response) -> list[str]:
    found, full = [], answer.headers.get("content-type", "").lower()
    kind = full.partition(";")[0]
    if answer.content and kind not in KINDS:
        found.append(f"content-type {kind}")
    if kind.startswith("text/") and "charset=utf-8" not in full:
        found.append("charset")
    saved = answer.headers.get("content-disposition", "").startswith("attachment")
    if kind in DOWNLOADS and not saved:
        found.append("content-disposition")
    return found


class Broken:
    """A pool whose error tells more than anybody should read."""

    @asynccontextmanager
    async def connection(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError(f"{DETAIL} postgresql://govbot:{DETAIL}@db {__file__}")
        yield

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(DETAIL)


async def test_an_error_anywhere_tells_nothing(stage: Stage, signed_in: SignIn) -> None:
    admin = await signed_in("admin")
    stage.office.app.pool = Broken()  # type: ignore[assignment]
    failed = 0
    for row in TABLE:
        answer = await ask(admin, stage, row)
        failed += answer.status_code == 500
        for word in (DETAIL, "Traceback", "RuntimeError", "postgresql", "/govbot/", __file__):
            assert word not in answer.text, (row.route, word)
            assert word not in str(answer.headers), (row.route, word)
    assert failed > len(PAGES) / 2


async def test_an_error_in_a_template_or_in_the_page_of_errors_tells_nothing(
    stage: Stage, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = await signed_in("admin")

    def broken(*_: Any, **__: Any) -> str:
        raise RuntimeError(DETAIL)

    monkeypatch.setattr("govbot.web.render.Renderer.html", broken)
    answer = await admin.get("/conta")
    assert (answer.status_code, answer.text) == (500, "Internal Server Error\n")
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@given(st.text(alphabet=st.sampled_from("/\\\t\n\r .:@%?#ae\x00é／"), max_size=12) | st.text())
def test_no_address_leads_to_another_site(address: str) -> None:
    found = local_path(address)
    assert found.startswith("/")
    # Browsers drop tabs and line feeds, and read "\" as "/".
    seen = re.sub("[\t\r\n]", "", found).replace("\\", "/")
    assert not seen.startswith("//")
    assert urlsplit(urljoin("https://ia.example/entrar", seen)).netloc == "ia.example"


@pytest.mark.parametrize(
    "path",
    [
        "/static/{d}/../../pyproject.toml",
        "/static/{d}/%2e%2e/%2e%2e/pyproject.toml",
        "/static/{d}/..%2f..%2fpyproject.toml",
        "/static/{d}/%252e%252e/pyproject.toml",
        "/static/{d}//etc/passwd",
        "/static/{d}/css/..\\..\\pyproject.toml",
        "/static/{d}/css/base.css%00.png",
        "/static/../../etc/passwd",
    ],
)
async def test_static_files_are_those_that_were_read_at_the_start(
    anyone: Client, path: str
) -> None:
    answer = await anyone.get(path.replace("{d}", "000000000000"))
    assert answer.status_code in (303, 400, 404)
    assert "[project]" not in answer.text
    assert "root:" not in answer.text
