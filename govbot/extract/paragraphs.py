"""Joins the lines of PDF pages into headings, paragraphs and table rows (pure)."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from govbot.extract import Block
from govbot.extract.fragments import SOFT_HYPHEN
from govbot.extract.layout import CELL_MARK, Line
from govbot.extract.norms import (
    ALINEA,
    ARTICLE,
    CONTENTS_LEADER,
    DIVISIONS,
    PARAGRAPH,
    division,
    shouts,
    starts_unit,
)
from govbot.extract.tables import header_of

_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_TERMINAL = (".", ":", ";", "!", "?", ".”", '."', ".)", ";”", ")", "”", '"')
_SECTION = re.compile(r"(?:\d{1,2}(?:\.\d{1,2}){0,3}|[IVXL]{1,6})\s?[.)–-]?\s+\S")
_NAME_WORDS = 8  # of a clause's name
_DIVISION_LETTERS = frozenset(word[0].upper() for word in DIVISIONS)
_LEADER_DOTS = re.compile(r"\s?(?:\.\s){3,}\.?\s?")
# Pronouns after a verb: "aplicar-" / "se-á" keeps its hyphen.
_ENCLITICS = re.compile(r"(?:se|lhes?|l[oa]s?|[oa]s?|n[oa]s?|me|te|nos|vos)(?![^\W\d_])", re.I)


@dataclass(frozen=True, slots=True)
class Style:
    """What is usual in a document: body size, line pitch in ems, and the words it uses.

    `headers` are the header rows of tables that go on over a page, by the row with which they do.
    """

    size: float
    pitch: float
    words: frozenset[str]
    headers: Mapping[Line, tuple[Line, ...]] = field(default_factory=dict)


def style_of(pages: Sequence[Sequence[Line]]) -> Style:
    """The style of a document from its lines without furniture."""
    sizes: Counter[float] = Counter()
    pitches: list[float] = []
    words: set[str] = set()
    for lines in pages:
        after_break = False
        for line in lines:
            sizes[round(line.size * 2) / 2] += len(line.text)
            words.update(_whole_words(line.text, after_break))
            after_break = line.text.endswith(("-", SOFT_HYPHEN))
        for above, below in pairwise(lines):
            step = (below.bottom - above.bottom) / (above.size or 1.0)
            same = abs(above.size - below.size) < 0.5 and above.left == below.left
            if same and 0.8 < step < 3.0 and _is_full(above):
                pitches.append(step)
    size = max(sizes, key=lambda value: sizes[value]) if sizes else 10.0
    pitch = statistics.median_low(pitches) if pitches else 1.2
    return Style(size, pitch, frozenset(words), _headers(pages))


def _headers(pages: Sequence[Sequence[Line]]) -> dict[Line, tuple[Line, ...]]:
    """Header rows for tables that begin a page because they began on the page before."""
    found: dict[Line, tuple[Line, ...]] = {}
    header: tuple[Line, ...] = ()
    for before, lines in pairwise(pages):
        ending = _table_at_end(before)
        if not ending or ending[0] not in found:
            count = header_of([row.cells for row in ending])
            header = tuple(ending[:count])
        first = lines[0] if lines else None
        if first is None or not ending or not header or first.table is None:
            continue
        same = len(first.cells) == len(ending[-1].cells) == len(header[-1].cells)
        if same and first.cells != header[0].cells:
            found[first] = header
    return found


def _table_at_end(lines: Sequence[Line]) -> list[Line]:
    """The rows of the table with borders that ends a page, if one does."""
    if not lines or lines[-1].table is None:
        return []
    number = lines[-1].table
    return [line for line in lines if line.table == number]


def _whole_words(text: str, after_break: bool) -> list[str]:
    """The words of a line without the halves of words divided at its ends."""
    words = [word.lower() for word in _WORD.findall(text)]
    if text.endswith(("-", SOFT_HYPHEN)):
        words = words[:-1]
    return words[1:] if after_break else words


def blocks_of(lines: Sequence[Line], style: Style) -> list[Block]:
    """The blocks of a page, in order."""
    groups: list[list[Line]] = []
    for line in _tabled(lines):
        if groups and not _starts_block(groups[-1], line, style):
            groups[-1].append(line)
        else:
            groups.append([line])
    return _settle([_block(group, style) for group in groups])


def _tabled(lines: Sequence[Line]) -> list[Line]:
    """Short lines between the rows of a table (merged or wrapped cells) made rows of it."""
    result = list(lines)
    for index, line in enumerate(result):
        if index == 0 or line.cells or line.x1 - line.x0 > 0.5 * (line.right - line.left):
            continue
        above, below = result[index - 1], result[index + 1 : index + 4]
        near = abs(line.bottom - above.bottom) < 2.2 * line.size
        if above.cells and near and not division(line.text) and not starts_unit(line.text):
            table = [other for other in below if other.cells]
            if table and table[0].bottom - line.bottom < 5.0 * line.size:
                result[index] = replace(line, cells=(line.text,))
    return result


def _settle(blocks: list[Block]) -> list[Block]:
    """A division's name is a heading too; headings listed in a table of contents are none."""
    settled = list(blocks)
    for index, block in enumerate(settled[:-1]):
        after = settled[index + 1]
        found = division(block.text) if block.kind == "heading" else None
        if found and not found[2] and after.kind == "paragraph" and _is_name(after.text):
            settled[index + 1] = Block("heading", after.text, 9)
    for index in range(len(settled) - 2, -1, -1):
        if settled[index].kind == "heading" and _is_contents(settled[index + 1].text):
            settled[index] = Block("paragraph", settled[index].text)
    return settled


def _is_contents(text: str) -> bool:
    """Whether a line of a table of contents ends here: dots and a number."""
    return (
        text.rstrip()[-1:].isdigit()
        and ".." in text.replace(" ", "")
        and bool(CONTENTS_LEADER.search(text))
    )


def _is_name(text: str) -> bool:
    return (
        len(text.split()) <= 25
        and not text.endswith((".", ";", ":", ","))
        and not starts_unit(text)
        and text[:1].isupper()
        and not _is_contents(text)
    )


def fitted(lines: Sequence[Line]) -> list[Line]:
    """The lines with the margins of their column made anew, once furniture is gone."""
    columns: dict[tuple[float, float], list[Line]] = {}
    for line in lines:
        columns.setdefault((line.left, line.right), []).append(line)
    margins = {
        key: (min(line.x0 for line in group), max(line.x1 for line in group))
        for key, group in columns.items()
    }
    result = []
    for line in lines:
        left, right = margins[line.left, line.right]
        same = left == line.left and right == line.right
        result.append(line if same else replace(line, left=left, right=right))
    return result


def _starts_block(group: list[Line], line: Line, style: Style) -> bool:
    last = group[-1]
    if bool(last.cells) != bool(line.cells) or line.left != last.left:
        return True
    if last.table is not None or line.table is not None:
        return last.table != line.table
    if line.cells:
        return line.bottom - last.bottom > 4.0 * line.size
    step = line.bottom - last.bottom
    apart = step < -0.3 * line.size or step > (style.pitch + 0.45) * max(last.size, line.size)
    resized = abs(line.size - last.size) > 0.12 * style.size
    if apart or resized or _is_contents(last.text):
        return True
    if last.text.endswith(SOFT_HYPHEN):
        return False
    return _starts_heading(group, line) or _starts_paragraph(group, line)


def _starts_heading(group: list[Line], line: Line) -> bool:
    """A division, a change between bold or capitals and plain text, or a new centred heading."""
    last = group[-1]
    if _division(line.text) or _division(last.text):
        return True
    if line.bold != last.bold and (all(member.bold for member in group) or line.bold):
        if last.bold and len(group) == 1 and not last.centred and _is_full(last):
            return False  # a paragraph whose first words are bold up to the end of the line
        return not (line.bold and _is_full(last) and not shouts(line.text))
    if (last.centred or line.centred) and shouts(last.text) != shouts(line.text):
        return len(line.text.split()) > 1
    return last.centred != line.centred and not _is_full(last)


def _starts_paragraph(group: list[Line], line: Line) -> bool:
    last = group[-1]
    open_end = not last.text.rstrip().endswith(_TERMINAL)
    if starts_unit(line.text) and not _is_mention(last, line, open_end):
        return True
    if last.centred and line.centred:
        return last.bold != line.bold
    indent = line.x0 - last.x0
    if indent > 0.7 * line.size:
        return len(group) > 1 or not _is_full(last)
    if indent < -0.7 * line.size and len(group) > 1:
        return not open_end or not _is_full(last)
    space = last.right - last.x1
    short = space > 0.2 * (last.right - last.left)
    begins = line.text[:1].isupper() and space > _first_word(line)
    return short and (begins or not open_end)


def _is_mention(last: Line, line: Line, open_end: bool) -> bool:
    """A line that begins with "art. 5º" or "10." only because the paragraph was wrapped there."""
    if line.text[:1].isdigit():
        return open_end and _is_full(last)
    return open_end and line.text[:1].islower() and not ALINEA.match(line.text)


def _first_word(line: Line) -> float:
    """About the width of the first word: it would have fitted on the line above."""
    word = line.text.split(" ", 1)[0]
    return (len(word) + 2) * (line.x1 - line.x0) / max(len(line.text), 1)


def _is_full(line: Line) -> bool:
    return line.right - line.x1 < max(0.06 * (line.right - line.left), 1.5 * line.size)


def _block(group: list[Line], style: Style) -> Block:
    if group[0].cells:
        rows = (*style.headers.get(group[0], ()), *group)
        return Block("table", "\n".join(_row(line, style) for line in rows))
    text = joined([line.text for line in group], style.words)
    level = _heading_level(group, text, style)
    return Block("heading", text, level) if level else Block("paragraph", text)


def _row(line: Line, style: Style) -> str:
    """The cells of a row, each on one line."""
    return CELL_MARK.join(joined(cell.split("\n"), style.words) for cell in line.cells)


def _heading_level(group: list[Line], text: str, style: Style) -> int:
    """1 to 9 for a heading, 0 for anything else; divisions of a norm have fixed levels."""
    found = _division(text)
    if found:
        return found[0] + 1
    if not _may_be_heading(text):
        return 0
    first = group[0]
    if first.size > 1.15 * style.size and not text.endswith("."):
        return 7
    bold = all(line.bold for line in group)
    marked = bold or first.centred or _SECTION.match(text)
    if marked and not text.endswith(":") and shouts(text):
        return 8
    brief = bold and len(text.split()) <= 15
    return 9 if brief and not text.endswith((".", ":")) and _shortened(group) else 0


def _division(text: str) -> tuple[int, str, str] | None:
    """The division that a line names; a clause of a contract whose text follows is none."""
    if text.lstrip()[:1] not in _DIVISION_LETTERS:  # spares the whole rule for most lines
        return None
    found = division(text)
    if found and found[0] == DIVISIONS.get("clausula") and len(found[2].split()) > _NAME_WORDS:
        return None
    return found


def _may_be_heading(text: str) -> bool:
    short = len(text) >= 3 and len(text.split()) <= 30 and not text.endswith((";", ","))
    plain = any(map(str.isalpha, text)) and not text.startswith(("•", "(", "“", '"'))
    unit = ARTICLE.match(text) or PARAGRAPH.match(text) or _is_contents(text)
    return short and plain and not unit


def _shortened(group: list[Line]) -> bool:
    return group[-1].centred or not _is_full(group[-1])


def joined(lines: Sequence[str], words: frozenset[str] = frozenset()) -> str:
    """The lines as one, with words divided at line ends put together again."""
    text = ""
    for line in lines:
        if not text:
            text = line
        elif text.endswith((SOFT_HYPHEN, "-")) and text[-2:-1].isalpha() and line[:1].isalpha():
            text = _hyphenated(text, line, words)
        else:
            text += " " + line
    text = _LEADER_DOTS.sub(" ... ", text.replace(SOFT_HYPHEN + " ", "- "))
    return text[:-1] + "-" if text.endswith(SOFT_HYPHEN) else text.replace(SOFT_HYPHEN, "")


def _hyphenated(text: str, line: str, words: frozenset[str]) -> str:
    """Removes the hyphen of a divided word; keeps that of "Vice-Reitor" and "aplicar-se"."""
    before = _WORD.findall(text[:-1])[-1]
    after = (_WORD.match(line) or _WORD.search(line))[0]  # type: ignore[index]
    whole, compound = (before + after).lower(), f"{before}-{after}".lower()
    if whole in words and compound not in words:
        keep = False
    elif compound in words or after[0].isupper() or _ENCLITICS.match(line):
        keep = True
    else:
        keep = len(before) > 2 and {before.lower(), after.lower()} <= words and len(after) > 3
    return (text[:-1] + "-" if keep else text[:-1]) + line
