"""The text of a page as paragraphs with marks, and its words as lines to select."""

from __future__ import annotations

from govbot.extract.words import Word
from govbot.web.viewer_sheets import Sheet
from govbot.web.viewer_text import Run, paragraphs, snippet
from govbot.web.viewer_words import lines_of

TEXT = "Art. 1º As férias.\n\nArt. 2º O prazo\nde dez dias."


def span(text: str, of: str = TEXT) -> tuple[int, int]:
    return of.index(text), of.index(text) + len(text)


def test_a_passage_is_marked_through_its_paragraphs_and_opens_at_the_first() -> None:
    found = paragraphs(TEXT, cited=span("férias.\n\nArt. 2º O"))
    assert [each.number for each in found] == [1, 2, 3]
    assert found[0].runs == (Run("Art. 1º As "), Run("férias.", cited=True, first=True))
    assert found[1].runs == (Run("Art. 2º O", cited=True), Run(" prazo"))
    assert found[2].runs == (Run("de dez dias."),)


def test_hits_are_marked_even_over_lines_and_in_a_passage() -> None:
    found = paragraphs(TEXT, span("O prazo"), [span("férias"), span("prazo\nde dez")], current=2)
    assert found[0].runs[1] == Run("férias", hit=True)
    assert found[1].runs[1:] == (
        Run("O ", cited=True, first=True),
        Run("prazo", cited=True, hit=True, current=True),
    )
    assert found[2].runs[0] == Run("de dez", hit=True, current=True)


def test_hidden_characters_show() -> None:
    assert paragraphs("a\u202eb")[0].runs == (Run("a⟦U+202E⟧b"),)


def test_a_snippet_holds_whole_words_on_one_line() -> None:
    text = "palavra " * 30 + "o prazo\nde dez dias " + "palavra " * 30
    found = snippet(text, span("prazo\nde", text))
    assert found.hit == "prazo de"
    assert found.before.startswith("…palavra")
    assert found.before.endswith("palavra o ")
    assert found.after.endswith("palavra…")
    assert snippet("prazo", (0, 5)).before == snippet("prazo", (0, 5)).after == ""


def test_words_lie_on_their_lines_and_reach_to_the_next_word() -> None:
    words = (
        Word("Art.", 0.1, 0.2, 0.05, 0.02, 0),
        Word("1º", 0.16, 0.2, 0.02, 0.02, 0),
        Word("torto", 0.3, 0.25, 0.1, 0.02, 0),
        Word("fim", 0.1, 0.5, 0.05, 0.02, 1),
    )
    first, second = lines_of(Sheet(1000, 2000, words))
    assert (first.size, first.y) == (40.0, 432.0)
    assert [(piece.text, piece.x, piece.length) for piece in first.pieces] == [
        ("Art. ", 100.0, 60.0),
        ("1º ", 160.0, 140.0),
        ("torto", 300.0, 100.0),
    ]
    assert [piece.y for piece in first.pieces] == [None, None, 532.0]
    assert second.pieces[0].text == "fim"
