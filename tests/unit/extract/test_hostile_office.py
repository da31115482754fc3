"""Office files that attack their reader: each ends in a result or in a refusal, within its limits.

The heavy ones run in the child process, as in production, with small limits.
"""

from __future__ import annotations

import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import docx
import openpyxl
import pptx
import pytest
from odf import table, text
from odf.opendocument import OpenDocumentSpreadsheet, OpenDocumentText
from pptx.util import Inches

from govbot.errors import BadDocument
from govbot.extract import Extracted, Limits, sniff
from govbot.extract.sandbox import extract
from tests.unit.extract.conftest import read
from tests.unit.extract.packages import changed, replaced

SMALL = Limits(timeout_s=10, memory_mb=768, max_characters=200_000, max_decompressed_mb=32)
CODES = {
    "E-CONVERSOR",
    "E-SENHA",
    "E-CORROMPIDO",
    "E-TAMANHO",
    "E-MEMORIA",
    "E-TEMPO",
    "E-VAZIO",
    "E-PAGINAS",
    "E-FORMATO",
}


def a_docx(folder: Path) -> Path:
    document = docx.Document()
    document.add_paragraph("MARCA")
    path = folder / "good.docx"
    document.save(str(path))
    return path


def an_xlsx(folder: Path) -> Path:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(["MARCA", "Valor"])
    path = folder / "good.xlsx"
    book.save(path)
    return path


def a_pptx(folder: Path) -> Path:
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    box = slide.shapes.add_textbox(Inches(1), Inches(1), Inches(4), Inches(1))
    box.text_frame.text = "MARCA"
    path = folder / "good.pptx"
    deck.save(str(path))
    return path


def an_odt(folder: Path) -> Path:
    document = OpenDocumentText()
    document.text.addElement(text.P(text="MARCA"))
    path = folder / "good.odt"
    document.save(str(path))
    return path


def an_ods(folder: Path) -> Path:
    document = OpenDocumentSpreadsheet()
    sheet = table.Table(name="T")
    row = table.TableRow()
    cell = table.TableCell(valuetype="string")
    cell.addElement(text.P(text="MARCA"))
    row.addElement(cell)
    sheet.addElement(row)
    document.spreadsheet.addElement(sheet)
    path = folder / "good.ods"
    document.save(str(path))
    return path


KINDS: list[tuple[Callable[[Path], Path], str]] = [
    (a_docx, "word/document.xml"),
    (an_xlsx, "xl/worksheets/sheet1.xml"),
    (an_xlsx, "xl/workbook.xml"),
    (a_pptx, "ppt/slides/slide1.xml"),
    (an_odt, "content.xml"),
    (an_odt, "styles.xml"),
    (an_ods, "content.xml"),
]


async def outcome(path: Path, limits: Limits = SMALL) -> str:
    """The text that is read in the child process, or the code of the refusal."""
    try:
        found = await extract(path, sniff(path, path.name), limits)
    except BadDocument as error:
        return error.error_code
    return "\n".join(page.text for page in found.pages)


def code_of(path: Path, limits: Limits | None = None) -> str:
    with pytest.raises(BadDocument) as error:
        read(path, limits)
    return error.value.error_code


def with_doctype(path: Path, member: str, doctype: bytes, reference: bytes) -> Path:
    def change(name: str, data: bytes) -> bytes:
        if name != member:
            return data
        start = data.index(b"<", data.index(b"?>") if data.startswith(b"<?xml") else 0)
        return data[:start] + doctype + data[start:].replace(b"MARCA", reference)

    return changed(path, change)


LAUGHS = b'<!DOCTYPE x [<!ENTITY a0 "ha">%s]>' % b"".join(
    b'<!ENTITY a%d "%s">' % (level, b"&a%d;" % (level - 1) * 10) for level in range(1, 10)
)


@pytest.mark.parametrize(("make", "member"), KINDS)
def test_entities_are_refused_in_every_part(
    tmp_path: Path, make: Callable[[Path], Path], member: str
) -> None:
    secret = tmp_path / "segredo.txt"
    secret.write_text("segredo")
    outside = b'<!DOCTYPE x [<!ENTITY x SYSTEM "file://%s">]>' % str(secret).encode()
    for doctype, reference in ((LAUGHS, b"&a9;"), (outside, b"&x;")):
        path = with_doctype(make(tmp_path), member, doctype, reference)
        assert code_of(path) == "E-CORROMPIDO"


def test_entities_behind_other_encodings_and_comments_are_found(tmp_path: Path) -> None:
    source = '<?xml version="1.0" encoding="utf-16"?>' + "<!-- x -->" * 5000 + LAUGHS.decode()
    path = changed(
        a_docx(tmp_path),
        lambda name, data: (source + "<w/>").encode("utf-16") if "document.xml" in name else data,
    )
    assert code_of(path) == "E-CORROMPIDO"


def test_an_external_dtd_is_never_loaded(tmp_path: Path) -> None:
    dtd = tmp_path / "x.dtd"
    dtd.write_text('<!ENTITY x "segredo">')
    doctype = b'<!DOCTYPE x SYSTEM "file://%s">' % str(dtd).encode()
    path = with_doctype(an_odt(tmp_path), "content.xml", doctype, b"inofensivo")
    assert read(path).pages[0].text == "inofensivo"


@pytest.mark.parametrize(("make", "member"), KINDS)
def test_parts_nested_without_end_are_refused(
    tmp_path: Path, make: Callable[[Path], Path], member: str
) -> None:
    deep = b"<a>" * 100_000 + b"</a>" * 100_000
    path = changed(make(tmp_path), lambda name, data: deep if name == member else data)
    assert code_of(path) in {"E-CORROMPIDO", "E-VAZIO"}


@pytest.mark.parametrize("make", [a_docx, an_xlsx, a_pptx, an_odt, an_ods])
def test_a_bomb_is_refused_by_what_it_declares(
    tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    path = make(tmp_path)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("extra/zeros.xml", b" " * (3 << 20))
    assert code_of(path, Limits(max_decompressed_mb=2)) == "E-TAMANHO"


@pytest.mark.parametrize("declared", [10, 1 << 31])
def test_sizes_that_lie_are_no_way_around_the_limit(tmp_path: Path, declared: int) -> None:
    """The member holds 3 MB; its entries say fewer bytes, or far more."""
    path = changed(
        a_docx(tmp_path),
        lambda name, data: b"<a>" + b" " * (3 << 20) + b"</a>" if "document.xml" in name else data,
    )
    data = path.read_bytes()
    true = struct.pack("<I", (3 << 20) + 7)
    assert data.count(true) >= 2
    path.write_bytes(data.replace(true, struct.pack("<I", declared)))
    expected = "E-TAMANHO" if declared > 1000 else "E-CORROMPIDO"
    assert code_of(path, Limits(max_decompressed_mb=2)) == expected


async def test_a_tree_that_the_memory_cannot_hold_is_no_damaged_file(tmp_path: Path) -> None:
    """It is below the limit of what it may unpack to; an administrator may give it more memory."""
    many = b"<w:p><w:r><w:t>a</w:t></w:r></w:p>" * (2 << 20)
    path = replaced(a_docx(tmp_path), "word/document.xml", (b"<w:body>", b"<w:body>" + many))
    limits = Limits(timeout_s=120, memory_mb=512, max_decompressed_mb=128)
    assert await outcome(path, limits) == "E-MEMORIA"


def test_methods_of_packing_that_inflate_as_a_whole_are_refused(tmp_path: Path) -> None:
    good = a_docx(tmp_path)
    path = tmp_path / "bz2.docx"
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    with pytest.raises(BadDocument) as error:
        read(path)
    assert error.value.error_code in {"E-CORROMPIDO", "E-FORMATO"}


def test_too_many_members_are_refused(tmp_path: Path) -> None:
    path = a_docx(tmp_path)
    with zipfile.ZipFile(path, "a") as archive:
        for number in range(20_001):
            archive.writestr(str(number), b"")
    assert code_of(path) == "E-TAMANHO"


def test_names_that_climb_out_write_and_read_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    path = a_docx(folder)
    with zipfile.ZipFile(path, "a") as archive:
        for name in ("../../escaped.xml", "/etc/escaped.xml", "..\\escaped.xml", "a/\u202e\n.xml"):
            archive.writestr(name, b"<x/>")
        link = zipfile.ZipInfo("word/link.xml")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    found: str | Extracted
    try:
        found = read(path)
    except BadDocument as error:
        found = error.error_code
    assert found == "E-CORROMPIDO" or isinstance(found, Extracted)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["good.docx", "in"]


def test_a_package_in_a_package_is_not_opened(tmp_path: Path) -> None:
    inner = tmp_path / "inner.zip"
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("word/document.xml", "<w/>")
    path = a_docx(tmp_path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.write(inner, "word/embeddings/inner.docx")
    assert read(path).pages[0].text == "MARCA"


async def test_a_million_empty_cells_end_within_the_limits(tmp_path: Path) -> None:
    rows = b"<w:tr>" + b"<w:tc><w:p/></w:tc>" * 1000 + b"</w:tr>"
    big = b"<w:tbl>" + rows * 1000 + b"</w:tbl>"
    path = replaced(a_docx(tmp_path), "word/document.xml", (b"<w:body>", b"<w:body>" + big))
    began = time.monotonic()
    assert await outcome(path) in {"MARCA", "E-TEMPO", "E-MEMORIA"}
    assert time.monotonic() - began < 60


def with_shared_string(folder: Path, string: bytes, rows: int) -> Path:
    """A sheet whose rows all refer to one string, as Excel writes it."""
    cells = b"".join(
        b'<row r="%d"><c r="A%d" t="s"><v>0</v></c></row>' % (n, n) for n in range(2, rows + 2)
    )
    part = (
        b'<Override PartName="/xl/sharedStrings.xml" ContentType="application/vnd.openxmlformats-'
        b'officedocument.spreadsheetml.sharedStrings+xml"/></Types>'
    )
    path = changed(
        an_xlsx(folder),
        lambda name, data: data.replace(b"</sheetData>", cells + b"</sheetData>").replace(
            b"</Types>", part
        ),
    )
    names = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        strings = b'<sst xmlns="%s"><si><t>%s</t></si></sst>' % (names, string)
        archive.writestr("xl/sharedStrings.xml", strings)
    return path


async def test_shared_strings_that_multiply_end_at_the_characters(tmp_path: Path) -> None:
    assert "MARCA: comum" in read(with_shared_string(tmp_path, b"comum", 2)).pages[0].text
    path = with_shared_string(tmp_path, b"x" * 100_000, 30_000)
    assert await outcome(path) == "E-TAMANHO"


async def test_wide_rows_and_far_cells_end_at_the_limits(tmp_path: Path) -> None:
    far = b"".join(b'<row r="%d"><c r="XFD%d"><v>1</v></c></row>' % (n, n) for n in range(2, 2000))
    path = replaced(
        an_xlsx(tmp_path), "xl/worksheets/sheet1.xml", (b"</sheetData>", far + b"</sheetData>")
    )
    assert await outcome(path) == "E-TAMANHO"


async def test_repeated_rows_of_ods_end_at_the_limits(tmp_path: Path) -> None:
    path = replaced(
        an_ods(tmp_path),
        "content.xml",
        (b"<table:table-row>", b'<table:table-row table:number-rows-repeated="9999999">'),
    )
    assert await outcome(path) == "E-TAMANHO"


async def test_many_merged_ranges_cost_little(tmp_path: Path) -> None:
    merged = b"".join(b'<mergeCell ref="A1:XFD%d"/>' % n for n in range(2, 40_000))
    path = replaced(
        an_xlsx(tmp_path),
        "xl/worksheets/sheet1.xml",
        (b"</sheetData>", b"</sheetData><mergeCells>" + merged + b"</mergeCells>"),
    )
    assert "MARCA" in await outcome(path)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("groups.rtf", b"{\\rtf1 " + b"{" * 1_500_000),
        ("words.rtf", b"{\\rtf1 " + b"\\b" * 1_000_000 + b" x}"),
        ("bin.rtf", b"{\\rtf1 texto \\bin2000000000 x}"),
        ("notes.rtf", b"{\\rtf1 x" + b"{\\footnote y}" * 20_000 + b"}"),
        ("line.csv", b"a;b\n" + b"x" * 100_000_000),
        ("quote.csv", b'a;b\n1;2\n"' + b"x;" * 2_000_000),
        ("open.html", b"<html>" + b"<div>" * 1_000_000 + b"x"),
        ("inline.html", b"<html><body>" + b"<b><p>" * 200_000 + b"texto"),
        ("tables.html", b"<html><body>" + b"<table><tr><td>" * 50_000 + b"x"),
        ("cells.html", b"<html><table>" + b"<tr>" + b"<td>" * 1_000_000),
        ("comments.html", b"<html><body>x" + b"<!-- " * 500_000),
        ("meta.html", b"<meta " * 300_000 + b"<html><p>x"),
        ("bombs.html", b"<!DOCTYPE html [" + LAUGHS[15:-2] + b"]><html><p>&a9;</p>"),
        ("head.eml", b"From: a@b\nTo: b\nSubject: " + b"=?utf-8?Q?" * 300_000 + b"\n\nx"),
        ("many.eml", b"From: a@b\nTo: b\nDate: x\n" + b"X-A: b\n" * 300_000 + b"\ntexto"),
        ("lines.txt", b"\n" * 5_000_000 + b"x"),
        ("marks.md", b"# a\n\n" + b"[" * 100_000 + b"\n\n" + b"> " * 50_000 + b"x"),
        ("feeds.txt", b"a\f" * 100_000),
    ],
)
async def test_hostile_texts_end_within_the_limits(tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    began = time.monotonic()
    found = await outcome(path)
    assert found in CODES or "\n" in found or len(found) < 2000
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("make", [a_docx, an_xlsx, a_pptx, an_odt, an_ods])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.99])
def test_files_that_break_off_are_damaged(
    tmp_path: Path, make: Callable[[Path], Path], share: float
) -> None:
    path = make(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    assert code_of(path) == "E-CORROMPIDO"


def test_a_file_of_two_gigabytes_of_nothing_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "sparse.docx"
    with path.open("wb") as file:
        file.truncate(2 << 30)
    with pytest.raises(BadDocument) as error:
        sniff(path, path.name)
    assert error.value.error_code == "E-VAZIO"
