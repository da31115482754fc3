"""Lengths in words and tokens, and what the embedder sees of a chunk."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govbot.ingest.measure import Measure, Scale, embedded_windows
from govbot.ingest.vectors import Passage, measure_of, vectors_of
from tests.ingestion import HashEmbedder


def by_letters(texts: Sequence[str]) -> list[int]:
    """Two letters are a token."""
    return [sum(-(-len(word) // 2) for word in text.split()) for text in texts]


def with_breaks(texts: Sequence[str]) -> list[int]:
    """Words are tokens, and so are line breaks."""
    return [len(text.split()) + text.count("\n") for text in texts]


def measure(room: int = 40) -> Measure:
    return Measure(by_letters, room)


def test_tokens_are_those_of_the_words() -> None:
    assert measure().tokens("lei de\nprazo") == 2 + 1 + 3


def test_words_are_counted_once() -> None:
    asked: list[str] = []

    def count(texts: Sequence[str]) -> list[int]:
        asked.extend(texts)
        return by_letters(texts)

    counted = Measure(count, 40)
    counted.weigh(["lei", "prazo", "lei"])
    counted.weigh(["prazo", "lei", "obra"])
    assert sorted(asked) == [" lei", " obra", " prazo"]


def test_line_breaks_count_where_the_model_counts_them() -> None:
    assert Measure(with_breaks, 9).tokens("lei\n\nde prazo") == 5
    text = "lei\n\nde prazo"
    assert Scale(text, Measure(with_breaks, 9)).tokens(0, len(text)) == 5
    assert measure().line_break == 0


def test_a_scale_measures_any_part() -> None:
    text = "Art. 1º A lei vale"
    scale = Scale(text, measure())
    assert (scale.words(0, len(text)), scale.tokens(0, len(text))) == (5, 2 + 1 + 1 + 2 + 2)
    start = text.index("A lei")
    assert (scale.words(start, len(text)), scale.tokens(start, len(text))) == (3, 5)
    assert scale.tokens(start, start) == 0


def test_without_a_measure_there_are_words_alone() -> None:
    scale = Scale("lei de prazo", None)
    assert (scale.words(0, 12), scale.tokens(0, 12)) == (3, 0)


def test_what_is_too_long_for_a_word_has_several_parts_and_is_one_word() -> None:
    text = "." * 100 + " fim"
    scale = Scale(text, measure())
    assert [unit.words for unit in scale.units(0, len(text))] == [1, 0, 0, 1]
    assert scale.words(0, len(text)) == 2


def test_the_context_is_title_and_path() -> None:
    assert measure(400).context("Lei nº 1", "Capítulo I › Art. 2º") == (
        "Lei nº 1\nCapítulo I › Art. 2º"
    )


def test_a_title_that_opens_the_path_is_not_said_twice() -> None:
    assert measure(400).context("LEI Nº 1", "LEI Nº 1 › Art. 2º") == "LEI Nº 1 › Art. 2º"


def test_a_long_context_loses_the_outer_path_and_the_end_of_the_title() -> None:
    context = measure(80).context("Uma lei de nome muito longo e detalhado", "Título I › Art. 2º")
    title, path = context.split("\n")
    assert path == "Título I › Art. 2º"
    assert "Uma lei de nome muito longo e detalhado".startswith(title)
    outer = measure(80).context("", "Livro das coisas todas › Título das coisas › Art. 2º › § 3º")
    assert outer.endswith("Art. 2º › § 3º")
    assert not outer.startswith("Livro")


TEXT = st.lists(
    st.text(st.characters(exclude_categories=["Cs", "Z", "Cc"]), min_size=1, max_size=60),
    max_size=60,
).map(" ".join)


@settings(max_examples=200, deadline=None)
@given(TEXT, TEXT, TEXT, st.integers(90, 300))
def test_every_window_fits_and_nothing_is_lost(
    title: str, heading: str, text: str, room: int
) -> None:
    counted = measure(room)
    windows = embedded_windows(title, heading, text, counted)
    context = counted.context(title, heading)
    assert counted.tokens(context) <= room // 4
    for window in windows:
        assert window.startswith(context)
        assert counted.tokens(window) <= room
    said = "".join("".join(w.removeprefix(context).split()) for w in windows)
    assert said == "".join(text.split())


def test_windows_of_a_long_text_are_about_equal() -> None:
    windows = embedded_windows("", "", "ab " * 100, measure(60))
    assert [len(window.split()) for window in windows] == [51, 49]


def test_a_measure_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="room"):
        Measure(by_letters, 0)


async def test_the_vector_of_a_long_passage_is_the_mean_of_its_parts() -> None:
    embedder = HashEmbedder()
    counted = Measure(embedder.count_tokens, 4)
    short, long = await vectors_of(
        embedder, counted, [Passage("", "", "prazo"), Passage("", "", "prazo lei prazo lei obra")]
    )
    alone = await embedder.embed_query("prazo")
    assert short.to_list() == pytest.approx(alone, abs=1e-3)
    parts = await embedder.embed_passages(["prazo lei prazo", "lei obra"])
    total = [a + b for a, b in zip(*parts, strict=True)]
    length = sum(number * number for number in total) ** 0.5
    assert long.to_list() == pytest.approx([number / length for number in total], abs=1e-3)


async def test_the_measure_is_the_embedder_s() -> None:
    found = await measure_of(HashEmbedder())
    assert (found.room, found.tokens("lei de prazo")) == (256, 3)
