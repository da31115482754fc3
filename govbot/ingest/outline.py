"""The outline of a norm: its lines, each with the path of divisions, article and § above it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from govbot.extract import Page
from govbot.extract.norms import (
    ALINEA,
    ARTICLE,
    ENACTS,
    INCISO,
    ITEM,
    PARAGRAPH,
    REASON,
    division,
    shouts,
    starts_unit,
)

LineKind = Literal["heading", "article", "paragraph", "inciso", "alinea", "item", "row", "text"]

# Ranks in the path: divisions 0-7 (norms.DIVISIONS), then what stands below them.
_HEADING, _NUMBERED, _REASONS = 10, 20, 29
_ARTICLE, _QUOTED, _PARAGRAPH, _INCISO = 30, 31, 32, 33
_MAX_LABEL = 90
_CLOSING = re.compile(r"[”\"’»]\.?\s*(?:\(NR\)|\(AC\))?\s*[.;]?$")


@dataclass(frozen=True, slots=True)
class Entry:
    """One element of a path: its rank and how it is shown."""

    rank: int
    label: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the joined text, without its newline."""

    start: int
    end: int
    kind: LineKind
    path: tuple[Entry, ...]
    words: int


@dataclass(frozen=True, slots=True)
class Section:
    """Lines that belong together: an article, or the text below one heading."""

    lines: tuple[Line, ...]
    article: str = ""  # number of the (first) article
    last_article: str = ""  # of the last one, when small ones were merged
    common_path: tuple[Entry, ...] | None = None  # of sections that were merged

    @property
    def path(self) -> tuple[Entry, ...]:
        """What stands above all of it."""
        return self.body.path if self.common_path is None else self.common_path

    @property
    def merged(self) -> bool:
        """Whether it is made of several."""
        return self.common_path is not None

    @property
    def words(self) -> int:
        return sum(line.words for line in self.lines)

    @property
    def opens(self) -> bool:
        """Whether it begins with the heading that introduces it."""
        return self.lines[0].kind == "heading"

    @property
    def parent(self) -> tuple[Entry, ...]:
        """The path above the article, or that of the text itself."""
        return tuple(entry for entry in self.body.path if entry.rank < _ARTICLE)

    @property
    def siblings(self) -> tuple[Entry, ...] | None:
        """The path above its own heading, where that is no division of a norm."""
        path = self.parent
        return path[:-1] if self.opens and path and path[-1].rank >= _HEADING else None

    @property
    def body(self) -> Line:
        """The first line that is no heading; the last heading when there is nothing else."""
        return next((line for line in self.lines if line.kind != "heading"), self.lines[-1])

    def with_next(self, other: Section) -> Section:
        """Both as one."""
        last = other.last_article or other.article or self.last_article
        common = tuple(a for a, b in zip(self.path, other.path, strict=False) if a == b)
        return Section(
            self.lines + other.lines, self.article or other.article, last, common_path=common
        )


def sections_of(pages: Sequence[Page], starts: Sequence[int], text: str) -> list[Section]:
    """The sections of a document in order; together they hold every line with text."""
    sections: list[Section] = []
    group: list[Line] = []
    article = ""
    for line in _outlined(list(_raw_lines(pages, starts)), text):
        only_headings = all(member.kind == "heading" for member in group)
        begins = line.kind == "article" or (line.kind == "heading" and not only_headings)
        if group and begins and not (only_headings and line.kind == "article"):
            sections.append(Section(tuple(group), article))
            group, article = [], ""
        if line.kind == "article":
            article = next(e.label for e in line.path if e.rank == _ARTICLE)
        group.append(line)
    if group:
        sections.append(Section(tuple(group), article))
    return sections


def shown(path: Sequence[Entry]) -> str:
    """The path as a reader sees it."""
    return " › ".join(entry.label for entry in path)


@dataclass(frozen=True, slots=True)
class _Raw:
    start: int
    end: int
    kind: str
    level: int


def _raw_lines(pages: Sequence[Page], starts: Sequence[int]) -> Iterator[_Raw]:
    for page, begin in zip(pages, starts, strict=True):
        position = begin
        for kind, level, content in _parts(page):
            for line in content.split("\n"):
                if line.strip():
                    lead = len(line) - len(line.lstrip())
                    end = position + len(line.rstrip())
                    yield _Raw(position + lead, end, kind, level)
                position += len(line) + 1


def _parts(page: Page) -> list[tuple[str, int, str]]:
    """The blocks in the text of a page; the bare text when blocks do not make it up."""
    blocks = [block for block in page.blocks if block.kind != "furniture"]
    if "\n".join(block.text for block in blocks) == page.text:
        return [(block.kind, block.level, block.text) for block in blocks]
    return [("paragraph", 0, page.text)]


def _outlined(raw: Sequence[_Raw], text: str) -> Iterator[Line]:
    outline = _Outline()
    for index, line in enumerate(raw):
        content = text[line.start : line.end]
        after = raw[index + 1] if index + 1 < len(raw) else None
        following = text[after.start : after.end] if after else ""
        kind = outline.take(content, line.kind, line.level, following)
        yield Line(line.start, line.end, kind, outline.path, len(content.split()))


class _Outline:
    """Keeps the path while lines go by."""

    def __init__(self) -> None:
        self.path: tuple[Entry, ...] = ()
        self.named = True
        self.quoting = False
        self.last_number = 0

    def take(self, content: str, kind: str, level: int, following: str) -> LineKind:
        """The kind of the line, having moved the path to it."""
        found = self._take(content, kind, level, following)
        if self.quoting and _CLOSING.search(content):
            self.quoting = False
        return found

    def _take(self, content: str, kind: str, level: int, following: str) -> LineKind:
        if not self.named:
            self.named = True
            if _is_name(content, kind):
                last = self.path[-1]
                label = f"{last.label} – {_calm(content)}"[:_MAX_LABEL]
                self.path = (*self.path[:-1], replace(last, label=label))
                return "heading"
        found = division(content) if kind != "table" and not self.quoting else None
        if found and not _in_contents(following):
            rank, label, name = found
            self._enter(rank, f"{label} – {_calm(name)}"[:_MAX_LABEL] if name else label)
            self.named = bool(name)
            self.last_number = 0 if rank == 0 else self.last_number
            return "heading"
        if kind == "heading" and not ARTICLE.match(content):
            number = ITEM.match(content)
            depth = number["number"].rstrip(".").count(".") if number else 0
            rank = _NUMBERED + depth if number else _HEADING + min(level, 9)
            self._enter(rank, " ".join(content.split())[:_MAX_LABEL])
            return "heading"
        return "row" if kind == "table" else self._unit(content)

    def _unit(self, content: str) -> LineKind:
        if match := ARTICLE.match(content):
            return self._article(match)
        if match := PARAGRAPH.match(content):
            self.quoting = self.quoting or bool(match["quote"])
            label = f"§ {_tidy(match['number'])}" if match["number"] else "Parágrafo único"
            self._enter(_PARAGRAPH, label)
            return "paragraph"
        if match := INCISO.match(content):
            self.quoting = self.quoting or bool(match["quote"])
            self._enter(_INCISO, f"inciso {_tidy(match['number'])}")
            return "inciso"
        if ALINEA.match(content):
            return "alinea"
        return "text" if self._in_article() else self._outside_articles(content)

    def _outside_articles(self, content: str) -> LineKind:
        """Items of a notice or contract ("3.2.1"), and what a norm considers before articles."""
        if match := ITEM.match(content):
            if "." in match["number"]:
                self._enter(_PARAGRAPH, f"item {match['number']}")
            return "item"
        if REASON.match(content):
            self._enter(_REASONS, "Considerandos")
            return "item"
        if ENACTS.match(content):
            self._leave(_REASONS)
        return "text"

    def _article(self, match: re.Match[str]) -> LineKind:
        """A new article; one quoted by an amending law stays below the article that quotes it."""
        label = f"Art. {_tidy(match['number'])}"
        number = int("".join(filter(str.isdigit, match["number"])) or 0)
        if match["quote"] and self._in_article():
            self.quoting = True
        elif self.quoting and number == self.last_number + 1:
            self.quoting = False
        if self.quoting:
            self._enter(_QUOTED, f"“{label}”")
            return "paragraph"
        self.last_number = number
        self._leave(_REASONS)
        self._enter(_ARTICLE, label)
        return "article"

    def _in_article(self) -> bool:
        return any(entry.rank == _ARTICLE for entry in self.path)

    def _enter(self, rank: int, label: str) -> None:
        self._leave(rank)
        self.path = (*self.path, Entry(rank, label))

    def _leave(self, rank: int) -> None:
        self.path = tuple(entry for entry in self.path if entry.rank < rank)


def _is_name(content: str, kind: str) -> bool:
    """Whether the line after "CAPÍTULO II" is its name."""
    if len(content.split()) > 30 or starts_unit(content):
        return False
    return kind == "heading" or shouts(content) or not content.endswith((".", ";", ":", ","))


def _in_contents(following: str) -> bool:
    """The next line ends in dots and a page number: this is a table of contents."""
    return bool(re.search(r"\.{3}\s*\d{1,4}$", following))


def _calm(name: str) -> str:
    """ "DAS DISPOSIÇÕES GERAIS" as "Das disposições gerais"; acronyms in brackets stay."""
    words = " ".join(name.split())
    if not shouts(words):
        return words
    calm = [word if word.startswith("(") else word.lower() for word in words.split(" ")]
    return " ".join(calm)[:1].upper() + " ".join(calm)[1:]


def _tidy(number: str) -> str:
    return re.sub(r"(?<=\d)o\b", "º", number.replace(" ", "").replace("–", "-"))
