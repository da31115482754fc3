"""Automatic numbers of Word paragraphs, as they are shown ("Art. 3º ", "II - ", "1.2. ")."""

from __future__ import annotations

from typing import Any

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"),
          (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip


class Numbering:
    """Counts list paragraphs in the order in which `label` sees them."""

    def __init__(self, numbering: Any, styles: Any) -> None:
        self.levels: dict[str, dict[int, Any]] = {}
        self.abstract: dict[str, str] = {}
        self.counts: dict[str, list[int]] = {}
        self.restarts: dict[str, dict[int, int]] = {}
        self.by_style = {
            style.get(f"{_W}styleId"): properties
            for style in styles.iter(f"{_W}style")
            if (properties := style.find(f"{_W}pPr/{_W}numPr")) is not None
        }
        if numbering is None:
            return
        for abstract in numbering.iter(f"{_W}abstractNum"):
            self.levels[abstract.get(f"{_W}abstractNumId", "")] = {
                int(level.get(f"{_W}ilvl", "0")): level for level in abstract.iter(f"{_W}lvl")
            }
        for number in numbering.iter(f"{_W}num"):
            reference = number.find(f"{_W}abstractNumId")
            if reference is not None:
                self.abstract[number.get(f"{_W}numId", "")] = reference.get(f"{_W}val", "")
            self.restarts[number.get(f"{_W}numId", "")] = {
                int(level.get(f"{_W}ilvl", "0")): int(_value(start, "1"))
                for level in number.iter(f"{_W}lvlOverride")
                if (start := level.find(f"{_W}startOverride")) is not None
            }
        self._link(numbering, styles)

    def _link(self, numbering: Any, styles: Any) -> None:
        """Lists that only name a list style have the levels of that style's list."""
        lists = {
            style.get(f"{_W}styleId"): _value(number, "")
            for style in styles.iter(f"{_W}style")
            if (number := style.find(f"{_W}pPr/{_W}numPr/{_W}numId")) is not None
        }
        for abstract in numbering.iter(f"{_W}abstractNum"):
            name = _value(abstract.find(f"{_W}numStyleLink"), "")
            linked = self.abstract.get(lists.get(name, ""), "")
            if linked in self.levels and not self.levels[abstract.get(f"{_W}abstractNumId", "")]:
                self.levels[abstract.get(f"{_W}abstractNumId", "")] = self.levels[linked]

    def label(self, paragraph: Any, style_ids: list[str]) -> str:
        """The number or bullet before a paragraph, with a space; empty when it has none."""
        properties = paragraph.find(f"{_W}pPr/{_W}numPr")
        if properties is None:
            found = (self.by_style[i] for i in style_ids if i in self.by_style)
            properties = next(found, None)
        if properties is None:
            return ""
        number = _value(properties.find(f"{_W}numId"), "0")
        depth = min(int(_value(properties.find(f"{_W}ilvl"), "0")), 8)
        abstract = self.abstract.get(number, "")
        levels = self.levels.get(abstract, {})
        if number == "0" or depth not in levels:
            return ""
        counts = self.counts.setdefault(abstract, [0] * 9)
        restart = self.restarts.get(number, {}).pop(depth, None)
        if restart is not None:  # the first paragraph of a list that begins anew
            counts[depth] = restart
        else:
            counts[depth] = counts[depth] + 1 if counts[depth] else _start(levels[depth])
        for deeper in range(depth + 1, 9):
            counts[deeper] = 0
        return _shown(levels, counts, depth)


def _shown(levels: dict[int, Any], counts: list[int], depth: int) -> str:
    kind = _value(levels[depth].find(f"{_W}numFmt"), "decimal")
    if kind == "none":
        return ""
    if kind == "bullet":
        return "• "
    text = _value(levels[depth].find(f"{_W}lvlText"), "")
    for level in range(depth + 1):
        if level in levels and f"%{level + 1}" in text:
            form = _value(levels[level].find(f"{_W}numFmt"), "decimal")
            count = counts[level] or _start(levels[level])
            text = text.replace(f"%{level + 1}", formatted(count, form))
    return f"{text.strip()} " if text.strip() else ""


def formatted(count: int, form: str) -> str:
    """A number in one of Word's forms: "upperRoman", "lowerLetter", "ordinal", ..."""
    if form in ("upperRoman", "lowerRoman"):
        roman, left = "", max(count, 0) % 10_000
        for value, letters in _ROMAN:
            roman += letters * (left // value)
            left %= value
        return roman.upper() if form == "upperRoman" else roman
    if form in ("upperLetter", "lowerLetter"):
        letter = chr(ord("a") + (count - 1) % 26) * min((count - 1) // 26 + 1, 9)
        return letter.upper() if form == "upperLetter" else letter
    if form in ("ordinal", "decimalZero"):
        return f"{count}º" if form == "ordinal" else f"{count:02d}"
    return str(count)


def _start(level: Any) -> int:
    return int(_value(level.find(f"{_W}start"), "1"))


def _value(element: Any, default: str) -> str:
    value = element.get(f"{_W}val") if element is not None else None
    return default if value is None else str(value)
