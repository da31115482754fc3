"""The REST API: each route, with keys of the whole cast."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from govbot.auth import api_keys
from govbot.chat import store as chats
from govbot.config.table import Api, Limits
from govbot.db.access import as_actor, as_system
from govbot.ids import ConversationId, new_id
from govbot.web import api
from govbot.web.api_call import cursor_of
from tests.answering import withdraw
from tests.ingestion import Cast, Parts, take
from tests.web.programs import (
    ALL_SCOPES,
    API,
    FREE,
    PATERNITY,
    Office,
    Shelves,
    address,
    code_of,
    open_office,
)

ROLES = Api(roles=("user", "curator", "admin"))


@pytest.fixture
async def office(parts: Parts, shelves: Shelves) -> AsyncIterator[Office]:
    opened = open_office(parts, shelves, api=ROLES)
    yield opened
    await opened.close()


@pytest.fixture
async def reader(office: Office) -> httpx.AsyncClient:
    return await office.program("reader")


@pytest.fixture
async def curator(office: Office) -> httpx.AsyncClient:
    return await office.program("curator")


async def audited(office: Office, action: str) -> list[dict[str, Any]]:
    async with as_system(office.pool) as conn:
        cursor = await conn.execute(
            "SELECT actor_name, resource, details, ip FROM audit_log WHERE action = %(action)s"
            " ORDER BY seq",
            {"action": action},
        )
        return [{**row, "details": json.loads(row["details"])} for row in await cursor.fetchall()]


def plain(answer: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    """All that a program sees, but for the id of the request."""
    headers = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
    return answer.status_code, answer.content, headers


class TestDoor:
    async def test_without_a_key_nothing_is_open_but_the_description(self, office: Office) -> None:
        client = office.client()
        for path, methods in api.document()["paths"].items():
            for method in methods:
                answer = await client.request(method, address(path))
                assert answer.status_code == 401, (method, path)
                assert code_of(answer) == "E-API-KEY"
                assert answer.headers["www-authenticate"] == 'Bearer realm="govbot"'
        assert (await client.get(f"{API}/openapi.json")).status_code == 200

    async def test_what_is_no_key_opens_nothing(self, office: Office) -> None:
        client = office.client()
        for header in ("", "Bearer", "Bearer ", "Bearer x", "Basic Z2I6eA==", "gb_x"):
            answer = await client.get(f"{API}/me", headers={"authorization": header})
            assert answer.status_code == 401, header
        endless = {"authorization": "Bearer " + "g" * 5000}
        assert (await client.get(f"{API}/me", headers=endless)).status_code == 401

    async def test_all_refusals_look_alike(self, office: Office) -> None:
        _, text = await office.key("reader")
        other, revoked = await office.key("reader")
        async with as_system(office.pool) as conn:
            await api_keys.revoke(conn, other.id, by=office.actor("reader"))
        swapped = revoked[:-1] + ("a" if revoked[-1] != "a" else "b")
        _, bound = await office.key("reader", addresses=["10.0.0.0/8"])
        answers = [
            plain(await office.client(each).get(f"{API}/me"))
            for each in (revoked, swapped, bound, "nothing")
        ]
        assert len({(status, body) for status, body, _ in answers}) == 1
        assert (await office.client(text).get(f"{API}/me")).status_code == 200

    async def test_a_session_of_the_pages_is_no_key(self, office: Office) -> None:
        client = office.client()
        async with as_system(office.pool) as conn:
            await conn.execute(
                """
                INSERT INTO sessions (token_hash, user_id, csrf, expires_at)
                VALUES (sha256('token'), %(user)s, 'c', now() + interval '1 day')
                """,
                {"user": office.actor("reader").id},
            )
        client.cookies.set("govbot_session", "token")
        assert (await client.get("/documentos")).status_code == 200
        assert (await client.get(f"{API}/me")).status_code == 401

    async def test_a_key_is_no_session_of_the_pages(self, reader: httpx.AsyncClient) -> None:
        assert (await reader.get("/documentos")).status_code == 401
        assert (await reader.get("/conta/chaves")).status_code == 401
        made = await reader.post("/conta/chaves", data={"name": "x", "scope": "ask"})
        assert made.status_code == 401

    async def test_a_key_in_the_address_is_not_looked_at(self, office: Office) -> None:
        _, text = await office.key("reader")
        answer = await office.client().get(f"{API}/me", params={"access_token": text, "key": text})
        assert answer.status_code == 401

    async def test_a_route_opens_with_its_scope_and_with_no_other(
        self, parts: Parts, shelves: Shelves
    ) -> None:
        many = ROLES.model_copy(update={"max_keys": 50})
        office = open_office(parts, shelves, api=many, limits=FREE)
        with_it = {each: await office.program("admin", [each]) for each in ALL_SCOPES}
        without = {
            each: await office.program("admin", [other for other in ALL_SCOPES if other != each])
            for each in ALL_SCOPES
        }
        for path, methods in api.document()["paths"].items():
            for method, operation in methods.items():
                for scope in operation["security"][0]["key"]:
                    closed = await without[scope].request(method, address(path))
                    assert (closed.status_code, code_of(closed)) == (403, "E-SCOPE"), path
                    assert scope in closed.headers["www-authenticate"]
                    opened = await with_it[scope].request(method, address(path))
                    assert opened.status_code != 403, (method, path)
        await office.close()

    async def test_a_disabled_person_s_key_is_dead_on_the_next_request(
        self, office: Office, reader: httpx.AsyncClient
    ) -> None:
        assert (await reader.get(f"{API}/me")).status_code == 200
        async with as_system(office.pool) as conn:
            await conn.execute(
                "UPDATE users SET disabled_at = now() WHERE id = %(id)s",
                {"id": office.actor("reader").id},
            )
        assert (await reader.get(f"{API}/me")).status_code == 401
        (entry,) = await audited(office, "key.refused")
        assert entry["details"]["reason"] == "disabled"
        assert entry["ip"] == "192.0.2.7"

    async def test_switched_off_the_api_is_not_there(self, parts: Parts, shelves: Shelves) -> None:
        office = open_office(parts, shelves, api=Api(enabled=False))
        _, text = await office.key("reader")
        assert (await office.client(text).get(f"{API}/me")).status_code == 404
        await office.close()

    async def test_answers_are_json_kept_nowhere_and_set_no_cookie(
        self, reader: httpx.AsyncClient
    ) -> None:
        for path in ("/me", "/nothing", f"/documents/{new_id()}", "/documents?limit=x"):
            answer = await reader.get(API + path)
            assert answer.headers["content-type"] == "application/json", path
            assert answer.headers["cache-control"] == "no-store"
            assert "set-cookie" not in answer.headers

    async def test_errors_speak_the_language_asked_for(self, reader: httpx.AsyncClient) -> None:
        path = f"{API}/documents/{new_id()}"
        english = await reader.get(path, headers={"accept-language": "en"})
        portuguese = await reader.get(path, headers={"accept-language": "pt-BR"})
        assert english.json() == {
            "code": "E-NOT-FOUND", "message": "Not found, or not yours to see.",
        }  # fmt: skip
        assert portuguese.json()["code"] == "E-NOT-FOUND"
        assert portuguese.json()["message"] != english.json()["message"]
        assert english.headers["content-language"] == "en"

    async def test_a_wrong_method_says_which_are_right(self, reader: httpx.AsyncClient) -> None:
        answer = await reader.put(f"{API}/documents")
        assert answer.status_code == 405
        assert answer.json()["code"] == "E-METHOD"
        assert {"GET", "POST"} <= set(answer.headers["allow"].split(", "))

    async def test_a_wrong_field_is_named(self, reader: httpx.AsyncClient) -> None:
        answer = await reader.get(f"{API}/documents", params={"limit": 0})
        assert answer.status_code == 400
        assert answer.json()["code"] == "E-INVALID"
        assert [each["field"] for each in answer.json()["fields"]] == ["limit"]

    async def test_a_body_that_is_too_long_is_refused(self, reader: httpx.AsyncClient) -> None:
        answer = await reader.post(f"{API}/ask", json={"question": "a" * 70_000})
        assert answer.status_code == 413


class TestLimits:
    async def test_a_key_has_its_own_limit(self, office: Office) -> None:
        client = await office.program("reader", per_minute=3)
        statuses = [(await client.get(f"{API}/me")).status_code for _ in range(5)]
        assert statuses == [200, 200, 200, 429, 429]
        answer = await client.get(f"{API}/me")
        assert answer.json()["code"] == "E-RATE"
        assert 1 <= int(answer.headers["retry-after"]) <= 20
        other = await office.program("reader")
        assert (await other.get(f"{API}/me")).status_code == 200

    async def test_all_keys_of_a_person_share_a_limit(self, parts: Parts, shelves: Shelves) -> None:
        office = open_office(parts, shelves, limits=Limits(api_user_per_minute=4))
        clients = [await office.program("reader") for _ in range(2)]
        statuses = [(await clients[n % 2].get(f"{API}/me")).status_code for n in range(6)]
        assert statuses == [200] * 4 + [429] * 2
        assert (await (await office.program("curator")).get(f"{API}/me")).status_code == 200
        await office.close()

    async def test_guesses_from_one_address_are_limited(
        self, parts: Parts, shelves: Shelves
    ) -> None:
        office = open_office(parts, shelves, limits=Limits(anonymous_per_minute=3))
        client, elsewhere = office.client("gb_guess"), office.client("gb_guess", "198.51.100.3")
        statuses = [(await client.get(f"{API}/me")).status_code for _ in range(5)]
        assert statuses == [401, 401, 401, 429, 429]
        assert (await elsewhere.get(f"{API}/me")).status_code == 401
        genuine = await office.program("reader")
        assert (await genuine.get(f"{API}/me")).status_code == 200
        assert len(await audited(office, "key.refused")) == 2
        await office.close()

    async def test_questions_of_pages_and_programs_count_together(
        self, parts: Parts, shelves: Shelves
    ) -> None:
        office = open_office(parts, shelves, limits=Limits(questions_per_minute=2))
        client = await office.program("reader")
        asked = {"question": PATERNITY}
        statuses = [
            (await client.post(f"{API}{path}", json=asked)).status_code
            for path in ("/ask", "/search", "/ask/stream", "/ask")
        ]
        assert statuses == [200, 200, 429, 429]
        await office.close()

    async def test_uploads_are_limited(self, parts: Parts, shelves: Shelves) -> None:
        office = open_office(parts, shelves, limits=Limits(uploads_per_hour=1))
        client = await office.program("curator")
        path = f"{API}/collections/{shelves.cast.a}/documents"
        statuses = [
            (await client.post(path, params={"filename": f"{n}.txt"}, content=b"Art. 1 x"))
            .status_code
            for n in range(2)
        ]  # fmt: skip
        assert statuses == [202, 429]
        await office.close()


class TestMe:
    async def test_it_says_whom_the_key_acts_as(self, office: Office) -> None:
        key, text = await office.key("reader", ["search", "ask"])
        found = (await office.client(text).get(f"{API}/me")).json()
        assert found["username"] == "reader"
        assert found["role"] == "user"
        assert found["key"]["id"] == key.handle
        assert found["key"]["scopes"] == ["ask", "search"]
        assert found["key"]["expires_at"] is not None


class TestDocuments:
    async def test_lists_hold_what_the_person_may_read(self, office: Office) -> None:
        seen = {}
        for name in ("reader", "stranger", "curator", "admin"):
            client = await office.program(name)
            documents = (await client.get(f"{API}/documents")).json()["items"]
            shelves = (await client.get(f"{API}/collections")).json()["items"]
            seen[name] = (
                sorted(each["filename"] for each in documents),
                {each["name"]: each["level"] for each in shelves},
            )
        law, order = "lei-731.txt", "portaria-98431.txt"
        assert seen == {
            "reader": ([law], {"A": "read"}),
            "stranger": ([order], {"B": "read"}),
            "curator": ([law], {"A": "manage"}),
            "admin": ([law, order], {"A": "manage", "B": "manage"}),
        }

    async def test_pages_of_a_list_hold_everything_once(
        self, office: Office, parts: Parts, cast: Cast, reader: httpx.AsyncClient
    ) -> None:
        for number in range(4):
            await take(parts, cast.curator, cast.a, f"{number}.txt", f"Art. 1º Número {number}.")
        found, cursor, pages = [], "", 0
        while cursor is not None and pages < 9:
            page = (
                await reader.get(f"{API}/documents", params={"limit": 2, "cursor": cursor})
            ).json()
            found += [each["filename"] for each in page["items"]]
            cursor, pages = page["next_cursor"], pages + 1
        assert found == ["3.txt", "2.txt", "1.txt", "0.txt", "lei-731.txt"]
        assert pages == 3

    async def test_collections_go_on_after_a_cursor(self, office: Office) -> None:
        client = await office.program("admin")
        first = (await client.get(f"{API}/collections", params={"limit": 1})).json()
        rest = (
            await client.get(f"{API}/collections", params={"cursor": first["next_cursor"]})
        ).json()
        assert [each["name"] for each in first["items"] + rest["items"]] == ["A", "B"]
        assert rest["next_cursor"] is None

    async def test_a_foreign_cursor_is_not_valid(self, reader: httpx.AsyncClient) -> None:
        foreign = ["x", "é", "AAAA", cursor_of("nothing"), cursor_of("2020-01-01"), "a\x00b"]
        for path in ("/documents", "/collections", "/conversations"):
            for cursor in foreign:
                answer = await reader.get(API + path, params={"cursor": cursor})
                found = (answer.status_code, answer.json()["code"])
                assert found == (422, "E-CURSOR"), (path, cursor)

    async def test_filters_narrow_the_list(
        self, office: Office, cast: Cast, reader: httpx.AsyncClient
    ) -> None:
        async def names(**params: str) -> list[str]:
            answer = await reader.get(f"{API}/documents", params=params)
            assert answer.status_code == 200, answer.text
            return [each["filename"] for each in answer.json()["items"]]

        assert await names(collection_id=str(cast.a), state="ready", text="731") == ["lei-731.txt"]
        assert await names(state="failed") == []
        assert await names(tag="nenhuma") == []
        assert await names(text="a\x00b") == []
        assert await names(trashed="true") == []
        assert await names(collection_id=str(cast.b)) == await names(collection_id=str(new_id()))

    async def test_a_document_tells_its_versions(
        self, office: Office, reader: httpx.AsyncClient
    ) -> None:
        found = (await reader.get(f"{API}/documents/{office.law.document_id}")).json()
        assert found["state"] == "ready"
        assert found["served"] == 1
        assert [each["number"] for each in found["versions"]] == [1]
        assert found["versions"][0]["id"] == str(office.law.version_id)

    async def test_the_text_of_a_page_and_the_original_are_audited(
        self, office: Office, reader: httpx.AsyncClient
    ) -> None:
        path = f"{API}/documents/{office.law.document_id}"
        page = (await reader.get(f"{path}/pages/1")).json()
        assert "licença-paternidade" in page["text"]
        assert (page["version"], page["number"], page["pages"]) == (1, 1, 1)
        file = await reader.get(f"{path}/original")
        assert "licença-paternidade" in file.content.decode()
        assert file.headers["content-disposition"].startswith("attachment")
        looks = await audited(office, "document.opened")
        assert [each["details"] for each in looks] == [
            {"version": 1, "page": 1}, {"version": 1, "file": True},
        ]  # fmt: skip
        assert {each["actor_name"] for each in looks} == {"reader"}

    async def test_what_a_document_does_not_have_is_not_found(
        self, office: Office, reader: httpx.AsyncClient
    ) -> None:
        for path in ("pages/2", "pages/1?version=9", "original?version=2"):
            answer = await reader.get(f"{API}/documents/{office.law.document_id}/{path}")
            assert answer.status_code == 404, path

    async def test_unknown_and_unreadable_are_told_in_the_same_bytes(
        self, office: Office, cast: Cast, reader: httpx.AsyncClient
    ) -> None:
        async with as_actor(office.pool, cast.stranger, write=True) as conn:
            conversation = await chats.create_conversation(conn, cast.stranger)
        for method, path, real in (
            ("GET", "/documents/{}", office.hidden.document_id),
            ("GET", "/documents/{}/pages/1", office.hidden.document_id),
            ("GET", "/documents/{}/original", office.hidden.document_id),
            ("DELETE", "/documents/{}", office.hidden.document_id),
            ("GET", "/collections/{}", cast.b),
            ("GET", "/documents?collection_id={}", cast.b),
            ("POST", "/collections/{}/documents?filename=a.txt", cast.b),
            ("GET", "/conversations/{}", conversation),
            ("DELETE", "/conversations/{}", conversation),
        ):
            known = await reader.request(method, API + path.format(real))
            unknown = await reader.request(method, API + path.format(new_id()))
            assert plain(known) == plain(unknown), path
        searches = [
            plain(
                await reader.post(
                    f"{API}/search", json={"question": PATERNITY, "collection_id": str(each)}
                )
            )
            for each in (cast.b, new_id())
        ]
        assert searches[0] == searches[1]
        assert searches[0][0] == 404

    async def test_after_a_right_is_gone_the_same_key_finds_nothing(
        self, office: Office, reader: httpx.AsyncClient
    ) -> None:
        path = f"{API}/documents/{office.law.document_id}"
        assert (await reader.get(path)).status_code == 200
        await withdraw(office.pool, "reader")
        assert (await reader.get(path)).status_code == 404
        assert (await reader.get(f"{path}/original")).status_code == 404
        found = (await reader.post(f"{API}/search", json={"question": PATERNITY})).json()
        assert found["passages"] == []


class TestUploads:
    async def test_a_file_in_the_body_is_taken_in_read_and_found(
        self, office: Office, cast: Cast, curator: httpx.AsyncClient
    ) -> None:
        answer = await curator.post(
            f"{API}/collections/{cast.a}/documents",
            params={"filename": "portaria-7.txt"},
            content="Art. 1º O almoço é servido ao meio-dia.".encode(),
            headers={"content-type": "application/octet-stream"},
        )
        assert answer.status_code == 202
        taken = answer.json()
        assert (taken["state"], taken["duplicate"]) == ("queued", False)
        assert answer.headers["location"] == f"{API}/documents/{taken['document_id']}"
        await office.work()
        found = (await curator.get(answer.headers["location"])).json()
        assert found["state"] == "ready"
        (entry,) = [
            each for each in await audited(office, "document.uploaded")
            if each["details"]["filename"] == "portaria-7.txt"
        ]  # fmt: skip
        assert entry["details"]["source"] == "api"

    async def test_a_form_does_the_same_and_knows_what_is_there(
        self, office: Office, cast: Cast, curator: httpx.AsyncClient
    ) -> None:
        def send() -> Any:
            return curator.post(
                f"{API}/documents",
                data={"collection_id": str(cast.a)},
                files={"file": ("aviso.txt", b"Art. 1 Aviso.")},
            )

        first, second = await send(), await send()
        assert (first.status_code, second.status_code) == (202, 200)
        assert second.json()["duplicate"] is True
        assert second.json()["document_id"] == first.json()["document_id"]

    @pytest.mark.parametrize(
        ("who", "status"), [("reader", 403), ("stranger", 404), ("writer", 202), ("admin", 202)]
    )
    async def test_the_right_to_write_decides(
        self, office: Office, cast: Cast, who: str, status: int
    ) -> None:
        client = await office.program(who)
        answer = await client.post(
            f"{API}/collections/{cast.a}/documents", params={"filename": "a.txt"}, content=b"Art. 1"
        )
        assert answer.status_code == status

    @pytest.mark.parametrize(
        ("name", "body", "code"),
        [
            ("a.txt", b"", "E-VAZIO"),
            ("a.png", b"\x89PNG\r\n\x1a\n123", "E-FORMATO"),
            ("../../etc/passwd", b"\x7fELF\x02\x01\x01", "E-FORMATO"),
        ],
    )
    async def test_a_file_that_cannot_be_read_is_refused_at_once(
        self, office: Office, cast: Cast, curator: httpx.AsyncClient, name: str, body: bytes,
        code: str,
    ) -> None:  # fmt: skip
        answer = await curator.post(
            f"{API}/collections/{cast.a}/documents", params={"filename": name}, content=body
        )
        assert (answer.status_code, answer.json()["code"]) == (422, code)

    async def test_a_body_over_the_limit_is_refused(
        self, office: Office, cast: Cast, curator: httpx.AsyncClient,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        monkeypatch.setattr("govbot.web.uploads.body_limit", lambda _settings: 1000)
        office.site = None
        client = await office.program("curator")

        async def endless() -> AsyncIterator[bytes]:
            for _ in range(100):
                yield b"Art. 1 " * 100

        for content in (b"a" * 5000, endless()):
            answer = await client.post(
                f"{API}/collections/{cast.a}/documents", params={"filename": "a.txt"},
                content=content,
            )  # fmt: skip
            assert answer.status_code == 413

    async def test_deleting_moves_to_the_trash_and_needs_the_right_to_write(
        self, office: Office, reader: httpx.AsyncClient, curator: httpx.AsyncClient
    ) -> None:
        path = f"{API}/documents/{office.law.document_id}"
        assert (await reader.delete(path)).status_code == 403
        gone = await curator.delete(path)
        assert (gone.status_code, gone.content) == (204, b"")
        assert (await reader.get(path)).status_code == 404
        assert (await curator.get(path)).json()["trashed_at"] is not None
        listed = (await curator.get(f"{API}/documents", params={"trashed": "true"})).json()
        assert [each["filename"] for each in listed["items"]] == ["lei-731.txt"]


class TestQuestions:
    async def test_an_answer_has_citations_that_lead_to_the_page(
        self, office: Office, reader: httpx.AsyncClient
    ) -> None:
        answer = (await reader.post(f"{API}/ask", json={"question": PATERNITY})).json()
        assert answer["refused"] is False
        assert "[1]" in answer["text"]
        citation = answer["citations"][0]
        assert citation["document_id"] == str(office.law.document_id)
        assert "vinte dias" in citation["quote"]
        assert citation["link"] == f"/documentos/{office.law.version_id}/pagina/1"
        (entry,) = await audited(office, "question.asked")
        assert entry["actor_name"] == "reader"
        assert entry["details"]["versions"] == [str(office.law.version_id)]

    async def test_what_is_not_in_the_readable_documents_is_refused(
        self, reader: httpx.AsyncClient
    ) -> None:
        asked = {"question": "Qual é o codinome do plano?"}
        for path in ("/ask", "/ask/stream", "/search"):
            answer = await reader.post(API + path, json=asked)
            assert "Zurbanovic" not in answer.text
            assert "98431" not in answer.text
        assert (await reader.post(f"{API}/ask", json=asked)).json()["refused"] is True

    async def test_nothing_of_it_is_kept(
        self, office: Office, cast: Cast, reader: httpx.AsyncClient
    ) -> None:
        await reader.post(f"{API}/ask", json={"question": PATERNITY})
        async with as_actor(office.pool, cast.reader) as conn:
            assert await chats.list_conversations(conn) == []

    async def test_an_answer_streams_as_events_of_json(self, reader: httpx.AsyncClient) -> None:
        answer = await reader.post(f"{API}/ask/stream", json={"question": PATERNITY})
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = [
            dict(line.partition(": ")[::2] for line in block.splitlines())
            for block in answer.text.replace("\r", "").strip().split("\n\n")
        ]
        assert events[0]["event"] == "status"
        assert events[-1]["event"] == "done"
        assert json.loads(events[-1]["data"])["citations"]
        assert all(json.loads(event["data"]) for event in events)

    async def test_a_search_gives_passages_and_is_audited_without_its_words(
        self, office: Office, reader: httpx.AsyncClient
    ) -> None:
        found = (await reader.post(f"{API}/search", json={"question": PATERNITY})).json()
        assert found["sufficient"] is True
        assert "vinte dias" in found["passages"][0]["text"]
        (entry,) = await audited(office, "search.made")
        assert entry["details"]["versions"] == [str(office.law.version_id)]
        assert "question" not in entry["details"]

    async def test_a_search_looks_into_one_collection_or_on_one_day(
        self, office: Office, cast: Cast
    ) -> None:
        client = await office.program("admin")
        asked = {"question": "codinome do plano", "collection_id": str(cast.a)}
        found = (await client.post(f"{API}/search", json=asked)).json()
        assert {each["collection"] for each in found["passages"]} <= {"A"}
        only = {"collection_id": str(cast.b)}
        asked |= only
        found = (await client.post(f"{API}/search", json=asked)).json()
        assert {each["collection"] for each in found["passages"]} == {"B"}
        for path in ("/ask", "/ask/stream"):
            answer = await client.post(API + path, json={"question": PATERNITY, **only})
            assert "vinte dias" not in answer.text
            unknown = {"question": PATERNITY, "collection_id": str(new_id())}
            assert (await client.post(API + path, json=unknown)).status_code == 404
        day = {"question": PATERNITY, "as_of": "1999-01-01"}
        assert (await client.post(f"{API}/search", json=day)).status_code == 200

    async def test_what_is_no_question(self, reader: httpx.AsyncClient) -> None:
        bodies: list[tuple[dict[str, Any], int]] = [
            ({"question": ""}, 400),
            ({"question": "  \n"}, 422),
            ({"question": "a" * 4001}, 400),
            ({"question": 7}, 400),
            ({}, 400),
            ({"question": "a", "as_of": "31/12/2020"}, 400),
            ({"question": "a", "admin": True}, 400),
        ]
        for path in ("/ask", "/ask/stream", "/search"):
            for body, status in bodies:
                answer = await reader.post(API + path, json=body)
                assert answer.status_code == status, (path, body)
                assert answer.json()["code"].startswith("E-")

    async def test_a_body_that_is_no_json_is_refused(self, reader: httpx.AsyncClient) -> None:
        for content in (b"{", b"\xff\xfe", b""):
            answer = await reader.post(f"{API}/ask", content=content)
            assert answer.status_code == 400


class TestConversations:
    async def test_a_person_s_own_conversations_and_no_other_s(
        self, office: Office, cast: Cast, reader: httpx.AsyncClient
    ) -> None:
        conversation = await talk(office, cast)
        listed = (await reader.get(f"{API}/conversations")).json()
        assert [each["id"] for each in listed["items"]] == [str(conversation)]
        found = (await reader.get(f"{API}/conversations/{conversation}")).json()
        assert found["turns"][0]["question"] == PATERNITY
        assert found["turns"][0]["answers"][0]["citations"]
        for name in ("stranger", "curator", "admin"):
            other = await office.program(name)
            assert (await other.get(f"{API}/conversations/{conversation}")).status_code == 404
            assert (await other.get(f"{API}/conversations")).json()["items"] == []

    async def test_answers_from_documents_out_of_reach_are_hidden(
        self, office: Office, cast: Cast, reader: httpx.AsyncClient
    ) -> None:
        conversation = await talk(office, cast)
        await withdraw(office.pool, "reader")
        answer = await reader.get(f"{API}/conversations/{conversation}")
        assert answer.json()["turns"][0]["answers"][0]["hidden"] is True
        assert "vinte dias" not in answer.text

    async def test_reading_a_conversation_is_not_rating_or_deleting_it(
        self, office: Office, cast: Cast
    ) -> None:
        conversation = await talk(office, cast)
        reads = await office.program("reader", ["conversations:read"])
        found = (await reads.get(f"{API}/conversations/{conversation}")).json()
        answer = found["turns"][0]["answers"][0]["id"]
        rating = f"{API}/conversations/{conversation}/answers/{answer}/rating"
        rater = await office.program("reader", ["conversations:write"])
        bad = {"rating": "down", "reason": "outdated", "comment": "Mudou."}
        assert (await reads.post(rating, json=bad)).status_code == 403
        for sent, status in (
            (bad, 204), ({"rating": "down"}, 422), ({"rating": "up"}, 204),
            ({"rating": "none"}, 204), ({"rating": "none"}, 404),
        ):  # fmt: skip
            assert (await rater.post(rating, json=sent)).status_code == status
        other = await office.program("admin")
        assert (await other.post(rating, json=bad)).status_code == 404
        named = {"title": "Pai\x00 novo"}
        for client, status in ((reads, 403), (other, 404), (rater, 200)):
            path = f"{API}/conversations/{conversation}"
            assert (await client.patch(path, json=named)).status_code == status
        assert (await reads.get(f"{API}/conversations")).json()["items"][0]["title"] == "Pai novo"
        assert (await reads.delete(f"{API}/conversations/{conversation}")).status_code == 403
        writes = await office.program("reader", ["conversations:write"])
        assert (await writes.delete(f"{API}/conversations/{conversation}")).status_code == 204
        assert (await reads.get(f"{API}/conversations")).json()["items"] == []

    async def test_the_list_goes_on_after_its_cursor(
        self, office: Office, cast: Cast, reader: httpx.AsyncClient
    ) -> None:
        made = [str(await talk(office, cast)) for _ in range(3)]
        first = (await reader.get(f"{API}/conversations", params={"limit": 2})).json()
        rest = (
            await reader.get(f"{API}/conversations", params={"cursor": first["next_cursor"]})
        ).json()
        assert [each["id"] for each in first["items"] + rest["items"]] == made[::-1]


async def talk(office: Office, cast: Cast) -> ConversationId:
    """The reader asks on the pages."""
    async with as_actor(office.pool, cast.reader, write=True) as conn:
        conversation = await chats.create_conversation(conn, cast.reader)
    started = await office.answers.start(cast.reader, conversation, PATERNITY)
    async for _event in office.answers.events(cast.reader, started.answer_id):
        pass
    return conversation


class TestDescription:
    def test_it_holds_the_api_and_nothing_of_the_pages(self) -> None:
        document = api.document()
        assert document["openapi"].startswith("3.1")
        assert all(path.startswith((API, "/v1/")) for path in document["paths"])
        operations = [each for methods in document["paths"].values() for each in methods.values()]
        assert len({each["operationId"] for each in operations}) == len(operations) == 56

    def test_every_operation_names_its_scope_its_errors_and_what_it_does(self) -> None:
        scopes = set()
        for methods in api.document()["paths"].values():
            for operation in methods.values():
                assert operation["description"]
                assert {"400", "401", "403", "429", "503"} <= set(operation["responses"])
                scopes |= set(operation["security"][0]["key"])
        assert scopes == set(ALL_SCOPES)

    def test_bodies_of_files_and_forms_are_described(self) -> None:
        paths = api.document()["paths"]
        raw = paths[f"{API}/collections/{{collection_id}}/documents"]["post"]["requestBody"]
        assert list(raw["content"]) == ["application/octet-stream"]
        form = paths[f"{API}/documents"]["post"]["requestBody"]
        assert list(form["content"]) == ["multipart/form-data"]
