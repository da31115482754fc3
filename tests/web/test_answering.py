"""The page of the models that answer, and the choice of a model beside the question."""

from __future__ import annotations

import asyncio
from datetime import date
from pathlib import Path

import pytest

from govbot.chat import routing, store
from govbot.config.generation import Generation
from govbot.db.access import as_actor
from govbot.db.pool import Pool
from govbot.errors import Unavailable
from govbot.generate import Routed, State, Status
from govbot.generate.members import Entry
from govbot.generate.pool import Pool as Models
from tests.answering import Dictated
from tests.web.conftest import HTMX, SignIn
from tests.web.scene import Scene, make_scene

PATH = "/admin/modelos/respostas"


@pytest.fixture
async def scene(pool: Pool, tmp_path: Path) -> Scene:
    found = await make_scene(pool, tmp_path)
    entries = [
        Entry("rapido", "openai", Generation(base_url="http://u:s3cret@10.0.0.5:8000/v1")),
        Entry("grande", "openai", Generation(), label="Modelo <grande>", offered=True),
    ]
    found.app.generator = Models(entries, opening=lambda entry: Dictated(name=entry.name))
    async with as_actor(pool, found.actors["reader"], write=True) as conn:
        await routing.count(conn, Routed("grande", "complex"), day=date.today())
    return found


async def test_administrators_see_load_and_unload_the_models_and_why_they_were_chosen(
    scene: Scene, signed_in: SignIn
) -> None:
    client = await signed_in("admin")
    client.cookies.set("govbot_language", "en")
    page = (await client.get(PATH)).text
    assert "10.0.0.5:8000" in page
    assert "s3cret" not in page
    assert "Modelo &lt;grande&gt;" in page
    assert "difficult question" in page
    answer = await client.post(f"{PATH}/descarregar", data={"model": "rapido"}, headers=HTMX)
    assert answer.headers["HX-Trigger"] == "models-changed"
    await asyncio.sleep(0.05)
    assert "Out of use" in (await client.get(PATH)).text
    assert [each.presence for each in scene.app.generator.models()] == ["out", "remote"]
    assert (await client.post(f"{PATH}/carregar", data={"model": "outro"})).status_code == 404
    await client.post(f"{PATH}/carregar", data={"model": "rapido"}, headers=HTMX)
    async with as_actor(scene.app.pool, scene.actors["admin"]) as conn:
        cursor = await conn.execute(
            "SELECT action, resource FROM audit_log WHERE action LIKE 'model.%' ORDER BY seq"
        )
        assert [(row["action"], row["resource"]) for row in await cursor.fetchall()] == [
            ("model.unloaded", "model:rapido"), ("model.loaded", "model:rapido")
        ]  # fmt: skip


async def test_people_choose_among_the_models_on_offer_and_no_other(
    scene: Scene, signed_in: SignIn
) -> None:
    client = await signed_in("reader")
    page = (await client.get("/")).text
    assert '<option value="grande">Modelo &lt;grande&gt;</option>' in page
    assert "rapido" not in page
    asked = {"question": "Quantos dias?", "model": "rapido"}
    assert (await client.post("/conversas", data=asked)).status_code == 422
    assert (await client.post("/conversas", data={**asked, "model": "grande"})).status_code == 303


async def test_below_an_answer_administrators_alone_read_which_model_wrote_it(
    scene: Scene, signed_in: SignIn
) -> None:
    for name, shown in (("admin", True), ("reader", False)):
        person = scene.actors[name]
        async with as_actor(scene.app.pool, person, write=True) as conn:
            conversation = await store.create_conversation(conn, person)
            question = await store.add_question(conn, person, conversation, "Quantos dias?")
            answer = await store.add_answer(conn, person, conversation, question)
            routed = Routed("grande", "complex", ("long",))
            await store.finish_answer(
                conn, person, answer, content="Vinte.", state="done", routed=routed
            )
        client = await signed_in(name)
        client.cookies.set("govbot_language", "en")
        page = (await client.get(f"/conversas/{conversation}")).text
        assert "Vinte." in page
        assert ("difficult question (long question)" in page) == shown


class Broken(Dictated):
    def status(self) -> Status:
        return Status(
            State.FAILED,
            failure=Unavailable("The model server at %(host)s cannot be reached.", host="h:1"),
        )


async def test_what_is_wrong_with_a_model_is_said_in_the_readers_language(
    scene: Scene, signed_in: SignIn
) -> None:
    entries = [Entry("rapido", "openai", Generation(base_url="http://h:1/v1"))]
    models = scene.app.generator = Models(entries, opening=lambda entry: Broken(name=entry.name))
    with pytest.raises(Unavailable):
        await models.load("rapido")
    page = (await (await signed_in("admin")).get(PATH)).text
    assert "O servidor do modelo em h:1 não responde." in page
