"""The text of a Word paragraph: what a reader sees once all tracked changes are accepted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
PAGE_BREAK, DRAWN_BREAK = "\f", "\v"
_M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
# Deleted and moved text, field codes, and the copy of a drawing for old readers.
_SKIPPED = {
    f"{W}del", f"{W}moveFrom", f"{W}instrText", f"{W}delInstrText", f"{W}rPr", f"{W}pPr",
    f"{W}sdtPr", f"{_MC}Fallback",
}  # fmt: skip
_CHARACTERS = {
    f"{W}br": "\n",
    f"{W}sym": "",
    f"{W}tab": " ",
    f"{W}ptab": " ",
    f"{W}cr": "\n",
    f"{W}noBreakHyphen": "-",
    f"{W}lastRenderedPageBreak": DRAWN_BREAK,
}
# Marks of the fonts Wingdings and Symbol that stand for something in forms and lists.
_SYMBOLS = {
    "F0A8": "☐", "F06F": "☐", "F0FE": "☒", "F078": "☒", "F0FC": "✓", "F0FB": "✗", "F0B7": "•",
    "F0A7": "▪", "F0E0": "→", "F0B0": "°", "F0B2": "²", "F0B3": "≥", "F0A3": "≤", "F0B1": "±",
}  # fmt: skip


class Runs:
    """Reads paragraphs; remembers the notes they refer to until they are taken."""

    def __init__(self, notes: Mapping[str, Any]) -> None:
        """`notes` has the roots of the parts with footnotes and endnotes, None where absent."""
        self.notes = dict(_notes(notes))
        self.pending: list[str] = []

    def text(self, element: Any, boxes: list[Any]) -> Iterator[str]:
        """Pieces of text; the contents of text boxes are appended to `boxes`."""
        for child in element:
            tag = child.tag
            if tag in _SKIPPED or not isinstance(tag, str):
                continue
            if tag == f"{W}t":
                yield child.text or ""
            elif tag in _CHARACTERS:
                yield _character(child)
            elif tag in (f"{W}footnoteReference", f"{W}endnoteReference"):
                yield self._note(f"{tag.removeprefix(W)[:4]}{child.get(f'{W}id')}")
            elif tag == f"{W}txbxContent":
                boxes.append(child)
            elif tag.startswith(_M):
                yield from _equation(child)
            elif not _is_unseen(child):
                yield from self.text(child, boxes)

    def taken_notes(self) -> list[str]:
        """The notes met since the last call, in order."""
        taken, self.pending = self.pending, []
        return taken

    def _note(self, key: str) -> str:
        text = self.notes.get(key)
        if not text:
            return ""
        self.pending.append(text)
        return f" [{len(self.pending)}]"


def plain(text: str) -> str:
    """Lines without double spaces and without empty ones; marks of page breaks become spaces."""
    return "\n".join(filter(None, (" ".join(line.split()) for line in text.split("\n"))))


def is_on(flag: Any) -> bool:
    """Whether a switch such as w:b is there and not turned off."""
    return flag is not None and flag.get(f"{W}val", "1") not in {"0", "false", "off"}


def _character(element: Any) -> str:
    if element.tag == f"{W}br" and element.get(f"{W}type") == "page":
        return PAGE_BREAK
    if element.tag == f"{W}sym":
        return _SYMBOLS.get(element.get(f"{W}char", "").upper(), "")
    return _CHARACTERS[element.tag]


def _is_unseen(element: Any) -> bool:
    """Hidden text, and the prompt of a content control that nobody filled in."""
    if element.tag == f"{W}r":
        return is_on(element.find(f"{W}rPr/{W}vanish"))
    return element.tag == f"{W}sdt" and element.find(f"{W}sdtPr/{W}showingPlcHdr") is not None


def _notes(roots: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Texts of footnotes and endnotes by kind and id; separators have no text."""
    reader = Runs({}) if roots else None
    for kind, root in roots.items():
        if root is None or reader is None:
            continue
        for note in root.iter(f"{W}{kind}"):
            parts = ("".join(reader.text(element, [])) for element in note.iter(f"{W}p"))
            yield f"{kind[:4]}{note.get(f'{W}id')}", " ".join(" ".join(parts).split())


def _equation(element: Any) -> Iterator[str]:
    """An equation on one line: a/b, x^2, x_i, √(x)."""
    tag = element.tag
    if tag == f"{_M}t":
        yield element.text or ""
    elif tag == f"{_M}f":
        yield f"{_side(element, 'num')}/{_side(element, 'den')}"
    elif tag in (f"{_M}sSup", f"{_M}sSub"):
        mark, part = ("^", "sup") if tag == f"{_M}sSup" else ("_", "sub")
        yield f"{_joined(element.find(f'{_M}e'))}{mark}{_side(element, part)}"
    elif tag == f"{_M}rad":
        yield f"√({_joined(element.find(f'{_M}e'))})"
    elif tag == f"{_M}d":
        yield f"({'; '.join(_joined(part) for part in element.findall(f'{_M}e'))})"
    else:
        for child in element:
            if isinstance(child.tag, str):
                yield from _equation(child)


def _joined(element: Any) -> str:
    return "".join(_equation(element)) if element is not None else ""


def _side(element: Any, name: str) -> str:
    text = _joined(element.find(f"{_M}{name}"))
    return text if len(text) <= 1 or text.isalnum() else f"({text})"
