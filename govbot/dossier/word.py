"""A dossier as DOCX, with headings as headings and the language of its words."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from govbot.dossier.blocks import Block, Run

if TYPE_CHECKING:
    from docx.document import Document

_STYLES = {"quote": "Intense Quote", "code": "No Spacing"}


def render(blocks: Sequence[Block], *, language: str, author: str, made_at: datetime) -> bytes:
    """The file. Pictures, links and macros there are none."""
    import docx

    document = docx.Document()
    _properties(document, blocks, language, author, made_at)
    for block in blocks:
        _add(document, block)
    packed = io.BytesIO()
    document.save(packed)
    return packed.getvalue()


def _properties(
    document: Document, blocks: Sequence[Block], language: str, author: str, made_at: datetime
) -> None:
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    own = document.core_properties
    own.title = next((block.text for block in blocks if block.kind == "title"), "")[:255]
    own.author, own.last_modified_by, own.language = author[:255], author[:255], language
    own.created = own.modified = made_at.replace(tzinfo=None)
    own.comments = ""
    for lang in document.styles.element.iter(qn("w:lang")):
        lang.set(qn("w:val"), language)
    properties = document.styles["Normal"].element.get_or_add_rPr()
    if properties.find(qn("w:lang")) is None:
        lang = OxmlElement("w:lang")
        lang.set(qn("w:val"), language)
        properties.append(lang)


def _add(document: Document, block: Block) -> None:
    from docx.shared import Cm

    if block.kind == "title":
        _fill(document.add_heading(level=0), block.runs)
    elif block.kind == "heading":
        _fill(document.add_heading(level=block.level), block.runs)
    elif block.kind == "table":
        _add_table(document, block)
    elif block.kind == "fact":
        paragraph = document.add_paragraph(style="No Spacing")
        _fill(paragraph, (Run(f"{block.mark}: ", bold=True), *block.runs))
    elif block.kind == "item":
        paragraph = document.add_paragraph()
        paragraph.paragraph_format.left_indent = Cm(0.75 * block.level)
        paragraph.paragraph_format.first_line_indent = Cm(-0.6 if block.mark else 0)
        mark = (Run(f"{block.mark}\t"),) if block.mark else ()
        _fill(paragraph, (*mark, *block.runs))
    elif block.kind == "note":
        paragraph = document.add_paragraph()
        _fill(paragraph, tuple(Run(run.text, italic=True) for run in block.runs))
    elif block.kind == "rule":
        document.add_paragraph("―" * 20)
    else:
        _fill(document.add_paragraph(style=_STYLES.get(block.kind, "Normal")), block.runs)


def _add_table(document: Document, block: Block) -> None:
    width = max((len(row) for row in block.rows), default=0)
    if not width:
        return
    table = document.add_table(rows=0, cols=width, style="Table Grid")
    for number, row in enumerate(block.rows):
        cells = table.add_row().cells
        for cell, runs in zip(cells, row, strict=False):
            bold = tuple(Run(run.text, bold=True) for run in runs) if number == 0 else runs
            _fill(cell.paragraphs[0], bold)


def _fill(paragraph: Any, runs: Sequence[Run]) -> None:
    """Runs one after the other; python-docx makes line breaks of "\\n"."""
    for run in runs:
        added = paragraph.add_run(run.text)
        added.bold = run.bold or None
        added.italic = run.italic or None
        if run.code:
            added.font.name = "Courier New"
