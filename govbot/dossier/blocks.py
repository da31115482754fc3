"""The parts of a text that every format draws in its way, and Markdown taken apart into them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from govbot.privacy import MASKED

Kind = Literal[
    "title", "heading", "paragraph", "item", "quote", "code", "table", "fact", "rule", "note"
]
# What no XML may hold, and what would turn the direction of a text.
_CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]"
)


@dataclass(frozen=True, slots=True)
class Run:
    """Text in one manner; a line break in it is a line break."""

    text: str
    bold: bool = False
    italic: bool = False
    code: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """One part. `level` is that of a heading (1 to 4) or the depth of an item; `mark` stands before
    an item; a fact has its name in `mark`; `rows` are those of a table, the first its head."""

    kind: Kind
    runs: tuple[Run, ...] = ()
    level: int = 1
    mark: str = ""
    rows: tuple[tuple[tuple[Run, ...], ...], ...] = ()

    @property
    def text(self) -> str:
        """The words alone."""
        return "".join(run.text for run in self.runs)


def plain(kind: Kind, text: str, *, level: int = 1, mark: str = "") -> Block:
    """A block of one run, cleaned."""
    return Block(kind, (Run(clean(text)),), level, clean(mark))


def clean(text: str) -> str:
    """Without control characters; line breaks and tabs stay."""
    return _CONTROL.sub("", text.replace("\r\n", "\n"))


def of_markdown(text: str, *, heading: int = 3) -> list[Block]:
    """The blocks of an answer; its headings begin at `heading`. Links, images and HTML are text."""
    walk = _Walk(heading)
    for token in _parser().parse(clean(text)):
        walk.take(token)
    return walk.blocks


class _Walk:
    """Where in lists, quotes and tables the next token stands."""

    def __init__(self, heading: int) -> None:
        self.blocks: list[Block] = []
        self._heading = heading
        self._level = 0  # of the heading that is open
        self._lists: list[int | None] = []  # the next number of each open list; None: bullets
        self._mark = ""
        self._quotes = 0
        self._rows: list[list[tuple[Run, ...]]] | None = None

    def take(self, token: Token) -> None:
        kind = token.type
        if kind == "inline":
            self._inline(_runs(token.children or []))
        elif kind in ("fence", "code_block"):
            self.blocks.append(Block("code", (Run(token.content.rstrip("\n"), code=True),)))
        elif kind == "hr":
            self.blocks.append(Block("rule"))
        elif kind in ("heading_open", "heading_close"):
            self._level = int(token.tag[1]) if kind == "heading_open" else 0
        elif kind in ("blockquote_open", "blockquote_close"):
            self._quotes += 1 if kind == "blockquote_open" else -1
        else:
            self._list(token)
            self._table(kind)

    def _list(self, token: Token) -> None:
        if token.type == "bullet_list_open":
            self._lists.append(None)
        elif token.type == "ordered_list_open":
            self._lists.append(int(token.attrs.get("start", 1)))
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            self._lists.pop()
        elif token.type == "list_item_open":
            number = self._lists[-1]
            self._mark = "•" if number is None else f"{number}."
            self._lists[-1] = None if number is None else number + 1

    def _table(self, kind: str) -> None:
        if kind == "table_open":
            self._rows = []
        elif kind == "tr_open" and self._rows is not None:
            self._rows.append([])
        elif kind == "table_close" and self._rows is not None:
            rows = tuple(tuple(row) for row in self._rows)
            self.blocks.append(Block("table", rows=rows))
            self._rows = None

    def _inline(self, runs: tuple[Run, ...]) -> None:
        if self._rows is not None:
            self._rows[-1].append(runs)
        elif self._level:
            level = min(4, self._heading + self._level - 1)
            self.blocks.append(Block("heading", runs, level))
        elif self._lists:
            self.blocks.append(Block("item", runs, len(self._lists), self._mark))
            self._mark = ""
        elif self._quotes:
            self.blocks.append(Block("quote", runs))
        else:
            self.blocks.append(Block("paragraph", runs))


def _runs(children: Sequence[Token]) -> tuple[Run, ...]:
    bold = italic = 0
    runs: list[Run] = []
    for token in children:
        if token.type in ("strong_open", "strong_close"):
            bold += token.nesting
        elif token.type in ("em_open", "em_close"):
            italic += token.nesting
        elif token.type in ("softbreak", "hardbreak"):
            runs.append(Run("\n"))
        elif token.type == "code_inline":
            runs.append(Run(token.content, code=True))
        elif token.content:
            runs.append(Run(token.content, bold=bold > 0, italic=italic > 0))
    return tuple(runs)


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(
        ["table", "strikethrough"]
    )
    parser.disable(["link", "image", "autolink", "html_inline", "html_block", "reference"])
    parser.inline.ruler.before("emphasis", "masked", _masked)
    return parser


def _masked(state: StateInline, silent: bool) -> bool:
    """The stars of ***.456.789-** are no emphasis."""
    match = MASKED.match(state.src, state.pos)
    if match is None:
        return False
    if not silent:
        state.pending += match[0]
    state.pos = match.end()
    return True
