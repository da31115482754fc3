"""Each page of the documentation stands in Portuguese too, with the same shape and commands.

That links and anchors lead somewhere, and that commands exist, tests/unit/test_docs_links.py says
of both languages.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

ROOT = Path(__file__).parents[2]
ENGLISH = ROOT / "docs"
PORTUGUESE = ENGLISH / "pt-BR"
# Generated from the code, or for who works on it: in English alone.
ENGLISH_ONLY = {"settings.md", "cli.md", "architecture.md"}
PAGES = sorted({page.name for page in ENGLISH.glob("*.md")} - ENGLISH_ONLY)

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
CODE = re.compile(r"^\| (E-[A-Z-]+) \|", re.MULTILINE)
COMMENTS = {"sql": "--", "json": "", "text": "#"}  # by the kind of a block; others: "#"


@pytest.mark.parametrize("name", PAGES)
def test_page_stands_in_portuguese(name: str) -> None:
    assert (PORTUGUESE / name).is_file(), f"docs/pt-BR/{name} is missing"


@pytest.mark.parametrize("name", PAGES)
def test_headings_have_the_same_levels_in_the_same_order(name: str) -> None:
    english, portuguese = _pair(name)
    assert _levels(portuguese) == _levels(english)


@pytest.mark.parametrize("name", PAGES)
def test_blocks_are_the_same_but_for_their_comments(name: str) -> None:
    english, portuguese = _pair(name)
    assert _blocks(portuguese) == _blocks(english)


@pytest.mark.parametrize("name", PAGES)
def test_tables_have_as_many_rows(name: str) -> None:
    english, portuguese = _pair(name)
    assert _rows(portuguese) == _rows(english)


@pytest.mark.parametrize("name", PAGES)
def test_no_figure_waits_to_be_filled_in(name: str) -> None:
    """A script that measures puts figures in the place of @NAMES@."""
    assert [left for text in _pair(name) for left in re.findall(r"@[A-Z]{2,}@", text)] == []


def test_no_portuguese_page_is_without_an_english_one() -> None:
    assert {page.name for page in PORTUGUESE.glob("*.md")} - set(PAGES) == set()


@pytest.mark.parametrize("name", PAGES)
def test_links_stay_in_portuguese_where_there_is_a_page(name: str) -> None:
    _english, portuguese = _pair(name)
    left = {f"../{page}" for page in PAGES} - {"../README.md"}  # the other index
    assert [link for link in LINK.findall(portuguese) if link in left] == []


@pytest.mark.parametrize("folder", [ENGLISH, PORTUGUESE], ids=lambda folder: folder.name)
def test_index_names_every_page(folder: Path) -> None:
    links = LINK.findall((folder / "README.md").read_text(encoding="utf-8"))
    reached = {(folder / link).resolve() for link in links}
    pages = {(folder / name).resolve() for name in PAGES} - {(folder / "README.md").resolve()}
    pages |= {(ENGLISH / name).resolve() for name in ENGLISH_ONLY}
    assert {page.name for page in pages - reached} == set()


def test_error_codes_stand_in_the_same_order() -> None:
    english, portuguese = _pair("errors.md")
    assert CODE.findall(portuguese) == CODE.findall(english)


def test_quoted_sentences_of_errors_are_those_of_the_catalog() -> None:
    known = {re.sub(r"%\(\w+\)[sd]", "…", text) for text in _catalog()}
    _english, portuguese = _pair("errors.md")
    rows = [line for line in portuguese.splitlines() if CODE.match(line)]
    quoted = [sentence for row in rows for sentence in _quoted(row)]
    assert len(quoted) > 100
    assert [sentence for sentence in quoted if not _is_known(sentence, known)] == []


def test_one_thing_has_one_word() -> None:
    """The words of CONTRIBUTING's table that were given up stand nowhere."""
    table = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("| not |\n")[2]
    rows = [line.split("|") for line in table.splitlines()[1:] if line.startswith("|")]
    given_up = [word.strip() for row in rows for word in row[3].split(",")]
    assert "pasta vigiada" in given_up
    words = re.compile("|".join(rf"\b{_either(word)}\b" for word in given_up), re.IGNORECASE)
    texts = {page.name: page.read_text(encoding="utf-8") for page in PORTUGUESE.glob("*.md")}
    texts["catalog"] = "\n".join(_catalog())
    found = [(name, each.group()) for name, text in texts.items() for each in words.finditer(text)]
    assert found == []


@pytest.mark.parametrize(
    ("block", "left"),
    [
        (("sh", "govbot doctor   # tudo\n\n# nada\n"), ["govbot doctor"]),
        (("toml", 'accent = "#1351b4"  # azul\n'), ['accent = "#1351b4"']),
        (("sql", "SELECT 1; -- um\n"), ["SELECT 1;"]),
        (("json", '{"a": "# b"}\n'), ['{"a": "# b"}']),
    ],
)
def test_comments_of_a_block_are_left_out(block: tuple[str, str], left: list[str]) -> None:
    assert _without_comments(*block) == left


def _pair(name: str) -> tuple[str, str]:
    """The page in both languages; skips where the Portuguese one is missing, which fails above."""
    portuguese = PORTUGUESE / name
    if not portuguese.is_file():
        pytest.skip("no Portuguese page")
    return (ENGLISH / name).read_text(encoding="utf-8"), portuguese.read_text(encoding="utf-8")


def _catalog() -> list[str]:
    """Every Portuguese text of the pages and messages."""
    catalog = ROOT / "govbot" / "locales" / "pt_BR" / "LC_MESSAGES" / "govbot.po"
    with catalog.open("rb") as file:
        strings = [message.string for message in read_po(file)]
    return [
        text
        for each in strings
        for text in ([each] if isinstance(each, str) else each or ())
        if text
    ]


def _either(words: str) -> str:
    """The pattern of words in singular or plural, also across the end of a line."""
    return r"\s+".join(rf"{re.escape(word)}s?" for word in words.split())


def _is_known(sentence: str, known: set[str]) -> bool:
    """Whether a sentence of the catalog is quoted, whole or up to a closing …"""
    if sentence in known:
        return True
    start = sentence.removesuffix("…")
    return sentence != start and any(each.startswith(start) for each in known)


def _quoted(row: str) -> list[str]:
    """What stands between the outer “ and ” of a row."""
    found, depth, start = [], 0, 0
    for place, sign in enumerate(row):
        if sign == "“":
            depth += 1
            start = place + 1 if depth == 1 else start
        elif sign == "”":
            depth -= 1
            found += [row[start:place]] if depth == 0 else []
    return found


def _levels(text: str) -> list[int]:
    return [len(marks) for marks in re.findall(r"^(#{1,6}) ", FENCE.sub("", text), re.MULTILINE)]


def _rows(text: str) -> int:
    return len(re.findall(r"^\|", FENCE.sub("", text), re.MULTILINE))


def _blocks(text: str) -> list[tuple[str, list[str]]]:
    return [(kind, _without_comments(kind, block)) for kind, block in FENCE.findall(text)]


def _without_comments(kind: str, block: str) -> list[str]:
    """The lines of a block that say something to a program."""
    mark = COMMENTS.get(kind, "#")
    comment = rf"(^|\s){re.escape(mark)}(\s.*)?$" if mark else r"(?!)"
    lines = [re.sub(comment, "", line).rstrip() for line in block.splitlines()]
    return [line for line in lines if line.strip()]
