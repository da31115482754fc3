"""The folder of the models: taking in, checking, deleting, and what is in use."""

from __future__ import annotations

import errno
import hashlib
import json
from pathlib import Path

import pytest

from govbot.config import Settings
from govbot.config.table import Generation
from govbot.errors import Conflict, GovBotError, Invalid, NotFound
from govbot.gguf import copy_of
from govbot.models.delivery import add, plan_add
from govbot.models.selection import choose, is_safe, quantisation
from govbot.models.store import MANIFEST, Installed, Kind, Store
from govbot.models.usage import uses
from tests.tiny_gguf import write_tiny_gguf


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    folder = tmp_path / "stick"
    folder.mkdir()
    write_tiny_gguf(folder / "pequeno-Q4_K_M.gguf")
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "models")


def _add(store: Store, path: Path, name: str = "", sha256: str = "") -> Installed:
    return add(store, plan_add(path, name, sha256), lambda _: None)


def test_a_file_of_a_stick_is_copied_checked_and_listed(store: Store, stick: Path) -> None:
    file = stick / "pequeno-Q4_K_M.gguf"
    told: list[int] = []
    model = add(store, plan_add(file), told.append)
    assert model.name == "pequeno-Q4_K_M"
    assert model.kind is Kind.GENERATOR
    assert sum(told) == file.stat().st_size
    assert store.verify(model) == []
    assert [each.name for each in store.all()] == ["pequeno-Q4_K_M"]
    with pytest.raises(Conflict):
        _add(store, file)
    assert _add(store, stick, name="outro").name == "outro"


@pytest.mark.parametrize("list_", ["SHA256SUMS", "pequeno-Q4_K_M.gguf.sha256", "given"])
def test_a_checksum_beside_the_file_decides(store: Store, stick: Path, list_: str) -> None:
    file = stick / "pequeno-Q4_K_M.gguf"
    given = "0" * 64 if list_ == "given" else ""
    if not given:
        (stick / list_).write_text(f"{'0' * 64}  {file.name}\n")
    with pytest.raises(Conflict) as caught:
        _add(store, file, sha256=given)
    assert caught.value.error_code == "E-MODEL-CHECKSUM"
    assert store.all() == []
    right = hashlib.sha256(file.read_bytes()).hexdigest()
    if not given:
        (stick / list_).write_text(f"{right} *{file.name}\n")
    assert _add(store, file, sha256=right if given else "").name == "pequeno-Q4_K_M"


def test_what_another_govbot_has_keeps_its_origin_and_checksums(
    store: Store, stick: Path, tmp_path: Path
) -> None:
    model = _add(store, stick)
    manifest = json.loads((model.place / MANIFEST).read_text())
    manifest |= {"source": "https://hub/orgao/x", "licence": "mit", "revision": "abc"}
    (model.place / MANIFEST).write_text(json.dumps(manifest))
    second = Store(tmp_path / "second")
    copied = _add(second, model.place)
    assert copied.manifest is not None
    assert (copied.manifest.source, copied.licence) == ("https://hub/orgao/x", "mit")
    file = next(model.place.glob("*.gguf"))
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    assert [finding.problem for finding in store.verify(store.find(model.name))] == ["checksum"]
    with pytest.raises(Conflict):
        _add(Store(tmp_path / "third"), model.place)


def test_verify_names_what_is_missing_and_what_was_put_there_by_hand(
    store: Store, stick: Path
) -> None:
    model = _add(store, stick)
    next(model.place.glob("*.gguf")).unlink()
    assert [finding.problem for finding in store.verify(model)] == ["missing"]
    write_tiny_gguf(store.folder / "solto.gguf")
    with pytest.raises(Conflict) as caught:
        store.verify(store.find("solto"))
    assert caught.value.error_code == "E-MODEL-UNSIGNED"


def test_a_copy_that_fails_leaves_nothing_behind(
    store: Store, stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with pytest.raises(GovBotError) as caught:
        add(store, plan_add(stick), broken)
    assert caught.value.error_code == "E-MODEL-FILE"
    assert store.all() == []
    assert not list(store.folder.rglob("*.gguf"))


def test_the_same_model_is_not_brought_twice_at_once(store: Store) -> None:
    with store.incoming("um"):
        with pytest.raises(Conflict) as caught, store.incoming("um"):
            pass
        assert caught.value.error_code == "E-MODEL-UNDER-WAY"
    with store.incoming("um"):
        pass


def test_a_model_is_deleted_whole_wherever_it_lies(store: Store, stick: Path) -> None:
    _add(store, stick)
    copy_of(write_tiny_gguf(store.folder / "solto.gguf")).touch()
    copy_of(store.find("PEQUENO-Q4_k_m").place / "m.gguf").touch()
    assert len(store.all()) == 2
    for name in ("solto", "PEQUENO-Q4_k_m"):
        store.remove(store.find(name))
    assert store.all() == []
    assert not list(store.folder.rglob("*.gguf*"))
    with pytest.raises(NotFound):
        store.find("solto")


def test_a_damaged_file_is_listed_with_its_problem(store: Store) -> None:
    store.folder.mkdir()
    (store.folder / "ruim.gguf").write_bytes(b"GGUF\3\0\0\0" + b"\xff" * 40)
    [model] = store.all()
    assert model.kind is Kind.OTHER
    assert "ruim.gguf" in model.problem


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", ".oculto", "a b", "x.gguf", "é"])
def test_names_that_are_no_folder_of_their_own_are_refused(store: Store, name: str) -> None:
    with pytest.raises(Invalid):
        store.require_free_name(name)


def test_the_settings_that_name_a_model_are_found(store: Store, stick: Path) -> None:
    model = _add(store, stick)
    assert model.file is not None
    settings = Settings(
        data_dir=store.folder.parent,
        generation=Generation(model_path=str(model.file), draft=str(model.place / "outro.gguf")),
    )
    assert uses(settings, model) == ["generation.model_path", "generation.draft"]
    assert uses(Settings(), model) == []


class _File:
    def __init__(self, path: str) -> None:
        self.path = path


def _chosen(paths: list[str], wanted: str = "") -> list[str]:
    return [file.path for file in choose([_File(path) for path in paths], wanted)]


SHARDS = ["x-Q4_K_M-00001-of-00002.gguf", "x-Q4_K_M-00002-of-00002.gguf"]


@pytest.mark.parametrize(
    ("paths", "wanted", "chosen"),
    [
        (["a-Q8_0.gguf", "a-Q4_K_M.gguf", "mmproj-a.gguf"], "", ["a-Q4_K_M.gguf"]),
        (["a-Q8_0.gguf", "a-Q4_K_M.gguf"], "q8_0", ["a-Q8_0.gguf"]),
        (["a-Q8_0.gguf", "a-Q4_K_M.gguf"], "a-q8*", ["a-Q8_0.gguf"]),
        ([*SHARDS, "x-Q8_0.gguf"], "Q4_K_M", SHARDS),
        ([SHARDS[0], "x-Q8_0.gguf"], "", ["x-Q8_0.gguf"]),  # a part is missing
        (["q/a-BF16.gguf", "LICENSE"], "", ["q/a-BF16.gguf", "LICENSE"]),
        (
            ["model.safetensors", "config.json", "tokenizer.json", "1_Pooling/config.json", "x.py",
             "pytorch_model.bin", "onnx/model.onnx", "onnx/config.json", "README.md"],
            "",
            ["model.safetensors", "config.json", "tokenizer.json", "1_Pooling/config.json",
             "README.md"],
        ),
    ],
)  # fmt: skip
def test_the_files_of_one_model_are_chosen(
    paths: list[str], wanted: str, chosen: list[str]
) -> None:
    assert _chosen(paths, wanted) == chosen


@pytest.mark.parametrize(
    ("paths", "code"),
    [
        (["a-Q2_K.gguf", "a-Q3_K_M.gguf"], "E-MODEL-CHOICE"),
        (["config.json", "pytorch_model.bin"], "E-MODEL-PICKLE"),
        (["README.md"], "E-MODEL-CHOICE"),
    ],
)
def test_what_cannot_be_chosen_says_why(paths: list[str], code: str) -> None:
    with pytest.raises(Invalid) as caught:
        _chosen(paths)
    assert caught.value.error_code == code


def test_places_and_quantisations_are_read_from_names() -> None:
    for bad in ("/a", "../a", "a/../b", "", "a//b", ".git/x", "a\\b", "c:\\x", "a\0b", "x" * 301):
        assert not is_safe(bad), bad
    assert is_safe("1_Pooling/config.json")
    names = (
        "m-q4_k_m.gguf",
        "m-UD-Q4_K_XL.gguf",
        "m.Q8_0-00001-of-00002.gguf",
        "m-f16.gguf",
        "m.gguf",
    )
    assert [quantisation(name) for name in names] == ["Q4_K_M", "Q4_K_XL", "Q8_0", "F16", ""]
