"""How a model comes here: fetched from a hub or copied from a file, folder or stick.

First a plan, which says what it is, how large and under which licence; then the files, each with
its SHA-256; at last the place among the models, at once.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Final

from govbot.errors import Conflict, Invalid, NotFound, Unavailable
from govbot.gguf import read_header, shards_of
from govbot.models.catalog import find_preset, find_reranker_preset
from govbot.models.hub import Hub, HubFile, Listing, OnBytes, require_checksums
from govbot.models.recommended import find_recommended
from govbot.models.selection import choose
from govbot.models.store import (
    MANIFEST,
    PIECE,
    Installed,
    Kind,
    Manifest,
    ModelFile,
    Store,
    digest,
    kind_of,
    read_manifest,
)

MAX_FILES: Final = 2000  # of a folder that is taken in
MAX_SUMS: Final = 2**20  # bytes of a list of checksums


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks for: a name of the catalog or "organisation/model", perhaps with ":" and
    a quantisation or file. `sha256` is that of the one large file, from a trusted place."""

    source: str
    name: str = ""
    revision: str = "main"
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Pull:
    """What would be fetched: shown before, so that the licence is read and the disk is known."""

    name: str
    listing: Listing
    files: tuple[HubFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file to copy: where it lies, its place in the model, and what it should hash to."""

    source: Path
    path: str
    size: int
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Add:
    """What would be copied. `origin`: the manifest that the model brought along."""

    name: str
    source: str
    files: tuple[LocalFile, ...]
    licence: str = ""
    origin: Manifest | None = field(default=None, repr=False)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


async def plan_pull(hub: Hub, wish: Wish) -> Pull:
    """Asks the hub what the wish means. Raises Invalid, NotFound, Denied, Unavailable, Conflict."""
    repository, choice, name = _meaning(wish.source)
    listing = await hub.listing(repository, wish.revision)
    chosen = choose(listing.files, choice)
    large = [file for file in chosen if file.path.endswith((".gguf", ".safetensors"))]
    if wish.sha256:
        chosen = tuple(
            replace(file, sha256=wish.sha256.lower()) if [file] == large else file
            for file in chosen
        )
        if len(large) != 1:
            raise Invalid(
                "A checksum can be given for a model of one file; this one has %(count)s.",
                count=len(large),
                code="E-MODEL-CHECKSUM",
            )
    require_checksums(chosen)
    return Pull(wish.name or name or _default_name(chosen, repository), listing, chosen)


async def pull(store: Store, hub: Hub, plan: Pull, on_bytes: OnBytes) -> Installed:
    """Fetches the files of the plan and puts the model in its place.

    What came before an interruption is kept, and the same plan goes on from there.
    """
    with store.incoming(plan.name) as folder:
        here = await asyncio.to_thread(_present, folder)
        store.require_space(plan.size - here)
        files = []
        for file in plan.files:
            path = _flat(file.path)
            target = folder / path
            made = ""
            if target.is_file() and target.stat().st_size == file.size:
                made = await asyncio.to_thread(_again, target, file, on_bytes)
            if not made:
                made = await _fetched(hub, plan.listing, file, target, on_bytes)
            files.append(ModelFile(path, file.size, made))
        manifest = Manifest(
            name=plan.name,
            kind=await asyncio.to_thread(kind_of, folder),
            source=f"{hub.endpoint}/{plan.listing.repository}",
            revision=plan.listing.revision,
            licence=plan.listing.licence,
            files=tuple(files),
        )
        return await asyncio.to_thread(store.place, manifest)


def plan_add(path: Path, name: str = "", sha256: str = "") -> Add:
    """Looks at a file or folder. Raises NotFound, Invalid, Conflict, Unavailable.

    Checksums are taken from the manifest of another GovBot, from SHA256SUMS or `<file>.sha256`.
    """
    try:
        if path.is_file():
            return _plan_file(path, name, sha256)
        if path.is_dir():
            return _plan_folder(path, name)
    except OSError as error:
        raise _unreadable(path, error) from error
    raise NotFound("There is no file or folder %(path)s.", path=path, code="E-MODEL-FILE")


def add(store: Store, plan: Add, on_bytes: OnBytes) -> Installed:
    """Copies the files of the plan and puts the model in its place; blocks.

    Raises Conflict E-MODEL-CHECKSUM when a copy is not what was announced.
    """
    with store.incoming(plan.name) as folder:
        store.require_space(plan.size)
        try:
            files = tuple(_copy(file, folder / file.path, on_bytes) for file in plan.files)
        except OSError as error:
            store.discard(plan.name)
            raise _unreadable(Path(plan.source), error) from error
        except Conflict:
            store.discard(plan.name)
            raise
        kind = kind_of(folder)
        if kind is Kind.OTHER and any(file.path.endswith(".gguf") for file in files):
            store.discard(plan.name)
            raise Invalid(
                "%(file)s is a part of a model, not one that GovBot can use by itself.",
                file=files[0].path,
                code="E-MODEL-FILE",
            )
        origin = plan.origin
        manifest = Manifest(
            name=plan.name,
            kind=kind,
            source=origin.source if origin else plan.source,
            revision=origin.revision if origin else "",
            licence=plan.licence,
            files=files,
        )
        return store.place(manifest)


def _meaning(source: str) -> tuple[str, str, str]:
    """Repository, choice among its files, and name, of what somebody wrote."""
    text = source.strip().removeprefix("hf.co/").removeprefix("https://huggingface.co/")
    repository, _, choice = text.partition(":")
    known = find_recommended(repository)
    if known is not None:
        return known.repository, choice or known.file, known.name if not choice else ""
    preset = find_preset(repository) or find_reranker_preset(repository)
    if preset is not None:
        return preset.repository, choice, preset.name
    return repository, choice, ""


def _default_name(files: Iterable[HubFile], repository: str) -> str:
    first = next((file.path for file in files if file.path.endswith(".gguf")), "")
    return _stem(PurePosixPath(first).name) if first else repository.rpartition("/")[2]


def _stem(name: str) -> str:
    """The name of a GGUF without its ending and without the count of its parts."""
    stem = name.removesuffix(".gguf")
    head, _, tail = stem.rpartition("-of-")
    return head.rpartition("-")[0] if head and tail.isdigit() else stem


def _flat(path: str) -> str:
    """GGUFs of a subfolder lie at the top of the model's folder."""
    return PurePosixPath(path).name if path.endswith(".gguf") else path


async def _fetched(
    hub: Hub, listing: Listing, file: HubFile, target: Path, on_bytes: OnBytes
) -> str:
    try:
        return await hub.fetch(listing, file, target, on_bytes)
    except OSError as error:
        raise Unavailable(
            "The model cannot be written to the disk (%(reason)s). What came so far is kept.",
            reason=error.strerror or type(error).__name__,
            code="E-MODEL-SPACE",
        ) from error


def _present(folder: Path) -> int:
    """Bytes that an earlier attempt left."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _again(target: Path, file: HubFile, on_bytes: OnBytes) -> str:
    """The SHA-256 of a file that is here already, or empty when it is not the right one."""
    made = digest(target)
    if file.sha256 and made != file.sha256:
        target.unlink()
        return ""
    on_bytes(file.size)
    return made


def _plan_file(path: Path, name: str, known: str) -> Add:
    if path.suffix != ".gguf":
        raise Invalid(
            "%(file)s is no GGUF. Models of several files are taken in as a folder.",
            file=path.name,
            code="E-MODEL-FILE",
        )
    header = read_header(path)
    parts = shards_of(path)
    sums = _sums(path.parent)
    origin = read_manifest(path.parent / MANIFEST)
    if origin is not None and not any(file.path == path.name for file in origin.files):
        origin = None
    brought = {file.path: file.sha256 for file in origin.files} if origin else {}
    files = tuple(
        LocalFile(
            part,
            part.name,
            part.stat().st_size,
            known.lower() or brought.get(part.name) or sums.get(part.name) or _sum_of(part),
        )
        for part in parts
    )
    licence = origin.licence if origin else header.licence
    return Add(name or _stem(path.name), str(path), files, licence, origin)


def _plan_folder(folder: Path, name: str) -> Add:
    origin = read_manifest(folder / MANIFEST)
    sums = _sums(folder)
    if origin is not None:
        sums = {file.path: file.sha256 for file in origin.files}
    found: list[LocalFile] = []
    for base, folders, names in os.walk(folder):
        folders[:] = [each for each in folders if not each.startswith(".")]
        for each in names:
            path = Path(base) / each
            place = path.relative_to(folder).as_posix()
            if each != MANIFEST and path.is_file():
                known = sums.get(place) or sums.get(each, "")
                found.append(LocalFile(path, place, path.stat().st_size, known))
        if len(found) > MAX_FILES:
            raise Invalid(
                "The folder %(folder)s has too many files for a model.",
                folder=folder,
                code="E-MODEL-CHOICE",
            )
    chosen = choose(found)
    missing = set(sums) - {file.path for file in found} if origin else set()
    if missing:
        raise Conflict(
            "%(file)s is missing in the folder.", file=min(missing), code="E-MODEL-CHECKSUM"
        )
    files = tuple(
        replace(file, path=_flat(file.path), sha256=file.sha256 or _sum_of(file.source))
        for file in chosen
    )
    ggufs = [file for file in files if file.path.endswith(".gguf")]
    licence = read_header(ggufs[0].source).licence if ggufs else ""
    fallback = _stem(ggufs[0].path) if ggufs else folder.resolve().name
    return Add(
        name or (origin.name if origin else fallback),
        str(folder),
        files,
        origin.licence if origin else licence,
        origin,
    )


def _sums(folder: Path) -> Mapping[str, str]:
    """Checksums in the way of sha256sum, by file name."""
    file = folder / "SHA256SUMS"
    if not file.is_file() or file.stat().st_size > MAX_SUMS:
        return {}
    found = {}
    for line in file.read_text("utf-8", errors="replace").splitlines():
        value, _, name = line.strip().partition(" ")
        if len(value) == 64:
            found[name.lstrip(" *").removeprefix("./")] = value.lower()
    return found


def _sum_of(path: Path) -> str:
    file = path.with_name(path.name + ".sha256")
    if not file.is_file() or file.stat().st_size > MAX_SUMS:
        return ""
    words = file.read_text("utf-8", errors="replace").split()
    return words[0].lower() if words and len(words[0]) == 64 else ""


def _copy(file: LocalFile, target: Path, on_bytes: OnBytes) -> ModelFile:
    """Copies, hashes what was read, and reads the copy's size back from the disk."""
    target.parent.mkdir(parents=True, exist_ok=True)
    made = sha256()
    with file.source.open("rb") as source, target.open("wb") as copy:
        while piece := source.read(PIECE):
            made.update(piece)
            copy.write(piece)
            on_bytes(len(piece))
        copy.flush()
        os.fsync(copy.fileno())
    if file.sha256 and made.hexdigest() != file.sha256:
        raise Conflict(
            "%(file)s is not what its checksum says: the copy on the stick or in the folder is "
            "damaged, or another file.",
            file=file.path,
            code="E-MODEL-CHECKSUM",
        )
    return ModelFile(file.path, target.stat().st_size, made.hexdigest())


def _unreadable(path: Path, error: OSError) -> Unavailable:
    return Unavailable(
        "%(path)s cannot be read or copied (%(reason)s).",
        path=path,
        reason=error.strerror or type(error).__name__,
        code="E-MODEL-FILE",
    )
