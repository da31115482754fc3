"""The child process that renders one page: a request as JSON on standard input, then the picture.

Answer on standard output: one line of JSON, then the bytes of the picture.
"""

from __future__ import annotations

import ctypes
import io
import json
import resource
import sys
from collections.abc import Sequence
from typing import Any

from govbot.extract.passage import Rect, find, lines, strips
from govbot.extract.words import Word, letters_of

MAX_PIXELS = 6_000_000
SMALL_PNG = 400_000


def main() -> None:
    """Reads the request, limits itself, renders, answers."""
    request = json.load(sys.stdin)
    _limit(request["memory_mb"], request["seconds"])
    words = tuple(Word(*word) for word in request["words"])
    wanted = request["number"], request["width"], request["quote"]
    head, image = render(request["path"], *wanted, words)
    sys.stdout.buffer.write(json.dumps(head).encode() + b"\n" + image)
    sys.stdout.flush()


def render(
    path: str, number: int, width: int, quote: str, words: Sequence[Word] = ()
) -> tuple[dict[str, Any], bytes]:
    """What to answer: a head for JSON and the bytes of the picture.

    `words` are those recognised in the picture of the page, if its text comes from there.
    """
    import pypdfium2 as pdfium

    try:
        document = pdfium.PdfDocument(path)
    except pdfium.PdfiumError:
        return {"error": "unreadable"}, b""
    if not 1 <= number <= len(document):
        return {"error": "no-page"}, b""
    try:
        page = document[number - 1]
    except pdfium.PdfiumError:
        return {"error": "unreadable"}, b""
    points_wide, points_high = page.get_size()
    if points_wide <= 0 or points_high <= 0:
        return {"error": "unreadable"}, b""
    scale = min(width / points_wide, (MAX_PIXELS / (points_wide * points_high)) ** 0.5)
    picture = page.render(scale=scale).to_pil().convert("RGB")
    media_type, image = _packed(picture)
    head = {
        "media_type": media_type,
        "width": picture.width,
        "height": picture.height,
        "pages": len(document),
        "rects": _rects_of(page, quote, words) if quote else [],
    }
    return head, image


def _packed(picture: Any) -> tuple[str, bytes]:
    """PNG for drawn text; JPEG where that would be large, as for scanned pages."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=6)
    if buffer.tell() <= SMALL_PNG:
        return "image/png", buffer.getvalue()
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=82)
    return "image/jpeg", buffer.getvalue()


def _rects_of(page: Any, quote: str, words: Sequence[Word]) -> list[Rect]:
    return _word_rects(words, quote) if words else _rects(page, quote)


def _word_rects(words: Sequence[Word], quote: str) -> list[Rect]:
    """Rectangles over the recognised words of the passage."""
    letters, owners = letters_of(words)
    return [
        strip
        for start, end in find(quote, letters)
        for strip in strips(
            (words[index].x, words[index].y, words[index].width, words[index].height)
            for index in dict.fromkeys(owners[start:end])
            if index >= 0
        )
    ]


def _rects(page: Any, quote: str) -> list[Rect]:
    """One rectangle per line of the passage, in fractions of the page as shown, rotation too."""
    from pypdfium2 import raw

    text = page.get_textpage()
    letters = [_letter(raw.FPDFText_GetUnicode(text, i)) for i in range(text.count_chars())]
    return [
        line
        for start, end in find(quote, letters)
        for line in lines(
            _on_screen(raw, page, text.get_charbox(index, loose=True))
            for index in range(start, end)
            if not letters[index].isspace()
        )
    ]


def _letter(code: int) -> str:
    return chr(code) if 0 < code < 0x110000 else " "


def _on_screen(raw: Any, page: Any, box: tuple[float, float, float, float]) -> Rect:
    """x, y, width, height in fractions, from a box (left, bottom, right, top) in PDF points."""
    size, (left, bottom, right, top) = 1_000_000, box
    x, y = ctypes.c_int(), ctypes.c_int()
    corners = []
    for across, up in ((left, top), (right, bottom)):
        raw.FPDF_PageToDevice(page, 0, 0, size, size, 0, across, up, x, y)
        corners.append((_clamp(x.value / size), _clamp(y.value / size)))
    (x1, y1), (x2, y2) = corners
    return min(x1, x2), min(y1, y2), abs(x2 - x1), abs(y2 - y1)


def _clamp(value: float) -> float:
    return min(1.0, max(0.0, value))


def _limit(memory_mb: int, seconds: int) -> None:
    for kind, limit in (
        (resource.RLIMIT_AS, memory_mb * 2**20),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (limit, limit))


if __name__ == "__main__":
    main()
