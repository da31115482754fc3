"""Time of the text of PDFs against what the library itself needs; `make bench` prints it.

The peers do the least that positions need: `rects` asks pypdfium2 for the place and text of every
run of letters, `characters` for the place of every letter; `plain` takes the text alone, which
knows neither columns nor headers nor tables, and pypdf's text is a fifth column (not of files of
more than MOST pages, for its slowness). All of them run in this process on the same file, in turns;
the figures are seconds of processor time, the least of ROUNDS (of one where that took more than
SLOW seconds), and how often the peer's time the whole extraction takes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pypdf
import pypdfium2
import pytest
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate, Table

from govbot.extract import Limits
from govbot.extract.pdf import extract_pdf

PAGES = 100
ROUNDS = 2
SLOW = 3.0
MOST = 200
REAL = (
    "mg_constituicao_estadual_35ed.pdf",
    "ufpb_resolucao_2611980.pdf",
    "caixa_edital_concurso_2024.pdf",
    "lei_14133_2021_licitacoes.pdf",
)
SENTENCE = (
    "As contratações de que trata esta Lei serão precedidas de estudo técnico preliminar, que"
    " descreverá a necessidade, os requisitos e as estimativas das quantidades, na forma do"
    " regulamento. "
)


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("extract")
    return [_plain(folder / "lines.pdf"), _flowing(folder / "justified.pdf")]


def test_time_of_generated_norms(generated: list[Path]) -> None:
    _heading(f"{PAGES} pages each")
    for path in generated:
        _row(path)


def test_time_of_published_documents(shared_data: Path) -> None:
    _heading("published documents")
    for name in REAL:
        _row(shared_data / "docs" / name)


def _heading(title: str) -> None:
    columns = (
        "file\tpages\tours s\trects s\tratio\tcharacters s\tratio\tplain s\tratio\tpypdf s\tratio"
    )
    print(f"\n{title}; processor time\n{columns}")


def _row(path: Path) -> None:
    peers: list[Callable[[Path], int]] = [_ours, _rects, _characters, _plain_text, _pypdf_text]
    count = _count(path)
    if count > MOST:
        peers.remove(_pypdf_text)
    best = [float("inf")] * len(peers)
    for turn in range(ROUNDS):
        for index, peer in enumerate(peers):
            if turn and best[index] > SLOW:
                continue
            began = time.process_time()
            assert peer(path) > 0
            best[index] = min(best[index], time.process_time() - began)
    ours, *others = best
    cells = [f"{seconds:.2f}\t{ours / seconds:.2f}" for seconds in others]
    print(path.name, count, f"{ours:.2f}", *cells, sep="\t")


def _count(path: Path) -> int:
    document = pypdfium2.PdfDocument(path)
    count = len(document)
    document.close()
    return count


def _ours(path: Path) -> int:
    return sum(len(page.text) for page in extract_pdf(path, Limits(), lambda a, b: None).pages)


def _pages(path: Path, read: Callable[[pypdfium2.PdfTextPage], int]) -> int:
    document, total = pypdfium2.PdfDocument(path), 0
    for index in range(len(document)):
        page = document[index]
        text = page.get_textpage()
        total += read(text)
        text.close()
        page.close()
    document.close()
    return total


def _rects(path: Path) -> int:
    def read(text: pypdfium2.PdfTextPage) -> int:
        places = [text.get_rect(index) for index in range(text.count_rects())]
        return sum(len(text.get_text_bounded(*place)) for place in places)

    return _pages(path, read)


def _characters(path: Path) -> int:
    def read(text: pypdfium2.PdfTextPage) -> int:
        places = [text.get_charbox(index) for index in range(text.count_chars())]
        return len(places) and len(text.get_text_range())

    return _pages(path, read)


def _plain_text(path: Path) -> int:
    return _pages(path, lambda text: len(text.get_text_bounded()))


def _pypdf_text(path: Path) -> int:
    return sum(len(page.extract_text()) for page in pypdf.PdfReader(path).pages)


def _plain(path: Path) -> Path:
    """Lines set one by one, with a running header and a page number."""
    canvas = Canvas(str(path), pagesize=A4)
    words = (SENTENCE * 20).split()
    for page in range(PAGES):
        canvas.setFont("Helvetica", 10)
        canvas.drawString(60, 810, "PREFEITURA MUNICIPAL DE EXEMPLO")
        for row in range(50):
            begin = "" if row % 6 else f"Art. {page * 9 + row // 6 + 1}º "
            text = begin + " ".join(words[row * 4 : row * 4 + 13])
            canvas.drawString(60, 780 - 14 * row, text)
        canvas.drawString(280, 30, f"Página {page + 1} de {PAGES}")
        canvas.showPage()
    canvas.save()
    return path


def _flowing(path: Path) -> Path:
    """Justified paragraphs, bold headings, and a table with borders on every third page."""
    body = ParagraphStyle("body", fontName="Times-Roman", fontSize=11, leading=14, alignment=4)
    head = ParagraphStyle("head", fontName="Times-Bold", fontSize=12, leading=16, alignment=1)
    story: list[object] = []
    for page in range(PAGES):
        story.append(Paragraph(f"CAPÍTULO {page + 1}", head))
        story.extend(
            Paragraph(f"<b>Art. {page * 9 + n}º</b> {SENTENCE * 2}", body) for n in range(9)
        )
        if page % 3 == 0:
            rows = [
                ["Cargo", "Vagas", "Lotação"],
                *[[f"Analista {n}", n, "Sede"] for n in range(6)],
            ]
            story.append(Table(rows, style=[("GRID", (0, 0), (-1, -1), 0.5, "black")]))
        story.append(PageBreak())
    SimpleDocTemplate(str(path), pagesize=A4).build(story)
    return path
