"""Extractors that misbehave, for the tests of the sandbox; each runs in a child process."""

from __future__ import annotations

import ctypes
import os
import time
from pathlib import Path

from govbot.errors import BadDocument
from govbot.extract import Block, Extracted, Limits, OnPage, page_of
from govbot.extract.ocr import Checkpoint
from govbot.extract.words import Recognised, Word


def _found(text: str) -> Extracted:
    page = page_of(1, [Block("paragraph", text)], "iv")
    return Extracted((page,), "título", {"a": "b"}, unread_pages=(7,))


def echo(path: Path, limits: Limits, on_page: OnPage) -> Extracted:
    print("libraries print things")
    on_page(1, 1)
    return _found(path.read_text())


def crash(path: Path, limits: Limits, on_page: OnPage) -> Extracted:
    ctypes.string_at(0)
    raise AssertionError


def abort(path: Path, limits: Limits, on_page: OnPage) -> Extracted:
    os.abort()


def sleep(path: Path, limits: Limits, on_page: OnPage) -> Extracted:
    on_page(0, 1)
    Path(path).open().close()
    time.sleep(60)
    raise AssertionError


def spin(path: Path, limits: Limits, on_page: OnPage) -> Extracted:
    while True:
        pass


def devour(path: Path, limits: Limits, on_page: OnPage) -> Extracted:
    return _found("x" * (len(bytearray(4 << 30)) % 7))


def fork(path: Path, limits: Limits, on_page: OnPage) -> Extracted:
    pid = os.fork()
    if pid:
        on_page(pid, pid)
    time.sleep(60)
    raise AssertionError


def flood(path: Path, limits: Limits, on_page: OnPage) -> Extracted:
    return _found("x" * (64 << 20))


def environment(path: Path, limits: Limits, on_page: OnPage) -> Extracted:
    return _found(" ".join(sorted(os.environ)))


def write(path: Path, limits: Limits, on_page: OnPage) -> Extracted:
    try:
        path.with_suffix(".out").write_bytes(b"x" * 100)
    except OSError as error:
        return _found(type(error).__name__)
    return _found("written")


def refuse(path: Path, limits: Limits, on_page: OnPage) -> Extracted:
    raise BadDocument("It has %(n)s problems.", code="E-PAGINAS", n=3)


def surrogate(path: Path, limits: Limits, on_page: OnPage) -> Extracted:
    return _found("a\ud800b")


def unexpected(path: Path, limits: Limits, on_page: OnPage) -> Extracted:
    raise KeyError("a bug of ours")


def recognise_slowly(
    path: Path, limits: Limits, on_page: OnPage, checkpoint: Checkpoint
) -> Extracted:
    """Two pages of 0.7 s each that were announced, and what was known before."""
    checkpoint.on_plan(2)
    for number in (1, 2):
        time.sleep(0.7)
        checkpoint.on_recognised(Recognised(number, "forged", (Word("a\0b", -1, 2, 0.5, 0.1, 0),)))
    return _found(repr(dict(checkpoint.known)))


def recognise_unannounced(
    path: Path, limits: Limits, on_page: OnPage, checkpoint: Checkpoint
) -> Extracted:
    checkpoint.on_recognised(Recognised(1, "e", ()))
    time.sleep(60)
    raise AssertionError


def promise_for_ever(
    path: Path, limits: Limits, on_page: OnPage, checkpoint: Checkpoint
) -> Extracted:
    while True:
        checkpoint.on_plan(1000)
        time.sleep(0.1)


def number_wildly(path: Path, limits: Limits, on_page: OnPage, checkpoint: Checkpoint) -> Extracted:
    checkpoint.on_plan(1)
    checkpoint.on_recognised(Recognised(10**9, "e", ()))
    time.sleep(60)
    raise AssertionError
