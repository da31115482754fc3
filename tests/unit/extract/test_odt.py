"""ODT: order, lists, tables, notes, pages, passwords."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from odf import style, table, text
from odf.opendocument import OpenDocumentText

from govbot.errors import BadDocument
from govbot.extract import Extracted, Limits
from tests.unit.extract.conftest import read
from tests.unit.extract.packages import changed

Build = Callable[[OpenDocumentText], None]


def saved(tmp_path: Path, build: Build) -> Path:
    document = OpenDocumentText()
    build(document)
    path = tmp_path / "file.odt"
    document.save(str(path))
    return path


def made(tmp_path: Path, build: Build) -> Extracted:
    return read(saved(tmp_path, build))


def test_headings_paragraphs_lists_and_tables_keep_their_order(tmp_path: Path) -> None:
    def build(document: OpenDocumentText) -> None:
        document.text.addElement(text.H(outlinelevel=2, text="Objeto"))
        document.text.addElement(text.P(text="CAPÍTULO I"))
        points = text.List()
        for words in ("um", "dois"):
            item = text.ListItem()
            item.addElement(text.P(text=words))
            points.addElement(item)
        document.text.addElement(points)
        grid = table.Table()
        for cells in (("Cargo", "Vagas"), ("Médico", "2")):
            row = table.TableRow()
            for words in cells:
                cell = table.TableCell()
                cell.addElement(text.P(text=words))
                row.addElement(cell)
            grid.addElement(row)
        document.text.addElement(grid)

    assert [(b.kind, b.level, b.text) for b in made(tmp_path, build).pages[0].blocks] == [
        ("heading", 2, "Objeto"),
        ("heading", 5, "CAPÍTULO I"),
        ("list", 0, "• um"),
        ("list", 0, "• dois"),
        ("table", 0, "Cargo | Vagas\nMédico | 2"),
    ]


def test_spaces_tabs_and_spans_are_text(tmp_path: Path) -> None:
    def build(document: OpenDocumentText) -> None:
        paragraph = text.P(text="um")
        paragraph.addElement(text.S(c=3))
        paragraph.addElement(text.Span(text="dois"))
        paragraph.addElement(text.Tab())
        paragraph.addText("três")
        document.text.addElement(paragraph)

    assert made(tmp_path, build).pages[0].text == "um dois três"


def test_breaks_of_styles_and_of_the_last_drawing_part_pages(tmp_path: Path) -> None:
    def build(document: OpenDocumentText) -> None:
        breaking = style.Style(name="Quebra", family="paragraph")
        breaking.addElement(style.ParagraphProperties(breakbefore="page"))
        document.automaticstyles.addElement(breaking)
        document.text.addElement(text.P(text="um"))
        document.text.addElement(text.P(stylename=breaking, text="dois"))
        document.text.addElement(text.SoftPageBreak())
        document.text.addElement(text.P(text="três"))

    assert [page.text for page in made(tmp_path, build).pages] == ["um", "dois", "três"]


def test_notes_stand_at_the_end_of_their_page(tmp_path: Path) -> None:
    def build(document: OpenDocumentText) -> None:
        paragraph = text.P(text="com nota")
        note = text.Note(noteclass="footnote")
        body = text.NoteBody()
        body.addElement(text.P(text="a nota"))
        note.addElement(body)
        paragraph.addElement(note)
        document.text.addElement(paragraph)
        document.text.addElement(text.P(text="fim"))

    assert made(tmp_path, build).pages[0].text == "com nota [1]\nfim\n[1] a nota"


def test_an_encrypted_document_is_recognised(tmp_path: Path) -> None:
    path = saved(tmp_path, lambda document: document.text.addElement(text.P(text="x")))
    locked = tmp_path / "locked.odt"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(locked, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "META-INF/manifest.xml":
                data = data.replace(
                    b"<manifest:file-entry", b"<manifest:encryption-data/><manifest:file-entry", 1
                )
            new.writestr(name, data)
    with pytest.raises(BadDocument) as error:
        read(locked)
    assert error.value.error_code == "E-SENHA"


def test_a_bomb_of_entities_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, lambda document: document.text.addElement(text.P(text="MARCA")))
    bomb = tmp_path / "bomb.odt"
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(bomb, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "content.xml":
                start = data.index(b"<office:document-content")
                doctype = f'<!DOCTYPE x [<!ENTITY l0 "ha">{levels}]>'.encode()
                data = data[:start] + doctype + data[start:].replace(b"MARCA", b"fim &l9;")
            new.writestr(name, data)
    with pytest.raises(BadDocument) as error:
        read(bomb)
    assert error.value.error_code == "E-CORROMPIDO"


def test_what_unpacks_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, lambda document: document.text.addElement(text.P(text="x" * (2 << 20))))
    with pytest.raises(BadDocument) as error:
        read(path, Limits(max_decompressed_mb=1))
    assert error.value.error_code == "E-TAMANHO"


def shown(tmp_path: Path, build: Build) -> list[tuple[str, str]]:
    return [(b.kind, b.text) for page in made(tmp_path, build).pages for b in page.blocks]


def with_content(tmp_path: Path, body: str, styles: str = "") -> Extracted:
    """A document with this XML in its body and among its automatic styles."""
    path = saved(tmp_path, lambda document: document.text.addElement(text.P(text="MARCA")))

    def change(name: str, data: bytes) -> bytes:
        if name == "content.xml":
            data = data.replace(b"<text:p>MARCA</text:p>", body.encode())
            end = b"</office:automatic-styles>"
            data = re.sub(rb"<(office:automatic-styles)\s*/>", rb"<\1></\1>", data)
            data = data.replace(end, styles.encode() + end)
        return data

    return read(changed(path, change))


def test_tracked_changes_are_read_as_accepted(tmp_path: Path) -> None:
    body = (
        "<text:tracked-changes><text:changed-region><text:deletion><text:p>sai</text:p>"
        "</text:deletion></text:changed-region></text:tracked-changes>"
        '<text:p>fica <text:change-start text:change-id="c"/>entra<text:change-end '
        'text:change-id="c"/><text:change text:change-id="d"/></text:p>'
    )
    assert with_content(tmp_path, body).pages[0].text == "fica entra"


def test_comments_and_descriptions_of_pictures_are_not_read(tmp_path: Path) -> None:
    body = (
        "<text:p>texto<office:annotation><text:p>comentário</text:p></office:annotation></text:p>"
    )
    assert with_content(tmp_path, body).pages[0].text == "texto"


def test_sections_and_text_boxes_are_looked_into(tmp_path: Path) -> None:
    body = (
        '<text:section text:name="s"><text:p>na seção<draw:frame><draw:text-box><text:p>na caixa'
        "</text:p></draw:text-box></draw:frame></text:p></text:section>"
        '<text:section text:name="h" text:display="none"><text:p>oculta</text:p></text:section>'
    )
    assert with_content(tmp_path, body).pages[0].text == "na seção\nna caixa"


def test_numbers_of_lists_are_counted_by_their_style(tmp_path: Path) -> None:
    styles = (
        '<text:list-style style:name="L1">'
        '<text:list-level-style-number text:level="1" style:num-format="I" style:num-suffix=" -"/>'
        '<text:list-level-style-number text:level="2" style:num-format="a" style:num-suffix=")"/>'
        "</text:list-style>"
    )
    item = "<text:list-item><text:p>{}</text:p>{}</text:list-item>"
    deeper = "<text:list>" + item.format("c", "") + item.format("d", "") + "</text:list>"
    body = (
        '<text:list text:style-name="L1">' + item.format("a", deeper) + item.format("b", "")
        + '</text:list><text:p>entre</text:p><text:list text:style-name="L1" '
        'text:continue-numbering="true">' + item.format("e", "") + "</text:list>"
    )  # fmt: skip
    assert [b.text for b in with_content(tmp_path, body, styles).pages[0].blocks] == [
        "I - a", "a) c", "b) d", "II - b", "entre", "III - e",
    ]  # fmt: skip


def test_notes_and_boxes_in_cells_and_nested_tables_are_kept(tmp_path: Path) -> None:
    cell = "<table:table-cell>{}</table:table-cell>"
    note = (
        '<text:note text:note-class="footnote"><text:note-body><text:p>a</text:p><text:p>nota'
        "</text:p></text:note-body></text:note>"
    )
    rows = "<table:table><table:table-row>{}</table:table-row></table:table>"
    inner = rows.format(cell.format("<text:p>dentro</text:p>"))
    cells = cell.format(f"<text:p>um{note}</text:p>{inner}") + cell.format("<text:p>dois</text:p>")
    row = f"<table:table-row>{cells}</table:table-row>"
    header = f"<table:table-header-rows>{row}</table:table-header-rows>"
    body = f"<table:table>{header}</table:table>"
    assert with_content(tmp_path, body).pages[0].text == "um [1] dentro | dois\n[1] a nota"


def test_loud_paragraphs_and_titles_are_headings(tmp_path: Path) -> None:
    styles = (
        '<style:style style:name="P1" style:family="paragraph"><style:paragraph-properties '
        'fo:text-align="center"/><style:text-properties fo:font-weight="bold"/></style:style>'
        '<style:style style:name="P2" style:family="paragraph" style:parent-style-name="Title"/>'
        '<style:style style:name="Title" style:family="paragraph"/>'
    )
    body = (
        '<text:p text:style-name="P2">Manual</text:p><text:p text:style-name="P1">Das compras'
        "</text:p><text:p>texto</text:p>"
    )
    found = with_content(tmp_path, body, styles).pages[0].blocks
    assert [(b.kind, b.level) for b in found] == [("heading", 1), ("heading", 8), ("paragraph", 0)]


def test_headers_of_pages_are_furniture(tmp_path: Path) -> None:
    def build(document: OpenDocumentText) -> None:
        layout = style.PageLayout(name="pl")
        document.automaticstyles.addElement(layout)
        master = style.MasterPage(name="Standard", pagelayoutname=layout)
        header = style.Header()
        header.addElement(text.P(text="MINISTÉRIO"))
        master.addElement(header)
        document.masterstyles.addElement(master)
        document.text.addElement(text.P(text="corpo"))

    assert shown(tmp_path, build) == [("paragraph", "corpo"), ("furniture", "MINISTÉRIO")]
