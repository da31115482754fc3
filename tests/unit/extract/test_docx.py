"""DOCX: order, headings, numbers, tables, notes, pages, hostile packages."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import docx
import pytest
from docx.document import Document
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_BREAK
from docx.oxml import OxmlElement, parse_xml
from docx.oxml.ns import nsdecls, qn
from docx.shared import Pt

from govbot.errors import BadDocument
from govbot.extract import Extracted, Limits
from tests.unit.extract.conftest import read

Build = Callable[[Document], None]


def made(tmp_path: Path, build: Build, limits: Limits | None = None) -> Extracted:
    document = docx.Document()
    build(document)
    path = tmp_path / "file.docx"
    document.save(str(path))
    return read(path, limits)


def found(tmp_path: Path, build: Build) -> list[tuple[str, str]]:
    return [(b.kind, b.text) for page in made(tmp_path, build).pages for b in page.blocks]


def test_paragraphs_and_tables_keep_their_order(tmp_path: Path) -> None:
    def build(document: Document) -> None:
        document.add_paragraph("antes")
        table = document.add_table(rows=2, cols=2)
        for cell, text in zip(table._cells, ["Cargo", "Vagas", "Médico", "2"], strict=True):
            cell.text = text
        document.add_paragraph("depois")

    assert found(tmp_path, build) == [
        ("paragraph", "antes"),
        ("table", "Cargo | Vagas\nMédico | 2"),
        ("paragraph", "depois"),
    ]


def test_heading_styles_and_loud_lines_are_headings(tmp_path: Path) -> None:
    def build(document: Document) -> None:
        document.add_heading("Objeto", level=2)
        loud = document.add_paragraph("DAS DISPOSIÇÕES GERAIS")
        loud.alignment = WD_ALIGN_PARAGRAPH.CENTER
        document.add_paragraph("CAPÍTULO I")
        document.add_paragraph("").add_run("Art. 1º Tudo em negrito.").bold = True

    blocks = made(tmp_path, build).pages[0].blocks
    assert [(block.kind, block.level) for block in blocks] == [
        ("heading", 2),
        ("heading", 8),
        ("heading", 5),
        ("paragraph", 0),
    ]


def test_numbers_of_lists_are_shown_as_word_shows_them(tmp_path: Path) -> None:
    def build(document: Document) -> None:
        for text in ("um", "dois"):
            document.add_paragraph(text, style="List Number")
        document.add_paragraph("ponto", style="List Bullet")

    assert found(tmp_path, build) == [("list", "1. um"), ("list", "2. dois"), ("list", "• ponto")]


def test_numbers_of_several_levels_and_forms_are_counted(tmp_path: Path) -> None:
    levels = "".join(
        f'<w:lvl w:ilvl="{depth}"><w:start w:val="1"/><w:numFmt w:val="{form}"/>'
        f'<w:lvlText w:val="{text}"/></w:lvl>'
        for depth, (form, text) in enumerate(
            [("ordinal", "Art. %1"), ("upperRoman", "%2 -"), ("lowerLetter", "%3)")]
        )
    )

    def build(document: Document) -> None:
        numbering = document.part.numbering_part.element
        numbering.insert(
            0,
            parse_xml(
                f'<w:abstractNum {nsdecls("w")} w:abstractNumId="90">{levels}</w:abstractNum>'
            ),
        )
        numbering.append(
            parse_xml(f'<w:num {nsdecls("w")} w:numId="90"><w:abstractNumId w:val="90"/></w:num>')
        )
        for depth, text in [(0, "x"), (1, "x"), (1, "x"), (2, "x"), (0, "x"), (1, "x")]:
            properties = document.add_paragraph(text)._p.get_or_add_pPr().get_or_add_numPr()
            properties.get_or_add_numId().val = 90
            properties.get_or_add_ilvl().val = depth

    assert [text for _, text in found(tmp_path, build)] == [
        "Art. 1º x", "I - x", "II - x", "a) x", "Art. 2º x", "I - x",
    ]  # fmt: skip


def test_page_breaks_part_pages(tmp_path: Path) -> None:
    def build(document: Document) -> None:
        document.add_paragraph("um")
        document.add_paragraph("dois").add_run().add_break(WD_BREAK.PAGE)
        run = document.add_paragraph("três ").add_run("quatro")
        run._r.insert(0, OxmlElement("w:lastRenderedPageBreak"))

    pages = made(tmp_path, build).pages
    assert [(page.number, page.text) for page in pages] == [
        (1, "um\ndois"),
        (2, "três"),
        (3, "quatro"),
    ]


def test_headers_and_footers_are_furniture(tmp_path: Path) -> None:
    def build(document: Document) -> None:
        document.sections[0].header.paragraphs[0].text = "MINISTÉRIO"
        document.sections[0].footer.paragraphs[0].text = "Esplanada"
        document.add_paragraph("corpo")

    found_ = made(tmp_path, build).pages[0]
    assert found_.text == "corpo"
    assert [b.text for b in found_.blocks if b.kind == "furniture"] == ["MINISTÉRIO", "Esplanada"]


def test_inserted_text_is_read_and_deleted_text_is_not(tmp_path: Path) -> None:
    def build(document: Document) -> None:
        paragraph = document.add_paragraph("fica ")._p
        for tag, inner, text in (("ins", "t", "entra"), ("del", "delText", "sai")):
            paragraph.append(
                parse_xml(
                    f"<w:{tag} {nsdecls('w')}><w:r><w:{inner}>{text}</w:{inner}></w:r></w:{tag}>"
                )
            )

    assert found(tmp_path, build) == [("paragraph", "fica entra")]


def test_text_of_hyperlinks_fields_and_content_controls_is_read(tmp_path: Path) -> None:
    def build(document: Document) -> None:
        paragraph = document.add_paragraph("ver ")._p
        paragraph.append(
            parse_xml(f"<w:hyperlink {nsdecls('w')}><w:r><w:t>a lei</w:t></w:r></w:hyperlink>")
        )
        control = parse_xml(
            f"<w:sdt {nsdecls('w')}><w:sdtContent><w:p><w:r><w:t>controle</w:t></w:r></w:p>"
            "</w:sdtContent></w:sdt>"
        )
        document.element.body.insert(0, control)

    assert found(tmp_path, build) == [("paragraph", "controle"), ("paragraph", "ver a lei")]


def test_footnotes_stand_at_the_end_of_their_page(tmp_path: Path) -> None:
    document = docx.Document()
    run = document.add_paragraph("com nota").add_run()
    reference = OxmlElement("w:footnoteReference")
    reference.set(qn("w:id"), "2")
    run._r.append(reference)
    document.add_paragraph("fim")
    path = tmp_path / "file.docx"
    document.save(str(path))
    notes = (
        f"<w:footnotes {nsdecls('w')}>"
        '<w:footnote w:id="2"><w:p><w:r><w:t>a nota</w:t></w:r></w:p></w:footnote>'
        "</w:footnotes>"
    )
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("word/footnotes.xml", notes)
    assert read(path).pages[0].text == "com nota [1]\nfim\n[1] a nota"


def test_a_merged_cell_is_read_once(tmp_path: Path) -> None:
    def build(document: Document) -> None:
        table = document.add_table(rows=2, cols=2)
        for cell, text in zip(table._cells, ["Norte", "AM", "", "PA"], strict=True):
            cell.text = text
        table.cell(0, 0).merge(table.cell(1, 0))

    assert found(tmp_path, build) == [("table", "Norte | AM\n | PA")]


def test_an_empty_document_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadDocument) as error:
        made(tmp_path, lambda document: None)
    assert error.value.error_code == "E-VAZIO"


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.docx"
    docx.Document().save(str(path))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/media/zeros.bin", b"\0" * (3 << 20))
    with pytest.raises(BadDocument) as error:
        read(path, Limits(max_decompressed_mb=2))
    assert error.value.error_code == "E-TAMANHO"


def test_broken_xml_is_damaged(tmp_path: Path) -> None:
    good = tmp_path / "good.docx"
    docx.Document().save(str(good))
    path = tmp_path / "bad.docx"
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            new.writestr(name, b"<w:doc" if name == "word/document.xml" else old.read(name))
    with pytest.raises(BadDocument) as error:
        read(path)
    assert error.value.error_code == "E-CORROMPIDO"


def test_the_title_comes_from_the_properties_without_an_epigraph(tmp_path: Path) -> None:
    def build(document: Document) -> None:
        document.core_properties.title = "Manual de Compras"
        document.styles["Normal"].font.size = Pt(11)
        document.add_paragraph("Como comprar.")

    assert made(tmp_path, build).title == "Manual de Compras"
