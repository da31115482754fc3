"""Runs an extractor in a child process with limits, so that a bad file harms nothing but itself."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import struct
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

import govbot
from govbot.errors import BadDocument
from govbot.extract import EXTRACTORS, Block, BlockKind, Extracted, Limits, Page

logger = logging.getLogger(__name__)

OnProgress = Callable[[int, int], None]
_ROOT = str(Path(govbot.__file__).resolve().parent.parent)
_BIG_FRAME = 1 << 20
_OVERHEAD = 16 << 20
_BYTES_PER_CHARACTER = 12  # a text and its blocks, in UTF-8 with escapes


async def extract(
    path: Path, mime: str, limits: Limits, on_progress: OnProgress | None = None
) -> Extracted:
    """What the extractor of `mime` reads from the file.

    `on_progress(done, total)` is called in the event loop, a few times per second. The child is
    killed at `limits.timeout_s` seconds and when this call is cancelled. Raises BadDocument with
    code E-SENHA, E-CORROMPIDO, E-TEMPO, E-MEMORIA, E-PAGINAS, E-TAMANHO, E-VAZIO, E-DIGITALIZADO
    or E-FORMATO.
    """
    target = EXTRACTORS.get(mime)
    if target is None:
        raise BadDocument(
            "This kind of file is not supported. Send PDF, DOCX, ODT, TXT, MD or HTML.",
            code="E-FORMATO",
        )
    process = await _start(target, path, limits)
    try:
        async with asyncio.timeout(limits.timeout_s):
            found = await _receive(process, limits, on_progress)
            if found is not None:
                return found
            status = await process.wait()
    except TimeoutError as error:
        raise _too_slow() from error
    finally:
        await _end(process)
    logger.warning("The extractor process died", extra={"action": "extract.died", "status": status})
    raise _died(status)


async def _start(target: str, path: Path, limits: Limits) -> Process:
    return await asyncio.create_subprocess_exec(
        *_command(target, path, limits),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=DEVNULL,
        cwd=_ROOT,
        # Nothing of ours: the environment may hold passwords and keys.
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )


def _command(target: str, path: Path, limits: Limits) -> list[str]:
    run = [sys.executable, "-B", "-s", "-m", "govbot.extract.child"]
    return [*run, target, str(path.resolve()), json.dumps(asdict(limits)), str(os.getpid())]


async def _receive(
    process: Process, limits: Limits, on_progress: OnProgress | None
) -> Extracted | None:
    """The result, or None when the child ended without one."""
    assert process.stdout is not None  # noqa: S101  (it was asked for)
    left = limits.max_characters * _BYTES_PER_CHARACTER + _OVERHEAD
    pages: list[Page] = []
    while True:
        try:
            (size,) = struct.unpack(">I", await process.stdout.readexactly(4))
            left -= size
            if left < 0:
                raise BadDocument(
                    "The document has more than %(limit)s characters. Split it into smaller files.",
                    code="E-TAMANHO",
                    limit=limits.max_characters,
                )
            data = await process.stdout.readexactly(size)
        except asyncio.IncompleteReadError:
            return None
        frame = await asyncio.to_thread(json.loads, data) if size > _BIG_FRAME else json.loads(data)
        if "progress" in frame:
            if on_progress is not None:
                on_progress(*frame["progress"])
        elif "page" in frame:
            pages.append(_page(frame["page"]))
        elif "error" in frame:
            raise _reported(frame["error"])
        else:
            return _extracted(pages, frame["result"])


async def _end(process: Process) -> None:
    """Kills the child's whole group, and collects it even when this task is being cancelled."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
    await asyncio.shield(_collect(process))
    transport = getattr(process, "_transport", None)
    if transport is not None:  # closes the pipe now instead of at garbage collection
        transport.close()


async def _collect(process: Process) -> None:
    """Empties the pipe first: while it is paused with unread data, asyncio sees no end of it and
    `wait` never returns."""
    assert process.stdout is not None  # noqa: S101  (it was asked for)
    while await process.stdout.read(_BIG_FRAME):
        pass
    await process.wait()


def _page(values: list[Any]) -> Page:
    number, label, text, blocks = values
    made = tuple(Block(cast(BlockKind, kind), content, level) for kind, content, level in blocks)
    return replace(Page(number, text, made), label=label)


def _extracted(pages: list[Page], result: dict[str, Any]) -> Extracted:
    return Extracted(
        tuple(pages),
        result["title"],
        result["metadata"],
        ocr_pages=tuple(result["ocr_pages"]),
        unread_pages=tuple(result["unread_pages"]),
        attachments=tuple(result["attachments"]),
    )


def _reported(error: dict[str, Any]) -> BadDocument:
    if error["code"] == "E-MEMORIA":
        return _too_hungry()
    return BadDocument(error["message"], code=error["code"], **error["params"])


def _died(status: int) -> BadDocument:
    if status == -signal.SIGXCPU:
        return _too_slow()
    if status == -signal.SIGKILL:  # ours come with a timeout; this one is the kernel's, for memory
        return _too_hungry()
    return BadDocument("The file is damaged: the program that reads it stopped unexpectedly.")


def _too_slow() -> BadDocument:
    return BadDocument(
        "Reading the document took too long. Split it, or save it again and retry.", code="E-TEMPO"
    )


def _too_hungry() -> BadDocument:
    return BadDocument(
        "Reading the document needs more memory than is allowed. Split it into smaller files.",
        code="E-MEMORIA",
    )
