"""Small documents made on the spot, and a way to read them without a child process."""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from govbot.extract import EXTRACTORS, Extracted, Limits, sniff

Draw = Callable[[Canvas], None]


def read(path: Path, limits: Limits | None = None) -> Extracted:
    """What the extractor of the file's true kind reads, in this process."""
    module, function = EXTRACTORS[sniff(path, path.name)].split(":")
    extractor = getattr(importlib.import_module(module), function)
    found = extractor(path, limits or Limits(), lambda done, total: None)
    assert isinstance(found, Extracted)
    return found


def lines(
    canvas: Canvas, texts: Sequence[str], x: float, y: float, *, font: str = "Helvetica"
) -> None:
    """Draws lines downwards from `y` points above the bottom."""
    canvas.setFont(font, 11)
    for index, text in enumerate(texts):
        canvas.drawString(x, y - 14 * index, text)


def picture() -> ImageReader:
    """A page of writing as a picture, as a scanner would leave."""
    from PIL import Image, ImageDraw

    data = io.BytesIO()
    image = Image.new("L", (600, 850), 230)
    for row in range(8):
        ImageDraw.Draw(image).text((60, 80 + 40 * row), "Texto que so a imagem tem. " * 3, fill=20)
    image.save(data, "PNG")
    data.seek(0)
    return ImageReader(data)


@pytest.fixture
def make_pdf(tmp_path: Path) -> Callable[..., Path]:
    """make_pdf(draw, draw, ...) writes one page per function."""

    def make(*pages: Draw, name: str = "file.pdf", **options: object) -> Path:
        path = tmp_path / name
        canvas = Canvas(str(path), pagesize=A4, **options)
        for draw in pages:
            draw(canvas)
            canvas.showPage()
        canvas.save()
        return path

    return make
