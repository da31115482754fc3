"""The child process: what it hands back, and how it is stopped."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from govbot.errors import BadDocument
from govbot.extract import EXTRACTORS, PDF, TEXT, Block, Extracted, Limits, sandbox, sniff
from govbot.extract.sandbox import extract
from govbot.extract.words import Recognised, Word
from tests.scans import NORM, drawn, scan_pdf, scanned
from tests.tesseract import limits_with_ocr


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "documento com espaço.txt"
    path.write_text("conteúdo")
    return path


@pytest.fixture
def bad(monkeypatch: pytest.MonkeyPatch, document: Path) -> object:
    """bad("crash") runs that extractor on the document."""

    async def run(name: str, limits: Limits | None = None, on_progress: object = None) -> Extracted:
        monkeypatch.setitem(EXTRACTORS, TEXT, f"tests.unit.extract.bad_extractors:{name}")
        return await extract(document, TEXT, limits or Limits(), on_progress)  # type: ignore[arg-type]

    return run


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().split(") ")[1].startswith("Z")


async def code_of(awaitable: object) -> str:
    with pytest.raises(BadDocument) as error:
        await awaitable  # type: ignore[misc]
    assert str(error.value).endswith(".")
    return error.value.error_code


async def test_a_real_document_comes_back_whole(document: Path) -> None:
    found = await extract(document, TEXT, Limits())
    assert [page.text for page in found.pages] == ["conteúdo"]
    assert found.pages[0].blocks == (Block("paragraph", "conteúdo"),)


async def test_everything_an_extractor_found_comes_back(bad) -> None:  # type: ignore[no-untyped-def]
    seen: list[tuple[int, int]] = []
    found = await bad("echo", on_progress=lambda done, total: seen.append((done, total)))
    assert found.pages[0].text == "conteúdo"
    assert (found.pages[0].label, found.title, found.metadata) == ("iv", "título", {"a": "b"})
    assert found.unread_pages == (7,)
    assert seen == [(1, 1)]


@pytest.mark.parametrize(
    ("name", "limits", "code"),
    [
        ("crash", Limits(), "E-CORROMPIDO"),
        ("abort", Limits(), "E-MEMORIA"),
        ("unexpected", Limits(), "E-CORROMPIDO"),
        ("sleep", Limits(timeout_s=1), "E-TEMPO"),
        ("spin", Limits(timeout_s=1), "E-TEMPO"),
        ("devour", Limits(memory_mb=512), "E-MEMORIA"),
        ("flood", Limits(max_characters=1000), "E-TAMANHO"),
    ],
)
async def test_what_goes_wrong_in_the_child_is_a_bad_document(  # type: ignore[no-untyped-def]
    bad, name: str, limits: Limits, code: str
) -> None:
    began = time.monotonic()
    assert await code_of(bad(name, limits)) == code
    assert time.monotonic() - began < 120  # no hang, whatever else the machine does


async def test_an_error_keeps_its_code_sentence_and_parameters(bad) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadDocument) as error:
        await bad("refuse")
    assert error.value.error_code == "E-PAGINAS"
    assert error.value.template == "It has %(n)s problems."
    assert error.value.params == {"n": 3}


async def test_the_child_sees_none_of_our_environment(  # type: ignore[no-untyped-def]
    bad, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOVBOT_DATABASE__URL", "postgresql://secret")
    found = await bad("environment")
    assert "GOVBOT" not in found.pages[0].text
    assert "HOME" not in found.pages[0].text


async def test_the_child_cannot_write_files(bad) -> None:  # type: ignore[no-untyped-def]
    assert (await bad("write")).pages[0].text == "OSError"


async def test_lone_surrogates_do_not_break_the_pipe(bad) -> None:  # type: ignore[no-untyped-def]
    assert (await bad("surrogate")).pages[0].text == "a?b"


async def test_a_timeout_ends_grandchildren_too(bad) -> None:  # type: ignore[no-untyped-def]
    pids: list[int] = []
    await code_of(bad("fork", Limits(timeout_s=2), lambda pid, _: pids.append(pid)))
    await asyncio.sleep(0.05)
    assert len(pids) == 1
    assert gone(pids[0])


async def test_cancelling_ends_the_child(bad) -> None:  # type: ignore[no-untyped-def]
    started = asyncio.Event()
    pids: list[int] = []

    def on_progress(pid: int, _: int) -> None:
        pids.append(pid)
        started.set()

    task = asyncio.create_task(bad("fork", Limits(), on_progress))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0.05)
    assert gone(pids[0])


async def test_the_event_loop_goes_on_while_a_child_works(bad) -> None:  # type: ignore[no-untyped-def]
    task = asyncio.create_task(bad("spin", Limits(timeout_s=1)))
    longest, last = 0.0, time.monotonic()
    while not task.done():
        await asyncio.sleep(0.01)
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
    assert await code_of(task) == "E-TEMPO"
    assert longest < 0.5


async def test_an_unknown_kind_is_refused(document: Path) -> None:
    assert await code_of(extract(document, "image/png", Limits())) == "E-FORMATO"


async def test_the_longest_real_document_is_read_whole(shared_data: Path) -> None:
    path = shared_data / "docs" / "mg_constituicao_estadual_35ed.pdf"
    found = await extract(path, sniff(path, path.name), Limits(timeout_s=300))
    assert len(found.pages) == 501
    assert found.pages[59].label == "60"
    assert "Art. 56 – O Deputado é inviolável" in found.pages[59].text
    assert "Voltar ao sumário" not in found.pages[59].text


async def test_a_real_scan_is_refused_without_ocr(shared_data: Path) -> None:
    path = shared_data / "docs" / "etec_edital_01_escaneado.pdf"
    assert await code_of(extract(path, sniff(path, path.name), Limits())) == "E-DIGITALIZADO"


OCR = Limits(ocr_program="/usr/bin/false", ocr_engine="e", ocr_page_timeout_s=30)


async def test_recognised_pages_add_to_the_time(  # type: ignore[no-untyped-def]
    document: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Recognised] = []
    known = {3: Recognised(3, "e", (Word("ção", 0.1, 0.2, 0.3, 0.4, 5),))}
    found = await recognising(
        "recognise_slowly", document, monkeypatch, replace(OCR, timeout_s=1), known, kept
    )
    assert found.pages[0].text == repr(known)
    assert [page.number for page in kept] == [1, 2]


async def test_what_the_child_says_of_words_is_bounded(  # type: ignore[no-untyped-def]
    document: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Recognised] = []
    await recognising("recognise_slowly", document, monkeypatch, OCR, {}, kept)
    assert kept[0] == Recognised(1, "e", (Word("ab", 0.0, 1.0, 0.5, 0.1, 0),))


@pytest.mark.parametrize(
    ("name", "limits"),
    [
        ("recognise_unannounced", OCR),
        ("promise_for_ever", OCR),
        ("number_wildly", OCR),
        ("recognise_slowly", Limits()),
    ],
)
async def test_a_child_that_breaks_the_rules_is_ended(
    name: str, limits: Limits, document: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = time.monotonic()
    code = await code_of(recognising(name, document, monkeypatch, limits, {}, []))
    assert code == "E-CORROMPIDO"
    assert time.monotonic() - began < 50


async def test_the_recogniser_ends_with_a_killed_extractor(tmp_path: Path) -> None:
    program = tmp_path / "tesseract"
    program.write_text("#!/bin/sh\nexec sleep 61.625\n")
    program.chmod(0o755)
    path = scan_pdf(tmp_path / "scan.pdf", [scanned(drawn(["ANEXO I", *NORM]), dpi=75)])
    process = await sandbox._start(
        EXTRACTORS[PDF], path, Limits(ocr_program=str(program), ocr_engine="e")
    )
    process.stdin.close()  # type: ignore[union-attr]
    try:
        pid = await eventually(lambda: running("61.625"))
        process.kill()
        await process.wait()
        await eventually(lambda: gone(pid) or None)
    finally:
        await sandbox._end(process)


def running(argument: str) -> int | None:
    """The process that has this argument."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[:2] == [b"sleep", argument.encode()]:
            return int(entry.parent.name)
    return None


async def eventually(look: Callable[[], Any]) -> Any:
    """What `look` finds, waiting for it up to 30 s."""
    async with asyncio.timeout(30):
        while (found := look()) is None:
            await asyncio.sleep(0.05)
    return found


async def recognising(
    name: str,
    document: Path,
    monkeypatch: pytest.MonkeyPatch,
    limits: Limits,
    known: dict[int, Recognised],
    kept: list[Recognised],
) -> Extracted:
    monkeypatch.setitem(EXTRACTORS, TEXT, f"tests.unit.extract.bad_extractors:{name}")
    return await extract(document, TEXT, limits, known=known, on_recognised=kept.append)


async def test_a_real_scan_is_recognised_and_goes_on_where_it_was(shared_data: Path) -> None:
    path = shared_data / "docs" / "etec_edital_01_escaneado.pdf"
    limits, kept = limits_with_ocr(), list[Recognised]()
    first = asyncio.Event()

    def keep(page: Recognised) -> None:
        kept.append(page)
        first.set()

    task = asyncio.create_task(extract(path, PDF, limits, on_recognised=keep))
    await first.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    known = {page.number: page for page in kept}
    again: list[Recognised] = []
    found = await extract(path, PDF, limits, known=known, on_recognised=again.append)
    assert found.ocr_pages == (1, 2, 3)
    assert sorted([*known, *(page.number for page in again)]) == [1, 2, 3]
    assert "Os casos omissos neste Edital serão resolvidos pela Comissão" in found.pages[2].text
