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
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import govbot
from govbot.errors import BadDocument
from govbot.extract import EXTRACTORS, Block, BlockKind, Extracted, Limits, Page
from govbot.extract.ocr import MAX_WORDS
from govbot.extract.words import Recognised, Word

logger = logging.getLogger(__name__)

OnProgress = Callable[[int, int], None]
OnRecognised = Callable[[Recognised], None]
_ROOT = str(Path(govbot.__file__).resolve().parent.parent)
_BIG_FRAME = 1 << 20
_OVERHEAD = 16 << 20
_BYTES_PER_CHARACTER = 12  # a text and its blocks, in UTF-8 with escapes
_RECOGNISED_BYTES = 1 << 20
_MAX_KNOWN = 64 << 20  # characters of JSON
_MAX_WORD = 200


async def extract(
    path: Path,
    mime: str,
    limits: Limits,
    on_progress: OnProgress | None = None,
    *,
    known: Mapping[int, Recognised] = MappingProxyType({}),
    on_recognised: OnRecognised | None = None,
) -> Extracted:
    """What the extractor of `mime` reads from the file.

    `on_progress(done, total)` is called in the event loop, a few times per second. The pages
    `known` are not recognised again; `on_recognised` is called for each one that is, as soon as it
    is done. The child is killed when this call is cancelled, and at `limits.timeout_s` seconds;
    each page that it recognises adds `limits.ocr_page_timeout_s` to them. Raises BadDocument with
    code E-SENHA, E-CORROMPIDO, E-TEMPO, E-MEMORIA, E-PAGINAS, E-TAMANHO, E-VAZIO, E-DIGITALIZADO,
    E-CONVERSOR or E-FORMATO.
    """
    target = EXTRACTORS.get(mime)
    if target is None:
        raise BadDocument(
            "This kind of file is not supported. Send PDF, DOCX, ODT, RTF, DOC, PPTX, XLSX, ODS, "
            "CSV, HTML, EML, TXT or MD.",
            code="E-FORMATO",
        )
    process = await _start(target, path, limits)
    try:
        async with asyncio.timeout(limits.timeout_s) as deadline:
            await _hand_over(process, known)
            listener = _Listener(limits, deadline, on_progress, on_recognised)
            found = await _receive(process, limits, listener)
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
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
        cwd=_ROOT,
        # Nothing of ours: the environment may hold passwords and keys.
        env=_environment(),
        start_new_session=True,
    )


def _environment() -> dict[str, str]:
    given = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1"}
    if "TESSDATA_PREFIX" in os.environ:
        given["TESSDATA_PREFIX"] = os.environ["TESSDATA_PREFIX"]
    return given


async def _hand_over(process: Process, known: Mapping[int, Recognised]) -> None:
    """Writes the known pages, as many as fit; the others are recognised again."""
    assert process.stdin is not None  # noqa: S101  (it was asked for)
    parts, left = [], _MAX_KNOWN
    for page in known.values():
        part = json.dumps([page.number, page.engine, page.words], ensure_ascii=False)
        left -= len(part)
        if left < 0:
            break
        parts.append(part)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        if parts:
            process.stdin.write(f"[{','.join(parts)}]".encode("utf-8", "replace"))
            await process.stdin.drain()
        process.stdin.close()


def _command(target: str, path: Path, limits: Limits) -> list[str]:
    run = [sys.executable, "-B", "-s", "-m", "govbot.extract.child"]
    return [*run, target, str(path.resolve()), json.dumps(asdict(limits)), str(os.getpid())]


class _Listener:
    """Hears what the child tells on its way; it may have been taken over, so nothing is trusted."""

    def __init__(
        self,
        limits: Limits,
        deadline: asyncio.Timeout,
        on_progress: OnProgress | None,
        on_recognised: OnRecognised | None,
    ) -> None:
        self._limits, self._deadline = limits, deadline
        self._on_progress, self._on_recognised = on_progress, on_recognised
        self._promised = 0
        self.left = limits.max_characters * _BYTES_PER_CHARACTER + _OVERHEAD

    def hears(self, frame: dict[str, Any]) -> bool:
        """Whether the frame was one of these."""
        if "progress" in frame:
            if self._on_progress is not None:
                self._on_progress(*frame["progress"])
        elif "recognising" in frame:
            self._promise(frame["recognising"])
        elif "recognised" in frame:
            if self._promised <= 0:
                raise _died(0)
            self._promised -= 1
            if self._on_recognised is not None:
                self._on_recognised(_recognised(frame["recognised"], self._limits))
        else:
            return False
        return True

    def _promise(self, pages: int) -> None:
        """Gives the time and the room that so many recognised pages may take; once only."""
        until = self._deadline.when()
        if self._promised or until is None or not self._limits.ocr_program:
            raise _died(0)
        self._promised = min(int(pages), self._limits.max_pages)
        self.left += self._promised * _RECOGNISED_BYTES
        self._deadline.reschedule(until + self._promised * self._limits.ocr_page_timeout_s)


async def _receive(process: Process, limits: Limits, listener: _Listener) -> Extracted | None:
    """The result, or None when the child ended without one."""
    assert process.stdout is not None  # noqa: S101  (it was asked for)
    pages: list[Page] = []
    while True:
        try:
            (size,) = struct.unpack(">I", await process.stdout.readexactly(4))
            listener.left -= size
            if listener.left < 0:
                raise BadDocument(
                    "The document has more than %(limit)s characters. Split it into smaller files.",
                    code="E-TAMANHO",
                    limit=limits.max_characters,
                )
            data = await process.stdout.readexactly(size)
        except asyncio.IncompleteReadError:
            return None
        frame = await asyncio.to_thread(json.loads, data) if size > _BIG_FRAME else json.loads(data)
        if listener.hears(frame):
            continue
        if "page" in frame:
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


def _recognised(values: list[Any], limits: Limits) -> Recognised:
    number, _engine, words = values
    if not 1 <= int(number) <= limits.max_pages or len(words) > MAX_WORDS:
        raise _died(0)
    made = []
    for text, *box, line in words:
        x, y, width, height = (min(max(float(side), 0.0), 1.0) for side in box)
        clean = "".join(char for char in str(text)[:_MAX_WORD] if char.isprintable())
        made.append(Word(clean, x, y, width, height, int(line)))
    return Recognised(int(number), limits.ocr_engine, tuple(made))


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
    if status == -signal.SIGABRT:  # so PDFium ends where it gets no memory; its faults trap
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
