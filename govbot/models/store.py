"""The folder of the models (data_dir/models): what is there, with which checksums, and its locks.

A model is a folder with a manifest. It is filled beside and takes its place by one rename, so that
a model is there whole or not at all. What was put there by hand is listed too.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from govbot.errors import Conflict, Invalid, NotFound, Unavailable
from govbot.gguf import GgufHeader, copy_of, read_header, shards_of

# Not .json: every JSON file of an embedder's folder is part of its fingerprint.
MANIFEST: Final = "govbot-model.manifest"
INCOMING: Final = ".incoming"
RESERVE: Final = 2**30  # bytes of the disk that stay free
PIECE: Final = 4 * 2**20
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

OnBytes = Callable[[int], None]


class Kind(StrEnum):
    """What a model does."""

    GENERATOR = "generator"
    EMBEDDER = "embedder"
    RERANKER = "reranker"
    ADAPTER = "adapter"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file of a model: its place in the model's folder, bytes, and what they must hash to."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """Where a model came from and what it consists of."""

    name: str
    kind: Kind
    source: str
    revision: str
    licence: str
    files: tuple[ModelFile, ...]
    added_at: str = ""


@dataclass(frozen=True, slots=True)
class Installed:
    """A model in the folder. `file` is the GGUF, when it is one; `problem` says why it is not read.

    `place` is its folder, or its file where that was put into the folder of the models by hand.
    """

    name: str
    kind: Kind
    place: Path
    size: int
    file: Path | None = None
    header: GgufHeader | None = None
    manifest: Manifest | None = None
    problem: str = ""

    @property
    def licence(self) -> str:
        """The licence as its source or its file tells it; empty: not told."""
        if self.manifest is not None and self.manifest.licence:
            return self.manifest.licence
        return self.header.licence if self.header else ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A file that is not what the manifest says: `missing`, `size` or `checksum`."""

    path: str
    problem: str


class Store:
    """The folder of the models of one installation."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def all(self) -> list[Installed]:
        """Every model in the folder, by name."""
        if not self.folder.is_dir():
            return []
        places = [p for p in self.folder.iterdir() if not p.name.startswith(".")]
        found = [_examine(place) for place in places if place.is_dir()]
        loose = (place for place in places if place.suffix == ".gguf" and place.is_file())
        found += [_examine_file(place) for place in loose if shards_of(place)[0] == place]
        return sorted((model for model in found if model), key=lambda model: model.name.casefold())

    def find(self, name: str) -> Installed:
        """The model of this name. Raises NotFound E-MODEL-UNKNOWN."""
        for model in self.all():
            if model.name.casefold() == name.casefold():
                return model
        raise NotFound('There is no model "%(name)s" here.', name=name, code="E-MODEL-UNKNOWN")

    def require_free_name(self, name: str) -> None:
        """Raises Invalid for what cannot be a name, Conflict when there is such a model."""
        if not _NAME.fullmatch(name) or name.endswith(".gguf"):
            raise Invalid(
                'A model cannot be called "%(name)s": letters, digits, point, hyphen and '
                "underscore, at most 100, and no .gguf at its end.",
                name=name,
                code="E-MODEL-NAME-TAKEN",
            )
        if any(model.name.casefold() == name.casefold() for model in self.all()):
            raise Conflict(
                'There is a model "%(name)s" already: remove it first, or choose another name.',
                name=name,
                code="E-MODEL-NAME-TAKEN",
            )

    def require_space(self, wanted: int) -> None:
        """Raises Unavailable E-MODEL-SPACE when the disk does not hold so many bytes more."""
        free = self.free_space()
        if wanted + RESERVE > free:
            raise Unavailable(
                "The disk is too small: the model needs %(wanted)s GB and %(free)s GB are free; "
                "1 GB stays free.",
                wanted=f"{wanted / 1e9:.1f}",
                free=f"{free / 1e9:.1f}",
                code="E-MODEL-SPACE",
            )

    def free_space(self) -> int:
        """Bytes that are free on the disk of the models."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(self.folder).free

    @contextmanager
    def incoming(self, name: str) -> Iterator[Path]:
        """The folder in which the model is made, locked against other processes.

        What an earlier attempt left is still there. Raises Conflict E-MODEL-UNDER-WAY.
        """
        self.require_free_name(name)
        place = self.folder / INCOMING / name
        place.mkdir(parents=True, exist_ok=True)
        with (self.folder / INCOMING / f"{name}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise Conflict(
                    'The model "%(name)s" is being brought here already.',
                    name=name,
                    code="E-MODEL-UNDER-WAY",
                ) from error
            yield place

    def place(self, manifest: Manifest) -> Installed:
        """Gives the model that was made in `incoming` its place, at once; within its lock."""
        source = self.folder / INCOMING / manifest.name
        wanted = {file.path for file in manifest.files}
        for left in [file for file in source.rglob("*") if file.is_file()]:
            if left.relative_to(source).as_posix() not in wanted:
                left.unlink()
        stamped = datetime.now(UTC).isoformat(timespec="seconds")
        text = json.dumps(asdict(manifest) | {"added_at": stamped}, indent=1, ensure_ascii=False)
        _write(source / MANIFEST, text)
        target = self.folder / manifest.name
        try:
            source.rename(target)
        except OSError as error:
            raise Conflict(
                'There is a model "%(name)s" already: remove it first, or choose another name.',
                name=manifest.name,
                code="E-MODEL-NAME-TAKEN",
            ) from error
        _sync(self.folder)
        return self.find(manifest.name)

    def discard(self, name: str) -> None:
        """Deletes what an attempt that will not go on has left."""
        shutil.rmtree(self.folder / INCOMING / name, ignore_errors=True)
        (self.folder / INCOMING / f"{name}.lock").unlink(missing_ok=True)

    def remove(self, model: Installed) -> None:
        """Deletes a model; it is gone from the list at once."""
        away = self.folder / INCOMING / f".removed-{model.name}-{os.getpid()}"
        away.mkdir(parents=True, exist_ok=True)
        place = model.place
        parts = [place] if place.is_dir() else [*shards_of(place), copy_of(place)]
        for part in parts:
            if part.is_symlink():
                part.unlink()
            elif part.exists():
                part.rename(away / part.name)
        shutil.rmtree(away, ignore_errors=True)

    def verify(self, model: Installed, on_bytes: OnBytes = lambda _: None) -> list[Finding]:
        """Reads every file again. Raises Conflict E-MODEL-UNSIGNED without a manifest."""
        if model.manifest is None:
            raise Conflict(
                'No checksums are known of the model "%(name)s", which was put here by hand: '
                "`govbot models add` takes it in with them.",
                name=model.name,
                code="E-MODEL-UNSIGNED",
            )
        return [
            Finding(file.path, problem)
            for file in model.manifest.files
            if (problem := _check(model.place / file.path, file, on_bytes))
        ]


def total(files: Sequence[ModelFile]) -> int:
    """Bytes of the files together."""
    return sum(file.size for file in files)


def digest(path: Path, on_bytes: OnBytes = lambda _: None) -> str:
    """SHA-256 of a file; `on_bytes` hears of every piece."""
    made = sha256()
    with path.open("rb") as stream:
        while piece := stream.read(PIECE):
            made.update(piece)
            on_bytes(len(piece))
    return made.hexdigest()


def kind_of(place: Path) -> Kind:
    """What the model in a folder, or in a GGUF, is for."""
    if place.is_file():
        return _kind_of_gguf(read_header(place))
    if found := _gguf_in(place):
        return _kind_of_gguf(read_header(found))
    config = _json(place / "config.json")
    names = [str(name) for name in config.get("architectures") or []]
    if any(name.endswith("ForSequenceClassification") for name in names):
        labels = config.get("id2label") or {}
        return Kind.RERANKER if len(labels) <= 1 else Kind.OTHER
    if (place / "modules.json").is_file() or names:
        return Kind.EMBEDDER
    return Kind.OTHER


def read_manifest(file: Path) -> Manifest | None:
    """The manifest in a file; None when there is none or it is not understood."""
    value = _json(file)
    try:
        files = tuple(ModelFile(**each) for each in value["files"])
        return Manifest(**{**value, "files": files, "kind": Kind(value["kind"])})
    except (KeyError, TypeError, ValueError):
        return None


def _examine(place: Path) -> Installed | None:
    """A model in a folder of its own; None for a folder that holds none."""
    manifest = read_manifest(place / MANIFEST)
    found = _gguf_in(place)
    files = [file for file in place.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files if file.name != MANIFEST)
    if found is not None:
        return _with_header(place.name, place, size, found, manifest)
    if manifest is None and not (place / "config.json").is_file():
        return None
    return Installed(place.name, kind_of(place), place, size, manifest=manifest)


def _examine_file(file: Path) -> Installed:
    size = sum(part.stat().st_size for part in shards_of(file) if part.is_file())
    return _with_header(file.name.removesuffix(".gguf"), file, size, file, None)


def _with_header(
    name: str, place: Path, size: int, file: Path, manifest: Manifest | None
) -> Installed:
    try:
        header = read_header(file)
    except Unavailable as error:
        kind = manifest.kind if manifest else Kind.OTHER
        return Installed(name, kind, place, size, file, None, manifest, str(error))
    return Installed(name, _kind_of_gguf(header), place, size, file, header, manifest)


def _gguf_in(folder: Path) -> Path | None:
    """The GGUF of a folder, the first of its parts; projectors of pictures are passed over."""
    files = sorted(f for f in folder.glob("*.gguf") if not f.name.startswith("mmproj"))
    return files[0] if files else None


def _kind_of_gguf(header: GgufHeader) -> Kind:
    if header.kind == "adapter":
        return Kind.ADAPTER
    if header.kind not in ("model", ""):
        return Kind.OTHER
    if header.pooling is not None:
        return Kind.RERANKER if header.pooling == 4 else Kind.EMBEDDER  # LLAMA_POOLING_TYPE_RANK
    return Kind.EMBEDDER if "bert" in header.architecture else Kind.GENERATOR


def _check(place: Path, file: ModelFile, on_bytes: OnBytes) -> str:
    if not place.is_file():
        return "missing"
    if place.stat().st_size != file.size:
        return "size"
    try:
        return "" if digest(place, on_bytes) == file.sha256 else "checksum"
    except OSError:
        return "unreadable"


def _json(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _write(file: Path, text: str) -> None:
    with file.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def _sync(folder: Path) -> None:
    """Makes a rename in the folder outlast a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
