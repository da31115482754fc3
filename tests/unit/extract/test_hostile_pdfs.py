"""PDFs that attack the reader end in a result or in a BadDocument, within their limits."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pypdf
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reportlab.pdfgen.canvas import Canvas

from govbot.errors import BadDocument
from govbot.extract import PDF, Limits
from govbot.extract.sandbox import extract
from tests.unit.extract.conftest import lines
from tests.unit.extract.hostile_pdfs import CASES, good

LIMITS = Limits(timeout_s=6, memory_mb=700, max_pages=5000, max_characters=100_000)
EXAMPLES = 150
ANSWER_S = 60.0  # generous: the machine may be busy with other work


def children() -> set[int]:
    """The processes that this one started and that still live."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(
            FileNotFoundError, ProcessLookupError
        ):  # a thread that has just ended
            found |= set(map(int, (task / "children").read_text().split()))
    return found


@pytest.mark.parametrize("name", CASES)
async def test_a_hostile_file_harms_nothing(name: str, tmp_path: Path) -> None:
    make, expected = CASES[name]
    path = tmp_path / "file.pdf"
    path.write_bytes(make())
    before, began = children(), time.monotonic()
    try:
        found = await extract(path, PDF, LIMITS)
        code = ""
        assert all(len(page.text) <= LIMITS.max_characters for page in found.pages)
    except BadDocument as error:
        code = error.error_code
    assert code in expected
    assert time.monotonic() - began < LIMITS.timeout_s + 20
    assert children() <= before
    assert os.listdir(tmp_path) == ["file.pdf"]


class Worker:
    """A process that reads PDFs; a new one is started when it dies of a file."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "mutant.pdf"
        self.process = self._start()

    def _start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.unit.extract.pdf_worker"]
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True,
        )  # fmt: skip

    def read(self, data: bytes) -> str:
        """ "ok", an error code, "died", "late", or "bug: ..."."""
        self.path.write_bytes(data)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{self.path}\n")
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], ANSWER_S)
        found = self.process.stdout.readline().strip() if ready else "late"
        if found in ("", "late"):
            self.close()
            self.process = self._start()
        return found or "died"

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    made = Worker(tmp_path_factory.mktemp("mutants"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Good files of several makes: plain, with a table and a form, packed, encrypted."""
    folder = tmp_path_factory.mktemp("originals")
    path = folder / "form.pdf"
    canvas = Canvas(str(path), pageCompression=0)
    for number in range(3):
        lines(canvas, ["PREFEITURA", f"Art. {number}º Texto do artigo.", "I - inciso;"], 60, 780)
        canvas.grid([60, 200, 400], [500, 520, 540])
        lines(canvas, ["Cargo"], 65, 525)
        canvas.acroForm.textfield(name=f"campo{number}", value="valor", x=60, y=400)
        canvas.bookmarkPage(f"p{number}")
        canvas.addOutlineEntry(f"Parte {number}", f"p{number}")
        canvas.showPage()
    canvas.save()
    writer = pypdf.PdfWriter(path)
    writer.add_attachment("anexo.txt", b"dados")
    writer.encrypt("", owner_password="dono", algorithm="RC4-128")
    writer.write(folder / "locked.pdf")
    packed = pypdf.PdfWriter(path)
    packed.compress_identical_objects()
    for page in packed.pages:
        page.compress_content_streams()
    packed.write(folder / "packed.pdf")
    return [good(), *(file.read_bytes() for file in sorted(folder.glob("*.pdf")))]


place = st.floats(0, 1, allow_nan=False)
mutations = st.lists(
    st.one_of(
        st.tuples(st.just("flip"), place, st.integers(0, 255)),
        st.tuples(st.just("cut"), place, st.integers(1, 400)),
        st.tuples(st.just("splice"), place, st.integers(1, 400)),
        st.tuples(st.just("number"), place, st.sampled_from([0, -1, 2**31, 2**63, 10**30])),
    ),
    min_size=1,
    max_size=8,
)


def mutated(data: bytes, changes: list[tuple[str, float, int]], donor: bytes) -> bytes:
    result = bytearray(data)
    for kind, share, value in changes:
        at = int(share * len(result))
        if kind == "flip" and at < len(result):
            result[at] ^= value
        elif kind == "cut":
            del result[at : at + value]
        elif kind == "splice":
            begin = int(share * len(donor))
            result[at:at] = donor[begin : begin + value]
        elif kind == "number":
            digit = next((i for i in range(at, len(result)) if 48 <= result[i] <= 57), None)
            if digit is not None:
                result[digit : digit + 1] = b"%d" % value
    return bytes(result)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(which=st.integers(0, 3), donor=st.integers(0, 3), changes=mutations)
def test_broken_copies_of_good_files_are_read_or_refused(
    worker: Worker,
    originals: list[bytes],
    which: int,
    donor: int,
    changes: list[tuple[str, float, int]],
) -> None:
    found = worker.read(mutated(originals[which], changes, originals[donor]))
    # "died": the sandbox tells a death of the library as E-CORROMPIDO.
    assert found in ("ok", "died") or found.startswith("E-"), found


def test_the_originals_of_the_broken_copies_are_good(
    worker: Worker, originals: list[bytes]
) -> None:
    assert [worker.read(data) for data in originals] == ["ok"] * 4
