"""Recognised words laid out as text: upright again, in lines, columns and cells."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govbot.extract.layout import lines_of
from govbot.extract.words import Word, fragments_of, letters_of

WIDTH, HEIGHT = 595.0, 842.0


def word(
    text: str, x: float, base: float, line: int, *, size: float = 10.0, wide: float = 0
) -> Word:
    """A word at a place in points of an upright page."""
    wide = wide or 5.0 * len(text)
    return Word(text, x / WIDTH, (base - size) / HEIGHT, wide / WIDTH, size / HEIGHT, line)


def page(columns: list[float], rows: int) -> list[Word]:
    """Columns of lines "c0r0a c0r0b c0r0c c0r0d", in reading order."""
    found = []
    for column, left in enumerate(columns):
        for row in range(rows):
            for place, letter in enumerate("abcd"):
                text = f"c{column}r{row}{letter}xxxx"
                at = left + 55 * place
                found.append(word(text, at, 100 + 14 * row, column * rows + row, wide=50))
    return found


def rotated(words: list[Word], degrees: float) -> list[Word]:
    """The words as they stand on a page turned clockwise about its centre, boxes level."""
    angle = math.radians(degrees)
    quarters = round(degrees / 90) % 4
    wide, high = (HEIGHT, WIDTH) if quarters % 2 else (WIDTH, HEIGHT)
    found = []
    for text, x, y, width, height, line in words:
        across, down = (x + width / 2 - 0.5) * WIDTH, (y + height / 2 - 0.5) * HEIGHT
        middle = wide / 2 + across * math.cos(angle) - down * math.sin(angle)
        centre = high / 2 + across * math.sin(angle) + down * math.cos(angle)
        size = (width * WIDTH, height * HEIGHT)
        along, over = size[::-1] if quarters % 2 else size
        found.append(
            Word(
                text,
                (middle - along / 2) / wide,
                (centre - over / 2) / high,
                along / wide,
                over / high,
                line,
            )
        )
    return found


def text_of(words: list[Word], width: float = WIDTH, height: float = HEIGHT) -> list[str]:
    fragments, _height = fragments_of(words, width, height)
    return [line.text for line in lines_of(fragments)]


def test_words_of_a_line_are_joined() -> None:
    words = [word("Art.", 70, 100, 0), word("1º", 95, 100, 0), word("Fim.", 70, 114, 1)]
    assert text_of(words) == ["Art. 1º", "Fim."]


def test_columns_are_read_one_after_the_other() -> None:
    words = page([50, 320], rows=8)
    expected = [f"c{c}r{r}" for c in range(2) for r in range(8)]
    assert [line[:4] for line in text_of(words)] == expected


def test_a_table_becomes_rows_with_cells() -> None:
    words = []
    for row in range(6):
        words += [word("cargo", 70, 100 + 14 * row, row), word("vagas", 300, 100 + 14 * row, row)]
    fragments, _height = fragments_of(words, WIDTH, HEIGHT)
    assert [line.cells for line in lines_of(fragments)] == [("cargo", "vagas")] * 6


@pytest.mark.parametrize("degrees", [90, 180, 270, 7, -12, 97, 173, 262])
def test_a_turned_page_reads_like_the_upright_one(degrees: float) -> None:
    words = page([50, 320], rows=8)
    sideways = round(degrees / 90) % 2 == 1
    size = (HEIGHT, WIDTH) if sideways else (WIDTH, HEIGHT)
    found, high = fragments_of(rotated(words, degrees), *size)
    assert high == HEIGHT
    assert [line.text for line in lines_of(found)] == text_of(words)
    upright, _high = fragments_of(words, WIDTH, HEIGHT)
    for fragment, other in zip(found, upright, strict=True):
        assert fragment.x1 - fragment.x0 == pytest.approx(other.x1 - other.x0, abs=3)
        assert fragment.size == other.size


def test_small_differences_of_size_are_evened_out() -> None:
    words = [word("linha", 70, 100 + 14 * row, row, size=10 + 0.3 * (row % 3)) for row in range(9)]
    words.append(word("TÍTULO", 70, 60, 9, size=20))
    fragments, _height = fragments_of(words, WIDTH, HEIGHT)
    assert len({fragment.size for fragment in fragments[:9]}) == 1
    assert fragments[9].size > 1.5 * fragments[0].size


def test_no_words_are_no_fragments() -> None:
    assert fragments_of([], WIDTH, HEIGHT) == ([], HEIGHT)


@given(
    st.lists(
        st.tuples(
            st.text("abç", min_size=1, max_size=5),
            *[st.floats(0, 1) for _ in range(4)],
            st.integers(0, 9),
        ),
        max_size=30,
    ),
    st.floats(1, 20_000),
    st.floats(1, 20_000),
)
def test_any_places_can_be_laid_out(values: list[tuple], wide: float, high: float) -> None:  # type: ignore[type-arg]
    words = [Word(*value) for value in values]
    fragments, _height = fragments_of(words, wide, high)
    found = " ".join(line.text for line in lines_of(fragments))
    assert sorted(found.replace(" | ", "").replace(" ", "")) == sorted(
        "".join(word.text for word in words)
    )


def test_letters_know_their_word() -> None:
    words = [word("ab", 70, 100, 0), word("c", 95, 100, 0), word("d", 70, 114, 1)]
    letters, owners = letters_of(words)
    assert "".join(letters) == "ab c\nd"
    assert owners == [0, 0, -1, 1, -1, 2]
