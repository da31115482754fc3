import json
import math
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govbot.generate import Source
from govbot.generate.extractive import MAX_SENTENCES, ExtractiveGenerator, choose, render
from govbot.generate.stems import content_stems, fold
from tests.unit.generate.conftest import MakeRequest, source

LEAVE = (
    "REGIMENTO\nA licença será concedida ao servidor efetivo. O pedido de licença deve ser feito "
    "com antecedência mínima de trinta dias. A chefia decide em até dez dias úteis."
)
LIBRARY = "A biblioteca abre às oito horas. O empréstimo dura catorze dias."


def _pieces(question: str, *sources: Source) -> list[tuple[int, tuple[str, ...]]]:
    return [(each.number, each.pieces) for each in choose(question, sources)]


def test_the_sentence_that_answers_comes_first() -> None:
    excerpts = choose(
        "Com que antecedência se pede licença?", [source(1, LIBRARY), source(2, LEAVE)], limit=1
    )
    assert [each.number for each in excerpts] == [2]
    assert excerpts[0].pieces == (
        "O pedido de licença deve ser feito com antecedência mínima de trinta dias.",
    )


def test_a_question_without_accents_finds_the_same() -> None:
    sources = [source(1, LEAVE), source(2, LIBRARY)]
    assert _pieces("Com que antecedência pedir licença?", *sources) == _pieces(
        "com que antecedencia pedir licenca?", *sources
    )


def test_sentences_that_follow_each_other_make_one_paragraph() -> None:
    (excerpt,) = choose("licença pedido chefia decide", [source(3, LEAVE)])
    assert len(excerpt.pieces) == 1
    assert excerpt.pieces[0] == LEAVE.removeprefix("REGIMENTO\n")


def test_an_item_is_shown_with_its_lead_in() -> None:
    text = (
        "Art. 3º É dispensada a licitação:\nI - para obras de pequeno valor;\n"
        "II - nos casos de guerra;\nIII - para compra de hortifrutigranjeiros."
    )
    (excerpt,) = choose("compra de hortifrutigranjeiros", [source(1, text)], limit=1)
    assert excerpt.pieces == (
        "Art. 3º É dispensada a licitação:",
        "III - para compra de hortifrutigranjeiros.",
    )
    assert render([excerpt]) == [
        "Art. 3º É dispensada a licitação: (…) III - para compra de hortifrutigranjeiros. [1]"
    ]


def test_a_lead_in_is_shown_with_the_items_it_introduces() -> None:
    text = "Art. 4º São deveres do administrado:\nI - lealdade;\nII - urbanidade."
    more = f"{text}\nIII - {'x' * 800}."
    for passage in (text, more):
        (excerpt,) = choose("Quais os deveres do administrado?", [source(1, passage)], limit=1)
        assert excerpt.pieces == (" ".join(text.split()),)


def test_the_kind_of_thing_asked_for_decides_between_equals() -> None:
    text = "O conselho foi criado por lei estadual. O conselho foi criado em 12 de maio de 1998."
    (excerpt,) = choose("Quando o conselho foi criado?", [source(1, text)], limit=1)
    assert "1998" in excerpt.pieces[0]


def test_the_same_sentence_in_two_documents_is_shown_once() -> None:
    excerpts = choose("prazo do empréstimo", [source(1, LIBRARY), source(2, LIBRARY, score=0.9)])
    assert [each.number for each in excerpts] == [1]


def test_headings_are_not_excerpts() -> None:
    shown = " ".join(
        piece for each in choose("regimento", [source(1, LEAVE)]) for piece in each.pieces
    )
    assert "REGIMENTO" not in shown


def test_no_sources_give_no_excerpts() -> None:
    assert choose("Qual o prazo?", []) == []


@pytest.mark.parametrize(
    ("literal", "shown"),
    [
        ("# não é título *nem* ênfase", r"\# não é título \*nem\* ênfase"),
        ("1. Não é lista [3]", r"1\. Não é lista \[3\]"),
        ("<b>nem</b> HTML &amp; cia", r"\<b>nem\</b> HTML \&amp; cia"),
        ("Art. 5º, § 1º, R$ 10,00 (dez) a_b", "Art. 5º, § 1º, R$ 10,00 (dez) a_b"),
    ],
)
def test_the_text_of_a_document_is_never_taken_for_markdown(literal: str, shown: str) -> None:
    (excerpt,) = choose("x", [source(4, literal)])
    assert render([excerpt]) == [f"{shown} [4]"]


async def test_the_answer_is_one_paragraph_per_source_with_its_mark(
    make_request: MakeRequest,
) -> None:
    used: list[tuple[Source, ...]] = []
    sources = (source(1, LEAVE), source(5, LIBRARY, score=0.8))
    request = make_request(
        *sources, question="Quantos dias para licença e empréstimo?", on_sources=used.append
    )
    text = "".join([delta async for delta in ExtractiveGenerator().stream(request)])
    paragraphs = text.split("\n\n")
    assert [paragraph[-3:] for paragraph in paragraphs] == ["[1]", "[5]"]
    assert used == [sources]


WORDS = st.lists(
    st.sampled_from(
        [
            "prazo",
            "dias",
            "licença",
            "Art.",
            "5º,",
            "servidor;",
            "é:",
            "não.",
            "(dez)",
            "I",
            "-",
            "II\n",
        ]
    ),
    max_size=40,
).map(" ".join)


@given(WORDS, st.lists(WORDS, max_size=4))
def test_excerpts_are_literal_and_few(question: str, texts: list[str]) -> None:
    sources = [source(number, text) for number, text in enumerate(texts, 1)]
    excerpts = choose(question, sources)
    assert len(excerpts) <= MAX_SENTENCES
    for excerpt in excerpts:
        flat = " ".join(sources[excerpt.number - 1].text.split())
        assert all(piece and piece in flat for piece in excerpt.pieces)


def test_the_gold_answer_stands_in_the_excerpts_of_faquad(shared_data: Path) -> None:
    """On every fourth question; all 472 gave 0.917."""
    rank = _bm25(shared_data / "faquad")
    lines = (shared_data / "qa" / "faquad.dev.jsonl").read_text().splitlines()[::4]
    questions = [json.loads(line) for line in lines]
    hits = 0
    for each in questions:
        excerpts = choose(each["question"], rank(each["question"]))
        shown = _plain(" ".join(piece for excerpt in excerpts for piece in excerpt.pieces))
        hits += any(f" {_plain(answer)} " in f" {shown} " for answer in each["answers"])
    assert hits / len(questions) >= 0.87


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", fold(text)))


def _bm25(folder: Path):  # type: ignore[no-untyped-def]
    texts = [path.read_text() for path in sorted(folder.glob("*.txt"))]
    counts = [Counter(content_stems(text)) for text in texts]
    mean = sum(count.total() for count in counts) / len(counts)
    held = Counter(each for count in counts for each in count)

    def score(count: Counter[str], question: list[str]) -> float:
        return sum(
            math.log(1 + (len(texts) - held[each] + 0.5) / (held[each] + 0.5))
            * count[each] * 2.2 / (count[each] + 1.2 * (0.25 + 0.75 * count.total() / mean))
            for each in set(question)
        )  # fmt: skip

    def rank(question: str) -> list[Source]:
        asked = content_stems(question)
        scored = sorted(
            ((score(count, asked), at) for at, count in enumerate(counts)), reverse=True
        )
        return [
            source(
                number,
                texts[at].partition("\n")[2],
                score=value,
                title=texts[at].partition("\n")[0],
            )
            for number, (value, at) in enumerate(scored[:8], 1)
        ]

    return rank
