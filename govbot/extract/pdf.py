"""PDF: text in reading order, without running headers, and the pages that hold only pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from govbot.errors import BadDocument
from govbot.extract import Block, Extracted, Limits, OnPage, Page, page_of
from govbot.extract.fragments import fragments_of
from govbot.extract.furniture import furniture_of
from govbot.extract.layout import Line, lines_of
from govbot.extract.legible import is_legible
from govbot.extract.paragraphs import Style, blocks_of, fitted, style_of
from govbot.extract.titles import title_of

_ERROR_PASSWORD = 4  # FPDF_ERR_PASSWORD
_FEW_WORDS = 12
_PICTURE_SHARE = 0.5


def extract_pdf(path: Path, limits: Limits, on_page: OnPage) -> Extracted:
    """Raises BadDocument: E-SENHA, E-CORROMPIDO, E-PAGINAS, E-TAMANHO, E-DIGITALIZADO, E-VAZIO."""
    document = _open(path)
    try:
        total = len(document)
        if total == 0:
            raise BadDocument("The document has no pages.", code="E-VAZIO")
        if total > limits.max_pages:
            raise BadDocument(
                "The document has %(pages)s pages; at most %(limit)s are accepted. Split it.",
                code="E-PAGINAS",
                pages=total,
                limit=limits.max_pages,
            )
        raw = _read(document, limits, on_page)
        metadata = _metadata(document)
        labels = _labels(document, total)
    finally:
        document.close()
    pages, scanned = _assemble(raw, labels)
    _refuse_without_text(pages, scanned)
    title = title_of(pages, metadata.get("title", ""))
    return Extracted(pages, title, metadata, unread_pages=scanned)


class _Raw:
    """A page as read: lines in reading order, its height, and whether a picture covers it."""

    __slots__ = ("drawn", "height", "lines", "pictured")

    def __init__(self, lines: list[Line], height: float, pictured: bool, drawn: bool) -> None:
        self.lines, self.height, self.pictured, self.drawn = lines, height, pictured, drawn


def _open(path: Path) -> Any:
    import pypdfium2

    try:
        return pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) == _ERROR_PASSWORD or "assword" in str(error):
            raise BadDocument(
                "The document is protected by a password. Remove the password and send it again.",
                code="E-SENHA",
            ) from error
        raise BadDocument("The file is damaged: it cannot be opened as a PDF.") from error


def _read(document: Any, limits: Limits, on_page: OnPage) -> list[_Raw]:
    import pypdfium2

    raw: list[_Raw] = []
    total, characters = len(document), 0
    for index in range(total):
        try:
            page = document[index]
        except pypdfium2.PdfiumError:
            raw.append(_Raw([], 842.0, pictured=False, drawn=True))
            continue
        lines = lines_of(fragments_of(page))
        characters += sum(len(line.text) for line in lines)
        if characters > limits.max_characters:
            raise BadDocument(
                "The document has more than %(limit)s characters. Split it into smaller files.",
                code="E-TAMANHO",
                limit=limits.max_characters,
            )
        words = sum(len(line.text.split()) for line in lines)
        pictured, drawn = _pictures(page) if words < 150 else (False, False)
        raw.append(_Raw(lines, page.get_height(), pictured, drawn))
        page.close()
        on_page(index + 1, total)
    return raw


def _pictures(page: Any) -> tuple[bool, bool]:
    """Whether a picture covers most of the page, and whether anything is drawn at all."""
    import pypdfium2.raw as pdfium

    area = page.get_width() * page.get_height() or 1.0
    drawn, covered = 0, 0.0
    for item in page.get_objects(max_depth=3):
        if item.type == pdfium.FPDF_PAGEOBJ_IMAGE:
            drawn += 20
            left, bottom, right, top = item.get_bounds()
            covered += max(0.0, right - left) * max(0.0, top - bottom)
        elif item.type in (pdfium.FPDF_PAGEOBJ_PATH, pdfium.FPDF_PAGEOBJ_SHADING):
            drawn += 1
        if covered > _PICTURE_SHARE * area or drawn > 2000:
            break
    return covered > _PICTURE_SHARE * area, drawn >= 20


def _metadata(document: Any) -> dict[str, str]:
    import pypdfium2

    try:
        found = document.get_metadata_dict(skip_empty=True)
    except (pypdfium2.PdfiumError, UnicodeDecodeError):
        return {}
    return {key.lower(): " ".join(value.split())[:500] for key, value in found.items()}


def _labels(document: Any, total: int) -> list[str]:
    labels = []
    for index in range(total):
        try:
            labels.append(document.get_page_label(index)[:20])
        except Exception:  # labels are an ornament; broken ones are many
            labels.append("")
    return labels


def _assemble(raw: list[_Raw], labels: list[str]) -> tuple[tuple[Page, ...], tuple[int, ...]]:
    marked, printed = furniture_of([page.lines for page in raw], [page.height for page in raw])
    bodies = [
        fitted([line for index, line in enumerate(page.lines) if index not in marks])
        for page, marks in zip(raw, marked, strict=True)
    ]
    style = style_of(bodies)
    pages: list[Page] = []
    scanned: list[int] = []
    for number, (page, body) in enumerate(zip(raw, bodies, strict=True), start=1):
        blocks = _blocks(page, body, marked[number - 1], style)
        label = labels[number - 1] or printed[number - 1]
        made = page_of(number, blocks, label)
        if _is_scanned(page, made.text):
            scanned.append(number)
        pages.append(made)
    return tuple(pages), tuple(scanned)


def _blocks(page: _Raw, body: list[Line], marks: set[int], style: Style) -> list[Block]:
    furniture = [Block("furniture", page.lines[index].text) for index in sorted(marks)]
    if not is_legible(" ".join(line.text for line in body)):
        return furniture
    return blocks_of(body, style) + furniture


def _is_scanned(page: _Raw, text: str) -> bool:
    words = len(text.split())
    if words == 0:
        had_text = any(len(line.text.split()) > 3 for line in page.lines)
        return page.pictured or page.drawn or had_text
    return words < _FEW_WORDS and page.pictured


def _refuse_without_text(pages: tuple[Page, ...], scanned: tuple[int, ...]) -> None:
    if any(page.text for page in pages if page.number not in scanned):
        return
    if scanned:
        raise BadDocument(
            "The document is scanned: its pages are pictures without text;"
            " OCR is not available yet.",
            code="E-DIGITALIZADO",
        )
    raise BadDocument("The document has no text.", code="E-VAZIO")
