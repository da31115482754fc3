"""Draws an act as a PDF with reportlab, in the shape of a Brazilian official act.

Only the standard Times and Helvetica fonts (WinAnsi) are used and streams are left uncompressed:
the bytes then depend neither on the fonts nor on the zlib of the machine.
"""

import io
import re
from pathlib import Path
from typing import Any, BinaryIO

from crest import draw_crest
from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_CENTER, TA_JUSTIFY, TA_LEFT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import cm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    KeepTogether,
    NextPageTemplate,
    PageBreak,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
)
from reportlab.platypus.tableofcontents import TableOfContents
from source import Act, Element

ADDRESS = "Praça das Palmeiras, 100 – Centro – Serra Clara"
INK = HexColor("#1f3a4d")
RULE = HexColor("#9fb3bf")
SHADE = HexColor("#e6edf1")
LEFT, RIGHT, TOP, BOTTOM = 3 * cm, 2 * cm, 3 * cm, 2.4 * cm
WIDTH = A4[0] - LEFT - RIGHT

BASE = ParagraphStyle(
    "base", fontName="Times-Roman", fontSize=12, leading=16, alignment=TA_JUSTIFY, spaceAfter=6
)


def _style(name: str, **changes: Any) -> ParagraphStyle:
    return ParagraphStyle(name, parent=BASE, **changes)


STYLES = {
    "article": _style("article", firstLineIndent=1.2 * cm),
    "paragraph": _style("paragraph", firstLineIndent=1.2 * cm),
    "clause": _style("clause", firstLineIndent=1.2 * cm),
    "item": _style("item", leftIndent=1.2 * cm, spaceAfter=4),
    "subitem": _style("subitem", leftIndent=2.0 * cm, spaceAfter=4),
    "number": _style("number", leftIndent=1.2 * cm, firstLineIndent=-0.6 * cm, spaceAfter=4),
    "bullet": _style("bullet", leftIndent=1.2 * cm, bulletIndent=0.7 * cm, spaceAfter=4),
    "centre": _style("centre", fontName="Times-Bold", alignment=TA_CENTER, spaceBefore=6),
    "date": _style("date", alignment=TA_CENTER, spaceBefore=14, spaceAfter=26),
    "signature": _style("signature", alignment=TA_CENTER, spaceAfter=20),
    "issuer": _style(
        "issuer", fontName="Times-Bold", alignment=TA_CENTER, fontSize=13, spaceAfter=0
    ),
    "title": _style("title", fontName="Times-Bold", alignment=TA_CENTER, spaceBefore=16),
    "ementa": _style(
        "ementa", fontName="Times-Italic", leftIndent=7.5 * cm, spaceBefore=8, spaceAfter=16
    ),
    "cell": _style(
        "cell", fontName="Helvetica", fontSize=9, leading=11.5, alignment=TA_LEFT, spaceAfter=0
    ),
    "caption": _style(
        "caption",
        fontName="Times-Bold",
        fontSize=11,
        alignment=TA_CENTER,
        spaceBefore=8,
        keepWithNext=1,
    ),
    "note": _style(
        "note",
        fontName="Helvetica",
        fontSize=10,
        leading=14,
        backColor=SHADE,
        borderColor=RULE,
        borderWidth=0.7,
        borderPadding=6,
        leftIndent=8,
        rightIndent=8,
        spaceBefore=14,
        spaceAfter=16,
    ),
    "cover": _style("cover", fontName="Times-Bold", fontSize=24, leading=30, alignment=TA_CENTER),
    "subtitle": _style("subtitle", fontSize=14, leading=19, alignment=TA_CENTER, spaceBefore=14),
}
HEADINGS = {
    "act": [
        _style(
            f"act{level}",
            fontName=font,
            alignment=TA_CENTER,
            spaceBefore=12,
            spaceAfter=8,
            keepWithNext=1,
        )
        for level, font in enumerate(["Times-Bold", "Times-Bold", "Times-BoldItalic"])
    ],
    "manual": [
        _style(
            f"manual{level}",
            fontName="Helvetica-Bold",
            fontSize=size,
            leading=size + 5,
            textColor=INK,
            alignment=TA_LEFT,
            spaceBefore=14,
            spaceAfter=8,
            keepWithNext=1,
        )
        for level, size in enumerate([17, 13, 11.5])
    ],
}


class Crest(Flowable):
    """The coat of arms, centred."""

    def __init__(self, size: float) -> None:
        super().__init__()
        self.size = size

    def wrap(self, width: float, height: float) -> tuple[float, float]:
        self.width = width
        return width, self.size + 6

    def draw(self) -> None:
        draw_crest(self.canv, (self.width - self.size) / 2, 6, self.size)


class Document(BaseDocTemplate):
    """A template that feeds the table of contents and the outline from the headings."""

    def beforeDocument(self) -> None:  # noqa: N802 (reportlab's hook)
        self.outline_level = -1

    def afterFlowable(self, flowable: Flowable) -> None:  # noqa: N802 (reportlab's hook)
        level = getattr(flowable, "outline_level", None)
        if level is None:
            return
        key = f"page-{self.page}-{self.frame._y:.0f}"
        self.canv.bookmarkPage(key)
        # An act may start with a chapter; the outline must not skip a level.
        self.outline_level = min(level, self.outline_level + 1)
        self.canv.addOutlineEntry(flowable.outline_text, key, self.outline_level, closed=1)
        if level < 2:
            self.notify("TOCEntry", (level, flowable.outline_text, self.page, key))


def write_pdf(act: Act, path: Path) -> None:
    """Write `act` to `path`; the same act gives the same bytes."""
    # The first pass only counts the pages, which every footer names.
    total = _write(act, io.BytesIO(), total=0)
    with path.open("wb") as target:
        _write(act, target, total)


def _write(act: Act, target: BinaryIO, total: int) -> int:
    document = Document(
        target,
        pagesize=A4,
        title=act.title,
        author=act.body,
        subject=act.ementa or act.subtitle,
        creator="GovBot demo",
        lang="pt-BR",
        invariant=1,
        pageCompression=0,
    )
    frame = Frame(LEFT, BOTTOM, WIDTH, A4[1] - TOP - BOTTOM, 0, 0, 0, 0)
    high = Frame(LEFT, BOTTOM, WIDTH, A4[1] - 1.8 * cm - BOTTOM, 0, 0, 0, 0)

    def later(canvas: Canvas, _: BaseDocTemplate) -> None:
        _header(canvas, act)
        _footer(canvas, total)

    document.addPageTemplates(
        [
            PageTemplate("first", [high], onPage=lambda canvas, _: _footer(canvas, total)),
            PageTemplate("later", [frame], onPage=later),
        ]
    )
    opening = _cover(act) if act.layout == "manual" else _opening(act)
    story = [NextPageTemplate("later"), *opening]
    for element in act.elements:
        story.extend(_flow(element, act.layout))
    document.multiBuild(story)
    return int(document.page)


def _header(canvas: Canvas, act: Act) -> None:
    canvas.saveState()
    canvas.setFillColor(INK)
    canvas.setFont("Helvetica", 8.5)
    canvas.drawString(LEFT, A4[1] - 1.7 * cm, act.body)
    canvas.drawRightString(A4[0] - RIGHT, A4[1] - 1.7 * cm, act.short)
    canvas.setStrokeColor(RULE)
    canvas.line(LEFT, A4[1] - 1.9 * cm, A4[0] - RIGHT, A4[1] - 1.9 * cm)
    canvas.restoreState()


def _footer(canvas: Canvas, total: int) -> None:
    canvas.saveState()
    canvas.setStrokeColor(RULE)
    canvas.line(LEFT, 1.8 * cm, A4[0] - RIGHT, 1.8 * cm)
    canvas.setFillColor(INK)
    canvas.setFont("Helvetica", 8)
    canvas.drawString(LEFT, 1.4 * cm, ADDRESS)
    number = canvas.getPageNumber()
    canvas.drawRightString(A4[0] - RIGHT, 1.4 * cm, f"Página {number} de {total}")
    canvas.restoreState()


def _opening(act: Act) -> list[Flowable]:
    flow: list[Flowable] = [Crest(56), Paragraph(act.body.upper(), STYLES["issuer"])]
    if act.issuer:
        flow.append(Paragraph(act.issuer, _style("unit", alignment=TA_CENTER)))
    flow.append(Paragraph(act.title.split(" – ")[0].upper(), STYLES["title"]))
    if act.ementa:
        flow.append(Paragraph(act.ementa, STYLES["ementa"]))
    if act.preamble:
        flow.append(Paragraph(_markup(act.preamble), STYLES["paragraph"]))
    return flow


def _cover(act: Act) -> list[Flowable]:
    contents = TableOfContents()
    contents.dotsMinLevel = 0
    contents.levelStyles = [
        _style(
            "toc0",
            fontName="Times-Bold",
            leading=13,
            alignment=TA_LEFT,
            spaceBefore=4,
            spaceAfter=1,
        ),
        _style("toc1", leftIndent=0.7 * cm, leading=13, alignment=TA_LEFT, spaceAfter=0.5),
    ]
    return [
        Spacer(0, 3 * cm),
        Crest(110),
        Paragraph(act.body.upper(), STYLES["issuer"]),
        Paragraph(act.issuer, _style("unit", alignment=TA_CENTER)),
        Spacer(0, 3 * cm),
        Paragraph(act.title.split(" – ")[0], STYLES["cover"]),
        Paragraph(act.subtitle, STYLES["subtitle"]),
        PageBreak(),
        Paragraph("Sumário", HEADINGS["manual"][0]),
        contents,
        PageBreak(),
    ]


def _flow(element: Element, layout: str) -> list[Flowable]:
    if element.kind == "break":
        return [PageBreak()]
    if element.kind == "table":
        return _table(element)
    if element.kind == "heading":
        text = element.text.replace(" | ", "<br/>" if layout == "act" else " ")
        heading = Paragraph(text, HEADINGS[layout][element.level - 1])
        heading.outline_level = element.level - 1
        heading.outline_text = element.text.replace(" | ", " – ")
        return [heading]
    if element.kind == "bullet":
        return [Paragraph(_markup(element.text), STYLES["bullet"], bulletText="•")]
    if element.kind == "signature":
        name, _, office = element.text.partition(" | ")
        return [KeepTogether([Paragraph(f"<b>{name}</b><br/>{office}", STYLES["signature"])])]
    style = STYLES[element.kind]
    if element.kind == "paragraph" and layout == "manual":
        style = BASE
    return [Paragraph(_markup(element.text), style)]


def _markup(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;")
    text = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", text)
    return re.sub(r"^(Art\. \d+º?\.?)", r"<b>\1</b>", text)


def _table(element: Element) -> list[Flowable]:
    head, *rows = element.rows
    cells = [[Paragraph(f"<b>{_markup(cell)}</b>", STYLES["cell"]) for cell in head]]
    cells += [[Paragraph(_markup(cell), STYLES["cell"]) for cell in row] for row in rows]
    shares = element.widths or tuple(1.0 for _ in head)
    table = Table(
        cells,
        colWidths=[WIDTH * share / sum(shares) for share in shares],
        repeatRows=1,
        style=[
            ("GRID", (0, 0), (-1, -1), 0.5, RULE),
            ("BACKGROUND", (0, 0), (-1, 0), SHADE),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ],
        spaceBefore=4,
        spaceAfter=12,
    )
    caption = [Paragraph(element.text, STYLES["caption"])] if element.text else []
    return [*caption, table]
