"""Documents that want all the memory there is, and a kernel that ends their reader."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.faults.census import looking, settle
from tests.faults.people import People, fresh_document
from tests.faults.service import Demo, Service, serving, until
from tests.faults.table import Row
from tests.system.installation import Installation
from tests.unit.extract import hostile_pdfs

PAGE_S = 15.0  # a page for others, meanwhile
READER = "govbot.extract.child"


def word_bomb(path: Path, megabytes: int = 900) -> None:
    """A DOCX below the limit of what it may unpack to, whose tree takes ten times as much."""
    block = b"<w:p><w:r><w:t>a</w:t></w:r></w:p>" * 30_000
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(
            "[Content_Types].xml",
            '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
            '<Default Extension="rels" ContentType='
            '"application/vnd.openxmlformats-package.relationships+xml"/>'
            '<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-'
            'officedocument.wordprocessingml.document.main+xml"/></Types>',
        )
        archive.writestr(
            "_rels/.rels",
            '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            '<Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/'
            'relationships/officeDocument" Target="word/document.xml"/></Relationships>',
        )
        with archive.open("word/document.xml", "w", force_zip64=True) as part:
            part.write(
                b'<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/'
                b'main"><w:body>'
            )
            for _ in range((megabytes << 20) // len(block)):
                part.write(block)
            part.write(b"</w:body></w:document>")


@dataclass
class Watch:
    """The readers' largest memory, and how long pages for others took."""

    reader_mb: float = 0.0
    pages_s: list[float] = field(default_factory=list)


@contextmanager
def watching(service: Service) -> Iterator[Watch]:
    watch, over = Watch(), threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            for pid in readers(service):
                with contextlib.suppress(OSError, IndexError):
                    text = Path(f"/proc/{pid}/status").read_text()
                    size = int(text.partition("VmRSS:")[2].split()[0]) / 1024
                    watch.reader_mb = max(watch.reader_mb, size)

    def visit() -> None:
        while not over.wait(0.3):
            began = time.monotonic()
            assert httpx.get(f"{service.address}/entrar", timeout=30).status_code == 200
            watch.pages_s.append(time.monotonic() - began)

    threads = [threading.Thread(target=each, daemon=True) for each in (look, visit)]
    for thread in threads:
        thread.start()
    try:
        yield watch
    finally:
        over.set()
        for thread in threads:
            thread.join(40)


def readers(service: Service) -> list[int]:
    """The processes that read documents for this service now."""
    found = []
    parent = service.process.pid if service.process else 0
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
                if READER in words and f"\nPPid:\t{parent}\n" in (folder / "status").read_text():
                    found.append(int(folder.name))
    return found


@pytest.mark.timeout(3600)
def test_documents_that_want_all_memory_harm_nobody_else(
    house: Installation,
    demo: Demo,
    key: str,
    rounds: Callable[[int], int],
    told: Callable[[Row], None],
    tmp_path: Path,
) -> None:
    word_bomb(tmp_path / "bomb.docx")
    bombs = {
        "bomb.docx": (tmp_path / "bomb.docx").read_bytes(),
        "pages.pdf": hostile_pdfs.flate_bomb(),
        "catalogue.pdf": hostile_pdfs.object_stream_bomb(),
        "many.pdf": hostile_pdfs.many_pages(),
    }
    times, codes = rounds(3), {}
    again: list[float] = []
    with serving(house) as service:
        people = People(service, demo, key)
        people.collection = people._collection()
        before = service.resident_mb()
        with watching(service) as watch:
            for number in range(times):
                for name, data in bombs.items():
                    _send(service, people, f"{number}-{name}", data + b"%" * (number + 1))
                began = time.monotonic()
                settle(house)
                again.append(time.monotonic() - began)
            killed = _oom_killed(service, people, house)
        grown = service.resident_mb() - before
        codes = _outcomes(house, bombs)
        assert service.complaints() == {}
        assert "Traceback" not in service.output
        _send(service, people, *fresh_document())
        settle(house)
    limit = 2048
    assert killed == "E-MEMORIA"
    assert "E-MEMORIA" in codes["bomb.docx"], codes
    assert watch.reader_mb < limit
    assert max(watch.pages_s) < PAGE_S, max(watch.pages_s)
    told(
        Row(
            "Out of memory in the reader",
            "four bombs (DOCX of 900 MB of XML, PDF with 2 GB of content, PDF with a catalogue of "
            "2 GB, PDF of 100 000 pages) sent together, and a reader ended by SIGKILL as the "
            f"kernel does it; the reader took at most {watch.reader_mb:.0f} MB of {limit} MB, the "
            f"server grew by {grown:.0f} MB, pages for others came within "
            f"{max(watch.pages_s):.1f} s",
            times,
            "nothing; each bomb is refused with "
            + ", ".join(sorted({code for each in codes.values() for code in each if code})),
            again,
            "all well",
            {"codes": {name: sorted(each) for name, each in codes.items()}},
        )
    )


def _send(service: Service, people: People, name: str, data: bytes) -> None:
    answer = httpx.post(
        f"{service.address}/api/v1/collections/{people.collection}/documents",
        params={"filename": name}, content=data, headers=people._bearer(), timeout=60,
    )  # fmt: skip
    assert answer.status_code in (200, 202), answer.text


def _outcomes(house: Installation, bombs: Mapping[str, bytes]) -> dict[str, set[str]]:
    """How each ended: codes; "" is a result."""
    with looking(house) as conn:
        rows = conn.execute(
            "SELECT d.filename, v.error_code FROM document_versions v"
            " JOIN documents d ON d.key = v.document_key"
        ).fetchall()
    return {
        name: {row["error_code"] or "" for row in rows if row["filename"].endswith(f"-{name}")}
        for name in bombs
    }


def _oom_killed(service: Service, people: People, house: Installation) -> str:
    """The code of a document whose reader was ended by SIGKILL."""
    bomb = hostile_pdfs.flate_bomb() + b"%oom"
    _send(service, people, "oom.pdf", bomb)
    until(lambda: readers(service), 180, every_s=0.005)
    for pid in readers(service):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    settle(house)
    with looking(house) as conn:
        row = conn.execute(
            "SELECT v.error_code FROM document_versions v"
            " JOIN documents d ON d.key = v.document_key WHERE d.filename = 'oom.pdf'"
        ).fetchone()
    return str(row["error_code"]) if row else ""
