"""Models from a hub: checksums, going on after a cut, mirrors, and what a bad hub may not do."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from govbot.errors import Conflict, Denied, GovBotError, NotFound, Unavailable
from govbot.models.delivery import Wish, plan_pull, pull
from govbot.models.hub import Hub, endpoint_of, open_hub
from govbot.models.store import Kind, Store
from tests.hub_server import COMMIT, HubServer
from tests.tiny_gguf import write_tiny_gguf

REPOSITORY = "orgao/pequeno-GGUF"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_tiny_gguf(tmp_path_factory.mktemp("hub") / "m.gguf").read_bytes()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "models")


def _hub(files: dict[str, bytes], **faults: object) -> HubServer:
    return HubServer({REPOSITORY: files}, **faults)  # type: ignore[arg-type]


async def _pull(store: Store, server: HubServer, wish: Wish, token: str = "") -> list[int]:
    """Plans and fetches; the bytes that were told on the way."""
    told: list[int] = []
    hub = Hub(server.address, token, wait_s=0.001, tries=3)
    try:
        await pull(store, hub, await plan_pull(hub, wish), told.append)
    finally:
        await hub.aclose()
    return told


async def test_a_model_comes_whole_with_its_licence_and_checksums(
    store: Store, model: bytes
) -> None:
    files = {"pequeno-Q4_K_M.gguf": model, "pequeno-Q8_0.gguf": b"x" * 200, "LICENSE": b"livre"}
    async with _hub(files) as server:
        told = await _pull(store, server, Wish(f"{REPOSITORY}:q4_k_m"))
        assert not any("Q8_0" in each.path for each in server.asked)
        assert {each.headers["user-agent"].partition("/")[0] for each in server.asked} == {"govbot"}
    [installed] = store.all()
    assert installed.name == "pequeno-Q4_K_M"
    assert installed.kind is Kind.GENERATOR
    assert installed.licence == "apache-2.0"
    assert installed.manifest is not None
    assert installed.manifest.revision == COMMIT
    sums = {file.path: file.sha256 for file in installed.manifest.files}
    assert sums["pequeno-Q4_K_M.gguf"] == hashlib.sha256(model).hexdigest()
    assert sum(told) == len(model) + len(b"livre")
    assert store.verify(installed) == []
    assert not list(store.folder.rglob("*.part"))


async def test_what_was_cut_off_goes_on_where_it_ended(store: Store, model: bytes) -> None:
    half = len(model) // 2
    async with _hub({"m.gguf": model}, cuts=[half, 1000]) as server:
        told = await _pull(store, server, Wish(REPOSITORY))
        assert server.sent_ranges()[-1] == f"bytes={half + 1000}-"
    assert sum(told) == len(model)
    assert store.verify(store.find("m")) == []


async def test_a_second_attempt_keeps_what_the_first_one_brought(
    store: Store, model: bytes
) -> None:
    half = len(model) // 2
    async with _hub({"m.gguf": model}, cuts=[half, 0, 0, 0]) as server:
        with pytest.raises(Unavailable) as caught:
            await _pull(store, server, Wish(REPOSITORY))
        assert caught.value.error_code == "E-MODEL-HUB"
        assert store.all() == []
        server.asked.clear()
        await _pull(store, server, Wish(REPOSITORY))
        assert server.sent_ranges()[0] == f"bytes={half}-"
    assert store.verify(store.find("m")) == []


async def test_a_mirror_without_ranges_starts_over_and_busy_answers_are_waited_for(
    store: Store, model: bytes
) -> None:
    async with _hub({"m.gguf": model}, cuts=[len(model) // 2], ranges=False) as server:
        hub = Hub(server.address, wait_s=0.001)
        plan = await plan_pull(hub, Wish(REPOSITORY))
        server.statuses = [503, 429]
        told: list[int] = []
        await pull(store, hub, plan, told.append)
        await hub.aclose()
    assert sum(told) == len(model)
    assert store.verify(store.find("m")) == []


@pytest.mark.parametrize("other", ["same size", "longer", "shorter"])
async def test_other_bytes_than_announced_never_become_a_model(
    store: Store, model: bytes, other: str
) -> None:
    wrong = {"same size": model[:-1] + b"!", "longer": model + b"!", "shorter": model[:-9]}[other]
    async with _hub({"m.gguf": model}, changed={"m.gguf": wrong}) as server:
        with pytest.raises(GovBotError) as caught:
            await _pull(store, server, Wish(REPOSITORY))
    assert caught.value.error_code in ("E-MODEL-CHECKSUM", "E-MODEL-HUB")
    assert store.all() == []


async def test_a_small_file_is_checked_by_the_checksum_of_git(store: Store, model: bytes) -> None:
    files = {"m.gguf": model, "LICENSE": b"livre"}
    async with _hub(files, changed={"LICENSE": b"preso"}) as server:
        with pytest.raises(Conflict):
            await _pull(store, server, Wish(REPOSITORY))


async def test_a_mirror_without_checksums_needs_one_from_the_person(
    store: Store, model: bytes
) -> None:
    async with _hub({"m.gguf": model}, bare=True) as server:
        with pytest.raises(Conflict) as caught:
            await _pull(store, server, Wish(REPOSITORY))
        assert caught.value.error_code == "E-MODEL-CHECKSUM"
        known = hashlib.sha256(model).hexdigest()
        await _pull(store, server, Wish(REPOSITORY, sha256=known))
    assert [each.name for each in store.all()] == ["m"]


async def test_the_token_goes_to_the_hub_and_to_nobody_else(store: Store, model: bytes) -> None:
    async with _hub({"m.gguf": model}) as other, _hub({"m.gguf": model}, token="segredo") as server:
        with pytest.raises(Denied) as caught:
            await _pull(store, server, Wish(REPOSITORY))
        assert caught.value.error_code == "E-MODEL-GATED"
        server.elsewhere = (
            f"{other.address.replace('127.0.0.1', 'localhost')}/store/{REPOSITORY}/m.gguf"
        )
        await _pull(store, server, Wish(REPOSITORY), token="segredo")
        assert other.asked
        assert not any("authorization" in each.headers for each in other.asked)


async def test_places_outside_of_the_model_are_not_written(store: Store, model: bytes) -> None:
    files = {"../../fora.gguf": model, "/abs.gguf": model, "a/../b.gguf": model, "bom.gguf": model}
    async with _hub(files) as server:
        await _pull(store, server, Wish(REPOSITORY))
    [installed] = store.all()
    assert installed.manifest is not None
    assert [file.path for file in installed.manifest.files] == ["bom.gguf"]
    assert not list(store.folder.parent.rglob("fora.gguf"))


async def test_unknown_models_and_a_hub_that_is_shut_say_so(store: Store) -> None:
    async with _hub({}) as server:
        with pytest.raises(NotFound):
            await _pull(store, server, Wish("orgao/outro"))
        for wrong in ("sem-barra", "../etc/passwd", "a/b/c"):
            with pytest.raises(GovBotError) as caught:
                await _pull(store, server, Wish(wrong))
            assert caught.value.error_code == "E-MODEL-REPOSITORY"
    with pytest.raises(Unavailable) as shut:
        async with open_hub(""):
            pass
    assert shut.value.error_code == "E-MODEL-OFFLINE"
    with pytest.raises(Unavailable) as away:
        await _pull(store, server, Wish(REPOSITORY))  # the server has gone
    assert away.value.error_code == "E-MODEL-HUB"


async def test_an_encrypted_hub_cannot_lead_to_an_open_connection() -> None:
    hub = Hub("https://hub.example")
    import httpx

    with pytest.raises(Unavailable):
        await hub._require_secure(httpx.Request("GET", "http://hub.example/m.gguf"))
    await hub.aclose()


def test_a_mirror_is_named_by_the_environment_but_opens_nothing_that_is_shut() -> None:
    assert endpoint_of("https://huggingface.co", "http://espelho:8080") == "http://espelho:8080"
    assert endpoint_of("https://huggingface.co", "file:///etc") == "https://huggingface.co"
    assert endpoint_of("", "http://espelho:8080") == ""


async def test_a_disk_that_is_too_small_is_found_before_the_first_byte(
    store: Store, model: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "govbot.models.store.shutil.disk_usage", lambda _: type("Usage", (), {"free": 2**30})
    )
    async with _hub({"m.gguf": model}) as server:
        with pytest.raises(Unavailable) as caught:
            await _pull(store, server, Wish(REPOSITORY))
        assert not any("/store/" in each.path for each in server.asked)
    assert caught.value.error_code == "E-MODEL-SPACE"
