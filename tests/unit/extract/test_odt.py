"""ODT: order, lists, tables, notes, pages, passwords."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from odf import style, table, text
from odf.opendocument import OpenDocumentText

from govbot.errors import BadDocument
from govbot.extract import Extracted, Limits
from tests.unit.extract.conftest import read

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
