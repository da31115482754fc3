"""The process that reads one document: limits itself, extracts, writes frames on its stdout.

A frame is a length (4 bytes, big endian) and that many bytes of JSON with one key: progress,
recognising (how many pages), recognised, page, result or error. Pages that were recognised before
come on its stdin, as JSON. Started by sandbox.py as `python -m govbot.extract.child`; never
imported by it.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import resource
import signal
import struct
import sys
import time
from collections.abc import Callable
from functools import partial
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

if TYPE_CHECKING:
    from govbot.extract import Limits
    from govbot.extract.ocr import Checkpoint

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_PROGRESS_EVERY_S = 0.25
# LibreOffice, which reads .doc where nothing else is installed, cannot work without files.
_SCRATCH = {"govbot.extract.doc:extract_doc": 256 << 20}


def main(argv: list[str]) -> int:
    """Arguments: module:function, path, limits as JSON, the parent's process id."""
    target, path, limits, parent = argv
    bounds = json.loads(limits)
    _confine(bounds, int(parent), _SCRATCH.get(target, 0))
    out = _take_stdout()
    try:
        _extract(target, Path(path), bounds, out)
    except MemoryError:
        _send(out, {"error": {"code": "E-MEMORIA", "message": "", "params": {}}})
    return 0


def _confine(bounds: dict[str, Any], parent: int, scratch: int) -> None:
    """Dies with the parent, cannot gain rights, and cannot take more than its share.

    `scratch` is how large a file may become for which the extractor raises the limit; else no file
    can be written at all.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() != parent:  # it died before we asked to be told
        os._exit(1)
    os.nice(10)
    memory = int(bounds["memory_mb"]) << 20
    seconds = int(bounds["timeout_s"]) + 1
    most = seconds + 5
    if bounds["ocr_program"]:  # `_allow` raises the limit for pages that are recognised
        most += int(bounds["max_pages"]) * (int(bounds["ocr_page_timeout_s"]) + 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, scratch))
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, most))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def _take_stdout() -> BinaryIO:
    """The pipe for frames; what libraries print goes to stderr, which nobody reads."""
    out = os.fdopen(os.dup(1), "wb", buffering=1 << 16)
    os.dup2(2, 1)
    return out


def _extract(target: str, path: Path, bounds: dict[str, Any], out: BinaryIO) -> None:
    from govbot.errors import BadDocument
    from govbot.extract import Extractor, Limits

    module, function = target.split(":")
    try:
        limits = Limits(**bounds)
        extractor: Extractor = getattr(importlib.import_module(module), function)
        if "checkpoint" in signature(extractor).parameters:  # it recognises pictures
            extractor = partial(cast(Any, extractor), checkpoint=_checkpoint(limits, out))
        found = extractor(path, limits, _progress(out))
    except BadDocument as error:
        body = {"code": error.error_code, "message": error.template, "params": error.params}
        _send(out, {"error": body})
        return
    for page in found.pages:
        blocks = [[block.kind, block.text, block.level] for block in page.blocks]
        _send(out, {"page": [page.number, page.label, page.text, blocks]})
    _send(
        out,
        {
            "result": {
                "title": found.title,
                "metadata": found.metadata,
                "ocr_pages": list(found.ocr_pages),
                "unread_pages": list(found.unread_pages),
                "attachments": list(found.attachments),
            }
        },
    )


def _checkpoint(limits: Limits, out: BinaryIO) -> Checkpoint:
    from govbot.extract.ocr import Checkpoint
    from govbot.extract.words import Recognised, Word

    known = {
        number: Recognised(number, engine, tuple(Word(*word) for word in words))
        for number, engine, words in json.loads(sys.stdin.buffer.read() or b"[]")
    }

    def plan(pages: int) -> None:
        _allow(pages * (limits.ocr_page_timeout_s + 1))
        _send(out, {"recognising": pages})

    def keep(page: Recognised) -> None:
        _send(out, {"recognised": [page.number, page.engine, page.words]})

    return Checkpoint(known, plan, keep)


def _allow(seconds: float) -> None:
    """More processor time: the limit of the start holds for reading alone."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (min(soft + int(seconds), hard), hard))


def _progress(out: BinaryIO) -> Callable[[int, int], None]:
    last = 0.0

    def on_page(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if done == total or now - last >= _PROGRESS_EVERY_S:
            last = now
            _send(out, {"progress": [done, total]})

    return on_page


def _send(out: BinaryIO, frame: dict[str, Any]) -> None:
    # Lone surrogates of broken texts cannot be encoded; they become question marks.
    data = json.dumps(frame, ensure_ascii=False).encode("utf-8", "replace")
    out.write(struct.pack(">I", len(data)))
    out.write(data)
    out.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
