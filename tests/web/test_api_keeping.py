"""The REST API of those who look after things: documents, collections, queue, people, audit log."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from govbot.config.table import Api
from govbot.db.access import Role, as_system
from govbot.ids import new_id
from tests.answering import LEAVE
from tests.ingestion import Cast, Parts, add_person
from tests.web.programs import API, FREE, PATERNITY, Office, Shelves, code_of, open_office

EVERYBODY = Api(roles=("user", "curator", "admin", "auditor"))


@pytest.fixture
async def office(parts: Parts, shelves: Shelves) -> AsyncIterator[Office]:
    opened = open_office(parts, shelves, api=EVERYBODY, limits=FREE)
    yield opened
    await opened.close()


async def actions(office: Office) -> list[str]:
    async with as_system(office.pool) as conn:
        cursor = await conn.execute("SELECT action FROM audit_log ORDER BY seq")
        return [row["action"] for row in await cursor.fetchall()]


async def statuses(
    clients: dict[str, httpx.AsyncClient], method: str, path: str, **body: Any
) -> dict[str, int]:
    """What each person gets, in their order."""
    return {
        name: (await client.request(method, API + path, **body)).status_code
        for name, client in clients.items()
    }


async def test_a_document_is_described_revised_revoked_and_taken_back(office: Office) -> None:
    names = ("stranger", "reader", "writer", "curator")
    people = {name: await office.program(name) for name in names}
    writer, law = people["writer"], f"/documents/{office.law.document_id}"
    path = API + law

    facts = {"title": "Lei da licença", "tags": ["pessoal"], "year": 2019, "signed_on": None}
    changes: list[tuple[str, str, dict[str, Any], int]] = [
        ("PATCH", law, facts, 200),
        ("PUT", f"{law}/validity", {"valid_from": "2019-05-02", "valid_to": None}, 200),
        ("PUT", f"{law}/revocation", {"on": "2020-01-01"}, 200),
        ("DELETE", f"{law}/revocation", {}, 204),
    ]
    for method, address, body, done in changes:
        found = await statuses(people, method, address, json=body)
        assert found == {"stranger": 404, "reader": 403, "writer": done, "curator": done}, address
    detail = (await writer.get(path)).json()
    assert (detail["title"], detail["tags"], detail["year"]) == (
        "Lei da licença",
        ["pessoal"],
        2019,
    )
    assert detail["valid_from"] == "2019-05-02"
    assert detail["revoked_on"] is None
    wrong = {"valid_from": "2020-01-02", "valid_to": "2020-01-01"}
    assert code_of(await writer.put(f"{path}/validity", json=wrong)) == "E-VALIDITY"
    itself = {"on": "2020-01-01", "by": str(office.law.document_id)}
    assert code_of(await writer.put(f"{path}/revocation", json=itself)) == "E-REVOKED-BY"
    hidden = {"on": "2020-01-01", "by": str(office.hidden.document_id)}
    gone = {"on": "2020-01-01", "by": str(new_id())}
    told = [await writer.put(f"{path}/revocation", json=each) for each in (hidden, gone)]
    assert {each.status_code for each in told} == {404}
    assert told[0].content == told[1].content

    sent = {"params": {"filename": "lei.txt"}, "content": LEAVE.replace("vinte", "trinta").encode()}
    taken = await writer.post(f"{path}/versions", **sent)  # type: ignore[arg-type]
    assert (taken.status_code, taken.json()["document_id"]) == (202, str(office.law.document_id))
    again = await writer.post(f"{path}/versions", **sent)  # type: ignore[arg-type]
    assert (again.status_code, again.json()["duplicate"]) == (200, True)
    await office.work()
    assert [each["number"] for each in (await writer.get(path)).json()["versions"]] == [2, 1]
    await writer.delete(path)
    assert (await writer.post(f"{path}/restore")).json()["trashed_at"] is None
    old = await office.program("writer", ["documents:read", "documents:write"])
    assert code_of(await old.put(f"{path}/revocation", json={"on": "2020-01-01"})) == "E-SCOPE"
    assert {"document.described", "document.revoked", "document.restored"} <= set(
        await actions(office)
    )


async def test_a_version_goes_through_its_stages_by_two_people(office: Office, cast: Cast) -> None:
    names = ("reader", "writer", "curator", "admin")
    people = {name: await office.program(name) for name in names}
    shelf = f"{API}/collections/{cast.a}"
    changed = await people["curator"].patch(shelf, json={"needs_review": True})
    assert changed.json()["needs_review"] is True
    taken = await people["writer"].post(
        f"{shelf}/documents", params={"filename": "nova.txt"}, content="Art. 1º Vale.".encode()
    )
    await office.work()
    document = f"{API}/documents/{taken.json()['document_id']}"
    stage = f"{document}/versions/1/stage"
    assert (await people["reader"].get(document)).status_code == 404
    for who, wanted, status in (
        ("reader", "approved", 404), ("writer", "approved", 403), ("writer", "in_review", 200),
        ("writer", "rejected", 403),
    ):  # fmt: skip
        told = await people[who].post(stage, json={"stage": wanted, "note": "x"})
        assert told.status_code == status, (who, wanted)
    waiting = (await people["curator"].get(f"{API}/reviews")).json()
    assert [each["filename"] for each in waiting["items"]] == ["nova.txt"]
    assert (await people["reader"].get(f"{API}/reviews")).json()["items"] == []
    rejected = await people["curator"].post(stage, json={"stage": "rejected", "note": "Erro."})
    assert rejected.json()["versions"][0]["review"] == "rejected"
    await people["writer"].post(stage, json={"stage": "in_review"})
    approved = await people["curator"].post(stage, json={"stage": "approved"})
    assert approved.json()["versions"][0]["review"] == "approved"
    assert code_of(await people["curator"].post(stage, json={"stage": "approved"})) == "E-REVIEW"
    missing = f"{document}/versions/9/stage"
    assert (await people["curator"].post(missing, json={"stage": "approved"})).status_code == 404


async def test_collections_and_who_has_them(office: Office, cast: Cast) -> None:
    curator, reader = await office.program("curator"), await office.program("reader")
    stranger = await office.program("stranger")
    made = await curator.post(f"{API}/collections", json={"name": "Nova", "description": "x"})
    assert (made.status_code, made.json()["level"]) == (201, "manage")
    assert (await curator.post(f"{API}/collections", json={"name": "nova"})).status_code == 409
    assert (await reader.post(f"{API}/collections", json={"name": "Outra"})).status_code == 403
    path = made.headers["location"]
    assert (await reader.get(path)).status_code == 404
    given = await curator.put(f"{path}/grants", json={"who": "reader", "level": "read"})
    assert given.status_code == 200
    again = await curator.put(f"{path}/grants", json={"who": "reader", "level": "read"})
    assert again.json() == given.json()
    assert (await reader.get(path)).json()["level"] == "read"
    assert (await reader.get(f"{path}/grants")).status_code == 403
    assert (await reader.patch(path, json={"name": "Minha"})).status_code == 403
    assert (await stranger.get(f"{path}/grants")).status_code == 404
    nobody = await curator.put(f"{path}/grants", json={"who": "ninguém", "level": "read"})
    assert code_of(nobody) == "E-WHO"
    renamed = await curator.patch(path, json={"name": "Novíssima", "instructions": "Seja breve."})
    assert (renamed.json()["name"], renamed.json()["description"]) == ("Novíssima", "x")
    (grant,) = [each for each in given.json()["items"] if each["name"].casefold() == "reader"]
    foreign = f"{API}/collections/{cast.a}/grants/{grant['id']}"
    assert (await curator.delete(foreign)).status_code == 404
    assert (await curator.delete(f"{path}/grants/{grant['id']}")).status_code == 204
    assert (await curator.delete(f"{path}/grants/{grant['id']}")).status_code == 404
    assert (await reader.get(path)).status_code == 404
    assert (await curator.delete(f"{API}/collections/{cast.a}")).status_code == 409
    assert (await stranger.delete(f"{API}/collections/{cast.a}")).status_code == 404
    assert (await curator.delete(path)).status_code == 204


async def test_the_queue_shows_and_obeys_those_who_may_write(office: Office, cast: Cast) -> None:
    writer, stranger = await office.program("writer"), await office.program("stranger")
    admin, reader = await office.program("admin"), await office.program("reader")
    for number in range(3):
        await writer.post(
            f"{API}/collections/{cast.a}/documents", params={"filename": f"{number}.txt"},
            content=f"Art. 1º Número {number}.".encode(),
        )  # fmt: skip
    first = (await writer.get(f"{API}/jobs", params={"limit": 2})).json()
    rest = (await writer.get(f"{API}/jobs", params={"cursor": first["next_cursor"]})).json()
    shown = [each["filename"] for each in first["items"] + rest["items"]]
    assert shown == ["0.txt", "1.txt", "2.txt"]
    assert (first["counts"]["waiting"], rest["next_cursor"], first["paused"]) == (3, None, False)
    for client in (stranger, reader):
        seen = (await client.get(f"{API}/jobs")).json()
        assert (seen["items"], set(seen["counts"].values())) == ([], {0})
    job = f"{API}/jobs/{first['items'][0]['version_id']}"
    assert (await stranger.post(f"{job}/cancel")).status_code == 404
    assert (await reader.post(f"{job}/cancel")).status_code in (403, 404)
    assert (await writer.post(f"{job}/cancel")).json() == {"documents": 1}
    assert (await writer.post(f"{job}/cancel")).json() == {"documents": 0}
    assert (await writer.post(f"{job}/retry")).json() == {"documents": 1}
    assert (await writer.post(f"{API}/jobs/retry")).json() == {"documents": 0}
    for word in ("pause", "resume"):
        assert (await writer.post(f"{API}/jobs/{word}")).status_code == 403
        assert (await admin.post(f"{API}/jobs/{word}")).status_code == 204
    for cursor in ("x", first["next_cursor"][:-1]):
        wrong = await writer.get(f"{API}/jobs", params={"cursor": cursor})
        assert wrong.status_code in (200, 422)
    running = (await admin.get(f"{API}/status")).json()
    assert (running["models"][0]["name"], running["embedder"]) == ("extractive", "hash")
    assert (await writer.get(f"{API}/status")).status_code == 403


async def test_people_and_groups_are_for_administrators_and_no_key_rises(
    office: Office, parts: Parts, cast: Cast
) -> None:
    admin, curator = await office.program("admin"), await office.program("curator")
    for path in ("/users", f"/users/{cast.reader.id}", "/groups"):
        assert (await curator.get(API + path)).status_code == 403
    first = (await admin.get(f"{API}/users", params={"limit": 2})).json()
    rest = (await admin.get(f"{API}/users", params={"cursor": first["next_cursor"]})).json()
    names = [each["username"] for each in first["items"] + rest["items"]]
    assert names == sorted(["admin", "curator", "reader", "stranger", "writer"])
    made = await admin.post(f"{API}/users", json={"username": "maria", "name": "Maria Souza"})
    assert (made.status_code, made.json()["role"]) == (201, "user")
    assert len(made.json()["password"]) >= 12
    path = made.headers["location"]
    assert "password" not in (await admin.get(path)).json()
    twice = await admin.post(f"{API}/users", json={"username": "maria", "name": "Maria"})
    assert twice.status_code == 409
    for role in ("admin", "auditor"):
        rising = {"username": "x", "name": "X", "role": role}
        assert (await admin.post(f"{API}/users", json=rising)).status_code == 400
        assert (await admin.patch(path, json={"role": role})).status_code == 400
    changed = await admin.patch(path, json={"role": "curator", "disabled": True, "clearance": 2})
    assert (changed.json()["role"], changed.json()["clearance"]) == ("curator", 2)
    assert changed.json()["disabled_at"] is not None
    async with as_system(office.pool) as conn:
        other = await add_person(conn, "chief", Role.ADMIN)
    for account in (other.id, cast.admin.id):
        shut = await admin.patch(f"{API}/users/{account}", json={"disabled": True})
        assert code_of(shut) == "E-API-ACCOUNT"
    group = await admin.post(f"{API}/groups", json={"name": "Finanças"})
    assert (await admin.post(f"{API}/groups", json={"name": "Finanças"})).status_code == 409
    member = f"{group.headers['location']}/members/{cast.reader.id}"
    for _ in range(2):
        assert (await admin.put(member)).json()["members"] == ["reader"]
    assert (await admin.get(f"{API}/groups")).json()["items"][0]["members"] == ["reader"]
    assert [(await admin.delete(member)).status_code for _ in range(2)] == [204, 404]
    assert (await admin.delete(group.headers["location"])).status_code == 204


async def test_the_audit_log_is_for_administrators_and_auditors_alone(
    office: Office, cast: Cast
) -> None:
    reader, admin = await office.program("reader"), await office.program("admin")
    await reader.post(f"{API}/ask", json={"question": PATERNITY})
    assert (await reader.get(f"{API}/audit")).status_code == 403
    async with as_system(office.pool) as conn:
        auditor_actor = await add_person(conn, "auditor", Role.AUDITOR)
    object.__setattr__(office.cast, "auditor", auditor_actor)
    auditor = await office.program("auditor")
    for client in (admin, auditor):
        asked = (await client.get(f"{API}/audit", params={"action": "question.asked"})).json()
        assert [each["actor"] for each in asked["items"]] == ["reader"]
        first = (await client.get(f"{API}/audit", params={"limit": 1})).json()
        seq = first["items"][0]["seq"]
        next_page = {"limit": 1, "cursor": first["next_cursor"]}
        older = (await client.get(f"{API}/audit", params=next_page)).json()
        assert older["items"][0]["seq"] == seq - 1
        assert (await client.get(f"{API}/audit/{seq}")).json() == first["items"][0]
        assert (await client.get(f"{API}/audit/999999")).status_code == 404
        naive = await client.get(f"{API}/audit", params={"since": "2026-01-01T00:00:00"})
        assert code_of(naive) == "E-MOMENT"
    assert "audit.exported" in await actions(office)
    assert PATERNITY not in json.dumps(asked)
    for path in ("/documents", "/collections", "/jobs", "/users", "/conversations", "/status"):
        assert (await auditor.get(API + path)).status_code == 403, path
    for path in ("/search", "/ask"):
        asks = await auditor.post(API + path, json={"question": PATERNITY})
        assert asks.status_code == 403
    assert (await auditor.get("/v1/models")).status_code == 403
    assert (await auditor.get(f"{API}/me")).json()["role"] == "auditor"
