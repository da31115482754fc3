"""The invented coat of arms: drawn as vectors in the PDF, as crest.png in the DOCX.

`python packaging/demo/crest.py` draws crest.png again; the image is committed, so that the
bytes of the DOCX do not depend on a rasteriser.
"""

import io
from pathlib import Path

from reportlab.lib.colors import HexColor
from reportlab.pdfgen.canvas import Canvas

GREEN = HexColor("#2f6b4f")
BLUE = HexColor("#dcebf5")
GOLD = HexColor("#d9a441")
DARK = HexColor("#1f3a4d")
PNG = Path(__file__).with_name("crest.png")


def draw_crest(canvas: Canvas, x: float, y: float, size: float) -> None:
    """Draw the crest in a square of `size` points whose lower left corner is (x, y)."""
    canvas.saveState()
    canvas.translate(x, y)
    canvas.scale(size / 100, size / 100)
    canvas.saveState()
    canvas.clipPath(_shield(canvas), stroke=0, fill=0)
    canvas.setFillColor(BLUE)
    canvas.rect(0, 0, 100, 100, stroke=0, fill=1)
    canvas.setFillColor(GOLD)
    canvas.circle(50, 60, 13, stroke=0, fill=1)
    _polygon(canvas, GREEN, [(0, 30), (28, 62), (48, 40), (70, 66), (100, 34), (100, 0), (0, 0)])
    canvas.setFillColor(HexColor("#ffffff"))
    canvas.setStrokeColor(HexColor("#ffffff"))
    canvas.setLineWidth(3)
    for height in (26, 18):
        path = canvas.beginPath()
        path.moveTo(10, height)
        path.curveTo(30, height + 8, 40, height - 8, 55, height)
        path.curveTo(70, height + 8, 80, height - 4, 95, height)
        canvas.drawPath(path, stroke=1, fill=0)
    canvas.restoreState()
    canvas.setStrokeColor(DARK)
    canvas.setLineWidth(3)
    canvas.drawPath(_shield(canvas), stroke=1, fill=0)
    _polygon(canvas, DARK, [(14, 92), (14, 99), (86, 99), (86, 92)])
    canvas.restoreState()


def _shield(canvas: Canvas) -> object:
    path = canvas.beginPath()
    path.moveTo(14, 90)
    path.lineTo(86, 90)
    path.lineTo(86, 45)
    path.curveTo(86, 20, 66, 8, 50, 2)
    path.curveTo(34, 8, 14, 20, 14, 45)
    path.close()
    return path


def _polygon(canvas: Canvas, colour: HexColor, points: list[tuple[float, float]]) -> None:
    path = canvas.beginPath()
    path.moveTo(*points[0])
    for point in points[1:]:
        path.lineTo(*point)
    path.close()
    canvas.setFillColor(colour)
    canvas.drawPath(path, stroke=0, fill=1)


def main() -> None:
    import pypdfium2

    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(100, 102), invariant=1)
    draw_crest(canvas, 0, 1, 100)
    canvas.save()
    page = pypdfium2.PdfDocument(buffer.getvalue())[0]
    page.render(scale=2.4).to_pil().quantize(64).save(PNG, optimize=True)


if __name__ == "__main__":
    main()
