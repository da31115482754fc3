"""Answers as HTML: what may stand in them and what never does."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govbot.errors import Invalid
from govbot.web.markdown import to_html, to_text

LINKS = {1: ("/d/1?a=1&b=2", 'Fonte 1: "Lei"'), 2: ("/d/2", "Fonte 2")}


def test_ordinary_marks_are_kept() -> None:
    html = to_html("# Prazo\n\n**dez** *dias*\n\n- um\n- dois\n\n|a|b|\n|-|-|\n|1|2|\n\n> citado")
    for part in ("<h3>Prazo</h3>", "<strong>dez</strong>", "<em>dias</em>", "<li>dois</li>",
                 "<td>2</td>", "<blockquote>"):  # fmt: skip
        assert part in html


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("a [1]", [1]), ("a [1][2]", [1, 2]), ("a [1, 2].", [1, 2]), ("a [1; 2]", [1, 2])],
)
def test_citation_marks_become_links(text: str, numbers: list[int]) -> None:
    html = to_html(text, LINKS)
    assert [int(n) for n in re.findall(r">(\d)</a>", html)] == numbers
    assert 'href="/d/1?a=1&amp;b=2"' in html
    assert 'aria-label="Fonte 1: &#34;Lei&#34;"' in html


def test_while_it_is_written_marks_are_numbers_without_links() -> None:
    assert to_html("a [1]") == '<p>a <sup class="cite">1</sup></p>\n'


def test_a_mark_that_no_citation_stands_for_keeps_its_brackets() -> None:
    assert "[9]" in to_html("a [9]", LINKS)
    assert "<code>x[1]</code>" in to_html("`x[1]`", LINKS)


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![x](https://mal.example/x.png)",
        "[x](https://mal.example)",
        "[1](https://mal.example)",
        "<https://mal.example>",
        "[x]\n\n[x]: https://mal.example",
        '<sup data-cite="1"></sup>',
        "<style>*{}</style>",
        "<a href='javascript:x'>x</a>",
    ],
)
def test_nothing_that_acts_or_leads_elsewhere_comes_out(text: str) -> None:
    html = to_html(text, LINKS)
    tags = set(re.findall(r"<(\w+)", html))
    assert tags <= {"p", "sup"} or tags <= {"p", "a"}
    assert "mal.example" not in "".join(re.findall(r"<[^>]+>", html))


@given(st.text(max_size=200))
def test_whatever_is_written_only_known_tags_come_out(text: str) -> None:
    tags = re.findall(r"<(\w+)([^>]*)>", to_html(text, LINKS))
    for tag, attributes in tags:
        assert tag not in ("script", "img", "iframe", "style", "form", "input", "svg")
        if tag == "a":
            assert 'class="cite"' in attributes


def test_plain_text_is_escaped_and_keeps_its_lines() -> None:
    assert to_text("a <b>\nc") == "a &lt;b&gt;<br>c"


def test_a_text_beyond_all_measure_is_refused() -> None:
    with pytest.raises(Invalid):
        to_html("a" * 200_001)


@pytest.mark.parametrize(
    "value", ["***.456.789-**", "**** **** **** 1111", "a********@exemplo.gov.br", "**.***.***-*"]
)
def test_the_stars_of_hidden_data_are_shown_as_they_are(value: str) -> None:
    html = to_html(f"**Ana**, {value}, e {value} *sim*")
    assert html == f"<p><strong>Ana</strong>, {value}, e {value} <em>sim</em></p>\n"
