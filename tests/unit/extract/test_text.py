"""Plain text, Markdown and HTML."""

from __future__ import annotations

from pathlib import Path

import pytest

from govbot.errors import BadDocument
from govbot.extract import Extracted, Limits
from govbot.extract.text import decode
from tests.unit.extract.conftest import read

ACT = "Art. 1º A administração pública não poderá exigir certidões."


def made(tmp_path: Path, name: str, content: str | bytes) -> Extracted:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read(path)


@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1"])
def test_usual_character_sets_are_read(tmp_path: Path, charset: str) -> None:
    assert made(tmp_path, "a.txt", ACT.encode(charset)).pages[0].text == ACT


def test_windows_quotes_and_dashes_are_kept() -> None:
    assert decode("“aspas” – travessão".encode("cp1252")) == ("“aspas” – travessão", "cp1252")


def test_each_line_of_unwrapped_text_is_a_paragraph(tmp_path: Path) -> None:
    found = made(
        tmp_path, "a.txt", "CAPÍTULO I\r\nDo objeto\r\n\r\nArt. 1º Um.\r\nArt. 2º Dois.\r\n"
    )
    assert found.pages[0].text == "CAPÍTULO I\nDo objeto\nArt. 1º Um.\nArt. 2º Dois."
    assert found.pages[0].blocks[0].kind == "heading"


def test_lines_wrapped_by_hand_are_joined(tmp_path: Path) -> None:
    line = "palavras que enchem a linha quase até o limite de setenta e poucas letras"
    text = "\n".join(
        [f"Art. 1º {line}", line, line, "fim.", f"§ 1º {line}", line, line, line, "fim."]
    )
    assert len(made(tmp_path, "a.txt", text).pages[0].blocks) == 2


def test_form_feeds_part_pages(tmp_path: Path) -> None:
    pages = made(tmp_path, "a.txt", "primeira\fsegunda").pages
    assert [(page.number, page.text) for page in pages] == [(1, "primeira"), (2, "segunda")]


def test_text_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("palavra " * 100)
    with pytest.raises(BadDocument) as error:
        read(path, Limits(max_characters=100))
    assert error.value.error_code == "E-TAMANHO"


def test_markdown_loses_its_marks_and_keeps_its_structure(tmp_path: Path) -> None:
    source = (
        "# Manual\n\nTexto com **negrito**,\n`código` e [ligação](http://x).\n\n"
        "- um\n- dois\n\n1. passo\n\n| Cargo | Vagas |\n|---|---|\n| Médico | 2 |\n\n"
        "## Prazos\n\n```\nsudo x\n```\n"
    )
    found = [(b.kind, b.level, b.text) for b in made(tmp_path, "a.md", source).pages[0].blocks]
    assert found == [
        ("heading", 1, "Manual"),
        ("paragraph", 0, "Texto com negrito, código e ligação."),
        ("list", 0, "• um"),
        ("list", 0, "• dois"),
        ("list", 0, "1. passo"),
        ("table", 0, "Cargo | Vagas\nMédico | 2"),
        ("heading", 2, "Prazos"),
        ("paragraph", 0, "sudo x"),
    ]


def test_html_shows_what_a_reader_sees(tmp_path: Path) -> None:
    source = (
        "<html><head><title>Portal</title><style>p{}</style></head><body><nav>Início</nav>"
        "<h2>Das <b>férias</b></h2><p>Um par&aacute;grafo<br>em duas linhas.</p>"
        "<ul><li>item</li></ul><table><tr><th>A</th><th>B</th></tr><tr><td>1</td><td>2</td></tr>"
        "</table><script>alert(1)</script><div>solto <div>dentro</div> depois</div></body></html>"
    )
    found = made(tmp_path, "a.html", source)
    assert [(b.kind, b.text) for b in found.pages[0].blocks] == [
        ("furniture", "Início"),
        ("heading", "Das férias"),
        ("paragraph", "Um parágrafo"),
        ("paragraph", "em duas linhas."),
        ("list", "• item"),
        ("table", "A | B\n1 | 2"),
        ("paragraph", "solto"),
        ("paragraph", "dentro"),
        ("paragraph", "depois"),
    ]
    assert found.title == "Portal"


def test_html_believes_its_declared_character_set(tmp_path: Path) -> None:
    source = f'<html><meta charset="iso-8859-1"><body><p>{ACT}</p></body></html>'
    assert made(tmp_path, "a.htm", source.encode("latin-1")).pages[0].text == ACT


def test_html_opens_no_external_entities(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("segredo")
    source = f'<!DOCTYPE html [<!ENTITY x SYSTEM "file://{secret}">]><html><body><p>a &x; b</p>'
    assert "segredo" not in made(tmp_path, "a.html", source).pages[0].text


def test_tags_without_an_end_lose_nothing_up_to_a_depth(tmp_path: Path) -> None:
    source = "<html><body><p>começo</p>" + "<div>" * 1500 + "fundo" + "</div>" * 1500 + "<p>fim"
    assert made(tmp_path, "a.html", source).pages[0].text == "começo\nfundo\nfim"


def test_html_that_nests_beyond_measure_is_refused_and_not_cut(tmp_path: Path) -> None:
    source = "<html><body><p>começo</p>" + "<div>" * 20_000 + "fundo"
    with pytest.raises(BadDocument) as error:
        made(tmp_path, "a.html", source)
    assert error.value.error_code == "E-CORROMPIDO"


@pytest.mark.parametrize(("name", "content"), [("a.html", "<html></html>"), ("a.md", "<!-- -->")])
def test_files_without_text_are_refused(tmp_path: Path, name: str, content: str) -> None:
    with pytest.raises(BadDocument) as error:
        made(tmp_path, name, content)
    assert error.value.error_code == "E-VAZIO"


def test_garbled_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadDocument) as error:
        made(tmp_path, "a.txt", "#$%x @@!q (*&z ~~^w {}|k ++=j ;;<v ??>h ::\"g ``'f")
    assert error.value.error_code == "E-CORROMPIDO"


@pytest.mark.parametrize("charset", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_recognised(tmp_path: Path, charset: str) -> None:
    assert made(tmp_path, "a.txt", ACT.encode(charset)).pages[0].text == ACT


def blocks(tmp_path: Path, body: str) -> list[tuple[str, str]]:
    found = made(tmp_path, "a.html", f"<html><body>{body}</body></html>")
    return [(b.kind, b.text) for b in found.pages[0].blocks]


def test_only_the_main_content_of_a_page_is_text(tmp_path: Path) -> None:
    body = (
        "<div>Acesso rápido</div><main><header><h1>Férias</h1></header><p>Trinta dias por ano, "
        "em até três períodos.</p><nav>Índice</nav></main><div>Fale conosco</div>"
    )
    assert blocks(tmp_path, body) == [
        ("furniture", "Acesso rápido"),
        ("heading", "Férias"),
        ("paragraph", "Trinta dias por ano, em até três períodos."),
        ("furniture", "Índice"),
        ("furniture", "Fale conosco"),
    ]


def test_a_small_main_element_is_not_believed(tmp_path: Path) -> None:
    body = "<main>x</main><p>O texto todo está fora do elemento principal da página.</p>"
    assert blocks(tmp_path, body)[1][0] == "paragraph"


def test_numbered_and_nested_lists_keep_their_numbers(tmp_path: Path) -> None:
    body = "<ol start=3><li>três<ul><li>ponto</li></ul></li><li>quatro</li></ol>"
    assert blocks(tmp_path, body) == [
        ("list", "3. três"),
        ("list", "• ponto"),
        ("list", "4. quatro"),
    ]


def test_what_is_hidden_or_a_control_is_not_read(tmp_path: Path) -> None:
    body = (
        '<p style="display: none">oculto</p><p hidden>oculto</p><button>Enviar</button>'
        "<form><p>no formulário</p><select><option>x</select></form><!-- nota -->"
    )
    assert blocks(tmp_path, body) == [("paragraph", "no formulário")]


def test_tables_for_layout_are_text_and_tables_inside_them_data(tmp_path: Path) -> None:
    body = (
        "<table><tr><td><p>Art. 1º Um.</p><p>Art. 2º Dois.</p><table><tr><td>A<br>B<td>1</table>"
        "</td></tr></table><table><tr><td>só uma</td></tr></table>"
    )
    assert blocks(tmp_path, body) == [
        ("paragraph", "Art. 1º Um."),
        ("paragraph", "Art. 2º Dois."),
        ("table", "A B | 1"),
        ("paragraph", "só uma"),
    ]


def test_xhtml_with_a_declared_character_set_is_read(tmp_path: Path) -> None:
    source = f'<?xml version="1.0" encoding="iso-8859-1"?><html><body><p>{ACT}</p></body></html>'
    assert made(tmp_path, "a.xhtml", source.encode("latin-1")).pages[0].text == ACT
