"""What stands close together in a passage moves it up among the candidates."""

from __future__ import annotations

from dataclasses import replace

import pytest

from govbot.retrieval.closeness import asked, by_closeness
from govbot.retrieval.passages import Passage
from tests.unit.retrieval.cases import passage

QUESTION = "Quando vence o prazo de recurso da licença?"
WORTH = {stem: (stem, 1.0) for stem in ("venc", "praz", "recurs", "licenc")}
FILLER = " palavra" * 40


def ordered(*texts: str, words_weight: float = 1.0) -> list[str]:
    found = [replace(passage(text), score=0.5) for text in texts]
    return [p.text for p in by_closeness(found, asked(QUESTION, WORTH), words_weight)]


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ("o prazo de recurso e a licença vence", f"prazo{FILLER} recurso{FILLER} licença vence"),
        ("prazo de recurso", "recurso e prazo"),  # words side by side as in the question
        ("prazo de recurso do licenciado", "prazo de recurso do interessado"),  # a relative
    ],
)
def test_what_is_asked_stands_together_before_what_does_not(better: str, worse: str) -> None:
    assert ordered(worse, better) == [better, worse]


def test_equals_keep_their_order_and_nothing_asked_changes_nothing() -> None:
    assert ordered("um texto", "outro texto") == ["um texto", "outro texto"]
    found = [replace(passage("prazo"), score=0.2), replace(passage("x"), score=0.1)]
    assert by_closeness(found, asked("e?", {})) == found


def test_beside_an_embedder_that_is_trusted_closeness_counts_less() -> None:
    by_meaning = replace(passage("outra coisa"), score=0.9)
    by_words = replace(passage("o prazo de recurso"), score=0.1)

    def first(words_weight: float) -> Passage:
        return by_closeness([by_meaning, by_words], asked(QUESTION, WORTH), words_weight)[0]

    assert first(1.0).text == by_words.text
    assert first(0.2).text == by_meaning.text


def test_what_stands_for_a_stem_counts_for_it_once() -> None:
    worth = {"rh": ("rh", 1.0), "recurs": ("rh", 0.5), "human": ("rh", 0.5)}
    found = [replace(passage(text), score=0.0) for text in ("recurso", "recursos humanos", "rh")]
    scores = {p.text: p.score for p in by_closeness(found, asked("O que é o rh?", worth))}
    assert scores["rh"] > scores["recursos humanos"] == scores["recurso"] > 0


def test_the_kind_of_thing_asked_for_decides_among_equals() -> None:
    worth = {"cri": ("cri", 1.0)}
    found = [replace(passage(text), score=0.5) for text in ("criada ali", "criada em 1998")]
    best = by_closeness(found, asked("Quando foi criada?", worth))[0]
    assert best.text == "criada em 1998"


def test_scores_stay_between_0_and_1() -> None:
    found = [replace(passage(f"{QUESTION} {QUESTION}"), score=1.0)]
    assert 0 < by_closeness(found, asked(QUESTION, WORTH))[0].score <= 1
