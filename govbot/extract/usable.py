"""Whether a page of a PDF has text that can be used, or has to be recognised in its picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from govbot.extract.layout import Line
from govbot.extract.legible import is_legible
from govbot.extract.picture import LOOK_DPI, has_writing, is_inked

_HARDLY_ANY = 12  # words; a page with fewer is looked at in any case
_MANY = 150  # words; a page with more has its text
_PICTURE_SHARE = 0.5
_MAX_SIDE = 2400  # pixels of the drawing that is looked at


def is_pictured(page: Any, lines: Sequence[Line]) -> bool:
    """Whether the text of a pypdfium2 page is in a picture, or illegible.

    `lines` is the text that was read from it. The page is drawn, small, only where there are few
    words and a picture, or next to no words.
    """
    text = " ".join(line.text for line in lines)
    if not is_legible(text):
        return True
    words = len(text.split())
    if words >= _MANY or (words >= _HARDLY_ANY and not _is_covered(page)):
        return False
    drawing, scale = _look(page)
    if drawing is None:
        return False
    if words == 0:
        return is_inked(drawing)
    boxes = [
        (line.x0 * scale, line.top * scale, line.x1 * scale, line.bottom * scale) for line in lines
    ]
    return has_writing(drawing, boxes)


def _is_covered(page: Any) -> bool:
    """Whether pictures cover most of the page."""
    import pypdfium2.raw as pdfium

    area = page.get_width() * page.get_height() or 1.0
    covered = 0.0
    for count, item in enumerate(page.get_objects(max_depth=3)):
        if item.type == pdfium.FPDF_PAGEOBJ_IMAGE:
            left, bottom, right, top = item.get_bounds()
            covered += max(0.0, right - left) * max(0.0, top - bottom)
        if covered > _PICTURE_SHARE * area:
            return True
        if count > 5000:
            break
    return False


def _look(page: Any) -> tuple[Any, float]:
    """The page drawn small in grey, and its pixels per point; None when it cannot be drawn."""
    import pypdfium2

    scale = min(LOOK_DPI / 72, _MAX_SIDE / max(*page.get_size(), 1.0))
    try:
        return page.render(scale=scale, grayscale=True).to_pil().convert("L"), scale
    except (pypdfium2.PdfiumError, ValueError, MemoryError):
        return None, scale
