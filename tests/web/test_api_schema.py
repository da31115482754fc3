"""The API against its own description: requests that schemathesis makes up, by the hundred."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import checks
from schemathesis.core.transport import Response
from schemathesis.generation import GenerationMode

from govbot.config.table import Api
from govbot.web import api
from tests.ingestion import Parts
from tests.web.programs import FREE, Office, Shelves, open_office

EXAMPLES = 6  # of each operation, half of them wrong on purpose
SECONDS = 20.0  # for one person at most; a slow machine tries fewer examples of each
ROLES = Api(roles=("user", "curator", "admin"))
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


@pytest.fixture
async def office(parts: Parts, shelves: Shelves) -> AsyncIterator[Office]:
    opened = open_office(parts, shelves, limits=FREE, api=ROLES)
    yield opened
    await opened.close()


def cases(office: Office) -> list[Any]:
    """Requests of every operation, in turns, with ids that exist here and there."""
    schema = schemathesis.openapi.from_dict(api.document())
    by_operation: list[list[Any]] = []
    for result in schema.get_all_operations():
        operation = result.ok()
        found: list[Any] = []
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            found += _drawn(operation.as_strategy(generation_mode=mode), EXAMPLES // 2)
        by_operation.append(found)
    chance = random.Random(4)
    known = {
        "document_id": [office.law.document_id, office.hidden.document_id],
        "collection_id": [office.cast.a, office.cast.b],
        "page": [1],
        "number": [1],
        "user_id": [office.cast.reader.id, office.cast.stranger.id],
        "model": ["govbot", "govbot:A"],
    }
    for case in (each for found in by_operation for each in found):
        for name in case.path_parameters or {}:
            if name in known and chance.random() < 0.7:
                case.path_parameters[name] = str(chance.choice(known[name]))
    longest = max(map(len, by_operation))
    return [found[n] for n in range(longest) for found in by_operation if n < len(found)]


def _drawn(strategy: Any, number: int) -> list[Any]:
    found: list[Any] = []

    @seed(4)
    @settings(
        max_examples=number, database=None, phases=[Phase.generate], deadline=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(strategy)
    def draw(case: Any) -> None:
        found.append(case)

    try:
        draw()
    except schemathesis.errors.SchemathesisError:
        return []  # an operation that has no wrong requests
    return found


async def send(client: httpx.AsyncClient, case: Any) -> httpx.Response | None:
    """The answer; None where no client can send such a request."""
    parts = case.as_transport_kwargs(base_url="http://localhost")
    headers = {
        name: value
        for name, value in dict(parts.get("headers") or {}).items()
        if name.lower() != "authorization"
    }
    body = {name: parts[name] for name in ("json", "data", "files") if parts.get(name) is not None}
    if isinstance(body.get("data"), bytes | str):
        body["content"] = body.pop("data")
    try:
        request = client.build_request(
            parts["method"], parts["url"], params=parts.get("params"), headers=headers, **body
        )
        request.read()  # a form is a stream, which the checks want to look at
    except (httpx.InvalidURL, AttributeError, UnicodeError, TypeError, ValueError):
        return None
    return await client.send(request)


@pytest.mark.parametrize("who", ["reader", "admin"])
async def test_answers_are_what_the_description_says_and_never_a_fault(
    office: Office, who: str
) -> None:
    client, stranger = await office.program(who), office.client("gb_wrong")
    drawn, tried, statuses = cases(office), 0, set()
    end = time.monotonic() + SECONDS
    for case in drawn:
        if time.monotonic() > end:
            break
        answer = await send(client, case)
        if answer is None:
            continue
        statuses.add(answer.status_code)
        case.validate_response(Response.from_httpx(answer, verify=True), checks=CHECKS)
        assert who == "admin" or "Zurbanovic" not in answer.text
        refused = await send(stranger, case)
        assert refused is not None
        assert refused.status_code in (401, 404, 405), (case.method, case.path)
        tried += 1
    assert tried >= 30
    assert {200, 400, 404} <= statuses
