"""A dossier as Markdown (CommonMark with tables). What people and documents said is escaped: it
cannot become a link, an image or HTML in the program that shows the file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from govbot.dossier.blocks import Block, Run

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~#&!])")
# What would begin a list, a heading or a rule, and addresses that some programs make links of.
_START = re.compile(r"^(\s*)([-+=]|\d+[.)])", re.MULTILINE)
_SCHEME = re.compile(r"\b(https?|ftp|mailto|www)(?=[:.])", re.IGNORECASE)
_FACT: Final = "**{name}:** {value}  "


def render(blocks: Sequence[Block]) -> bytes:
    """The file, in UTF-8."""
    parts: list[str] = []
    for before, block in zip([None, *blocks], blocks, strict=False):
        joined = before is not None and before.kind == block.kind and block.kind in ("fact", "item")
        parts.append(("\n" if joined else "\n\n" if before else "") + _block(block))
    return ("".join(parts) + "\n").encode()


def _block(block: Block) -> str:
    text = _text(block.runs)
    line = text.replace("\n", " ")
    match block.kind:
        case "title":
            text = f"# {line}"
        case "heading":
            text = f"{'#' * (block.level + 1)} {line}"
        case "fact":
            text = _FACT.format(name=_escape(block.mark), value=line)
        case "item":
            mark = "-" if block.mark == "•" else block.mark or " "
            text = f"{'   ' * (block.level - 1)}{mark} {line}"
        case "quote":
            text = "\n".join(f"> {each}" for each in text.split("\n"))
        case "note":
            text = f"*{line}*"
        case "code":
            text = "\n".join(f"    {each}" for each in block.text.split("\n"))
        case "table":
            text = _table(block)
        case "rule":
            text = "---"
        case _:
            text = text.replace("\n", "  \n")
    return text


def _table(block: Block) -> str:
    rows = [f"| {' | '.join(_line(cell) for cell in row)} |" for row in block.rows]
    width = len(block.rows[0]) if block.rows else 0
    return "\n".join([*rows[:1], "|" + "---|" * width, *rows[1:]])


def _line(runs: Sequence[Run]) -> str:
    return _text(runs).replace("\n", " ")


def _text(runs: Sequence[Run]) -> str:
    return _START.sub(r"\1\\\2", "".join(_run(run) for run in runs))


def _run(run: Run) -> str:
    text = _escape(run.text)
    if not text.strip():
        return text
    mark = "**" if run.bold else "*" if run.italic else ""
    if not mark:
        return text
    lead, trail = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    return f"{lead}{mark}{text.strip()}{mark}{trail}"


def _escape(text: str) -> str:
    # A word joiner stands between scheme and colon, where no program finds an address any more.
    return _SCHEME.sub("\\1\u2060", _SPECIAL.sub(r"\\\1", text))
