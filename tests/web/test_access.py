"""Pages of access: grants and secrecy of a document, why, what a person can see."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from govbot.auth import groups, users
from govbot.db.access import as_system
from govbot.db.pool import Pool
from govbot.documents import grants, secrecy, store
from govbot.documents.types import Document, Level, Principal, Secrecy, Target
from govbot.ids import DocumentId, UserId
from govbot.jobs.queue import Queue
from tests.web.conftest import HTMX, Client, SignIn
from tests.web.office import Office, make_office


@pytest.fixture
async def scene(pool: Pool, queue: Queue, tmp_path: Path) -> Office:
    return await make_office(pool, queue, tmp_path)


@pytest.fixture
async def law(scene: Office) -> Document:
    return await scene.document("lei-12.pdf")


async def english(client: Client) -> Client:
    client.cookies.set("govbot_language", "en")
    return client


async def text_of(client: Client, path: str, **options: Any) -> str:
    """The words of a page as they are read."""
    client.cookies.set("govbot_language", "en")
    answer = await client.get(path, **options)
    assert answer.status_code == 200, answer.text
    return words(answer.text)


def words(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


async def given(scene: Office, document: DocumentId) -> dict[str, tuple[Level, str]]:
    """Who has which level on the document itself."""
    async with as_system(scene.app.pool) as conn:
        found = await grants.list_grants(conn, Target.document(document))
    return {grant.name: (grant.level, grant.effect) for grant in found}


async def give(
    scene: Office, document: DocumentId, who: str, level: Level, effect: Any = "allow"
) -> None:
    async with as_system(scene.app.pool) as conn:
        principal = Principal.user(scene.actors[who].id)
        await grants.set_grant(
            conn, None, Target.document(document), principal, level, effect=effect
        )


async def classify(scene: Office, document: DocumentId, degree: Secrecy) -> None:
    async with as_system(scene.app.pool) as conn:
        await secrecy.set_secrecy(conn, None, document, degree)


async def clear(scene: Office, who: str, degree: Secrecy) -> None:
    async with as_system(scene.app.pool) as conn:
        await users.set_clearance(conn, scene.actors[who].id, int(degree))


# Grants on a document


async def test_a_manager_opens_one_document_to_somebody_and_it_counts_at_once(
    scene: Office, signed_in: SignIn, law: Document
) -> None:
    stranger, curator = await signed_in("stranger"), await signed_in("curator")
    path = f"/documentos/{law.id}"
    assert (await stranger.get(path)).status_code == 404
    answer = await curator.post(f"{path}/acesso", data={"who": "stranger", "level": "read"})
    assert answer.headers["location"] == f"{path}/acesso?feito=acesso"
    assert await given(scene, law.id) == {"Stranger Souza": (Level.READ, "allow")}
    assert (await stranger.get(path)).status_code == 200
    memo = await scene.document("memorando.txt")
    assert (await stranger.get(f"/documentos/{memo.id}")).status_code == 404


async def test_a_denial_shuts_a_reader_of_the_collection_out_and_is_lifted_again(
    scene: Office, signed_in: SignIn, law: Document
) -> None:
    reader, curator = await signed_in("reader"), await signed_in("curator")
    path = f"/documentos/{law.id}"
    fields = {"who": "reader", "level": "read", "effect": "deny"}
    page = (await curator.post(f"{path}/acesso", data=fields, headers=HTMX)).text
    assert page.lstrip().startswith('<div id="acesso"')
    assert await given(scene, law.id) == {"Reader Souza": (Level.READ, "deny")}
    assert (await reader.get(path)).status_code == 404
    row = {"kind": "user", "id": str(scene.actors["reader"].id), "effect": "deny"}
    await curator.post(f"{path}/acesso/retirar", data=row, headers=HTMX)
    assert (await reader.get(path)).status_code == 200


async def test_a_group_gets_a_level_on_one_document(
    scene: Office, signed_in: SignIn, law: Document
) -> None:
    async with as_system(scene.app.pool) as conn:
        group = await groups.create_group(conn, "Finanças")
        await groups.add_member(conn, group, scene.actors["stranger"].id)
    curator, stranger = await signed_in("curator"), await signed_in("stranger")
    fields = {"who": "@Finanças", "level": "write"}
    await curator.post(f"/documentos/{law.id}/acesso", data=fields)
    assert await given(scene, law.id) == {"Finanças": (Level.WRITE, "allow")}
    assert (await stranger.get(f"/documentos/{law.id}/dados")).status_code == 200


async def test_who_manages_one_document_alone_does_all_of_it_for_that_document(
    scene: Office, signed_in: SignIn, law: Document
) -> None:
    await give(scene, law.id, "stranger", Level.MANAGE)
    stranger = await signed_in("stranger")
    path = f"/documentos/{law.id}"
    page = await text_of(stranger, f"{path}/acesso")
    assert "Those who manage the collection decide" in page
    inherited = page.partition("From its collection")[2].partition("Why can")[0]
    assert "Souza" not in inherited
    answer = await stranger.post(f"{path}/acesso", data={"who": "auditor", "level": "read"})
    assert answer.status_code == 303
    assert "Auditor Souza" in await given(scene, law.id)
    assert "may not read" not in await text_of(stranger, f"{path}/porque?pessoa=auditor")
    memo = await scene.document("memorando.txt")
    assert (await stranger.get(f"/documentos/{memo.id}/acesso")).status_code == 404


async def test_the_page_shows_the_grants_of_the_collection_too(
    scene: Office, signed_in: SignIn, law: Document
) -> None:
    page = await text_of(await signed_in("curator"), f"/documentos/{law.id}/acesso")
    inherited = page.partition("From its collection")[2]
    for name in ("Reader Souza", "Writer Souza", "Curator Souza"):
        assert name in inherited


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"who": "ninguem", "level": "read"}, "There is nobody called “ninguem”."),
        ({"who": "auditor", "level": "own"}, "Choose what they may do."),
        ({"who": "auditor", "level": "read", "effect": "x"}, "Choose what they may do."),
    ],
)
async def test_a_wrong_entry_is_explained_beside_the_field(
    scene: Office, signed_in: SignIn, law: Document, fields: dict[str, str], sentence: str
) -> None:
    curator = await english(await signed_in("curator"))
    for headers, status in (({}, 422), (HTMX, 200)):
        answer = await curator.post(f"/documentos/{law.id}/acesso", data=fields, headers=headers)
        assert answer.status_code == status
        assert sentence in answer.text
        assert f'value="{fields["who"]}"' in answer.text
    assert await given(scene, law.id) == {}


async def test_a_manager_who_shuts_himself_out_is_led_to_the_list(
    scene: Office, signed_in: SignIn, law: Document
) -> None:
    curator = await signed_in("curator")
    fields = {"who": "curator", "level": "read", "effect": "deny"}
    answer = await curator.post(f"/documentos/{law.id}/acesso", data=fields)
    assert answer.headers["location"] == "/documentos"


async def test_a_manager_who_keeps_reading_alone_is_led_to_the_document(
    scene: Office, signed_in: SignIn, law: Document
) -> None:
    curator = await signed_in("curator")
    fields = {"who": "curator", "level": "write", "effect": "deny"}
    answer = await curator.post(f"/documentos/{law.id}/acesso", data=fields)
    assert answer.headers["location"] == f"/documentos/{law.id}"
    page = await curator.get(f"/documentos/{law.id}")
    assert "/dados" not in page.text
    assert "/guarda" not in page.text


@pytest.mark.parametrize("row", [{}, {"kind": "user", "id": "x"}, {"kind": "robot", "id": "x"}])
async def test_a_row_that_names_nobody_is_refused(
    scene: Office, signed_in: SignIn, law: Document, row: dict[str, str]
) -> None:
    curator = await signed_in("curator")
    answer = await curator.post(f"/documentos/{law.id}/acesso/retirar", data=row)
    assert answer.status_code == 422


# Secrecy and clearance


async def test_secrecy_hides_from_who_is_not_cleared_and_shows_as_a_badge(
    scene: Office, signed_in: SignIn, law: Document
) -> None:
    await clear(scene, "curator", Secrecy.SECRET)
    curator, reader, admin = [await signed_in(who) for who in ("curator", "reader", "admin")]
    path = f"/documentos/{law.id}"
    assert "Secret" not in await text_of(reader, path)
    answer = await curator.post(f"{path}/sigilo", data={"secrecy": "3"})
    assert answer.headers["location"] == f"{path}/acesso?feito=sigilo"
    for client in (reader, admin):
        assert (await client.get(path)).status_code == 404
    for place in ("/documentos", path, f"/documentos/{law.version.id}/pagina/1"):
        assert "Secret" in await text_of(curator, place)


async def test_nobody_makes_a_document_more_secret_than_their_own_clearance(
    scene: Office, signed_in: SignIn, law: Document
) -> None:
    await clear(scene, "curator", Secrecy.RESERVED)
    curator = await english(await signed_in("curator"))
    page = (await curator.get(f"/documentos/{law.id}/acesso")).text
    form = page.partition("/sigilo")[2].partition("</form>")[0]
    assert re.findall(r'<option value="(\d)"', form) == ["0", "1", "2"]
    answer = await curator.post(f"/documentos/{law.id}/sigilo", data={"secrecy": "3"})
    assert answer.status_code == 403
    for value in ("", "x", "9", "-1", "03"):
        answer = await curator.post(f"/documentos/{law.id}/sigilo", data={"secrecy": value})
        assert answer.status_code == 422
        assert "Choose a degree of secrecy." in answer.text
    assert (await scene.document("lei-12.pdf")).secrecy is Secrecy.PUBLIC


async def test_an_administrator_sets_the_clearance_of_others_and_not_their_own(
    scene: Office, signed_in: SignIn
) -> None:
    admin = await english(await signed_in("admin"))
    reader = scene.actors["reader"].id
    answer = await admin.post(f"/admin/usuarios/{reader}/credencial", data={"clearance": "2"})
    assert answer.status_code == 303
    assert "Reserved" in words((await admin.get(f"/admin/usuarios/{reader}")).text)
    assert await clearance(scene, "reader") == Secrecy.RESERVED
    for value in ("", "5", "x"):
        path = f"/admin/usuarios/{reader}/credencial"
        assert (await admin.post(path, data={"clearance": value})).status_code == 422
    own = f"/admin/usuarios/{scene.actors['admin'].id}/credencial"
    assert (await admin.post(own, data={"clearance": "4"})).status_code == 409
    assert await clearance(scene, "admin") == Secrecy.PUBLIC


async def clearance(scene: Office, who: str) -> int:
    async with as_system(scene.app.pool) as conn:
        return (await users.get(conn, UserId(scene.actors[who].id))).clearance


# Why


async def test_why_names_the_rule_that_decides(
    scene: Office, signed_in: SignIn, law: Document
) -> None:
    await give(scene, law.id, "reader", Level.READ, "deny")
    curator = await signed_in("curator")
    path = f"/documentos/{law.id}/porque"
    page = await text_of(curator, f"{path}?pessoa=reader")
    assert "Reader Souza may not read this document." in page
    assert (
        "A denial on this document takes from this person: reading, and all above it. decides"
        in page
    )
    page = await text_of(curator, f"{path}?pessoa=Stranger+Souza")
    assert "Nothing gives access, neither directly nor by a group. decides" in page
    page = await text_of(curator, path)
    assert "Curator Souza may manage this document, but no question finds it." in page


async def test_a_reader_learns_why_they_read_and_nothing_about_others(
    scene: Office, signed_in: SignIn, law: Document
) -> None:
    reader = await signed_in("reader")
    page = await text_of(reader, f"/documentos/{law.id}/porque")
    assert "By a grant on the collection, this person may read." in page
    assert "<datalist" not in (await reader.get(f"/documentos/{law.id}/porque")).text
    answers = [
        await reader.get(f"/documentos/{law.id}/porque?pessoa={name}")
        for name in ("writer", "ninguem", "admin")
    ]
    assert {answer.status_code for answer in answers} == {403}
    hidden = {re.sub(r"\b[0-9a-f-]{12,}\b", "", answer.text) for answer in answers}
    assert len(hidden) == 1


async def test_why_about_nobody_is_explained(
    scene: Office, signed_in: SignIn, law: Document
) -> None:
    curator = await english(await signed_in("curator"))
    answer = await curator.get(f"/documentos/{law.id}/porque?pessoa=ninguem")
    assert answer.status_code == 422
    assert "There is nobody called “ninguem”." in answer.text


async def test_a_document_above_ones_clearance_and_one_that_is_not_give_the_same_pages(
    scene: Office, signed_in: SignIn, law: Document
) -> None:
    await classify(scene, law.id, Secrecy.SECRET)
    for who in ("admin", "curator", "reader"):
        client, missing = await signed_in(who), uuid4()
        for place in ("", "/acesso", "/porque", "/porque?pessoa=reader", "/quem"):
            first = await client.get(f"/documentos/{law.id}{place}")
            second = await client.get(f"/documentos/{missing}{place}")
            assert first.status_code == second.status_code == 404
            assert plain(first.text, law.id) == plain(second.text, missing)


def plain(page: str, own: object) -> str:
    return re.sub(r"\b[0-9a-f]{12}\b", "#", page.replace(str(own), "#"))


# Person by person


async def test_who_has_a_document_by_which_way(
    scene: Office, signed_in: SignIn, law: Document
) -> None:
    async with as_system(scene.app.pool) as conn:
        group = await groups.create_group(conn, "Finanças")
        await groups.add_member(conn, group, scene.actors["stranger"].id)
        target = Target.document(law.id)
        await grants.set_grant(conn, None, target, Principal.group(group), Level.READ)
    curator = await signed_in("curator")
    page = await text_of(curator, f"/documentos/{law.id}/quem")
    assert "Stranger Souza stranger Reads By a grant on this document, the group “Finanças”" in page
    assert "Writer Souza writer Writes By a grant on the collection, this person may write." in page
    found = await text_of(curator, f"/documentos/{law.id}/quem?q=writ", headers=HTMX)
    assert ("Writer Souza" in found, "Stranger Souza" in found) == (True, False)


async def test_who_has_a_collection_by_which_way(scene: Office, signed_in: SignIn) -> None:
    curator = await signed_in("curator")
    page = await text_of(curator, f"/colecoes/{scene.laws}/quem")
    assert "Curator Souza curator Manages By a grant on the collection" in page
    assert "Stranger Souza" not in page


async def test_a_denial_is_set_on_a_collection_in_the_page(
    scene: Office, signed_in: SignIn
) -> None:
    curator, reader = await signed_in("curator"), await signed_in("reader")
    fields = {"who": "reader", "level": "read", "effect": "deny"}
    await curator.post(f"/colecoes/{scene.laws}/acessos", data=fields)
    assert (await reader.get(f"/colecoes/{scene.laws}")).status_code == 404
    row = {"kind": "user", "id": str(scene.actors["reader"].id), "effect": "deny"}
    await curator.post(f"/colecoes/{scene.laws}/acessos/retirar", data=row)
    assert (await reader.get(f"/colecoes/{scene.laws}")).status_code == 200


# What a person can see


async def test_what_a_person_can_see(scene: Office, signed_in: SignIn, law: Document) -> None:
    await give(scene, law.id, "stranger", Level.READ)
    admin = await signed_in("admin")
    page = await text_of(admin, f"/admin/usuarios/{scene.actors['stranger'].id}/acesso")
    assert "What can Stranger Souza see?" in page
    assert "Reservada" in page
    assert "By a grant on this document, this person may read." in page
    assert (await admin.get(f"/admin/usuarios/{uuid4()}/acesso")).status_code == 404


async def test_everybody_sees_their_own_list_and_no_more(
    scene: Office, signed_in: SignIn, law: Document
) -> None:
    await give(scene, law.id, "reader", Level.READ, "deny")
    page = await text_of(await signed_in("reader"), "/conta/acesso")
    assert "Legislação" in page
    assert "reads 1 of 1" in page
    assert "Lei das férias" not in page
    assert "Reservada" not in page


async def test_looking_at_who_has_access_changes_nothing(
    scene: Office, signed_in: SignIn, law: Document
) -> None:
    admin = await signed_in("admin")
    for place in ("acesso", "quem", "porque?pessoa=reader"):
        assert (await admin.get(f"/documentos/{law.id}/{place}")).status_code == 200
    assert await given(scene, law.id) == {}
    async with as_system(scene.app.pool) as conn:
        assert (await store.get_document(conn, law.id)).secrecy is Secrecy.PUBLIC
