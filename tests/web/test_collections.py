"""Collections and who has access to them."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from govbot.auth import groups
from govbot.db.access import as_system
from govbot.db.pool import Pool
from govbot.documents import collections, grants
from govbot.documents.types import Level, Target
from govbot.ids import CollectionId
from govbot.jobs.queue import Queue
from tests.web.conftest import HTMX, SignIn
from tests.web.office import Office, make_office


@pytest.fixture
async def scene(pool: Pool, queue: Queue, tmp_path: Path) -> Office:
    return await make_office(pool, queue, tmp_path)


async def levels(scene: Office, collection: CollectionId | None = None) -> dict[str, Level]:
    """Who has which level."""
    async with as_system(scene.app.pool) as conn:
        target = Target.collection(collection or scene.laws)
        given = await grants.list_grants(conn, target)
    return {grant.name: grant.level for grant in given}


async def names(scene: Office) -> set[str]:
    async with as_system(scene.app.pool) as conn:
        return {each.name for each in await collections.list_collections(conn)}


async def test_a_collection_out_of_reach_and_one_that_is_not_give_the_same_page(
    scene: Office, signed_in: SignIn
) -> None:
    client = await signed_in("stranger")
    hidden, missing = scene.laws, uuid4()
    first = await client.get(f"/colecoes/{hidden}")
    second = await client.get(f"/colecoes/{missing}")
    assert first.status_code == second.status_code == 404
    assert first.text.replace(str(hidden), "") == second.text.replace(str(missing), "")


async def test_the_list_holds_what_one_may_read_and_says_what_one_may_do(
    scene: Office, signed_in: SignIn
) -> None:
    page = (await (await signed_in("stranger")).get("/colecoes")).text
    assert "Reservada" in page
    assert "Legislação" not in page
    assert "Você pode ler" in page
    assert "Nova coleção" not in page
    assert "Você gerencia" in (await (await signed_in("curator")).get("/colecoes")).text


async def test_readers_do_not_see_who_else_has_access(scene: Office, signed_in: SignIn) -> None:
    page = (await (await signed_in("reader")).get(f"/colecoes/{scene.laws}")).text
    assert "Curator Souza" not in page
    assert "<datalist" not in page
    assert "/excluir" not in page


async def test_who_creates_a_collection_manages_it(scene: Office, signed_in: SignIn) -> None:
    client = await signed_in("curator")
    answer = await client.post(
        "/colecoes", data={"name": "  Portarias   internas ", "description": "De 2020 em diante"}
    )
    page = (await client.get(answer.headers["location"])).text
    assert "Portarias internas" in page
    assert "De 2020 em diante" in page
    created = CollectionId(answer.headers["location"].rpartition("/")[2])
    assert await levels(scene, created) == {"Curator Souza": Level.MANAGE}


@pytest.mark.parametrize(
    ("name", "status", "sentence"),
    [("", 422, "de 1 a 200 caracteres"), ("LEGISLAÇÃO", 409, "Já existe uma coleção chamada")],
)
async def test_a_name_that_cannot_be_is_refused_with_what_was_typed(
    scene: Office, signed_in: SignIn, name: str, status: int, sentence: str
) -> None:
    client = await signed_in("curator")
    fields = {"name": name, "description": "minha descrição"}
    answer = await client.post("/colecoes", data=fields)
    assert answer.status_code == status
    assert sentence in answer.text
    assert "minha descrição" in answer.text


async def test_a_collection_gets_another_name_and_description(
    scene: Office, signed_in: SignIn
) -> None:
    client = await signed_in("curator")
    fields = {"name": "Leis", "description": "Leis municipais"}
    answer = await client.post(f"/colecoes/{scene.laws}", data=fields)
    page = (await client.get(answer.headers["location"])).text
    assert "<h1>Leis</h1>" in page
    assert "Leis municipais" in page
    assert "Salvo." in page


async def test_a_taken_name_leaves_the_old_one(scene: Office, signed_in: SignIn) -> None:
    client = await signed_in("admin")
    answer = await client.post(f"/colecoes/{scene.laws}", data={"name": "Reservada"})
    assert answer.status_code == 409
    assert "Já existe uma coleção chamada" in answer.text
    assert await names(scene) == {"Legislação", "Reservada"}


# Access


@pytest.mark.parametrize("typed", ["auditor", "AUDITOR ", "Auditor Souza"])
async def test_access_is_given_by_user_name_or_name(
    scene: Office, signed_in: SignIn, typed: str
) -> None:
    client = await signed_in("curator")
    await client.post(f"/colecoes/{scene.laws}/acessos", data={"who": typed, "level": "write"})
    assert (await levels(scene))["Auditor Souza"] is Level.WRITE


@pytest.mark.parametrize("typed", ["@Finanças", "finanças"])
async def test_access_is_given_to_a_group_and_reaches_its_members(
    scene: Office, signed_in: SignIn, typed: str
) -> None:
    async with as_system(scene.app.pool) as conn:
        group = await groups.create_group(conn, "Finanças")
        await groups.add_member(conn, group, scene.actors["stranger"].id)
    stranger = await signed_in("stranger")
    assert (await stranger.get(f"/colecoes/{scene.laws}")).status_code == 404
    client = await signed_in("curator")
    await client.post(f"/colecoes/{scene.laws}/acessos", data={"who": typed, "level": "read"})
    assert (await stranger.get(f"/colecoes/{scene.laws}")).status_code == 200


@pytest.mark.parametrize(
    ("who", "level", "sentence"),
    [
        ("ninguem", "read", "Não há ninguém chamado “ninguem”."),
        ("@Nada", "read", "Não há grupo chamado “Nada”."),
        ("auditor", "own", "Escolha o que pode ser feito."),
    ],
)
async def test_a_wrong_entry_is_explained_beside_the_field(
    scene: Office, signed_in: SignIn, who: str, level: str, sentence: str
) -> None:
    client = await signed_in("curator")
    before = await levels(scene)
    answer = await client.post(f"/colecoes/{scene.laws}/acessos", data={"who": who, "level": level})
    assert answer.status_code == 422
    assert sentence in answer.text
    assert f'value="{who}"' in answer.text
    assert await levels(scene) == before


async def test_two_people_of_one_name_are_told_apart(scene: Office, signed_in: SignIn) -> None:
    async with as_system(scene.app.pool) as conn:
        await conn.execute("UPDATE users SET name = 'Ana' WHERE username IN ('auditor', 'writer')")
    client = await signed_in("curator")
    fields = {"who": "Ana", "level": "read"}
    answer = await client.post(f"/colecoes/{scene.laws}/acessos", data=fields)
    assert "Há várias pessoas chamadas “Ana”" in answer.text


async def test_a_level_is_changed_and_taken_away_in_the_list(
    scene: Office, signed_in: SignIn
) -> None:
    client = await signed_in("curator")
    row = {"kind": "user", "id": str(scene.actors["reader"].id)}
    base = f"/colecoes/{scene.laws}/acessos"
    answer = await client.post(base, data={**row, "level": "write"}, headers=HTMX)
    assert answer.text.lstrip().startswith("<section")
    assert (await levels(scene))["Reader Souza"] is Level.WRITE
    await client.post(base + "/retirar", data=row, headers=HTMX)
    assert "Reader Souza" not in await levels(scene)


async def test_taking_access_away_counts_at_once(scene: Office, signed_in: SignIn) -> None:
    reader, client = await signed_in("reader"), await signed_in("curator")
    assert (await reader.get(f"/documentos/{scene.law}/pagina/1")).status_code == 200
    row = {"kind": "user", "id": str(scene.actors["reader"].id)}
    await client.post(f"/colecoes/{scene.laws}/acessos/retirar", data=row)
    assert (await reader.get(f"/documentos/{scene.law}/pagina/1")).status_code == 404
    assert "Lei das férias" not in (await reader.get("/documentos")).text


async def test_who_shuts_himself_out_is_led_to_the_list(scene: Office, signed_in: SignIn) -> None:
    client = await signed_in("curator")
    row = {"kind": "user", "id": str(scene.actors["curator"].id)}
    answer = await client.post(f"/colecoes/{scene.laws}/acessos/retirar", data=row)
    assert answer.headers["location"] == "/colecoes"


@pytest.mark.parametrize(
    "row", [{}, {"kind": "user", "id": "x"}, {"kind": "robot", "id": str(uuid4())}]
)
async def test_a_row_that_names_nobody_is_refused(
    scene: Office, signed_in: SignIn, row: dict[str, str]
) -> None:
    client = await signed_in("curator")
    answer = await client.post(f"/colecoes/{scene.laws}/acessos/retirar", data=row)
    assert answer.status_code == 422


# The end


async def test_a_full_collection_is_deleted_only_when_its_name_is_typed(
    scene: Office, signed_in: SignIn
) -> None:
    client = await signed_in("curator")
    form = (await client.get(f"/colecoes/{scene.laws}/excluir")).text
    assert "2 documentos" in form
    for typed in ("", "Outra"):
        refused = await client.post(f"/colecoes/{scene.laws}/excluir", data={"name": typed})
        assert refused.status_code == 422
    assert len(await scene.documents()) == 2
    answer = await client.post(f"/colecoes/{scene.laws}/excluir", data={"name": "legislação"})
    assert answer.headers["location"] == "/colecoes?feito=excluida"
    assert await names(scene) == {"Reservada"}


async def test_the_originals_of_a_deleted_collection_are_gone(
    scene: Office, signed_in: SignIn
) -> None:
    paths = [scene.app.files.path_of(d.version.sha256) for d in await scene.documents()]
    assert all(path.exists() for path in paths)
    client = await signed_in("curator")
    await client.post(f"/colecoes/{scene.laws}/excluir", data={"name": "Legislação"})
    assert not any(path.exists() for path in paths)


async def test_an_empty_collection_needs_no_name(scene: Office, signed_in: SignIn) -> None:
    client = await signed_in("admin")
    form = (await client.get(f"/colecoes/{scene.secret}/excluir")).text
    assert "A coleção está vazia." in form
    answer = await client.post(f"/colecoes/{scene.secret}/excluir")
    assert answer.status_code == 303
    assert await names(scene) == {"Legislação"}


async def test_only_who_manages_a_collection_says_how_its_answers_are_written(
    scene: Office, signed_in: SignIn
) -> None:
    path = f"/colecoes/{scene.laws}"
    text = "Diga o artigo </textarea><b>."
    for who, status in (("stranger", 404), ("reader", 403), ("curator", 303)):
        client = await signed_in(who)
        done = await client.post(f"{path}/orientacoes", data={"instructions": text})
        assert done.status_code == status, who
    assert done.headers["location"] == f"{path}?feito=orientacoes#orientacoes"
    page = (await client.get(path)).text
    assert "Diga o artigo &lt;/textarea&gt;&lt;b&gt;." in page
    for headers in ({}, HTMX):
        long = await client.post(
            f"{path}/orientacoes", data={"instructions": "x" * 2001}, headers=headers
        )
        assert long.status_code == (200 if headers else 422)
        assert "2000" in long.text
        assert "x" * 2001 in long.text
    assert "Diga o artigo" not in (await (await signed_in("reader")).get(path)).text
