"""Tables of PDFs: borders, merged cells, wrapped cells, pages; and what only looks like a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph, SimpleDocTemplate, Table

from govbot.extract.rulings import Ruling
from govbot.extract.tables import Cell, grids_of, header_of, rows_of
from tests.unit.extract.conftest import lines, read

MakePdf = Callable[..., Path]
GRID = ("GRID", (0, 0), (-1, -1), 0.5, "black")
SMALL = ParagraphStyle("small", fontName="Helvetica", fontSize=9, leading=11)


def table_pdf(folder: Path, *parts: object) -> Path:
    path = folder / "table.pdf"
    SimpleDocTemplate(str(path), pagesize=A4).build(list(parts))
    return path


def rows(path: Path, page: int = 1) -> list[str]:
    blocks = read(path).pages[page - 1].blocks
    return [row for block in blocks if block.kind == "table" for row in block.text.split("\n")]


def box(xs: Sequence[float], ys: Sequence[float]) -> list[Ruling]:
    upright = [Ruling(True, x, ys[0], ys[-1]) for x in xs]
    return upright + [Ruling(False, y, xs[0], xs[-1]) for y in ys]


def test_cells_of_several_lines_make_one_row(tmp_path: Path) -> None:
    long = Paragraph("Diploma de curso de pós-graduação em nível de doutorado na área", SMALL)
    table = Table([["A", long, "2,00"], ["B", "Outro", "1,00"]], colWidths=[30, 120, 50])
    table.setStyle([GRID])
    assert rows(table_pdf(tmp_path, table)) == [
        "A | Diploma de curso de pós-graduação em nível de doutorado na área | 2,00",
        "B | Outro | 1,00",
    ]


def test_a_word_divided_in_a_cell_is_joined(make_pdf: MakePdf) -> None:
    def draw(canvas: Canvas) -> None:
        lines(canvas, ["a constituição vigente"], 60, 780)
        canvas.grid([60, 160, 260], [600, 640, 660])
        lines(canvas, ["da consti-", "tuição"], 65, 628)
        lines(canvas, ["12"], 165, 628)
        lines(canvas, ["Fonte"], 65, 646)
        lines(canvas, ["Vagas"], 165, 646)

    assert rows(make_pdf(draw)) == ["Fonte | Vagas", "da constituição | 12"]


def test_close_cells_are_parted_by_their_border(make_pdf: MakePdf) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.grid([60, 93.5, 122, 200], [600, 620, 640])
        lines(canvas, ["Cargo Vaga Sede"], 62, 625)  # one piece of text over three cells
        lines(canvas, ["Fiscal"], 62, 605)

    assert rows(make_pdf(draw)) == ["Cargo | Vaga | Sede", "Fiscal |  | "]


def test_a_cell_over_rows_is_repeated_and_one_over_columns_is_not(tmp_path: Path) -> None:
    table = Table(
        [["Região", "Vagas", ""], ["", "Ampla", "PcD"], ["Sul", "10", "1"], ["", "20", "2"]]
    )
    table.setStyle(
        [GRID, ("SPAN", (1, 0), (2, 0)), ("SPAN", (0, 0), (0, 1)), ("SPAN", (0, 2), (0, 3))]
    )
    assert rows(table_pdf(tmp_path, table)) == [
        "Região | Vagas",
        "Região | Ampla | PcD",
        "Sul | 10 | 1",
        "Sul | 20 | 2",
    ]


def test_an_empty_cell_keeps_its_place(tmp_path: Path) -> None:
    table = Table([["Mês", "Ação 1", "Ação 2"], ["Jan", "", "X"]])
    table.setStyle([GRID])
    assert rows(table_pdf(tmp_path, table))[1] == "Jan |  | X"


def test_the_header_is_repeated_where_the_table_goes_on(tmp_path: Path) -> None:
    table = Table([["Cargo", "Vagas"], *[[f"Analista {n}", str(n)] for n in range(60)]])
    table.setStyle([GRID])
    path = table_pdf(tmp_path, table)
    second = read(path).pages[1]
    assert rows(path, 2)[0] == "Cargo | Vagas"
    assert rows(path, 2)[1].startswith("Analista ")
    assert second.text == "\n".join(block.text for block in second.blocks)


def test_a_header_that_the_page_repeats_itself_is_not_said_twice(tmp_path: Path) -> None:
    data = [["Cargo", "Vagas"], *[[f"Analista {n}", str(n)] for n in range(60)]]
    table = Table(data, repeatRows=1)
    table.setStyle([GRID])
    assert rows(table_pdf(tmp_path, table), 2).count("Cargo | Vagas") == 1


def test_a_box_around_text_is_no_table(make_pdf: MakePdf) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.rect(50, 600, 400, 120)
        lines(canvas, ["Texto dentro de um quadro.", "Outra linha do quadro."], 60, 700)

    assert rows(make_pdf(draw)) == []


def test_text_around_a_table_stays_around_it(tmp_path: Path) -> None:
    table = Table([["Cargo", "Vagas"], ["Fiscal", "3"]])
    table.setStyle([GRID])
    path = table_pdf(
        tmp_path, Paragraph("Antes do quadro.", SMALL), table, Paragraph("Depois dele.", SMALL)
    )
    assert read(path).pages[0].text.split("\n") == [
        "Antes do quadro.",
        "Cargo | Vagas",
        "Fiscal | 3",
        "Depois dele.",
    ]


def test_a_footer_printed_over_a_table_is_not_cut_by_it(make_pdf: MakePdf) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.grid([60, 165, 400], [20, 400, 420, 440])
        for y, row in ((425, ("Cargo", "Vagas")), (405, ("Fiscal", "3")), (380, ("Agente", "1"))):
            lines(canvas, [row[0]], 65, y)
            lines(canvas, [row[1]], 170, y)
        lines(canvas, ["Resolução assinada eletronicamente"], 80, 30)

    text = read(make_pdf(draw)).pages[0].text
    assert "Resolução assinada eletronicamente" in text.split("\n")


@pytest.mark.parametrize("mark", ["{})", "{}.", "•", "–"])
def test_items_that_hang_in_the_margin_are_no_table(make_pdf: MakePdf, mark: str) -> None:
    def draw(canvas: Canvas) -> None:
        for number in range(4):
            lines(canvas, [mark.format("abcd"[number])], 60, 700 - 14 * number)
            lines(
                canvas, ["alínea com um texto que segue depois do recuo;"], 100, 700 - 14 * number
            )

    found = read(make_pdf(draw)).pages[0]
    assert rows(make_pdf(draw)) == []
    assert found.text.startswith(mark.format("a") + " alínea")


def test_a_table_that_a_page_break_left_without_its_first_border_keeps_its_first_row() -> None:
    rulings = [r for r in box([0, 50, 100], [0, 20, 40, 60]) if r.vertical or r.at not in (0, 60)]
    (grid,) = grids_of(rulings)
    assert grid.ys == (0, 20, 40, 60)
    assert grid.cell_at(75, 10) == Cell(0, 0, 1)
    assert grid.cell_at(75, 50) == Cell(0, 2, 1)


def test_a_page_with_borders_around_whole_sections_is_read_as_text(make_pdf: MakePdf) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.grid([50, 300, 560], [50, 420, 800])
        for x, y in ((60, 780), (310, 780), (60, 400), (310, 400)):
            lines(canvas, ["Linha comprida do texto de uma seção inteira."] * 25, x, y)

    assert rows(make_pdf(draw)) == []


def test_borders_drawn_cell_by_cell_make_one_grid() -> None:
    pieces = [
        ruling
        for x in (0.0, 100.4)
        for y in (0.0, 50.3)
        for ruling in box([x, x + 99.7], [y, y + 49.8])
    ]
    (grid,) = grids_of(pieces)
    assert (len(grid.xs), len(grid.ys)) == (3, 3)
    assert grid.cell_at(150, 70) == Cell(0, 1, 1)
    assert grid.cell_at(250, 70) is None


def test_a_missing_border_merges_cells() -> None:
    rulings = [r for r in box([0, 50, 100], [0, 20, 40]) if not (r.vertical and r.at == 50)]
    (grid,) = grids_of([*rulings, Ruling(True, 50, 20, 40)])
    assert grid.cell_at(75, 10) == Cell(0, 0, 0, 1, 2)
    assert list(grid.walls()) == [(50, 20, 40)]


@pytest.mark.parametrize(
    "rulings",
    [
        box([0, 100], [0, 20, 40]),
        box([0, 50, 100], [0, 40]),
        [Ruling(True, float(x), 0, 9) for x in range(9)],
        box([float(x) * 4 for x in range(300)], [float(y) * 4 for y in range(300)]),
    ],
)
def test_what_is_no_grid(rulings: list[Ruling]) -> None:
    assert grids_of(rulings) == []


def test_long_cells_are_not_repeated() -> None:
    texts = {Cell(0, 0, 0, 2): "x" * 81, Cell(0, 0, 1): "a", Cell(0, 1, 1): "b"}
    assert rows_of(texts) == [(0, ("x" * 81, "a")), (1, ("", "b"))]


@pytest.mark.parametrize(
    ("rows", "count"),
    [
        ([("Cargo", "Vagas"), ("Fiscal", "3")], 1),
        ([("QUADRO DE VAGAS",), ("Cargo", "Vagas"), ("Fiscal", "3")], 2),
        ([("Região", "Vagas"), ("Região", "PcD"), ("Sul", "1")], 2),
        ([("Fiscal", "3"), ("Agente", "4")], 0),
        ([("CARGO", "LOCAL"), ("Fiscal", "Sede")], 1),
        ([("Ana", "Bia"), ("Diretora", "Chefe")], 0),
    ],
)
def test_header_rows(rows: list[tuple[str, ...]], count: int) -> None:
    assert header_of(rows) == count
