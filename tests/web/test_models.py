"""The page of the models: looking, fetching with progress, taking in, checking, deleting."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from govbot import audit
from govbot.db.access import as_system
from govbot.db.pool import Pool
from govbot.jobs.queue import Queue
from govbot.models import transfers
from govbot.models.courier import Courier
from govbot.models.store import Store
from tests.hub_server import HubServer
from tests.tiny_gguf import write_tiny_gguf
from tests.web.conftest import HTMX, SignIn
from tests.web.office import Office, make_office

PATH = "/admin/modelos"
SOURCE = "orgao/pequeno-GGUF"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_tiny_gguf(tmp_path_factory.mktemp("models") / "m.gguf").read_bytes()


async def _office(pool: Pool, queue: Queue, folder: Path, hub: str) -> Office:
    return await make_office(pool, queue, folder, models={"hub": hub})


@pytest.fixture
async def hub(model: bytes) -> HubServer:
    return HubServer({SOURCE: {"pequeno-Q4_K_M.gguf": model, "LICENSE": b"livre"}})


@pytest.fixture
async def scene(pool: Pool, queue: Queue, tmp_path: Path) -> Office:
    """A hub's address is put in by the test: none of these pages reaches one by itself."""
    return await _office(pool, queue, tmp_path, "http://127.0.0.1:9")


def _at(office: Office, hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> Courier:
    monkeypatch.setenv("HF_ENDPOINT", hub.address)
    return Courier(office.app.pool, office.app.settings)


async def test_a_model_is_looked_at_confirmed_fetched_and_audited(
    scene: Office, signed_in: SignIn, hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await signed_in("admin")
    client.cookies.set("govbot_language", "en")
    async with hub:
        courier = _at(scene, hub, monkeypatch)
        assert "Nothing is fetched" in (await client.get(PATH)).text
        assert hub.asked == []
        look = await client.post(f"{PATH}/consultar", data={"source": SOURCE})
        assert look.status_code == 200
        assert "apache-2.0" in look.text
        form = dict(re.findall(r'name="(\w+)" value="([^"]*)"', look.text))
        assert form["name"] == "pequeno-Q4_K_M"
        asked = await client.post(f"{PATH}/buscar", data=form)
        assert asked.status_code == 303
        again = await client.post(f"{PATH}/buscar", data=form)
        assert again.status_code == 409
        waiting = (await client.get(PATH, headers=HTMX)).text
        assert "every 2s" in waiting
        assert "Waiting" in waiting
        assert await courier.work()
        assert not await courier.work()
    page = (await client.get(PATH, headers=HTMX)).text
    assert "every 2s" not in page
    assert SOURCE in page
    checked = await client.post(f"{PATH}/conferir", data={"name": "pequeno-Q4_K_M"})
    assert checked.status_code == 303
    assert await courier.work()
    form = {"name": "pequeno-Q4_K_M"}
    assert (
        "Its files are deleted"
        in (
            await client.get(f"{PATH}/remover", params={"nome": "pequeno-Q4_K_M"}, headers=HTMX)
        ).text
    )
    assert (await client.post(f"{PATH}/remover", data=form)).status_code == 303
    assert Store(scene.app.settings.data_dir / "models").all() == []
    async with as_system(scene.app.pool) as conn:
        written = await audit.actions(conn)
    assert {"model.asked", "model.added", "model.verified", "model.removed"} <= set(written)


async def test_a_pull_that_fails_says_why_in_the_reader_s_language_and_goes_on_later(
    scene: Office,
    signed_in: SignIn,
    hub: HubServer,
    model: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = await signed_in("admin")
    async with hub:
        courier = _at(scene, hub, monkeypatch)
        hub.changed["LICENSE"] = b"preso"
        form = {"source": SOURCE, "name": "pequeno", "revision": "main"}
        await client.post(f"{PATH}/buscar", data=form)
        assert await courier.work()
        assert "E-MODEL-CHECKSUM" in (await client.get(PATH, headers=HTMX)).text
        hub.changed.clear()
        before = len(hub.asked)
        await client.post(f"{PATH}/buscar", data=form)
        assert await courier.work()
        assert not any("/store/" in a.path and ".gguf" in a.path for a in hub.asked[before:])
    assert [each.name for each in Store(scene.app.settings.data_dir / "models").all()] == [
        "pequeno"
    ]
    async with as_system(scene.app.pool) as conn:
        assert "model.refused" in await audit.actions(conn)


async def test_what_is_under_way_can_be_cancelled_and_survives_a_restart(
    scene: Office, signed_in: SignIn, hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("govbot.models.courier.TELL_S", 0.05)
    monkeypatch.setattr("govbot.models.courier.LOOK_S", 0.05)
    client = await signed_in("admin")
    pool = scene.app.pool
    async with hub:
        hub.delay_s = 0.2
        courier = _at(scene, hub, monkeypatch)
        form = {"source": SOURCE, "name": "pequeno", "revision": "main"}
        await client.post(f"{PATH}/buscar", data=form)
        running = asyncio.create_task(courier.run())
        one = await _until(pool, lambda each: each.done_bytes > 0)
        running.cancel()  # the service stops
        with suppress(asyncio.CancelledError):
            await running
        running = asyncio.create_task(Courier(pool, scene.app.settings).run())
        await _until(pool, lambda each: each.state == "running" and each.done_bytes > 0)
        gone = await client.post(f"{PATH}/{one.id}/cancelar")
        assert gone.status_code == 303
        assert (await _until(pool, lambda each: not each.open)).state == "cancelled"
        assert (await client.post(f"{PATH}/{one.id}/cancelar")).status_code == 404
        hub.delay_s = 0.0
        await client.post(f"{PATH}/buscar", data=form)
        assert (await _until(pool, lambda each: not each.open)).state == "done"
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    async with as_system(pool) as conn:
        assert "model.cancelled" in await audit.actions(conn)


async def _until(pool: Pool, fits: Callable[[transfers.Transfer], bool]) -> transfers.Transfer:
    """The latest transfer, once it is as a test waits for."""
    async with asyncio.timeout(20):
        while True:
            async with as_system(pool) as conn:
                [latest, *_] = await transfers.latest(conn, limit=1)
            if fits(latest):
                return latest
            await asyncio.sleep(0.05)


async def test_only_what_lies_in_the_import_folder_is_taken_in(
    scene: Office, signed_in: SignIn, model: bytes
) -> None:
    client = await signed_in("admin")
    data = scene.app.settings.data_dir
    folder = data / "models-import"
    folder.mkdir()
    (folder / "pen.gguf").write_bytes(model)
    (data / "fora.gguf").write_bytes(model)
    (folder / "atalho.gguf").symlink_to(data / "fora.gguf")
    (folder / "pasta").mkdir()
    (folder / "pasta" / "x.gguf").symlink_to(data / "fora.gguf")
    page = (await client.get(PATH)).text
    assert 'value="pen.gguf"' in page
    for place in ("../fora.gguf", "atalho.gguf", "pasta", str(data / "fora.gguf"), "..", "."):
        answer = await client.post(f"{PATH}/incluir", data={"place": place})
        assert answer.status_code == 404, place
    (folder / "ruim.gguf").write_bytes(b"GGUF")
    bad = await client.post(f"{PATH}/incluir", data={"place": "ruim.gguf"})
    assert bad.status_code == 503
    taken = await client.post(f"{PATH}/incluir", data={"place": "pen.gguf"})
    assert taken.status_code == 303
    assert await Courier(scene.app.pool, scene.app.settings).work()
    assert [each.name for each in Store(data / "models").all()] == ["pen"]
    assert 'value="pen.gguf"' not in (await client.get(PATH)).text


async def test_what_the_settings_name_is_not_deleted(
    pool: Pool, queue: Queue, tmp_path: Path, signed_in: SignIn, model: bytes, scene: Office
) -> None:
    place = scene.app.settings.data_dir / "models" / "usado.gguf"
    place.parent.mkdir()
    place.write_bytes(model)
    generation = scene.app.settings.generation.model_copy(update={"model_path": str(place)})
    scene.app.settings = scene.app.settings.model_copy(update={"generation": generation})
    client = await signed_in("admin")
    answer = await client.post(f"{PATH}/remover", data={"name": "usado"})
    assert answer.status_code == 409
    assert place.exists()
