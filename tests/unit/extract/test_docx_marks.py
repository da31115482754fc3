"""DOCX: revisions, fields, controls, boxes, equations, sections, and packages of other programs."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import docx
import pytest
from docx.document import Document
from docx.enum.section import WD_SECTION
from docx.enum.text import WD_BREAK
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from govbot.extract import Extracted
from tests.unit.extract.conftest import read
from tests.unit.extract.packages import changed, replaced

Build = Callable[[Document], None]
MATH = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
COMPATIBILITY = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'


def saved(tmp_path: Path, build: Build) -> Path:
    document = docx.Document()
    build(document)
    path = tmp_path / "file.docx"
    document.save(str(path))
    return path


def body(tmp_path: Path, xml: str) -> Extracted:
    """A document whose body is this XML; w: is bound."""

    def build(document: Document) -> None:
        parent = parse_xml(f"<w:body {nsdecls('w')} {MATH} {COMPATIBILITY}>{xml}</w:body>")
        for index, child in enumerate(list(parent)):
            document.element.body.insert(index, child)

    return read(saved(tmp_path, build))


def run(text: str, properties: str = "") -> str:
    return f"<w:r><w:rPr>{properties}</w:rPr><w:t xml:space='preserve'>{text}</w:t></w:r>"


def texts(tmp_path: Path, xml: str) -> list[str]:
    return [b.text for page in body(tmp_path, xml).pages for b in page.blocks]


@pytest.mark.parametrize(
    ("inner", "shown"),
    [
        (run("fica ") + f"<w:moveFrom>{run('daqui')}</w:moveFrom>", "fica"),
        (f"<w:moveTo>{run('para cá')}</w:moveTo>", "para cá"),
        (f"<w:ins><w:del>{run('nem entrou')}</w:del></w:ins>{run('fica')}", "fica"),
        (run("visto") + run(" oculto", "<w:vanish/>"), "visto"),
        (run("a") + "<w:r><w:noBreakHyphen/><w:t>b</w:t><w:tab/><w:t>c</w:t></w:r>", "a-b c"),
        ('<w:r><w:sym w:font="Wingdings" w:char="F0FC"/></w:r>' + run(" sim"), "✓ sim"),
        (run("a") + "<w:r><w:commentReference w:id='1'/></w:r>", "a"),
        (
            "<w:r><w:fldChar w:fldCharType='begin'/></w:r><w:r><w:instrText>PAGE</w:instrText>"
            "</w:r><w:r><w:fldChar w:fldCharType='separate'/></w:r>" + run("7"),
            "7",
        ),
        (f"<w:fldSimple w:instr='DATE'>{run('5/3')}</w:fldSimple>", "5/3"),
        (f"<w:smartTag><w:smartTag>{run('dentro')}</w:smartTag></w:smartTag>", "dentro"),
        (
            "<w:sdt><w:sdtPr><w:showingPlcHdr/></w:sdtPr><w:sdtContent>"
            f"{run('Clique aqui')}</w:sdtContent></w:sdt>{run('preenchido')}",
            "preenchido",
        ),
        (
            "<m:oMath><m:f><m:num><m:r><m:t>a+b</m:t></m:r></m:num><m:den><m:r><m:t>2</m:t></m:r>"
            "</m:den></m:f><m:r><m:t> = </m:t></m:r><m:sSup><m:e><m:r><m:t>x</m:t></m:r></m:e>"
            "<m:sup><m:r><m:t>2</m:t></m:r></m:sup></m:sSup></m:oMath>",
            "(a+b)/2 = x^2",
        ),
    ],
)
def test_a_paragraph_is_what_a_reader_of_the_final_text_sees(
    tmp_path: Path, inner: str, shown: str
) -> None:
    assert texts(tmp_path, f"<w:p>{inner}</w:p>") == [shown]


def test_a_deleted_end_of_paragraph_joins_two(tmp_path: Path) -> None:
    xml = (
        f"<w:p><w:pPr><w:rPr><w:del/></w:rPr></w:pPr>{run('primeira ')}</w:p>"
        f"<w:p>{run('segunda')}</w:p><w:p>{run('terceira')}</w:p>"
    )
    assert texts(tmp_path, xml) == ["primeira segunda", "terceira"]


def test_deleted_rows_and_cells_are_not_read(tmp_path: Path) -> None:
    cell = "<w:tc><w:tcPr>{mark}</w:tcPr><w:p>" + "{run}" + "</w:p></w:tc>"
    cells = [cell.format(mark="", run=run(t)) for t in ("a", "b", "c", "d")]
    gone = cell.format(mark="<w:cellDel/>", run=run("x"))
    xml = (
        f"<w:tbl><w:tr>{cells[0]}{cells[1]}{gone}</w:tr>"
        f"<w:tr><w:trPr><w:del/></w:trPr>{cells[2]}</w:tr><w:tr>{cells[2]}{cells[3]}</w:tr></w:tbl>"
    )
    assert texts(tmp_path, xml) == ["a | b\nc | d"]


def test_cells_hold_paragraphs_lists_and_other_tables(tmp_path: Path) -> None:
    inner = f"<w:tbl><w:tr><w:tc><w:p>{run('dentro')}</w:p></w:tc></w:tr></w:tbl>"
    xml = (
        f"<w:tbl><w:tr><w:tc><w:p>{run('um')}</w:p><w:p>{run('dois')}</w:p>{inner}<w:p/></w:tc>"
        f"<w:sdt><w:sdtContent><w:tc><w:p>{run('controle')}</w:p></w:tc></w:sdtContent></w:sdt>"
        "</w:tr></w:tbl>"
    )
    assert texts(tmp_path, xml) == ["um dois dentro | controle"]


def test_text_boxes_are_read_once_after_their_paragraph_or_table(tmp_path: Path) -> None:
    box = (
        "<w:r><mc:AlternateContent><mc:Choice Requires='wps'><w:drawing><w:txbxContent><w:p>"
        f"{run('na caixa')}</w:p></w:txbxContent></w:drawing></mc:Choice><mc:Fallback><w:pict>"
        f"<w:txbxContent><w:p>{run('na caixa')}</w:p></w:txbxContent></w:pict></mc:Fallback>"
        "</mc:AlternateContent></w:r>"
    )
    xml = (
        f"<w:p>{run('antes')}{box}</w:p><w:tbl><w:tr><w:tc><w:p>{run('célula')}{box}</w:p></w:tc>"
        f"<w:tc><w:p>{run('outra')}</w:p></w:tc></w:tr></w:tbl><w:p>{run('fim')}</w:p>"
    )
    assert texts(tmp_path, xml) == ["antes", "na caixa", "célula | outra", "na caixa", "fim"]


def test_custom_xml_around_paragraphs_is_looked_into(tmp_path: Path) -> None:
    xml = f"<w:customXml><w:ins><w:p>{run('dentro')}</w:p></w:ins></w:customXml>"
    assert texts(tmp_path, xml) == ["dentro"]


def test_sections_begin_pages_unless_they_are_continuous(tmp_path: Path) -> None:
    def build(document: Document) -> None:
        for text, kind in (("um", WD_SECTION.NEW_PAGE), ("dois", WD_SECTION.CONTINUOUS)):
            document.add_paragraph(text)
            document.add_section(kind)
        document.add_paragraph("três")

    pages = read(saved(tmp_path, build)).pages
    assert [page.text for page in pages] == ["um", "dois\ntrês"]


def test_a_break_that_word_also_drew_counts_once(tmp_path: Path) -> None:
    def build(document: Document) -> None:
        document.add_paragraph("um").add_run().add_break(WD_BREAK.PAGE)
        drawn = document.add_paragraph().add_run("dois")
        drawn._r.insert(0, parse_xml(f"<w:lastRenderedPageBreak {nsdecls('w')}/>"))

    assert [page.text for page in read(saved(tmp_path, build)).pages] == ["um", "dois"]


def test_headers_of_first_and_even_pages_are_furniture_too(tmp_path: Path) -> None:
    def build(document: Document) -> None:
        section = document.sections[0]
        section.different_first_page_header_footer = True
        section.first_page_header.paragraphs[0].text = "CAPA"
        section.even_page_footer.paragraphs[0].text = "PAR"
        document.add_paragraph("corpo")

    page = read(saved(tmp_path, build)).pages[0]
    assert {b.text for b in page.blocks if b.kind == "furniture"} == {"CAPA", "PAR"}


def test_notes_of_several_paragraphs_leave_out_what_was_deleted(tmp_path: Path) -> None:
    path = saved(tmp_path, lambda document: document.add_paragraph("NOTA"))
    reference = b'NOTA</w:t><w:endnoteReference w:id="3"/><w:t>'
    path = replaced(path, "word/document.xml", (b"NOTA</w:t>", reference + b"</w:t>"))
    notes = (
        f"<w:endnotes {nsdecls('w')}><w:endnote w:id='3'><w:p>{run('um ')}<w:del>{run('sai')}"
        f"</w:del></w:p><w:p>{run('dois')}</w:p></w:endnote></w:endnotes>"
    )
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("word/endnotes.xml", notes)
    assert read(path).pages[0].text == "NOTA [1]\n[1] um dois"


def test_a_list_that_begins_anew_is_counted_anew(tmp_path: Path) -> None:
    def build(document: Document) -> None:
        numbering = document.part.numbering_part.element
        level = (
            '<w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="decimal"/>'
            '<w:lvlText w:val="%1)"/></w:lvl>'
        )
        numbering.insert(
            0,
            parse_xml(
                f'<w:abstractNum {nsdecls("w")} w:abstractNumId="90">{level}</w:abstractNum>'
            ),
        )
        again = '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="1"/></w:lvlOverride>'
        for number, override in ((90, ""), (91, again)):
            numbering.append(
                parse_xml(
                    f'<w:num {nsdecls("w")} w:numId="{number}"><w:abstractNumId w:val="90"/>'
                    f"{override}</w:num>"
                )
            )
        for number in (90, 90, 91, 91, 90):
            properties = document.add_paragraph("x")._p.get_or_add_pPr().get_or_add_numPr()
            properties.get_or_add_numId().val = number
            properties.get_or_add_ilvl().val = 0

    found = read(saved(tmp_path, build)).pages[0]
    assert [b.text for b in found.blocks] == ["1) x", "2) x", "1) x", "2) x", "3) x"]


def test_documents_with_macros_are_read_as_text(tmp_path: Path) -> None:
    path = saved(tmp_path, lambda document: document.add_paragraph("conteúdo"))
    plain = b"vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    macros = b"vnd.ms-word.document.macroEnabled.main+xml"
    assert read(replaced(path, "[Content_Types].xml", (plain, macros))).pages[0].text == "conteúdo"


def test_strict_documents_are_read(tmp_path: Path) -> None:
    path = saved(tmp_path, lambda document: document.add_heading("Título", 1))

    def strict(name: str, data: bytes) -> bytes:
        for word in (b"wordprocessingml", b"officeDocument"):
            data = data.replace(
                b"http://schemas.openxmlformats.org/" + word + b"/2006/",
                b"http://purl.oclc.org/ooxml/" + word + b"/",
            )
        return data

    found = read(changed(path, strict)).pages[0].blocks
    assert [(b.kind, b.text) for b in found] == [("heading", "Título")]


def test_relations_that_lead_nowhere_do_no_harm(tmp_path: Path) -> None:
    path = saved(tmp_path, lambda document: document.add_paragraph("conteúdo"))
    broken = (
        b'<Relationship Id="rId99" Type="http://schemas.openxmlformats.org/officeDocument/2006/'
        b'relationships/image" Target="NULL"/></Relationships>'
    )
    path = replaced(path, "word/_rels/document.xml.rels", (b"</Relationships>", broken))
    assert read(path).pages[0].text == "conteúdo"
