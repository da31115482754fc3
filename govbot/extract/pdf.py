"""PDF: text in reading order without running headers; pages that are pictures are recognised.

Which pages have no usable text is decided page by page: those without any letters that hold ink;
those whose letters are no words (fonts without a table of characters, see legible.py); and those
with few words where a picture covers most of the page or hardly a word was found, if writing
stands beside these words (a scan with a stamped header or signature line, text drawn as curves). An
invisible layer of text over a scan is text like any other: legible, it is kept. Blank pages are
left alone. Tried on all 944 pages of 32 published documents: the 3 scanned pages and the cover of a
book without text are recognised, nothing else is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from govbot.errors import BadDocument
from govbot.extract import Block, Extracted, Limits, OnPage, Page, page_of
from govbot.extract.fragments import fragments_of
from govbot.extract.furniture import furniture_of
from govbot.extract.layout import Line, lines_of
from govbot.extract.legible import is_legible
from govbot.extract.ocr import MAX_PIXELS, Checkpoint, Picture, recognise
from govbot.extract.paragraphs import Style, blocks_of, fitted, style_of
from govbot.extract.pdf_info import info_of
from govbot.extract.titles import title_of
from govbot.extract.usable import is_pictured
from govbot.extract.words import Recognised
from govbot.extract.words import fragments_of as fragments_of_words

_ERROR_PASSWORD = 4  # FPDF_ERR_PASSWORD


def extract_pdf(
    path: Path, limits: Limits, on_page: OnPage, checkpoint: Checkpoint | None = None
) -> Extracted:
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
        recognised = _recognise(document, raw, limits, on_page, checkpoint or Checkpoint())
        info = info_of(path, document)
        labels = _labels(document, total)
    finally:
        document.close()
    unread = _use_words(raw, recognised)
    _refuse_too_long(raw, limits)
    pages = _assemble(raw, labels)
    _refuse_without_text(pages, unread, limits)
    read = tuple(n for n, page in enumerate(raw, start=1) if page.recognised)
    title = title_of(pages, info.metadata.get("title", ""))
    return Extracted(pages, title, info.metadata, read, unread, info.attachments)


@dataclass(slots=True)
class _Raw:
    """A page as read: lines in reading order and its size in points.

    `pictured`: its text is in a picture or illegible; `recognised`: the lines come from there.
    """

    lines: list[Line]
    width: float
    height: float
    pictured: bool
    recognised: bool = False


def _open(path: Path) -> Any:
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(path)
        if document.get_formtype() != pypdfium2.raw.FORMTYPE_NONE:
            document.init_forms()
        return document
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) == _ERROR_PASSWORD or "assword" in str(error):
            raise BadDocument(
                "The document is protected by a password. Remove the password and send it again.",
                code="E-SENHA",
            ) from error
        raise _damaged() from error


def _damaged() -> BadDocument:
    return BadDocument("The file is damaged: it cannot be opened as a PDF.")


def _read(document: Any, limits: Limits, on_page: OnPage) -> list[_Raw]:
    import pypdfium2

    raw: list[_Raw] = []
    total, done, characters, lost = len(document), 0, 0, 0
    for index in range(total):
        try:
            page = document[index]
        except pypdfium2.PdfiumError:
            raw.append(_Raw([], 595.0, 842.0, pictured=True))
            lost += 1
            continue
        lines = lines_of(fragments_of(page))
        characters += sum(len(line.text) for line in lines)
        if characters > limits.max_characters:
            raise _too_long(limits)
        pictured = is_pictured(page, lines)
        raw.append(_Raw(lines, page.get_width(), page.get_height(), pictured))
        page.close()
        if not pictured:
            done += 1
            on_page(done, total)
    if lost == total:  # a broken tree of pages, not a scan
        raise _damaged()
    return raw


def _recognise(
    document: Any, raw: Sequence[_Raw], limits: Limits, on_page: OnPage, checkpoint: Checkpoint
) -> dict[int, Recognised]:
    numbers = [number for number, page in enumerate(raw, start=1) if page.pictured]
    if not numbers:
        return {}
    done = len(raw) - len(numbers)

    def one_more() -> None:
        nonlocal done
        done += 1
        on_page(done, len(raw))

    return recognise(
        numbers, lambda number: _drawn(document, number, limits), limits, checkpoint, one_more
    )


def _drawn(document: Any, number: int, limits: Limits) -> Picture:
    """Raises OSError when PDFium cannot draw it."""
    import pypdfium2

    try:
        page = document[number - 1]
        width, height = page.get_size()
        room = (MAX_PIXELS / max(width * height, 1.0)) ** 0.5
        scale = min(limits.ocr_dpi / 72, room)
        image = page.render(scale=scale, grayscale=True).to_pil().convert("L")
        page.close()
    except pypdfium2.PdfiumError as error:
        raise OSError(str(error)) from error
    return Picture(image, max(70, round(scale * 72)))


def _use_words(raw: Sequence[_Raw], recognised: Mapping[int, Recognised]) -> tuple[int, ...]:
    """Puts recognised words in place of what little text there was; the pages still unread."""
    unread = []
    for number, page in enumerate(raw, start=1):
        if not page.pictured:
            continue
        legible = is_legible(" ".join(line.text for line in page.lines))
        found = recognised.get(number)
        if found is None or not (found.words or legible):
            unread.append(number)
            continue
        fragments, height = fragments_of_words(found.words, page.width, page.height)
        lines = lines_of(fragments)
        if not legible or _letters(lines) >= _letters(page.lines):
            page.recognised = bool(lines)
            page.lines, page.height = lines, height
    return tuple(unread)


def _letters(lines: Sequence[Line]) -> int:
    return sum(char.isalnum() for line in lines for char in line.text)


def _labels(document: Any, total: int) -> list[str]:
    labels = []
    for index in range(total):
        try:
            labels.append(document.get_page_label(index)[:20])
        except Exception:  # labels are an ornament; broken ones are many
            labels.append("")
    return labels


def _assemble(raw: list[_Raw], labels: list[str]) -> tuple[Page, ...]:
    marked, printed = furniture_of([page.lines for page in raw], [page.height for page in raw])
    bodies = [
        fitted([line for index, line in enumerate(page.lines) if index not in marks])
        for page, marks in zip(raw, marked, strict=True)
    ]
    style = style_of(bodies)
    pages: list[Page] = []
    for number, (page, body) in enumerate(zip(raw, bodies, strict=True), start=1):
        blocks = _blocks(page, body, marked[number - 1], style)
        pages.append(page_of(number, blocks, labels[number - 1] or printed[number - 1]))
    return tuple(pages)


def _blocks(page: _Raw, body: list[Line], marks: set[int], style: Style) -> list[Block]:
    furniture = [Block("furniture", page.lines[index].text) for index in sorted(marks)]
    text = " ".join(line.text for line in body)
    # A page that is not pictured was legible with its furniture; little of that changes nothing.
    little = 5 * sum(len(block.text) for block in furniture) < len(text)
    if not (little and not page.pictured) and not is_legible(text):
        return furniture
    return blocks_of(body, style) + furniture


def _refuse_too_long(raw: Sequence[_Raw], limits: Limits) -> None:
    if sum(len(line.text) for page in raw for line in page.lines) > limits.max_characters:
        raise _too_long(limits)


def _too_long(limits: Limits) -> BadDocument:
    return BadDocument(
        "The document has more than %(limit)s characters. Split it into smaller files.",
        code="E-TAMANHO",
        limit=limits.max_characters,
    )


def _refuse_without_text(pages: Sequence[Page], unread: Sequence[int], limits: Limits) -> None:
    if any(page.text for page in pages if page.number not in unread):
        return
    if unread and limits.ocr_program:
        raise BadDocument(
            "The document is scanned, and no text was recognised in its pictures. Scan it again"
            " with a higher resolution.",
            code="E-DIGITALIZADO",
        )
    if unread:
        raise BadDocument(
            "The document is scanned: its pages are pictures without text, and OCR is not"
            " available. Once the Debian packages tesseract-ocr and tesseract-ocr-por are"
            " installed on the server, it is read by itself.",
            code="E-DIGITALIZADO",
        )
    raise BadDocument("The document has no text.", code="E-VAZIO")
