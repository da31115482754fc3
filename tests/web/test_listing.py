"""The documents page as a tool: filters in the address, several documents at once, live rows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from govbot.db.access import as_actor, as_system
from govbot.db.pool import Pool
from govbot.documents import description, grants, listing, secrecy, store
from govbot.documents.listing import Sort
from govbot.documents.types import Level, Principal, Secrecy, State, Target
from govbot.ids import DocumentId
from govbot.jobs.queue import Queue
from govbot.web import document_bulk
from govbot.web.document_events import PER_PERSON, Streams
from govbot.web.document_query import Query, query_of
from tests.web.conftest import HTMX, SignIn
from tests.web.office import Office, make_office

NOTE = b"Art. 1o O protocolo funciona das oito as dezessete horas. CPF 529.982.247-25.\n"


@pytest.fixture
async def scene(pool: Pool, queue: Queue, tmp_path: Path) -> Office:
    return await make_office(pool, queue, tmp_path)


def names(page: str) -> list[str]:
    return re.findall(r'id="about-[^>]+>([^<]+)<', page)


async def test_filters_and_order_stand_in_the_address_and_as_chips(
    scene: Office, signed_in: SignIn
) -> None:
    curator = scene.actors["curator"]
    await scene.put("b-nota.txt", NOTE)
    await scene.put("a-nota.txt", NOTE + b"Outro.")
    await scene.desk.work()
    note = await scene.document("b-nota.txt")
    async with as_actor(scene.app.pool, curator, write=True) as conn:
        changes = {"kind": "portaria", "year": 2019, "tags": ["urgente"]}
        await description.describe(conn, curator, note.id, changes)
        await secrecy.set_secrecy(conn, None, note.id, Secrecy.PUBLIC)
    client = await signed_in("curator")
    for query, expected in (
        ("especie=portaria", {"b-nota"}), ("ano=2019", {"b-nota"}),
        ("etiqueta=urgente", {"b-nota"}), ("etiqueta=urg", set()),
        ("pessoais=identificam", {"a-nota", "b-nota"}),
        ("de=eu&q=nota", {"a-nota", "b-nota"}), ("sigilo=4", set()),
        ("q=portaria 2019", {"b-nota"}), ("q=50%25", set()), ("ano=banana&sigilo=x", None),
    ):  # fmt: skip
        page = (await client.get(f"/documentos?{query}", headers=HTMX)).text
        assert expected is None or set(names(page)) == expected, query
    ordered = (await client.get("/documentos?ordem=nome&q=nota", headers=HTMX)).text
    assert names(ordered) == ["a-nota", "b-nota"]
    assert 'aria-sort="ascending"' in ordered
    asked = await client.get(
        "/documentos?q=nota&especie=&ano=2019&etiqueta=", headers={**HTMX, "hx-trigger": "finder"}
    )
    assert asked.headers["hx-push-url"] == "/documentos?q=nota&ano=2019"
    assert re.search(r'href="/documentos\?q=nota"[^>]*aria-label="Retirar o filtro', asked.text)
    # Who only reads learns nothing of personal data or senders by the filters.
    reader = await signed_in("reader")
    for query in ("pessoais=sim", f"de={curator.id}", "estado=rascunhos"):
        assert names((await reader.get(f"/documentos?{query}", headers=HTMX)).text) == []
    assert "urgente" in (await reader.get("/documentos")).text
    assert "urgente" not in (await (await signed_in("stranger")).get("/documentos")).text


async def test_orders_page_through_every_document_once(
    scene: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        await scene.put(f"nota-{number % 2}{number}.txt", NOTE * (1 + number % 2))
    async with as_actor(scene.app.pool, scene.actors["reader"]) as conn:
        everything = await listing.find_ids(conn, listing.Filter(), limit=50)
        for sort in listing.Sort:
            seen, after = [], None
            while page := await listing.find_ids(
                conn, listing.Filter(), sort=sort, after=after, limit=2
            ):
                seen += page
                after = page[-1]
            assert sorted(seen) == sorted(everything), sort
            whole = await listing.find_ids(conn, listing.Filter(), sort=sort, limit=50)
            assert seen == whole
            for few in (0, listing.FEW):  # walked along an index; sorted
                monkeypatch.setattr(listing, "FEW", few)
                read, more = list[DocumentId](), True
                while more:
                    page = await listing.find_page(
                        conn, listing.Filter(), sort=sort, after=read[-1] if read else None,
                        size=2, count=bool(read),
                    )  # fmt: skip
                    read, more = [*read, *page.ids], page.more
                assert read == whole
        assert (await listing.counts(conn, most=3)).all == 4


async def test_a_frequent_word_pages_through_all_that_it_finds_in_every_order(
    scene: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(7):
        await scene.put(f"ata-{number % 3}{number}.txt", NOTE * (1 + number))
    await scene.put("portaria.txt", NOTE)
    wanted = listing.Filter(text="ata")
    async with as_actor(scene.app.pool, scene.actors["reader"]) as conn:
        whole = {each: await listing.find_ids(conn, wanted, sort=each, limit=50) for each in Sort}
        assert {len(each) for each in whole.values()} == {7}
        monkeypatch.setattr(listing, "MOST_FOUND", 4)
        # Counted exactly up to the limit, whether the index finds more or fewer than are counted.
        for most, matching in ((3, 4), (20, 7)):
            monkeypatch.setattr(listing, "MOST_COUNTED", most)
            for sort, expected in whole.items():
                first = await listing.find_page(conn, wanted, sort=sort, size=3, count=True)
                assert first == listing.Page(expected[:3], more=True, matching=matching)
                seen, after = list(first.ids), first.ids[-1]
                while len(seen) < 7:
                    page = await listing.find_page(
                        conn, wanted, sort=sort, after=after, size=3, count=False
                    )
                    seen, after = [*seen, *page.ids], page.ids[-1]
                assert (seen, page.more) == (expected, False)
        sorts = await conn.execute("SHOW enable_sort")
        assert await sorts.fetchone() == {"enable_sort": "on"}


async def test_an_act_on_several_documents_says_what_became_of_each(
    scene: Office, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, writer = scene.app.pool, scene.actors["writer"]
    for name in ("um.txt", "dois.txt", "tres.txt"):
        await scene.put(name, NOTE + name.encode())
    found = {each.filename: each for each in await scene.documents()}
    async with as_system(pool) as conn:
        for name, level in (("um.txt", Level.WRITE), ("dois.txt", Level.READ)):
            await grants.set_grant(
                conn, None, Target.document(found[name].id), Principal.user(writer.id), level,
                effect="deny",
            )  # fmt: skip
        await conn.execute(
            "UPDATE documents SET legal_hold = 'Processo' WHERE id = %(id)s",
            {"id": found["memorando.txt"].id},
        )
    client = await signed_in("writer")
    ids = [str(found[each].id) for each in ("um.txt", "dois.txt", "tres.txt", "memorando.txt")]
    form = {"acao": "lixeira", "d": ids, "q": "txt"}
    asked = await client.post("/documentos/varios", data=form)
    assert "Mover 4 documentos para a lixeira?" in asked.text
    assert asked.text.count('name="d"') == 4
    assert len(await scene.documents()) == 5
    done = await client.post("/documentos/varios", data={**form, "confirmado": "1"})
    assert done.status_code == 303
    assert done.headers["location"].startswith("/documentos?q=txt&lote=lixeira-1-0-1-1-0-0-1")
    page = (await client.get(done.headers["location"])).text
    assert "1 documento alterado." in page
    assert "1 você não pode alterar." in page
    left = {each.filename for each in await scene.documents()}
    assert left == {"um.txt", "dois.txt", "memorando.txt", "lei-12.pdf"}
    # All that a filter shows, on all pages, up to the limit.
    monkeypatch.setattr(document_bulk, "MOST", 1)
    every = {"acao": "etiquetar", "todos": "1", "q": "lei", "nova_etiqueta": " revisar  já "}
    asked = await client.post("/documentos/varios", data=every, headers=HTMX)
    assert "Estes são os primeiros 1" in asked.text
    await client.post("/documentos/varios", data={**every, "confirmado": "1"})
    assert (await scene.document("lei-12.pdf")).tags == ["revisar já"]
    assert (await scene.document("memorando.txt")).tags == []
    # Restoring and trying again ask nothing; who only reads changes nothing.
    async with as_system(pool) as conn:
        (trashed,) = await store.list_documents(conn, trashed=True)
    reader = await signed_in("reader")
    told = await reader.post("/documentos/varios", data={"acao": "restaurar", "d": [trashed.id]})
    assert told.headers["location"].endswith("lote=restaurar-0-0-0-0-0-0-1")
    back = await client.post("/documentos/varios", data={"acao": "restaurar", "d": [trashed.id]})
    assert back.headers["location"].endswith("lote=restaurar-1-0-0-0-0-0-0")
    assert (await client.post("/documentos/varios", data={"acao": "lixeira"})).status_code == 422


async def test_rows_follow_by_a_stream_with_the_rights_of_who_watches(
    scene: Office, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("govbot.web.document_events.LIFE_S", 0.0)
    await scene.put("nova.txt", NOTE)
    note = await scene.document("nova.txt")
    client = await signed_in("curator")
    page = (await client.get("/documentos")).text
    found = re.search(r'sse-connect="([^"]+)"', page)
    assert found
    address = found[1].replace("&amp;", "&")
    first = (await client.get(address)).text
    assert f"event: d-{note.id}" in first
    assert "event: figures" in first
    assert "retry: " in first
    assert "event: done" not in first
    await scene.desk.work()
    last = (await client.get(address)).text
    assert "Pronto" in last
    assert f'value="{note.id}" form="bulk"' in last
    assert last.rstrip().endswith("data: -")
    stranger = (await (await signed_in("stranger")).get(address.partition("?")[0], params={
        "d": str(note.id)})).text  # fmt: skip
    assert "nova.txt" not in stranger
    assert (await client.get("/documentos/eventos?d=x")).status_code == 422
    async with as_actor(scene.app.pool, scene.actors["reader"]) as conn:
        assert (await store.get_document(conn, note.id)).version.state is State.READY


def test_streams_of_a_person_are_few() -> None:
    from contextlib import ExitStack
    from uuid import uuid4

    from govbot.ids import UserId

    streams, person = Streams(), UserId(uuid4())
    with ExitStack() as stack:
        rooms = [stack.enter_context(streams.place(person)) for _ in range(PER_PERSON + 1)]
        assert rooms == [True] * PER_PERSON + [False]
        with streams.place(UserId(uuid4())) as room:
            assert room
    with streams.place(person) as room:
        assert room


def test_words_of_an_address_that_mean_nothing_are_left_out() -> None:
    query = query_of({"colecao": "x", "estado": "y", "ordem": "z", "ano": "99", "de": "ninguem",
                      "pessoais": "talvez", "sigilo": "9", "q": "  a  "})  # fmt: skip
    assert query == Query(text="a")
