"""PDF: reading order, paragraphs, headings, furniture, pages without text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pypdf
import pytest
from reportlab.pdfgen.canvas import Canvas

from govbot.errors import BadDocument
from govbot.extract import Limits
from tests.unit.extract.conftest import lines, picture, read
from tests.unit.extract.pdf_parts import assembled

MakePdf = Callable[..., Path]
WIDE = "Esta linha de texto corrido ocupa a largura inteira da página do documento de teste"
NARROW = "linha da coluna com sete palavras"


def blocks(path: Path, page: int = 1) -> list[tuple[str, str]]:
    return [(block.kind, block.text) for block in read(path).pages[page - 1].blocks]


def test_lines_of_a_paragraph_become_one(make_pdf: MakePdf) -> None:
    path = make_pdf(lambda c: lines(c, [WIDE, WIDE, "e termina aqui."], 60, 700))
    assert blocks(path) == [("paragraph", f"{WIDE} {WIDE} e termina aqui.")]


def test_marks_of_norms_start_paragraphs(make_pdf: MakePdf) -> None:
    texts = [
        f"Art. 1º {WIDE[:70]}",
        "e continua:",
        "I - um;",
        "a) alínea;",
        "§ 1º Parágrafo.",
        "Art. 2º Outro.",
    ]
    found = [text for _, text in blocks(make_pdf(lambda c: lines(c, texts, 60, 700)))]
    assert [text[:6] for text in found] == ["Art. 1", "I - um", "a) alí", "§ 1º P", "Art. 2"]
    assert found[0].endswith("e continua:")


def test_a_wrapped_reference_starts_no_paragraph(make_pdf: MakePdf) -> None:
    texts = [WIDE, "§ 2º deste artigo, na forma da lei,", "art. 5º da Constituição e outras mais."]
    assert len(blocks(make_pdf(lambda c: lines(c, texts, 60, 700)))) == 1


def test_a_gap_parts_paragraphs(make_pdf: MakePdf) -> None:
    def draw(canvas: Canvas) -> None:
        lines(canvas, [WIDE, WIDE], 60, 700)
        lines(canvas, [WIDE, WIDE], 60, 650)

    assert len(blocks(make_pdf(draw))) == 2


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("a adminis-", "tração pública", "a administração pública"),
        ("o Vice-", "Reitor assina", "o Vice-Reitor assina"),
        ("deverá aplicar-", "se a norma", "deverá aplicar-se a norma"),
    ],
)
def test_divided_words_are_joined(
    make_pdf: MakePdf, first: str, second: str, expected: str
) -> None:
    path = make_pdf(lambda c: lines(c, [f"{WIDE} {first}", f"{second} até o fim."], 40, 700))
    assert expected in read(path).pages[0].text


def test_a_compound_word_of_the_document_keeps_its_hyphen(make_pdf: MakePdf) -> None:
    texts = [
        "O texto teórico-metodológico é citado aqui inteiro.",
        f"{WIDE} teórico-",
        "metodológico de novo.",
    ]
    assert (
        read(make_pdf(lambda c: lines(c, texts, 40, 700)))
        .pages[0]
        .text.count("teórico-metodológico")
        == 2
    )


def test_two_columns_are_read_one_after_the_other(make_pdf: MakePdf) -> None:
    def draw(canvas: Canvas) -> None:
        lines(
            canvas,
            ["DIÁRIO OFICIAL que atravessa toda a largura das duas colunas da página"],
            60,
            760,
        )
        for index in range(12):  # row by row, as some programs write gazettes
            lines(canvas, [f"esquerda{index} {NARROW}"], 60, 700 - 14 * index)
            lines(canvas, [f"direita{index} {NARROW}"], 320, 700 - 14 * index)

    text = read(make_pdf(draw)).pages[0].text
    order = [word for word in text.split() if word.startswith(("DIÁRIO", "esquerda", "direita"))]
    expected = [f"esquerda{i}" for i in range(12)] + [f"direita{i}" for i in range(12)]
    assert order == ["DIÁRIO", *expected]


def test_rows_of_a_table_stay_rows(make_pdf: MakePdf) -> None:
    def draw(canvas: Canvas) -> None:
        for index, row in enumerate(
            [("Cargo", "Vagas", "UF"), ("Médico", "12", "PB"), ("Engenheiro", "3", "RN")]
        ):
            for x, cell in zip((60, 250, 400), row, strict=True):
                lines(canvas, [cell], x, 700 - 16 * index)

    assert blocks(make_pdf(draw)) == [
        ("table", "Cargo | Vagas | UF\nMédico | 12 | PB\nEngenheiro | 3 | RN")
    ]


def test_headings_are_told_from_text(make_pdf: MakePdf) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setFont("Helvetica-Bold", 11)
        canvas.drawCentredString(297, 740, "CAPÍTULO I")
        canvas.drawCentredString(297, 726, "DAS DISPOSIÇÕES GERAIS")
        lines(canvas, [f"Art. 1º {WIDE}", WIDE, "e fim."], 60, 690)
        lines(canvas, ["Do prazo"], 60, 620, font="Helvetica-Bold")
        lines(canvas, [WIDE, WIDE], 60, 600)

    kinds = blocks(make_pdf(draw))
    assert [kind for kind, _ in kinds] == [
        "heading",
        "heading",
        "paragraph",
        "heading",
        "paragraph",
    ]
    assert kinds[3][1] == "Do prazo"


def test_running_headers_and_page_numbers_are_furniture(make_pdf: MakePdf) -> None:
    def page(number: int) -> Callable[[Canvas], None]:
        def draw(canvas: Canvas) -> None:
            lines(canvas, ["PREFEITURA MUNICIPAL DE EXEMPLO"], 60, 810)
            lines(canvas, [f"Texto próprio da página {'abcd'[number]} do documento."], 60, 600)
            lines(canvas, [f"Página {number + 7} de 10"], 280, 30)

        return draw

    pages = read(make_pdf(*(page(number) for number in range(4)))).pages
    for page_, letter in zip(pages, "abcd", strict=True):
        assert page_.text == f"Texto próprio da página {letter} do documento."
        assert {b.text for b in page_.blocks if b.kind == "furniture"} > {
            "PREFEITURA MUNICIPAL DE EXEMPLO"
        }
    assert [page_.label for page_ in pages] == ["7", "8", "9", "10"]


def test_text_that_recurs_in_the_body_is_no_furniture(make_pdf: MakePdf) -> None:
    def page(number: int) -> Callable[[Canvas], None]:
        return lambda c: lines(c, [f"Linha {number}", "Revogado."], 60, 800 - 23 * number)

    pages = read(make_pdf(*(page(number) for number in range(6)))).pages
    assert all("Revogado." in page_.text for page_ in pages)


def test_all_pages_scanned_is_refused(make_pdf: MakePdf) -> None:
    path = make_pdf(lambda c: c.drawImage(picture(), 0, 0, 595, 842))
    with pytest.raises(BadDocument) as error:
        read(path)
    assert error.value.error_code == "E-DIGITALIZADO"


def test_a_partly_scanned_document_lists_its_scanned_pages(make_pdf: MakePdf) -> None:
    def scan(canvas: Canvas) -> None:
        canvas.drawImage(picture(), 0, 0, 595, 842)

    path = make_pdf(lambda c: lines(c, [WIDE], 60, 700), scan, lambda c: None)
    found = read(path)
    assert found.unread_pages == (2,)
    assert [page.number for page in found.pages] == [1, 2, 3]


def test_a_broken_text_layer_counts_as_scanned(make_pdf: MakePdf) -> None:
    rubbish = "7KLV LV D EURNHQ IRQW ~% #$^ &*( )@! wxqz bcdfg hjkl mnpqr vwxz tgbnh yhnmj"
    path = make_pdf(lambda c: lines(c, [WIDE], 60, 700), lambda c: lines(c, [rubbish] * 3, 60, 700))
    found = read(path)
    assert found.unread_pages == (2,)
    assert found.pages[1].text == ""


def test_blank_pages_alone_are_an_empty_document(make_pdf: MakePdf) -> None:
    with pytest.raises(BadDocument) as error:
        read(make_pdf(lambda c: None))
    assert error.value.error_code == "E-VAZIO"


def test_a_password_is_asked_to_be_removed(make_pdf: MakePdf, tmp_path: Path) -> None:
    writer = pypdf.PdfWriter(make_pdf(lambda c: lines(c, [WIDE], 60, 700)))
    writer.encrypt("segredo", algorithm="RC4-128")
    locked = tmp_path / "locked.pdf"
    writer.write(locked)
    with pytest.raises(BadDocument) as error:
        read(locked)
    assert error.value.error_code == "E-SENHA"


def test_too_many_pages_are_refused_with_both_numbers(make_pdf: MakePdf) -> None:
    with pytest.raises(BadDocument) as error:
        read(make_pdf(*[lambda c: None] * 4), Limits(max_pages=3))
    assert error.value.error_code == "E-PAGINAS"
    assert error.value.params == {"pages": 4, "limit": 3}


def test_too_many_characters_are_refused(make_pdf: MakePdf) -> None:
    with pytest.raises(BadDocument) as error:
        read(make_pdf(lambda c: lines(c, [WIDE], 60, 700)), Limits(max_characters=40))
    assert error.value.error_code == "E-TAMANHO"


def test_rubbish_after_the_header_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "bad.pdf"
    path.write_bytes(b"%PDF-1.7\n" + bytes(range(256)) * 20)
    with pytest.raises(BadDocument) as error:
        read(path)
    assert error.value.error_code == "E-CORROMPIDO"


def test_rotated_pages_read_like_upright_ones(make_pdf: MakePdf) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setPageRotation(90)
        canvas.rotate(90)
        lines(canvas, [WIDE, "segue aqui.", "Art. 2º Outro."], 60, -100)

    assert read(make_pdf(draw)).pages[0].text == f"{WIDE} segue aqui.\nArt. 2º Outro."


def test_the_title_is_the_epigraph_of_the_act(make_pdf: MakePdf) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setTitle("Microsoft Word - minuta.doc")
        lines(canvas, ["PORTARIA Nº 12, DE 3 DE MAIO DE 2024", "", "Art. 1º Fica criado."], 60, 700)

    assert read(make_pdf(draw)).title == "PORTARIA Nº 12, DE 3 DE MAIO DE 2024"


def test_progress_reaches_the_last_page(make_pdf: MakePdf) -> None:
    from govbot.extract.pdf import extract_pdf

    seen: list[tuple[int, int]] = []
    path = make_pdf(*[lambda c: lines(c, [WIDE], 60, 700)] * 3)
    extract_pdf(path, Limits(), lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_a_file_none_of_whose_pages_opens_is_damaged_and_no_scan(tmp_path: Path) -> None:
    path = tmp_path / "tree.pdf"
    path.write_bytes(
        assembled([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[9 0 R]/Count 1>>"])
    )
    with pytest.raises(BadDocument) as error:
        read(path)
    assert error.value.error_code == "E-CORROMPIDO"
