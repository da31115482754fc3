"""`govbot doctor`: what answers and what reads: models, embedder, reranker, OCR, keys, folders."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from time import monotonic
from typing import Final

from govbot.cli.doctor_finding import Found, Seen, Visit, absent, fail, failed, ok, warn
from govbot.errors import GovBotError

SHOWN: Final = 5
HASHING_S: Final = 20.0  # for the checksums of all models together


def keys(visit: Visit) -> Found:
    """The files of keys and secrets: closed to other accounts, and the sealing key opens."""
    from govbot.installation.key_files import key_files, open_to_others, sealing_problem

    own = visit.settings
    if problem := sealing_problem(own):
        return fail(problem, "Bring the key back from the backup: docs/operate.md.")
    files = key_files(own)
    if closed := [file for file in files if not os.access(file, os.R_OK)]:
        return fail(f"cannot be read: {_names(closed)}", "chown govbot: FILE; chmod 600 FILE")
    if bad := open_to_others(own):
        return fail(f"other accounts may read {_names(bad)}", "chmod o-rwx FILE")
    return ok(f"{len(files)} files, closed to other accounts")


def _names(files: list[Path]) -> str:
    return ", ".join(str(file) for file in files[:SHOWN])


def folders(visit: Visit) -> Found:
    """The watched folders are there and can be read; at the file system, not in the database."""
    watched = [folder.path for folder in visit.settings.watch.folders]
    if not watched:
        return absent("no folder is watched")
    bad = [f"{path} ({reason})" for path in watched if (reason := _closed(path))]
    if bad:
        return fail(", ".join(bad), "Mount the folder, or let the service's account read it.")
    return ok(", ".join(watched))


def _closed(path: str) -> str:
    """Why a folder cannot be listed; else empty. A share that hangs is the clock's business."""
    try:
        with os.scandir(path) as entries:
            next(entries, None)
    except OSError as error:
        return error.strerror or "not readable"
    return ""


async def embedder(visit: Visit) -> Found:
    """One vector, made by what the settings name."""
    from govbot.models.embedder import kind_of, open_embedder

    embedder = open_embedder(visit.settings)
    if embedder is None:
        return absent("none: the search goes by words alone")
    try:
        vector = await embedder.embed_query("teste")
    finally:
        await embedder.aclose()
    return ok(f"{embedder.name} ({kind_of(visit.settings)}), {len(vector)} dimensions")


async def reranker(visit: Visit) -> Found:
    """One score."""
    from govbot.models.reranker import open_reranker

    reranker = open_reranker(visit.settings)
    if reranker is None:
        return absent("none: the order of the search stands")
    try:
        await reranker.score("teste", ["teste"])
    finally:
        await reranker.aclose()
    return ok(reranker.name)


def stored(visit: Visit) -> Found:
    """What lies in the folder of the models, and whether it can be read."""
    from govbot.models.store import Store

    folder = visit.settings.data_dir / "models"
    found = Store(folder).all()
    bad = [f"{model.name}: {model.problem}" for model in found if model.problem]
    if bad:
        remedy = "`govbot models remove NAME`, then bring the model again."
        return fail("; ".join(bad[:SHOWN]), remedy)
    unsigned = sum(model.manifest is None for model in found)
    words = f"{len(found)} in {folder}"
    return ok(words + (f", {unsigned} of them without checksums" if unsigned else ""))


def checksums(visit: Visit) -> Found:
    """The files of the models against their manifests, small ones first, as far as time allows."""
    from govbot.models.store import ModelFile, Store, digest

    until = monotonic() + HASHING_S
    listed: list[tuple[str, Path, ModelFile]] = [
        (model.name, model.place / file.path, file)
        for model in Store(visit.settings.data_dir / "models").all()
        if model.manifest
        for file in model.manifest.files
    ]
    if not listed:
        return absent("no model here came with checksums")
    bad, unread = [], 0
    for name, place, file in sorted(listed, key=lambda each: each[2].size):
        if not place.is_file():
            bad.append(f"{name}/{file.path} is missing")
        elif place.stat().st_size != file.size:
            bad.append(f"{name}/{file.path} has another size")
        elif monotonic() > until:
            unread += 1
        else:
            try:
                if digest(place, lambda _: _in_time(until)) != file.sha256:
                    bad.append(f"{name}/{file.path} has another checksum")
            except _OutOfTime:
                unread += 1
            except OSError as error:
                bad.append(f"{name}/{file.path}: {error.strerror}")
    if bad:
        remedy = "The disk or somebody changed it: remove the model, then bring it again."
        return fail("; ".join(bad[:SHOWN]), remedy)
    words = f"{len(listed)} files there, {len(listed) - unread} read and as they came"
    return ok(words + ("; `govbot models verify` reads the large ones" if unread else ""))


class _OutOfTime(Exception):
    """A file that is too large for the time that is left."""


def _in_time(until: float) -> None:
    if monotonic() > until:
        raise _OutOfTime


def ocr(visit: Visit) -> Found:
    """Without it GovBot works, and scanned documents wait: no fault, but a remedy."""
    from govbot.extract.tesseract import PACKAGES, find_engine

    ocr = visit.settings.ocr
    if ocr.enabled == "off":
        return absent('ocr.enabled is "off": scanned pages stay unread')
    engine = find_engine(ocr.languages, ocr.dpi)
    if engine is not None:
        return ok(f"{engine.name}: {engine.program}")
    if shutil.which("tesseract"):
        missing = f"Tesseract has no data for the languages {ocr.languages}"
    else:
        missing = "Tesseract is not installed"
    return warn(f"{missing}: scanned pages stay unread", f"Install the Debian packages {PACKAGES}.")


def converter(_visit: Visit) -> Found:
    """What reads the old Word format."""
    found = [name for name in ("antiword", "catdoc", "soffice") if shutil.which(name)]
    if found:
        return ok(", ".join(found))
    words = "none: files of Word 97 to 2003 (.doc) are refused"
    return absent(words, "Install the Debian package antiword, if there are such files.")


def llama(_visit: Visit) -> Found:
    """The build of llama.cpp and its devices, asked in a process of its own."""
    from govbot.installation.cards import probe

    found = probe()
    if found.problem:
        remedy = "Install a build for this machine: packaging/llama, or the Debian package."
        return fail(found.problem, remedy)
    kind = "for every CPU" if found.portable else "for the CPU that it was built on"
    return ok(f"llama-cpp-python {found.version}, {kind}, backends {', '.join(found.backends)}")


def gpu(visit: Visit) -> Found:
    """Cards and drivers of this machine against the build, and whether models may use them."""
    from govbot.installation.cards import cards, probe

    found, there = probe(), cards()
    used = [
        f"{each.words}: {each.free / 1e9:.1f} of {each.total / 1e9:.1f} GB free"
        for each in found.devices
        if each.is_gpu
    ]
    drivers = ", ".join(card.words for card in there)
    if used:
        return ok("; ".join([*used, drivers] if drivers else used))
    if not there:
        return absent("no GPU here: models run on the CPU")
    problem, remedy = there[0].why_unused(found)
    if visit.settings.generation.n_gpu_layers == 0:
        return absent(f"{drivers}, and n_gpu_layers is 0")
    return warn(f"{drivers}, not used: {problem}", remedy)


async def models(visit: Visit) -> list[Seen]:
    """One finding for each model that answers."""
    from govbot.cli.doctor_answering import models

    try:
        return await models(visit.settings)
    except GovBotError as error:
        return [failed(error, "Correct the settings of [generation]: docs/models.md.")]
