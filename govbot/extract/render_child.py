"""The child process that draws pages or looks for a passage: a request as JSON on standard input.

Answer on standard output, for each page: four bytes with the length of a head, the head as JSON,
and as many bytes of picture as it says.
"""

from __future__ import annotations

import io
import json
import resource
import struct
import sys
from typing import Any

from govbot.extract.place import roughly
from govbot.extract.words import Word

MAX_PIXELS = 9_000_000
SMALL_PNG = 400_000


def main() -> None:
    """Reads the request, limits itself, answers."""
    request = json.load(sys.stdin)
    _limit(request["memory_mb"], request["seconds"])
    if "quote" in request:
        words = tuple(Word(*word) for word in request["words"])
        _send({"rects": roughly(words, request["quote"])})
        return
    _draw(request)


def _draw(request: dict[str, Any]) -> None:
    import pypdfium2 as pdfium

    try:
        document = pdfium.PdfDocument(request["path"])
    except pdfium.PdfiumError:
        _send({"error": "unreadable"})
        return
    for number in request["numbers"]:
        if not 1 <= number <= len(document):
            _send({"number": number, "error": "no-page"})
            continue
        try:
            page = document[number - 1]
            head, image = _sheet(page, request["width"], text=request["text"])
        except pdfium.PdfiumError:
            _send({"number": number, "error": "unreadable"})
            continue
        _send({"number": number, "pages": len(document), **head}, image)
        page.close()


def _sheet(page: Any, width: int, *, text: bool) -> tuple[dict[str, Any], bytes]:
    """The head of the answer and the picture of a page."""
    points_wide, points_high = page.get_size()
    if points_wide <= 0 or points_high <= 0:
        return {"error": "unreadable"}, b""
    scale = min(width / points_wide, (MAX_PIXELS / (points_wide * points_high)) ** 0.5)
    picture = page.render(scale=scale).to_pil().convert("RGB")
    image = _packed(picture)
    head: dict[str, Any] = {"width": picture.width, "height": picture.height}
    if text:
        from govbot.extract.page_words import words_of

        head["words"] = words_of(page)
    return {**head, "bytes": len(image)}, image


def _packed(picture: Any) -> bytes:
    """PNG for drawn text; JPEG where that would be large, as for scanned pages."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=6)
    if buffer.tell() <= SMALL_PNG:
        return buffer.getvalue()
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=82)
    return buffer.getvalue()


def _send(head: dict[str, Any], image: bytes = b"") -> None:
    data = json.dumps(head).encode()
    sys.stdout.buffer.write(struct.pack(">I", len(data)) + data + image)
    sys.stdout.buffer.flush()


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
