"""PDF: reading order of columns, headlines, footnotes; running headers of several kinds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from reportlab.pdfgen.canvas import Canvas

from tests.unit.extract.conftest import lines, read

MakePdf = Callable[..., Path]


def column(canvas: Canvas, name: str, x: float, y: float, count: int = 12) -> None:
    lines(canvas, [f"{name}{n} texto da coluna aqui" for n in range(count)], x, y)


def order(path: Path, *names: str) -> list[str]:
    words = read(path).pages[0].text.split()
    return [word for word in words if word.startswith(names)]


def test_three_columns_are_read_from_left_to_right(make_pdf: MakePdf) -> None:
    def draw(canvas: Canvas) -> None:
        for n in range(14):  # row by row
            for x, name in ((30, "um"), (215, "dois"), (400, "tres")):
                lines(canvas, [f"{name}{n} texto da coluna aqui"], x, 780 - 14 * n)

    expected = [f"{name}{n}" for name in ("um", "dois", "tres") for n in range(14)]
    assert order(make_pdf(draw), "um", "dois", "tres") == expected


def test_a_headline_between_columns_parts_them(make_pdf: MakePdf) -> None:
    wide = "MANCHETE que atravessa a largura das duas colunas desta página do diário"

    def draw(canvas: Canvas) -> None:
        column(canvas, "a", 50, 780)
        column(canvas, "b", 310, 780)
        lines(canvas, [wide], 50, 580)
        column(canvas, "c", 50, 540)
        column(canvas, "d", 310, 540)

    found = order(make_pdf(draw), *[f"{c}{n}" for c in "abcd" for n in range(12)], "MANCHETE")
    first = [f"{c}{n}" for c in "ab" for n in range(12)]
    second = [f"{c}{n}" for c in "cd" for n in range(12)]
    assert found == [*first, "MANCHETE", *second]


def test_a_footnote_follows_the_text(make_pdf: MakePdf) -> None:
    def draw(canvas: Canvas) -> None:
        lines(canvas, ["Art. 1º Fica criado o cadastro¹ de fornecedores.", "Art. 2º Fim."], 60, 700)
        canvas.setFont("Helvetica", 8)
        canvas.drawString(60, 90, "¹ Nota sobre o cadastro, de acordo com a lei anterior.")

    assert read(make_pdf(draw)).pages[0].text.split("\n")[-1].startswith("¹ Nota")


def test_left_and_right_pages_may_have_their_own_headers(make_pdf: MakePdf) -> None:
    def page(number: int) -> Callable[[Canvas], None]:
        def draw(canvas: Canvas) -> None:
            if number % 2:
                lines(canvas, [f"{number} | Câmara Municipal"], 60, 810)
            else:
                lines(canvas, [f"Regimento Interno | {number}"], 400, 810)
            lines(canvas, [f"Texto próprio da página {'abcdefgh'[number]}."], 60, 600)

        return draw

    pages = read(make_pdf(*(page(number) for number in range(8)))).pages
    assert [p.text for p in pages] == [f"Texto próprio da página {c}." for c in "abcdefgh"]


def test_headers_may_name_the_chapter(make_pdf: MakePdf) -> None:
    def page(number: int) -> Callable[[Canvas], None]:
        def draw(canvas: Canvas) -> None:
            lines(canvas, [("Dos Direitos", "Dos Deveres", "Das Penas")[number // 5]], 60, 815)
            lines(canvas, [f"Texto da página {'abcdefghijklmno'[number]}."], 60, 600)
            lines(canvas, [f"Página {number + 1} de 15"], 260, 30)

        return draw

    pages = read(make_pdf(*(page(number) for number in range(15)))).pages
    assert all(p.text.startswith("Texto da página") and "\n" not in p.text for p in pages)
    assert pages[6].label == "7"


def test_a_footer_on_the_baseline_of_the_text_is_told_apart(make_pdf: MakePdf) -> None:
    def page(number: int) -> Callable[[Canvas], None]:
        def draw(canvas: Canvas) -> None:
            letter = "abcdef"[number]
            lines(canvas, [f"última linha do texto {letter} desta página que segue"], 60, 60)
            canvas.setFont("Helvetica", 8)
            canvas.drawRightString(560, 60, f"Folha {number + 1}")

        return draw

    pages = read(make_pdf(*(page(number) for number in range(6)))).pages
    assert [p.text for p in pages] == [
        f"última linha do texto {c} desta página que segue" for c in "abcdef"
    ]


def test_guarda_chuva_keeps_its_hyphen_and_constituicao_loses_it(make_pdf: MakePdf) -> None:
    texts = [
        "O guarda-chuva e a constituição são citados nesta linha de texto corrido aqui",
        "e depois vem uma linha bem longa que ocupa a largura toda e termina em guarda-",
        "chuva e depois outra linha bem longa que ocupa a largura toda até a cons-",
        "tituição do Estado.",
    ]
    text = read(make_pdf(lambda c: lines(c, texts, 40, 700))).pages[0].text
    assert text.count("guarda-chuva") == 2
    assert text.count("constituição") == 2


def test_a_wrapped_cell_without_borders_joins_its_row(make_pdf: MakePdf) -> None:
    def draw(canvas: Canvas) -> None:
        for n, (name, more, count) in enumerate(
            [
                ("Cargo", "", "Vagas"),
                ("Analista de", "sistemas", "12"),
                ("Médico do", "trabalho", "3"),
            ]
        ):
            y = 700 - 34 * n
            lines(canvas, [name, more] if more else [name], 60, y)
            lines(canvas, [count], 300, y)

    assert read(make_pdf(draw)).pages[0].text.split("\n") == [
        "Cargo | Vagas",
        "Analista de sistemas | 12",
        "Médico do trabalho | 3",
    ]


def test_a_list_in_two_columns_keeps_its_lines(make_pdf: MakePdf) -> None:
    def draw(canvas: Canvas) -> None:
        lines(canvas, ["17ª edição", "18ª edição", "19ª edição", "20ª edição"], 60, 700)
        lines(canvas, ["27ª edição", "28ª edição", "29ª edição"], 260, 700)
        lines(canvas, ["Texto que vem depois da lista."], 60, 500)

    text = read(make_pdf(draw)).pages[0].text
    assert "19ª edição | 29ª edição\n20ª edição\n" in text


def test_a_footer_printed_into_a_line_is_taken_out_of_it(make_pdf: MakePdf) -> None:
    text = "Apoio financeiro para missão de estudo no país ou no exterior"

    def draw(canvas: Canvas) -> None:
        canvas.setFont("Helvetica", 9.2)
        x = 15.0
        for word in text.split():
            for letter in word:  # as browsers print
                canvas.drawString(x, 60, letter)
                x += canvas.stringWidth(letter, "Helvetica", 9.2)
            x += 2.6
        canvas.setFont("Helvetica", 10)
        canvas.drawString(130, 58, "Resolução 6 (22503343) SEI 10910005.001839/2023-19 / pg. 2")

    found = read(make_pdf(draw)).pages[0].text.split("\n")
    assert found[0] == text
    assert found[1].startswith("Resolução 6 (22503343)")


def test_names_over_offices_are_no_table(make_pdf: MakePdf) -> None:
    def draw(canvas: Canvas) -> None:
        lines(
            canvas,
            ["Texto do edital que ocupa a largura toda da página, antes de tudo. " * 2],
            20,
            700,
        )
        lines(canvas, ["Maria da Silva e Souza", "Coordenadora"], 60, 640)
        lines(canvas, ["João P. de Lima", "Diretor"], 400, 640)

    assert read(make_pdf(draw)).pages[0].text.split("\n")[1:] == [
        "Maria da Silva e Souza",
        "Coordenadora",
        "João P. de Lima",
        "Diretor",
    ]


def test_one_line_with_a_gap_is_no_table(make_pdf: MakePdf) -> None:
    def draw(canvas: Canvas) -> None:
        lines(canvas, ["Referência: Processo nº 109/2023"], 60, 80)
        lines(canvas, ["SEI nº 22503343"], 380, 80)
        lines(canvas, ["a)"], 60, 60)
        lines(canvas, ["texto da alínea que segue"], 380, 60)

    (first, *_) = read(make_pdf(draw)).pages[0].blocks
    assert first.kind == "paragraph"


def test_a_clause_with_its_text_is_one_paragraph(make_pdf: MakePdf) -> None:
    texts = [
        "Cláusula Quarta – A retribuição financeira será paga mensalmente mediante frequência a",
        "título de bolsa, no valor de R$ 700,00 por mês.",
    ]
    found = read(make_pdf(lambda c: lines(c, texts, 40, 700))).pages[0]
    assert [(block.kind, block.text) for block in found.blocks] == [("paragraph", " ".join(texts))]
