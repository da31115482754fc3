"""Writes an act as a DOCX with python-docx: heading styles, real tables, header and footer.

The package is written again with fixed dates and without compression, so that the same act
gives the same bytes on every machine.
"""

import io
import re
import zipfile
from datetime import datetime
from pathlib import Path

import docx
from crest import PNG
from docx.document import Document
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_BREAK
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt, RGBColor
from docx.text.paragraph import Paragraph
from source import Act, Element

FONT = "Times New Roman"
DRAWN = datetime(2025, 3, 10, 9, 0, 0)
ZIP_DATE = (2025, 3, 10, 9, 0, 0)
CENTRE, JUSTIFY = WD_ALIGN_PARAGRAPH.CENTER, WD_ALIGN_PARAGRAPH.JUSTIFY
INDENTS = {"item": 1.2, "subitem": 2.0, "number": 1.2}


def write_docx(act: Act, path: Path) -> None:
    """Write `act` to `path`; the same act gives the same bytes."""
    document = docx.Document()
    _prune(document)
    _styles(document)
    _page(document, act)
    _properties(document, act)
    _opening(document, act)
    for element in act.elements:
        _write(document, element)
    buffer = io.BytesIO()
    document.save(buffer)
    _repack(buffer, path)


def _prune(document: Document) -> None:
    """Take out what the template of python-docx brings and no act uses: 800 kB of styles."""
    for part in (document.part, document.part.package):
        for key, relation in list(part.rels.items()):
            if relation.reltype.endswith(("/stylesWithEffects", "/thumbnail")):
                part.rels.pop(key)
    styles = document.styles.element
    for style in list(styles.iterchildren(qn("w:style"))):
        used = style.get(qn("w:styleId")) in ("TableNormal", "TableGrid")
        if style.get(qn("w:type")) == "table" and not used:
            styles.remove(style)


def _styles(document: Document) -> None:
    normal = document.styles["Normal"]
    normal.font.name, normal.font.size = FONT, Pt(12)
    normal.element.rPr.rFonts.set(qn("w:eastAsia"), FONT)
    normal.paragraph_format.space_after = Pt(6)
    normal.paragraph_format.line_spacing = 1.15
    for language in document.styles.element.iter(qn("w:lang")):
        language.set(qn("w:val"), "pt-BR")
    for level in (1, 2, 3):
        style = document.styles[f"Heading {level}"]
        fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
        fonts.attrib.clear()
        for script in ("w:ascii", "w:hAnsi", "w:eastAsia", "w:cs"):
            fonts.set(qn(script), FONT)
        style.font.size, style.font.bold, style.font.italic = Pt(12), True, level == 3
        style.font.color.rgb = RGBColor(0, 0, 0)
        style.paragraph_format.alignment = CENTRE
        style.paragraph_format.space_before = Pt(12)
        style.paragraph_format.space_after = Pt(8)


def _page(document: Document, act: Act) -> None:
    section = document.sections[0]
    section.page_width, section.page_height = Cm(21), Cm(29.7)
    section.left_margin, section.right_margin = Cm(3), Cm(2)
    section.top_margin, section.bottom_margin = Cm(3), Cm(2.4)
    header = section.header.paragraphs[0]
    header.text = f"{act.body} – {act.short}"
    footer = section.footer.paragraphs[0]
    footer.alignment = header.alignment = CENTRE
    footer.add_run("Página ")
    _field(footer, "PAGE")
    footer.add_run(" de ")
    _field(footer, "NUMPAGES")
    for run in (*header.runs, *footer.runs):
        run.font.size = Pt(9)


def _field(paragraph: Paragraph, name: str) -> None:
    field = OxmlElement("w:fldSimple")
    field.set(qn("w:instr"), name)
    run = OxmlElement("w:r")
    text = OxmlElement("w:t")
    text.text = "1"
    run.append(text)
    field.append(run)
    paragraph._p.append(field)


def _properties(document: Document, act: Act) -> None:
    properties = document.core_properties
    properties.title, properties.author, properties.subject = act.title, act.body, act.ementa
    properties.comments, properties.keywords, properties.language = "", act.kind, "pt-BR"
    properties.created = properties.modified = DRAWN
    properties.last_modified_by, properties.revision = act.body, 1


def _opening(document: Document, act: Act) -> None:
    crest = document.add_paragraph()
    crest.alignment = CENTRE
    crest.add_run().add_picture(str(PNG), width=Cm(2))
    for text, bold in ((act.body.upper(), True), (act.issuer, False)):
        if text:
            _runs(_paragraph(document, CENTRE), f"**{text}**" if bold else text)
    title = _paragraph(document, CENTRE)
    title.paragraph_format.space_before = Pt(14)
    title.add_run(act.title.split(" – ")[0].upper()).bold = True
    if act.ementa:
        ementa = _paragraph(document, JUSTIFY)
        ementa.paragraph_format.left_indent = Cm(7.5)
        ementa.paragraph_format.space_after = Pt(14)
        ementa.add_run(act.ementa).italic = True
    if act.preamble:
        _write(document, Element("paragraph", act.preamble))


def _paragraph(document: Document, alignment: WD_ALIGN_PARAGRAPH) -> Paragraph:
    paragraph = document.add_paragraph()
    paragraph.alignment = alignment
    return paragraph


def _write(document: Document, element: Element) -> None:
    if element.kind == "table":
        _table(document, element)
    elif element.kind == "break":
        document.add_paragraph().add_run().add_break(WD_BREAK.PAGE)
    elif element.kind == "heading":
        heading = document.add_heading(level=element.level)
        first, _, second = element.text.partition(" | ")
        heading.add_run(first)
        if second:
            heading.runs[-1].add_break()
            heading.add_run(second)
    elif element.kind == "bullet":
        _runs(document.add_paragraph(style="List Bullet"), element.text)
    elif element.kind in ("centre", "date", "signature"):
        _closing(document, element)
    else:
        _text(document, element)


def _text(document: Document, element: Element) -> None:
    paragraph = _paragraph(document, JUSTIFY)
    if element.kind in INDENTS:
        paragraph.paragraph_format.left_indent = Cm(INDENTS[element.kind])
    elif element.kind != "note":
        paragraph.paragraph_format.first_line_indent = Cm(1.2)
    _runs(paragraph, re.sub(r"^(Art\. \d+º?\.?)", r"**\1**", element.text))


def _closing(document: Document, element: Element) -> None:
    paragraph = _paragraph(document, CENTRE)
    paragraph.paragraph_format.space_before = Pt(12)
    name, _, office = element.text.partition(" | ")
    _runs(paragraph, name if element.kind == "date" else f"**{name}**")
    if office:
        paragraph.runs[-1].add_break()
        paragraph.add_run(office)


def _runs(paragraph: Paragraph, text: str) -> None:
    for position, part in enumerate(text.split("**")):
        if part:
            paragraph.add_run(part).bold = position % 2 == 1


def _table(document: Document, element: Element) -> None:
    if element.text:
        caption = _paragraph(document, CENTRE)
        caption.paragraph_format.keep_with_next = True
        _runs(caption, f"**{element.text}**")
    table = document.add_table(rows=0, cols=len(element.rows[0]), style="Table Grid")
    shares = element.widths or tuple(1.0 for _ in element.rows[0])
    for index, row in enumerate(element.rows):
        cells = table.add_row().cells
        for cell, text, share in zip(cells, row, shares, strict=True):
            cell.width = Cm(16 * share / sum(shares))
            _runs(cell.paragraphs[0], f"**{text}**" if index == 0 else text)
            cell.paragraphs[0].paragraph_format.space_after = Pt(2)
            for run in cell.paragraphs[0].runs:
                run.font.size = Pt(10)
    repeat = OxmlElement("w:tblHeader")
    table.rows[0]._tr.get_or_add_trPr().append(repeat)
    document.add_paragraph()


def _repack(buffer: io.BytesIO, path: Path) -> None:
    with zipfile.ZipFile(buffer) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            target.writestr(zipfile.ZipInfo(name, ZIP_DATE), source.read(name))
