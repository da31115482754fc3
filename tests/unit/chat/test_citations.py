import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govbot.chat.citations import SUPPORTED, Marks, find_quote, resolve
from govbot.generate import Source
from govbot.generate.extractive import choose, render

TEXTS = {
    1: "O prazo é de vinte dias. Pode ser prorrogado por mais dez dias, com justificativa.",
    2: "A taxa de inscrição custa R$ 85,00.\nSão isentos os doadores de sangue.",
    5: "O recurso será dirigido ao diretor-geral, que decidirá em cinco dias úteis.",
}
SOURCES = tuple(Source(number, text, f"Doc {number}", "", 1, 1.0) for number, text in TEXTS.items())


def _shown(text: str) -> str:
    return resolve(text, SOURCES).text


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("Vinte dias [5].", "Vinte dias [1]."),
        ("A [5]. B [1]. C [5].", "A [1]. B [2]. C [1]."),
        ("Dois [1, 2].", "Dois [1][2]."),
        ("Dois [2;1] e [1][2].", "Dois [1][2] e [2][1]."),
        ("Faixa [1-2].", "Faixa [1][2]."),
        ("Dois [1 e 5].", "Dois [1][2]."),
        ("Nota [^2].", "Nota [1]."),
        ("Outra 【1†L3-L9】.", "Outra [1]."),
        ("Inventada [9].", "Inventada."),
        ("Em parte [9, 2].", "Em parte [1]."),
        ("O mesmo [1][1].", "O mesmo [1][1]."),
        (r"Do texto \[1\] [2].", r"Do texto \[1\] [1]."),
        ("Não é marca [sic] [a] [].", "Não é marca [sic] [a] []."),
        ("Isca [1](http://mau).", "Isca [1] (http://mau)."),
        ("Sem marca.", "Sem marca."),
    ],
)
def test_marks_are_cleaned_and_numbered_by_first_use(given: str, shown: str) -> None:
    assert _shown(given) == shown


def test_a_literal_sentence_gets_its_literal_span() -> None:
    claim = "pode ser prorrogado por mais dez dias, com justificativa [1]."
    (quote,) = resolve(claim, SOURCES).quotes
    assert quote.quote == "Pode ser prorrogado por mais dez dias, com justificativa."
    assert TEXTS[1][quote.start : quote.end] == quote.quote
    assert quote.support == 1.0


def test_a_paraphrase_gets_the_sentence_that_supports_it() -> None:
    (quote,) = resolve("Quem doa sangue é isento: doadores não pagam [2].", SOURCES).quotes
    assert quote.quote == "São isentos os doadores de sangue."
    assert SUPPORTED <= quote.support <= 1.0


def test_only_the_sentence_before_the_mark_counts() -> None:
    answer = "Há regras sobre doadores de sangue. A inscrição custa R$ 85,00 [2]."
    (quote,) = resolve(answer, SOURCES).quotes
    assert "85,00" in quote.quote
    assert "sangue" not in quote.quote


def test_a_mark_after_the_full_stop_belongs_to_the_sentence_before_it() -> None:
    quotes = resolve("O prazo é de vinte dias. [1] O diretor-geral decide. [5]", SOURCES).quotes
    assert [(each.number, each.source) for each in quotes] == [(1, 0), (2, 2)]
    assert quotes[0].quote == "O prazo é de vinte dias."


def test_a_sentence_with_two_marks_is_looked_for_in_both_sources() -> None:
    quotes = resolve("Vinte dias de prazo; recurso em cinco dias úteis [1][5].", SOURCES).quotes
    assert [each.source for each in quotes] == [0, 2]


def test_a_source_that_says_nothing_of_the_kind_has_no_support() -> None:
    (quote,) = resolve("A biblioteca fecha aos domingos [5].", SOURCES).quotes
    assert quote.support < SUPPORTED
    assert quote.quote == TEXTS[5]


def test_the_same_quote_of_the_same_mark_is_listed_once() -> None:
    assert len(resolve("Prazo de vinte dias [1]. Vinte dias de prazo [1].", SOURCES).quotes) == 1


def test_excerpts_are_found_word_for_word() -> None:
    text = "# Dos *prazos* [3]\nArt. 1º São prazos:\nI - dez dias;\nII - para recurso, cinco dias."
    sources = [Source(7, text, "", "", 1, 1.0)]
    shown = "\n\n".join(render(choose("prazo para recurso", sources)))
    answer = resolve(shown, sources)
    assert answer.text == re.sub(r"\[7\]", "[1]", shown)
    assert answer.quotes
    assert all(each.support == 1.0 for each in answer.quotes)


def test_words_in_the_source_are_found_across_line_breaks_and_punctuation() -> None:
    start, end, support = find_quote("dez dias úteis", "prazo de\nDez dias,\núteis. Fim")
    assert (start, end, support) == (9, 25, 1.0)


PIECES = st.lists(
    st.sampled_from(
        [
            "[1]",
            "[2]",
            "[9]",
            "[1,5]",
            "[",
            "]",
            "1",
            ",",
            "\\",
            "(x)",
            ".",
            "prazo",
            "dez",
            "【2】",
            "【",
            "】",
            "fonte",
            "^",
            "-",
            " ",
            "\n\n",
        ],
    ),
    max_size=25,
).map("".join)


@given(PIECES)
def test_quotes_are_literal_and_marks_are_numbered_without_gaps(text: str) -> None:
    answer = resolve(text, SOURCES)
    for quote in answer.quotes:
        assert SOURCES[quote.source].text[quote.start : quote.end] == quote.quote
        assert 0.0 <= quote.support <= 1.0
    seen = [int(number) for number in re.findall(r"(?<!\\)\[(\d+)\]", answer.text)]
    first_uses = list(dict.fromkeys(seen))
    assert first_uses == list(range(1, len(first_uses) + 1))
    assert {quote.number for quote in answer.quotes} <= set(seen)


@given(PIECES, st.lists(st.integers(0, 200), max_size=10))
def test_a_stream_shows_the_same_wherever_it_is_cut(text: str, cuts: list[int]) -> None:
    edges = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    marks = Marks(SOURCES)
    shown = "".join(marks.feed(text[start:end]) for start, end in pairwise(edges)) + marks.end()
    assert shown.strip() == _shown(text)


@given(st.text(max_size=60), st.text(max_size=80))
def test_any_claim_gives_a_span_inside_any_text(claim: str, text: str) -> None:
    start, end, support = find_quote(claim, text)
    assert 0 <= start <= end <= len(text)
    assert 0.0 <= support <= 1.0
