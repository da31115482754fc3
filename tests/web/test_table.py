"""Every route with everybody of the cast: the table is complete, and it is what happens."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from govbot.db.pool import Pool
from govbot.jobs.queue import Queue
from govbot.web.routes import routes
from tests.prepared import Prepared
from tests.web.conftest import Client, SignIn
from tests.web.matrix import PEOPLE, client_of
from tests.web.office import Office
from tests.web.row import Row
from tests.web.stage import Stage, stage_of
from tests.web.table import TABLE


@pytest.fixture
async def stage(prepared: Prepared | None, pool: Pool, queue: Queue, tmp_path: Path) -> Stage:
    return stage_of(prepared, pool, queue, tmp_path)


@pytest.fixture
def scene(stage: Stage) -> Office:
    return stage.office


def test_every_route_has_its_row_and_every_row_its_route() -> None:
    site = {
        f"{method} {path}"
        for route in routes()
        for path in route.paths
        for method in route.http_methods
        if method != "OPTIONS"
    }
    assert {row.route for row in TABLE} == site


def test_every_row_names_everybody() -> None:
    assert [row.route for row in TABLE if set(row.expected) != set(PEOPLE)] == []


@pytest.mark.parametrize("who", PEOPLE)
async def test_each_route_answers_each_person_as_the_table_says(
    stage: Stage, anyone: Client, signed_in: SignIn, who: str
) -> None:
    client = await client_of(who, anyone, signed_in)
    found = {}
    for number, row in enumerate(TABLE):
        answer = await ask(client, stage, row)
        found[number, row.route] = status_of(row, answer)
    assert found == {(number, row.route): row.expected[who] for number, row in enumerate(TABLE)}


async def ask(client: Client, stage: Stage, row: Row, path: str = "") -> httpx.Response:
    """The request of a row, for its own objects or for another address."""
    address = path or stage.address(row.path, row.use)
    if row.query:
        address += "?" + "&".join(
            f"{name}={value}"
            for name, value in stage.filled(dict([row.query.split("=", 1)])).items()
        )
    if row.method == "GET":
        return await client.get(address)
    files = dict(row.files) or None
    return await client.post(address, data=stage.filled(row.data), files=files)


def status_of(row: Row, answer: httpx.Response) -> int:
    """The status; a browser that is led to the sign-in form was not signed in (401)."""
    led = answer.status_code == 303 and answer.headers["location"].startswith("/entrar")
    return 401 if led and row.route != "POST /sair" else answer.status_code
