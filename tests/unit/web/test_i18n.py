"""Languages: the choice, the catalog, dates."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from babel.messages.pofile import read_po

from govbot import resources
from govbot.errors import Invalid
from govbot.web import errors
from govbot.web.i18n import choose, language


@pytest.mark.parametrize(
    ("cookie", "accept", "expected"),
    [
        (None, "", "pt-BR"),
        (None, "pt-PT,pt;q=0.8", "pt-BR"),
        (None, "en-US,en;q=0.9", "en"),
        (None, "fr,en;q=0.5,pt;q=0.7", "pt-BR"),
        (None, "de", "pt-BR"),
        (None, ";;;q=,=", "pt-BR"),
        ("en", "pt-BR", "en"),
        ("xx", "en", "en"),
    ],
)
def test_the_own_choice_wins_then_the_browser_then_the_setting(
    cookie: str | None, accept: str, expected: str
) -> None:
    assert choose(cookie, accept, "pt-BR") == expected


def places(message: str) -> set[str]:
    return set(re.findall(r"%\((\w+)\)", message))


def test_every_message_of_the_catalog_is_translated_with_the_same_places() -> None:
    path = resources.locales_dir() / "pt_BR" / "LC_MESSAGES" / "govbot.po"
    with path.open("rb") as file:
        catalog = read_po(file, locale="pt_BR")
    for message in catalog:
        if not message.id:
            continue
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        strings = message.string if isinstance(message.string, tuple) else (message.string,)
        assert all(strings), f"not translated: {ids[0]!r}"
        # The form of one may say "every minute"; every other form is that of many.
        for number, string in enumerate(strings):
            source = ids[min(number, len(ids) - 1)]
            assert places(string) == places(source), source
            # Templates put every message through "%", with or without places.
            assert not re.search(r"%(?!\(\w+\)[sd])", string.replace("%%", "")), string


def test_an_error_speaks_the_readers_language() -> None:
    error = Invalid("The text is too long: at most %(limit)s characters.", limit=10)
    assert language("pt-BR").sentence(error) == "O texto é longo demais: no máximo 10 caracteres."
    assert language("en").sentence(error) == "The text is too long: at most 10 characters."


@pytest.mark.parametrize(
    ("code", "beginning"),
    [
        ("E-INTERRUPTED", "A resposta foi interrompida"),
        ("E-BUSY", "Muitas requisições"),
        ("E-MODEL-KEY", "O modelo de linguagem não responde"),
        ("E-MODEL-SERVER", "O modelo de linguagem não responde"),
        ("E-MODEL-BROKEN", "A resposta foi cortada"),
        ("E-QUESTION-LENGTH", "A pergunta é longa demais"),
        ("E-STOPPING", "O servidor está"),
        ("E-UNKNOWN", "Algo deu errado"),
        (None, "Algo deu errado"),
    ],
)
def test_stored_codes_have_a_sentence(code: str | None, beginning: str) -> None:
    assert language("pt-BR").gettext(errors.describe(code)).startswith(beginning)


def test_dates_and_numbers_are_written_as_readers_expect() -> None:
    moment = datetime(2026, 3, 9, 15, 30, tzinfo=UTC).astimezone()
    assert language("pt-BR").day(moment) == "9 de março de 2026"
    assert language("en").day(moment) == "March 9, 2026"
    assert language("pt-BR").number(12345.5) == "12.345,5"


def test_items_stand_under_their_days() -> None:
    now = datetime(2026, 6, 15, 12, tzinfo=UTC).astimezone()
    ages = {"a": 0, "b": 1, "c": 2, "d": 6, "e": 8, "f": 60, "g": 400}
    items = [(now - timedelta(days=days), name) for name, days in ages.items()]
    assert language("pt-BR").by_day(items, now=now) == [
        ("Hoje", ["a"]),
        ("Ontem", ["b"]),
        ("Últimos 7 dias", ["c", "d"]),
        ("Últimos 30 dias", ["e"]),
        ("Abril", ["f"]),
        ("Maio 2025", ["g"]),
    ]
