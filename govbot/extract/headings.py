"""Whether a paragraph of a word processor is a heading: its style, or how loud it is."""

from __future__ import annotations

from govbot.extract import Block
from govbot.extract.norms import ARTICLE, division, shouts
from govbot.extract.text import kind_of

LOUD_LEVEL = 8
_MAX_WORDS, _MAX_LOUD_WORDS = 40, 25


def block_of(
    text: str, *, level: int = 0, centred: bool = False, bold: bool = False, label: str = ""
) -> Block:
    """`level` is that of its style, 0 for body text; `label` is the number or bullet before it."""
    found = division(text)
    if found:
        return Block("heading", text, found[0] + 1)
    words = len(text.split())
    if level and words <= _MAX_WORDS:
        return Block("heading", text, level)
    loud = (centred and (bold or shouts(text))) or (bold and shouts(text))
    ends = text.endswith((".", ";", ":", ","))
    short = words <= _MAX_LOUD_WORDS and any(map(str.isalpha, text))
    if loud and short and not ends and not ARTICLE.match(text):
        return Block("heading", text, LOUD_LEVEL)
    return Block("list", text) if label else kind_of(text)


def heading_level(style_name: str) -> int:
    """1 to 9 for the name of a heading style ("Heading 2", "Título 2"), 0 for others."""
    words = style_name.lower().split()
    if len(words) == 2 and words[0] in {"heading", "título", "titulo"} and words[1].isdigit():
        return min(int(words[1]), 9)
    return 1 if style_name.lower() in {"title", "título", "titulo"} else 0
