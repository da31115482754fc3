"""A dossier as a tagged PDF: real text in an embedded font, headings, lists and quotations told to
screen readers, title and language set (PDF 1.7, ISO 32000-1, 14.8)."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from xml.sax.saxutils import escape

from govbot.dossier import pdf_tags
from govbot.dossier.blocks import Block, Run

if TYPE_CHECKING:
    from reportlab.platypus import Flowable

# DejaVu holds more letters than Vera, from which it was made and which comes with reportlab.
_SYSTEM_FONTS: Final = Path("/usr/share/fonts/truetype/dejavu")
_DEJAVU: Final = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSans-Oblique.ttf",
                  "DejaVuSans-BoldOblique.ttf")  # fmt: skip
_VERA: Final = ("Vera.ttf", "VeraBd.ttf", "VeraIt.ttf", "VeraBI.ttf")
_FAMILY: Final = "govbot"
_FACES: Final = tuple(_FAMILY + face for face in ("", "-bold", "-italic", "-bold-italic"))
# For letters that the font does not hold.
_INSTEAD: Final = {
    "\u2011": "-", "\u2010": "-", "\u00ad": "", "\u2212": "-", "\u2265": ">=", "\u2264": "<=",
    "\u2192": "->", "\u2190": "<-", "\u2713": "x", "\u2714": "x", "\u25cf": "•", "\u25aa": "•",
    "\u2009": " ", "\u202f": " ", "\u2003": " ", "\u200b": "", "\ufeff": "", "\u2015": "—",
}  # fmt: skip
_ROLES: Final = {"title": "H1", "quote": "BlockQuote", "code": "Code", "item": "LI"}


def render(
    blocks: Sequence[Block],
    *,
    language: str,
    author: str,
    made_at: datetime,
    page_word: Callable[[int], str],
) -> bytes:
    """The file; `page_word` is what stands at the foot of a page. It takes CPU: use a thread."""
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.units import mm
    from reportlab.platypus import SimpleDocTemplate

    _fonts()
    tags = pdf_tags.Tags()
    title = next((block.text for block in blocks if block.kind == "title"), "")
    packed = io.BytesIO()
    document = SimpleDocTemplate(
        packed, pagesize=A4, leftMargin=22 * mm, rightMargin=22 * mm, topMargin=20 * mm,
        bottomMargin=22 * mm, title=title, author=author, lang=language, pageCompression=1,
        initialFontName=_FACES[0],
    )  # fmt: skip

    def foot(canvas: Any, _document: Any) -> None:
        with tags.artifact(canvas):
            canvas.setFont(_FACES[0], 8)
            canvas.setFillGray(0.35)
            canvas.drawString(22 * mm + 6, 12 * mm, _shown(title)[:90])
            canvas.drawRightString(A4[0] - 22 * mm - 6, 12 * mm, page_word(canvas.getPageNumber()))

    story = _Story(tags)
    for block in blocks:
        story.add(block)
    document.build(story.flowables, onFirstPage=foot, onLaterPages=foot)
    return pdf_tags.tagged(packed.getvalue(), tags, language=language, title=title, made_at=made_at)


class _Story:
    """The blocks as flowables, each bound to its element of the structure."""

    def __init__(self, tags: pdf_tags.Tags) -> None:
        self.flowables: list[Flowable] = []
        self._tags = tags
        self._list: pdf_tags.Element | None = None

    def add(self, block: Block) -> None:
        """Draws a block below the others."""
        from reportlab.lib.units import mm
        from reportlab.platypus import HRFlowable, Spacer

        if block.kind != "item":
            self._list = None
        if block.kind == "table":
            self._table(block)
        elif block.kind == "rule":
            self.flowables.append(HRFlowable(width="100%", spaceBefore=4, spaceAfter=4))
        elif block.kind == "fact":
            runs = (Run(f"{block.mark}: ", bold=True), *block.runs)
            self._paragraph(runs, "fact", self._tags.root.child("P"))
        elif block.kind == "item":
            self._list = self._list or self._tags.root.child("L")
            body = self._list.child("LI").child("LBody")
            mark = (Run(f"{block.mark} "),) if block.mark else ()
            self._paragraph((*mark, *block.runs), f"item{min(block.level, 4)}", body)
        else:
            role = f"H{block.level + 1}" if block.kind == "heading" else _ROLES.get(block.kind, "P")
            style = f"heading{block.level}" if block.kind == "heading" else block.kind
            self._paragraph(block.runs, style, self._tags.root.child(role))
        if block.kind in ("paragraph", "quote"):
            self.flowables.append(Spacer(0, 1 * mm))

    def _paragraph(
        self, runs: Sequence[Run], style: str, element: pdf_tags.Element, *, into: Any = None
    ) -> None:
        made = pdf_tags.paragraph_class()(_markup(runs), _styles()[style])
        made.tags, made.element = self._tags, element
        (self.flowables if into is None else into).append(made)

    def _table(self, block: Block) -> None:
        from reportlab.lib.colors import Color
        from reportlab.platypus import Table

        width = max((len(row) for row in block.rows), default=0)
        if not width:
            return
        table, rows = self._tags.root.child("Table"), []
        for number, row in enumerate(block.rows):
            line, cells = table.child("TR"), []
            for runs in [*row, *[()] * (width - len(row))]:
                cell: list[Flowable] = []
                role, style = ("TH", "head") if number == 0 else ("TD", "cell")
                self._paragraph(runs, style, line.child(role), into=cell)
                cells.append(cell)
            rows.append(cells)
        grid = Color(0.6, 0.6, 0.6)
        drawn = Table(rows, repeatRows=0, spaceBefore=4, spaceAfter=6)
        drawn.setStyle([("GRID", (0, 0), (-1, -1), 0.5, grid), ("VALIGN", (0, 0), (-1, -1), "TOP")])
        self.flowables.append(drawn)


def _markup(runs: Sequence[Run]) -> str:
    """What reportlab's paragraphs read: escaped text with <b>, <i> and <br/>."""
    parts = []
    for run in runs:
        text = escape(_shown(run.text)).replace("\t", "    ").replace("\n", "<br/>")
        if run.code:
            text = text.replace("  ", "\u00a0\u00a0")
        text = f"<b>{text}</b>" if run.bold else text
        parts.append(f"<i>{text}</i>" if run.italic else text)
    return "".join(parts)


def _shown(text: str) -> str:
    """With other letters for those that the font does not hold."""
    known = _fonts()
    return "".join(
        char if ord(char) in known or char in "\n\t" else _INSTEAD.get(char, "?") for char in text
    )


@cache
def _fonts() -> frozenset[int]:
    """Registers the four faces; the letters that the upright one holds."""
    import reportlab
    from reportlab.lib.fonts import addMapping
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    own = Path(reportlab.__file__).parent / "fonts"
    system = [_SYSTEM_FONTS / name for name in _DEJAVU]
    files = system if all(each.is_file() for each in system) else [own / name for name in _VERA]
    for name, file in zip(_FACES, files, strict=True):
        pdfmetrics.registerFont(TTFont(name, str(file)))
    for number, name in enumerate(_FACES):
        addMapping(_FAMILY, number % 2, number // 2, name)
    return frozenset(pdfmetrics.getFont(_FACES[0]).face.charToGlyph)


@cache
def _styles() -> dict[str, Any]:
    from reportlab.lib.styles import ParagraphStyle

    def style(name: str, size: float, **more: Any) -> ParagraphStyle:
        face = _FACES[1] if name.startswith(("title", "head")) else _FACES[0]
        return ParagraphStyle(name, fontName=face, fontSize=size, leading=size * 1.45, **more)

    styles = {
        "title": style("title", 17, spaceAfter=8),
        "paragraph": style("paragraph", 10, spaceAfter=3),
        "note": style("note", 8.5, spaceBefore=2, spaceAfter=3, textColor="#444444"),
        "fact": style("fact", 9),
        "quote": style("quote", 9.5, leftIndent=10, spaceBefore=3, spaceAfter=3,
                       borderPadding=(2, 4, 2, 6), textColor="#222222", backColor="#f1f1ee"),
        "code": style("code", 8.5, leftIndent=8, backColor="#f1f1ee"),
        "head": style("head", 8.5),
        "cell": style("cell", 8.5),
    }  # fmt: skip
    for level, size in enumerate((14, 11.5, 10.5, 10), 1):
        styles[f"heading{level}"] = style(
            f"heading{level}", size, spaceBefore=16 - 3 * level, spaceAfter=3, keepWithNext=1
        )
    for level in range(1, 5):
        styles[f"item{level}"] = style(f"item{level}", 10, leftIndent=14 * level, spaceAfter=1,
                                       firstLineIndent=-10)  # fmt: skip
    return styles
