"""Pages that are pictures: which are recognised, and what becomes of their words."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image, ImageDraw
from pypdf import PdfReader, PdfWriter
from pypdf.generic import NameObject, StreamObject
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from govbot.errors import BadDocument
from govbot.extract import Extracted, Limits
from govbot.extract.ocr import Checkpoint, Picture, cores, recognise, recognise_picture
from govbot.extract.pdf import extract_pdf
from govbot.extract.words import Recognised, Word
from tests.scans import NORM, Draw, accuracy, drawn, scan_pdf, scanned
from tests.tesseract import limits_with_ocr

DEJAVU = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")
COLUMN = [f"linha {row} da coluna {{}} do diário oficial" for row in range(1, 13)]
Read = Callable[..., Extracted]


@pytest.fixture
def limits() -> Limits:
    return limits_with_ocr()


@pytest.fixture
def read(limits: Limits) -> Read:
    def extract(path: Path, checkpoint: Checkpoint | None = None, **changes: object) -> Extracted:
        bounds = replace(limits, **changes)  # type: ignore[arg-type]
        return extract_pdf(path, bounds, lambda _done, _total: None, checkpoint)

    return extract


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    return scan_pdf(tmp_path / "scan.pdf", [scanned(drawn())])


def program(folder: Path, script: str) -> str:
    """A program in the place of Tesseract."""
    path = folder / "tesseract"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def text(canvas: Canvas, words: str, x: float, y: float, *, invisible: bool = False) -> None:
    lines = canvas.beginText(x, y)
    lines.setFont("Helvetica", 9)
    lines.setTextRenderMode(3 if invisible else 0)
    for line in words.split("\n"):
        lines.textLine(line)
    canvas.drawText(lines)


def places(page: Recognised, wanted: str) -> tuple[float, float, float, float]:
    """Centre and size of the word, in fractions of the page."""
    word = next(word for word in page.words if word.text == wanted)
    return word.x + word.width / 2, word.y + word.height / 2, word.width, word.height


def test_a_scanned_norm_reads_like_one_with_text(tmp_path: Path, scan: Path, read: Read) -> None:
    path = tmp_path / "text.pdf"
    canvas = Canvas(str(path), pagesize=A4)
    drawn()(canvas)
    canvas.save()
    found, expected = read(scan), read(path)
    assert (found.ocr_pages, found.unread_pages) == ((1,), ())
    assert (expected.ocr_pages, expected.unread_pages) == ((), ())
    assert accuracy(found.pages[0].text) >= 0.97
    assert found.title == expected.title
    starts = [
        [(block.kind, re.sub(r"\W", "", block.text)[:8]) for block in result.pages[0].blocks]
        for result in (found, expected)
    ]
    assert starts[0] == starts[1]


@pytest.mark.parametrize(("turn", "skew"), [(0, -12.0), (1, 4.0), (2, -3.0), (3, 0.0)])
def test_turned_and_slanted_scans_are_read(
    tmp_path: Path, read: Read, turn: int, skew: float
) -> None:
    image = scanned(drawn(), turn=turn, skew=skew, noise=12)
    found = read(scan_pdf(tmp_path / "scan.pdf", [image]))
    assert accuracy(found.pages[0].text) >= 0.95
    assert len(found.pages[0].blocks) < 13  # lines are joined to paragraphs


@pytest.fixture(scope="module")
def upright() -> Recognised:
    """The norm as it is recognised on a page that stands upright."""
    return recognise_picture(Picture(scanned(drawn()), 200), 1, limits_with_ocr())


@pytest.mark.parametrize(("turn", "skew"), [(1, 0.0), (2, 0.0), (3, 0.0), (0, 8.0)])
def test_words_stand_where_the_page_shows_them(
    upright: Recognised, limits: Limits, turn: int, skew: float
) -> None:
    picture = Picture(scanned(drawn(), turn=turn, skew=skew), 200)
    before, after = upright, recognise_picture(picture, 1, limits)
    for word in ("restituí-las", "Conselho", "transitório,"):
        x, y, wide, high = places(before, word)
        assert 0.01 < high < 0.02
        expected = {
            0: _slanted(x, y, skew),
            1: (1 - y, x),
            2: (1 - x, 1 - y),
            3: (y, 1 - x),
        }[turn]
        found = places(after, word)
        assert found[:2] == pytest.approx(expected, abs=0.008)
        assert (found[2] > found[3]) == (turn % 2 == 0)
        assert wide > high


def _slanted(x: float, y: float, degrees: float) -> tuple[float, float]:
    import math

    angle, (wide, high) = math.radians(degrees), A4
    across, down = (x - 0.5) * wide, (y - 0.5) * high
    return (
        0.5 + (across * math.cos(angle) + down * math.sin(angle)) / wide,
        0.5 + (down * math.cos(angle) - across * math.sin(angle)) / high,
    )


def test_a_page_that_the_file_turns_is_read_as_shown(tmp_path: Path, read: Read) -> None:
    scan = scan_pdf(tmp_path / "scan.pdf", [scanned(drawn(), turn=3)])
    writer = PdfWriter(clone_from=scan)
    writer.pages[0].rotate(90)
    writer.write(scan)
    kept: list[Recognised] = []
    found = read(scan, Checkpoint(on_recognised=kept.append))
    assert accuracy(found.pages[0].text) >= 0.97
    assert places(kept[0], "Conselho")[1] < 0.3


def test_two_columns_are_read_one_after_the_other(tmp_path: Path, read: Read) -> None:
    def draw(canvas: Canvas) -> None:
        for column in (1, 2):
            lines = [line.format(column) for line in COLUMN]
            drawn(["", *lines], x=60 + 250 * (column - 1), y=700)(canvas)

    found = read(scan_pdf(tmp_path / "scan.pdf", [scanned(draw)])).pages[0].text
    assert re.findall(r"linha (\d+) da coluna (\d)", found) == [
        (str(row), str(column)) for column in (1, 2) for row in range(1, 13)
    ]


def test_headers_and_page_numbers_of_scans_are_furniture(tmp_path: Path, read: Read) -> None:
    def page(number: int) -> Draw:
        def draw(canvas: Canvas) -> None:
            drawn(["CONSELHO DIRETOR DA AUTARQUIA"], y=810)(canvas)
            drawn(["", *NORM[3 * number : 3 * number + 6]])(canvas)
            drawn([f"Página {number} de 3"], y=30)(canvas)

        return draw

    path = scan_pdf(tmp_path / "scan.pdf", [scanned(page(number)) for number in (1, 2, 3)])
    found = read(path)
    assert all("AUTARQUIA" not in page.text and "Página" not in page.text for page in found.pages)
    assert [page.label for page in found.pages] == ["1", "2", "3"]


STAMP = (
    "Documento assinado digitalmente por MARIA DAS DORES em 09/03/2021\n"
    "Autenticidade em http://exemplo.gov.br/autentica com o código 1A2B.3C4D.5E6F\n"
    "Processo 23000.012345/2021-77 - fls. 12"
)


def test_a_scan_with_a_stamped_signature_is_recognised(tmp_path: Path, read: Read) -> None:
    path = scan_pdf(
        tmp_path / "scan.pdf", [scanned(drawn())], [lambda canvas: text(canvas, STAMP, 60, 60)]
    )
    found = read(path)
    assert found.ocr_pages == (1,)
    assert accuracy(found.pages[0].text) >= 0.97
    assert "Documento assinado digitalmente" in found.pages[0].text


def test_a_legible_layer_over_a_scan_is_kept(tmp_path: Path, read: Read) -> None:
    layer = "\n".join(line.replace("Conselho", "Colegiado") for line in NORM)
    path = scan_pdf(
        tmp_path / "scan.pdf",
        [scanned(drawn())],
        [lambda canvas: text(canvas, layer, 60, 700, invisible=True)],
    )
    found = read(path)
    assert found.ocr_pages == ()
    assert "O Colegiado Diretor" in found.pages[0].text


def test_an_illegible_layer_over_a_scan_is_replaced(tmp_path: Path, read: Read) -> None:
    layer = "\n".join("".join(chr(33 + ord(char) % 60) for char in line) for line in NORM)
    path = scan_pdf(
        tmp_path / "scan.pdf",
        [scanned(drawn())],
        [lambda canvas: text(canvas, layer, 60, 700, invisible=True)],
    )
    found = read(path)
    assert found.ocr_pages == (1,)
    assert accuracy(found.pages[0].text) >= 0.97


@pytest.mark.skipif(not DEJAVU.exists(), reason="the font DejaVu is not installed")
def test_a_font_with_a_wrong_table_of_characters_is_recognised(tmp_path: Path, read: Read) -> None:
    path = tmp_path / "font.pdf"
    pdfmetrics.registerFont(TTFont("DejaVu", str(DEJAVU)))
    canvas = Canvas(str(path), pagesize=A4)
    canvas.setFont("DejaVu", 11)
    for index, line in enumerate(NORM):
        canvas.drawString(60, 740 - 18 * index, line)
    canvas.save()
    _break_tables(path)
    assert "Resolução" not in (PdfReader(path).pages[0].extract_text() or "")
    found = read(path)
    assert found.ocr_pages == (1,)
    assert accuracy(found.pages[0].text) >= 0.97


def _break_tables(path: Path) -> None:
    """Makes every font say the character 3 places after the true one."""
    writer = PdfWriter(clone_from=path)
    for font in writer.pages[0]["/Resources"]["/Font"].get_object().values():  # type: ignore[index]
        if "/ToUnicode" not in font.get_object():
            continue
        table = font.get_object()["/ToUnicode"].get_object().get_data().decode()
        shifted = re.sub(
            r"^<([0-9A-Fa-f]{2})> <([0-9A-Fa-f]{4})>$",
            lambda pair: f"<{pair[1]}> <{int(pair[2], 16) + 3:04X}>",
            table,
            flags=re.MULTILINE,
        )
        assert shifted != table
        stream = StreamObject()
        stream.set_data(shifted.encode())
        font.get_object()[NameObject("/ToUnicode")] = writer._add_object(stream)
    writer.write(path)


def test_blank_pages_of_a_scan_are_left_alone(tmp_path: Path, read: Read) -> None:
    blank = scanned(drawn([]), noise=10)
    ImageDraw.Draw(blank).rectangle((0, 0, 12, blank.height), fill=0)
    found = read(scan_pdf(tmp_path / "scan.pdf", [scanned(drawn()), blank]))
    assert (found.ocr_pages, found.unread_pages) == ((1,), ())
    assert found.pages[1].text == ""


def test_a_picture_without_text_is_not_reported(tmp_path: Path, read: Read) -> None:
    photo = Image.radial_gradient("L").resize((1000, 1400))
    found = read(scan_pdf(tmp_path / "scan.pdf", [scanned(drawn()), photo]))
    assert (found.ocr_pages, found.unread_pages) == ((1,), ())


def mixed(folder: Path) -> Path:
    """A page of text and a scanned one."""
    path = scan_pdf(folder / "scan.pdf", [scanned(drawn())])
    digital = folder / "text.pdf"
    canvas = Canvas(str(digital), pagesize=A4)
    drawn(["PORTARIA Nº 3", *NORM[6:9]])(canvas)
    canvas.save()
    writer = PdfWriter()
    writer.append(digital)
    writer.append(path)
    writer.write(path)
    return path


def test_only_pages_without_text_are_recognised(tmp_path: Path, read: Read) -> None:
    plans: list[int] = []
    found = read(mixed(tmp_path), Checkpoint(on_plan=plans.append))
    assert plans == [1]
    assert (found.ocr_pages, found.unread_pages) == ((2,), ())
    assert "PORTARIA" in found.pages[0].text
    assert accuracy(found.pages[1].text) >= 0.97


def test_without_the_program_a_mixed_document_tells_its_unread_pages(tmp_path: Path) -> None:
    found = extract_pdf(mixed(tmp_path), Limits(), lambda _done, _total: None)
    assert (found.ocr_pages, found.unread_pages) == ((), (2,))
    assert "PORTARIA" in found.pages[0].text


def test_without_the_program_a_scan_fails_naming_the_packages(scan: Path) -> None:
    with pytest.raises(BadDocument, match=r"tesseract-ocr and tesseract-ocr-por") as error:
        extract_pdf(scan, Limits(), lambda _done, _total: None)
    assert error.value.error_code == "E-DIGITALIZADO"


def test_known_pages_are_not_recognised_again(tmp_path: Path) -> None:
    limits = Limits(ocr_program=program(tmp_path, "exit 1"), ocr_engine="e")
    words = tuple(Word(word, 0.1 * at, 0.1, 0.09, 0.02, 0) for at, word in enumerate("abc"))
    plans: list[int] = []
    checkpoint = Checkpoint({2: Recognised(2, "e", words)}, plans.append)
    found = extract_pdf(mixed(tmp_path), limits, lambda _done, _total: None, checkpoint)
    assert (found.ocr_pages, found.unread_pages, plans) == ((2,), (), [])
    assert found.pages[1].text == "a b c"


def test_progress_counts_recognised_pages_once(tmp_path: Path, read: Read, limits: Limits) -> None:
    seen: list[tuple[int, int]] = []
    extract_pdf(mixed(tmp_path), limits, lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]


def test_a_program_that_fails_leaves_pages_unread(tmp_path: Path, scan: Path) -> None:
    limits = Limits(ocr_program=program(tmp_path, "exit 1"), ocr_engine="e")
    found = extract_pdf(mixed(tmp_path), limits, lambda _done, _total: None)
    assert (found.ocr_pages, found.unread_pages) == ((), (2,))


def test_a_page_ends_at_its_time_limit(tmp_path: Path) -> None:
    limits = Limits(
        ocr_program=program(tmp_path, "exec sleep 60"), ocr_engine="e", ocr_page_timeout_s=0.5
    )
    found = extract_pdf(mixed(tmp_path), limits, lambda _done, _total: None)
    assert found.unread_pages == (2,)


HOCR = (
    "<span class='ocr_line' id='l' title=\"bbox 0 0 90 20; baseline 0 -4; x_size 20;"
    " x_descenders 4; x_ascenders 4\"><span class='ocrx_word' id='w'"
    " title='bbox 0 0 90 20; x_wconf 96'>palavra</span></span>"
)


def test_pages_are_recognised_side_by_side_within_the_budget(tmp_path: Path) -> None:
    answer = tmp_path / "answer"
    answer.write_text(HOCR)
    limits = Limits(
        ocr_program=program(tmp_path, f"sleep 0.1; cat {answer}"),
        ocr_engine="e",
        ocr_parallel=2,
    )
    drawing: list[int] = []
    most, kept, done = 0, [], []

    def draw(number: int) -> Picture:
        nonlocal most
        drawing.append(number)
        most = max(most, len(drawing) - len(done))
        return Picture(Image.new("L", (100, 100), 255), 300)

    checkpoint = Checkpoint(on_recognised=kept.append)
    found = recognise(range(1, 8), draw, limits, checkpoint, lambda: done.append(1))
    assert sorted(found) == sorted(page.number for page in kept) == list(range(1, 8))
    assert most <= 4  # two at work, one that waits, one being drawn
    assert len(done) == 7
    assert threading.active_count() < 20


def test_zero_pages_at_a_time_means_all_cores_but_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: {0, 1, 2, 3})
    assert [cores(0), cores(2)] == [3, 2]
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: {0})
    assert cores(0) == 1


def test_every_published_document_is_looked_at_rightly(shared_data: Path) -> None:
    """The pages to be recognised of all PDFs: the scans, and a cover without text."""
    found = {}
    for path in sorted((shared_data / "docs").glob("*.pdf")):
        try:
            result = extract_pdf(path, Limits(max_pages=120), lambda _done, _total: None)
        except BadDocument as error:
            found[path.name] = error.error_code
        else:
            if result.unread_pages:
                found[path.name] = str(result.unread_pages)
    assert found == {
        "etec_edital_01_escaneado.pdf": "E-DIGITALIZADO",
        "mg_constituicao_estadual_35ed.pdf": "E-PAGINAS",
    }
