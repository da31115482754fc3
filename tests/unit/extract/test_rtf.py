"""RTF: characters, paragraphs, tables, notes, pages, and what nobody sees."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from govbot.errors import BadDocument
from govbot.extract import Extracted, Limits
from tests.unit.extract.conftest import read

HEAD = (
    r"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\fnil\fcharset0 Arial;}{\f1\fcharset238 Arial CE;}}"
)


def made(tmp_path: Path, body: str, head: str = HEAD, limits: Limits | None = None) -> Extracted:
    path = tmp_path / "file.rtf"
    path.write_bytes((head + body + "}").encode("latin-1"))
    return read(path, limits)


def texts(tmp_path: Path, body: str, head: str = HEAD) -> list[str]:
    return [block.text for page in made(tmp_path, body, head).pages for block in page.blocks]


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (r"Resolu\'e7\'e3o n\'ba 5", "Resolução nº 5"),
        (r"\u8220?aspas\u8221? \u8211 ?", "“aspas” –"),
        (r"\uc2 a\u233 xx\u-1264??b", "aé\ufb10b"),
        (r"\uc0\u231\u227 o", "ção"),
        (r"emo\u-10179?\u-8704?ji", "emo😀ji"),
        (r"\ldblquote um\rdblquote  \emdash  dois\~tr\'eas", "“um” — dois três"),
        (r"chaves \{ \} e \\ barra", "chaves { } e \\ barra"),
        (r"hi\-fen e sub\_traço", "hifen e sub-traço"),
        (r"{\f1 \'b3\'f3d\'9f} fim", "łódź fim"),
        (r"um\tab dois\line tr\'eas", "um dois\ntrês"),
        ("quebras\r\nda\nlinha não contam", "quebrasdalinha não contam"),
    ],
)
def test_characters_are_those_that_are_shown(tmp_path: Path, body: str, shown: str) -> None:
    assert texts(tmp_path, body) == [shown]


def test_the_old_code_pages_are_known(tmp_path: Path) -> None:
    assert texts(tmp_path, r"a\'87\'c6o", r"{\rtf1\pca ") == ["ação"]
    assert texts(tmp_path, r"\'ef\'f0", r"{\rtf1\ansi\ansicpg1251 ") == ["пр"]


def test_paragraphs_headings_and_lists_are_told_apart(tmp_path: Path) -> None:
    sheet = r"{\stylesheet{\s0 Normal;}{\s1\outlinelevel0 Titulo;}{\s2 heading 2;}}"
    found = made(
        tmp_path,
        sheet + r"\pard\s1 Objeto\par\pard\s2 Prazos\par\pard\qc\b DAS COMPRAS\b0\par"
        r"\pard CAP\'cdTULO I\par\pard{\listtext 1.\tab}um\par"
        r"\pard{\pntext\f1\'b7\tab}ponto\par\pard texto\par",
    )
    assert [(b.kind, b.level, b.text) for b in found.pages[0].blocks] == [
        ("heading", 1, "Objeto"),
        ("heading", 2, "Prazos"),
        ("heading", 8, "DAS COMPRAS"),
        ("heading", 5, "CAPÍTULO I"),
        ("list", 0, "1. um"),
        ("list", 0, "• ponto"),
        ("paragraph", 0, "texto"),
    ]


def test_tables_are_rows_of_cells(tmp_path: Path) -> None:
    row = r"\trowd\cellx1000\cellx2000\pard\intbl {a}\cell {b}\cell\row"
    found = made(
        tmp_path,
        r"\pard antes\par" + row.replace("{a}", "Cargo").replace("{b}", "Vagas")
        + row.replace("{a}", r"M\'e9dico\par geral").replace("{b}", "2") + r"\pard depois\par",
    )  # fmt: skip
    assert [(b.kind, b.text) for b in found.pages[0].blocks] == [
        ("paragraph", "antes"),
        ("table", "Cargo | Vagas\nMédico geral | 2"),
        ("paragraph", "depois"),
    ]


def test_a_table_of_one_column_only_frames_a_text(tmp_path: Path) -> None:
    found = made(tmp_path, r"\trowd\cellx9000\pard\intbl Aviso\cell\row\pard fim\par")
    assert found.pages[0].blocks[0].kind == "paragraph"


def test_pages_end_at_breaks_and_at_sections_that_begin_one(tmp_path: Path) -> None:
    body = r"um\par\page dois\par\sect\sectd\sbkpage tr\'eas\par\sect\sectd\sbknone ainda\par"
    assert [page.text for page in made(tmp_path, body).pages] == ["um", "dois", "três\nainda"]


def test_notes_stand_at_the_end_of_their_page(tmp_path: Path) -> None:
    body = r"com nota{\footnote\pard a nota\par} e mais\par\page outra\par"
    pages = made(tmp_path, body).pages
    assert [page.text for page in pages] == ["com nota [1] e mais\n[1] a nota", "outra"]


def test_headers_are_furniture_and_properties_are_metadata(tmp_path: Path) -> None:
    body = (
        r"{\info{\title Manual de compras}{\author Ana}}{\header\pard MINIST\'c9RIO\par}corpo\par"
    )
    found = made(tmp_path, body)
    assert found.pages[0].text == "corpo"
    assert [b.text for b in found.pages[0].blocks if b.kind == "furniture"] == ["MINISTÉRIO"]
    assert (found.title, found.metadata["author"]) == ("Manual de compras", "Ana")


@pytest.mark.parametrize(
    "unseen",
    [
        r"{\deleted sai}",
        r"{\v oculto}",
        r"{\*\annotation comentario}",
        r"{\pict\pngblip 89504e47}",
        r"{\field{\*\fldinst HYPERLINK http://x}{\fldrslt }}",
        r"{\*\datastore 0102}",
        r"{\object{\*\objdata 0105}}",
        "{\\pict\\bin4 {{{{}",
        r"{\*\desconhecido algo}",
    ],
)
def test_what_nobody_sees_is_not_read(tmp_path: Path, unseen: str) -> None:
    assert texts(tmp_path, f"fica {unseen}aqui\\par") == ["fica aqui"]


def test_results_of_fields_and_text_boxes_are_read(tmp_path: Path) -> None:
    body = (
        r"ver {\field{\*\fldinst HYPERLINK x}{\fldrslt a lei}} e "
        r"{\shp{\*\shpinst{\sp{\sn n}{\sv v}}{\shptxt a caixa}}{\shprslt copia}}\par"
    )
    assert texts(tmp_path, body) == ["ver a lei e a caixa"]


def test_inserted_text_is_read(tmp_path: Path) -> None:
    assert texts(tmp_path, r"fica {\revised entra}\par") == ["fica entra"]


def test_nesting_is_bounded_by_memory_and_not_by_the_stack(tmp_path: Path) -> None:
    body = "{" * 100_000 + "fundo" + "}" * 100_000 + r" fim\par"
    began = time.monotonic()
    assert texts(tmp_path, body) == ["fundo fim"]
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(
    "body", [r"texto\par}}}} fora", r"texto{{{\par", r"texto\'zz\u\ansicpg99999\uc-5\bin-9\par"]
)
def test_broken_files_give_what_can_be_read(tmp_path: Path, body: str) -> None:
    assert texts(tmp_path, body)[0].startswith("texto")


def test_text_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadDocument) as error:
        made(tmp_path, r"palavra\par " * 100, limits=Limits(max_characters=100))
    assert error.value.error_code == "E-TAMANHO"


def test_it_reads_what_a_library_reads(tmp_path: Path) -> None:
    from striprtf.striprtf import rtf_to_text

    body = r"Art. 1\'ba A regi\'e3o\par {\b negrito} e {\i it\'e1lico}\par\u8220?x\u8221?\par"
    library = rtf_to_text(HEAD + body + "}").split("\n")
    assert texts(tmp_path, body) == [line for line in library if line]
