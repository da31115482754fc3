"""Snippets of what was found in a conversation."""

from __future__ import annotations

from govbot.chat.snippets import LENGTH, snippet


def test_it_shows_the_text_with_most_of_the_words_and_marks_them() -> None:
    question = "Quem tem direito a férias?"
    answer = (
        f"{'Primeiro vem outra coisa. ' * 9}As **licenças** do servidor em férias são trinta [1]."
    )
    pieces = snippet("licença ferias", [question, answer])
    assert [piece.text for piece in pieces if piece.found] == ["licenças", "férias"]
    shown = "".join(piece.text for piece in pieces)
    assert shown.startswith("… ")
    assert "[1]" not in shown
    assert "*" not in shown
    assert len(shown) < LENGTH + 10


def test_the_word_being_typed_is_marked_from_its_third_letter() -> None:
    assert [p.text for p in snippet("apo", ["A aposentadoria."]) if p.found] == ["aposentadoria"]
    assert not any(p.found for p in snippet("ap", ["A aposentadoria."]))


def test_without_a_match_it_is_the_beginning_of_the_first_text_and_nothing_of_no_text() -> None:
    (piece,) = snippet("folga", ["Quantos dias de descanso?", "Trinta."])
    assert piece.text == "Quantos dias de descanso?"
    assert snippet("folga", ["", "  "]) == snippet("folga", []) == ()
