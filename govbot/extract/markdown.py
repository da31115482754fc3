"""Markdown as its readers see it: without marks, with headings, lists and tables."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from govbot.extract import Block, Extracted, Limits, OnPage, page_of
from govbot.extract.norms import division
from govbot.extract.text import finished, kind_of, read_text

if TYPE_CHECKING:
    from markdown_it.token import Token


def extract_markdown(path: Path, limits: Limits, on_page: OnPage) -> Extracted:
    """One page. Raises BadDocument E-VAZIO, E-TAMANHO, E-CORROMPIDO."""
    from markdown_it import MarkdownIt

    text, charset = read_text(path, limits)
    writer = _Writer()
    for token in MarkdownIt("commonmark").enable("table").parse(text.replace("\f", "\n")):
        writer.take(token)
    on_page(1, 1)
    return finished([page_of(1, writer.blocks)], {"charset": charset}, guessed=True)


class _Writer:
    """Collects blocks while tokens go by."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.rows: list[list[str]] = []
        self.level = 0
        self.marker = ""
        self.in_table = False

    def take(self, token: Token) -> None:
        kind = token.type
        if kind in ("heading_open", "heading_close"):
            self.level = int(token.tag[1]) if kind == "heading_open" else 0
        elif kind == "list_item_open":
            self.marker = f"{token.info}{token.markup} " if token.info else "• "
        elif kind in ("table_open", "table_close"):
            self._table(opens=kind == "table_open")
        elif kind == "tr_open":
            self.rows.append([])
        elif kind in ("fence", "code_block"):
            self.blocks.append(Block("paragraph", token.content.rstrip("\n")))
        elif kind == "html_block":
            self.blocks.append(Block("paragraph", _without_tags(token.content)))
        elif kind == "inline":
            self._inline(_plain(token.children or []))

    def _table(self, *, opens: bool) -> None:
        self.in_table = opens
        if not opens:
            self.blocks.append(Block("table", "\n".join(" | ".join(row) for row in self.rows)))
            self.rows = []

    def _inline(self, content: str) -> None:
        if self.in_table:
            self.rows[-1].append(content)
            return
        if self.level:
            found = division(content)
            self.blocks.append(Block("heading", content, found[0] + 1 if found else self.level))
        elif self.marker:
            self.blocks.append(Block("list", self.marker + content))
        else:
            self.blocks.append(kind_of(content))
        self.marker = ""


def _plain(children: Sequence[Token]) -> str:
    parts = []
    for child in children:
        if child.type in ("softbreak", "hardbreak"):
            parts.append(" ")
        elif child.type != "html_inline":
            parts.append(child.content)
    return " ".join("".join(parts).split())


def _without_tags(html: str) -> str:
    return " ".join(re.sub(r"<!--.*?-->|<[^>]*>", " ", html, flags=re.DOTALL).split())
