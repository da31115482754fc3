"""Scans made on the spot: a page of text drawn, spoiled as scanners do, and put in a PDF."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
import pypdfium2
from PIL import Image
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

Draw = Callable[[Canvas], None]

_TEXT = """\
RESOLUÇÃO Nº 17, DE 9 DE MARÇO DE 2021
Dispõe sobre a concessão de diárias aos servidores da autarquia e dá
outras providências.
O Conselho Diretor, no uso das atribuições que lhe confere o regimento
interno e considerando a necessidade de disciplinar os deslocamentos,
resolve:
Art. 1º Esta Resolução disciplina a concessão e o pagamento de diárias
aos servidores que se afastarem da sede do serviço, em caráter eventual
ou transitório, para outro ponto do território nacional.
Art. 2º As diárias serão concedidas por dia de afastamento, destinando-se
a indenizar as despesas extraordinárias com pousada, alimentação e
locomoção urbana.
I - quando o deslocamento exigir pernoite fora da sede;
II - quando houver expressa autorização da chefia imediata.
Art. 3º O servidor que receber diárias e não se afastar da sede fica
obrigado a restituí-las integralmente, no prazo de cinco dias úteis.
Art. 4º Os casos omissos serão decididos pela Diretoria Administrativa.
Art. 5º Esta Resolução entra em vigor na data de sua publicação."""
NORM = _TEXT.splitlines()


def drawn(lines: Sequence[str] = NORM, *, size: float = 12, x: float = 75, y: float = 740) -> Draw:
    """A page with these lines, the first of them centred."""

    def draw(canvas: Canvas) -> None:
        canvas.setFont("Times-Roman", size)
        for index, line in enumerate(lines):
            down = y - 1.5 * size * index
            if index == 0:
                canvas.drawCentredString(A4[0] / 2, down, line)
            else:
                canvas.drawString(x, down, line)

    return draw


def scanned(
    draw: Draw, *, dpi: int = 200, turn: int = 0, skew: float = 0.0, noise: float = 0.0
) -> Image.Image:
    """The drawn page as a grey picture, turned by quarters clockwise, then slanted by `skew`
    degrees against the clock, with `noise` as standard deviation of each grey."""
    data = io.BytesIO()
    canvas = Canvas(data, pagesize=A4)
    draw(canvas)
    canvas.save()
    document = pypdfium2.PdfDocument(data.getvalue())
    image = document[0].render(scale=dpi / 72, grayscale=True).to_pil().convert("L").copy()
    document.close()
    if skew:
        image = image.rotate(skew, Image.Resampling.BICUBIC, fillcolor=250)
    for _quarter in range(turn % 4):
        image = image.transpose(Image.Transpose.ROTATE_270)
    if noise:
        greys = np.asarray(image, dtype=np.float32)
        spoiled = greys + np.random.default_rng(1).normal(0.0, noise, greys.shape)
        image = Image.fromarray(np.clip(spoiled, 0, 255).astype(np.uint8))
    return image


def scan_pdf(path: Path, images: Sequence[Image.Image], over: Sequence[Draw] = ()) -> Path:
    """A PDF whose pages hold these pictures only, and what `over` draws on top of each."""
    canvas = Canvas(str(path))
    for index, image in enumerate(images):
        size = A4 if image.height >= image.width else A4[::-1]
        canvas.setPageSize(size)
        data = io.BytesIO()
        image.save(data, "JPEG", quality=70)
        data.seek(0)
        canvas.drawImage(ImageReader(data), 0, 0, *size)
        if index < len(over):
            over[index](canvas)
        canvas.showPage()
    canvas.save()
    return path


def accuracy(text: str, lines: Sequence[str] = NORM) -> float:
    """The share of the words of `lines` that stand in `text`, in their order."""
    wanted = " ".join(lines).replace("- ", "").split()
    found = text.replace("\n", " ").split()
    matcher = SequenceMatcher(None, wanted, found, autojunk=False)
    return sum(block.size for block in matcher.get_matching_blocks()) / len(wanted)
