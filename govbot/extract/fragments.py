"""Runs of characters on a PDF page, with their place, size and weight, as PDFium sees them.

Places come from origins and matrices of the glyphs: boxes made from a font's own ascent and descent
are off by whole lines in fonts of some typesetters. A call per character costs more than all the
rest of the reading, so the text comes in one piece and a line of even spacing is measured by a few
calls; only lines with gaps are read glyph by glyph.
"""

from __future__ import annotations

import ctypes
import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from govbot.extract.gaps import (
    GAP,
    Box,
    Glyph,
    breaks,
    is_even,
    is_other_layer,
    is_tall,
    is_walled,
    parts,
)
from govbot.extract.pdf_info import fields_of
from govbot.extract.rulings import Ruling, rulings_of
from govbot.extract.tables import FIELDS, Cell, Grid, grids_of

# Where a word was divided: PDFium gives U+0002 or U+FFFE, fonts U+00AD.
SOFT_HYPHEN = "\u00ad"
_FORCE_BOLD = 1 << 18
_BOLD_NAMES = (b"bold", b"black", b"heavy", b"negrito", b"demi")
# A line ends at CR or LF, and without either where PDFium put the halves of a word together.
_SEGMENT = re.compile(r"[^\r\n\x02\ufffe]+[\x02\ufffe]?|[\x02\ufffe]")
_WORD = re.compile(r"\S+")
_SPECIAL = re.compile(r"[^\x20-\x7e\xa1-\xac\xae-\u02ff\u2010-\u201f\u2022\u2026\u20ac]")
_SPACES = "\t\xa0\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))


def _plain() -> dict[int, str]:
    """Spaces made plain, ligatures undone, controls and lone surrogates dropped."""
    dropped = [*range(0x20), *range(0x7F, 0xA0), *range(0x200B, 0x2010), 0xFEFF]
    table = dict.fromkeys([*dropped, *range(0xD800, 0xE000)], "")
    table.update(dict.fromkeys(map(ord, _SPACES), " "))
    table.update(dict.fromkeys((0x02, 0xFFFE, 0xAD), SOFT_HYPHEN))
    table.update({c: unicodedata.normalize("NFKC", chr(c)) for c in range(0xFB00, 0xFB07)})
    return table


_PLAIN = _plain()


@dataclass(frozen=True, slots=True)
class Fragment:
    """Text on one baseline; points from the top left corner of the page as it is shown.

    `cell` is the place in a table with borders; its empty cells are fragments without text.
    """

    text: str
    x0: float
    x1: float
    top: float
    bottom: float
    size: float
    bold: bool
    upright: bool = True
    cell: Cell | None = None


def fragments_of(page: Any) -> list[Fragment]:
    """All visible runs of a pypdfium2 page in the order of its content."""
    text_page = page.get_textpage()
    try:
        return _Reader(page, text_page.raw).read()
    finally:
        text_page.close()


class _Reader:
    def __init__(self, page: Any, text: Any) -> None:
        import pypdfium2.raw as pdfium

        self.page, self.pdfium, self.handle = page, pdfium, text
        self.turns = (page.get_rotation() // 90) % 4
        self.page_box = page.get_cropbox(fallback_ok=True)
        self.matrix = pdfium.FS_MATRIX()
        self.numbers = tuple(ctypes.c_double() for _ in range(4))
        self.name = ctypes.create_string_buffer(128)
        self.flags = ctypes.c_int()
        self.text = self._text()
        self.grids = grids_of([self._ruling(r) for r in rulings_of(page)]) if self.text else []
        self.walls = [wall for grid in self.grids for wall in grid.walls()]
        self.glyphs: dict[int, Glyph] = {}
        self.bold: dict[bytes, bool] = {}
        self.found: list[Fragment] = []

    def read(self) -> list[Fragment]:
        special = _SPECIAL.search(self.text.replace("\r\n", "")) is not None
        for match in _SEGMENT.finditer(self.text):
            raw = match.group()
            start = match.start() + len(raw) - len(raw.lstrip())
            end = match.end() - (len(raw) - len(raw.rstrip()))
            if start < end:  # something but spaces
                self._segment(start, end, special)
        self.found.extend(_empty_cells(self.grids, self.found))
        self.found.extend(self._fields())
        return self.found

    def _fields(self) -> list[Fragment]:
        """Filled-in form fields, unless the text of the page already stands in their box."""
        made = []
        for row, (name, value, (left, bottom, right, top)) in enumerate(fields_of(self.page)):
            (x0, y0), (x1, y1) = self._shown(left, top), self._shown(right, bottom)
            x0, x1, y0, y1 = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
            shown = any(
                x0 - 2 <= (f.x0 + f.x1) / 2 <= x1 + 2 and f.top < y1 and f.bottom > y0
                for f in self.found
                if f.text and (f.text in value or value in f.text)
            )
            if not shown:
                text = f"{name}: {value}" if name else value
                made.append(Fragment(text, x0, x1, y0, y1, 10.0, False, True, Cell(FIELDS, row, 0)))
        return made

    def _ruling(self, ruling: Ruling) -> Ruling:
        """As it is shown."""
        ends = ((ruling.at, ruling.start), (ruling.at, ruling.end))
        (x0, y0), (x1, y1) = (self._shown(*(e if ruling.vertical else e[::-1])) for e in ends)
        if abs(x1 - x0) < abs(y1 - y0):
            return Ruling(True, x0, min(y0, y1), max(y0, y1))
        return Ruling(False, y0, min(x0, x1), max(x0, x1))

    def _text(self) -> str:
        """One character per index of PDFium."""
        count = self.pdfium.FPDFText_CountChars(self.handle)
        if count <= 0:
            return ""
        buffer = (ctypes.c_ushort * (2 * count + 2))()  # room for pairs of surrogates
        units = self.pdfium.FPDFText_GetText(self.handle, 0, count, buffer) - 1
        text = bytes(buffer)[: 2 * max(units, 0)].decode("utf-16-le", "surrogatepass")
        if len(text) == count:
            return text
        codes = (self.pdfium.FPDFText_GetUnicode(self.handle, index) for index in range(count))
        return "".join(chr(code) if code < 0x110000 else "\x00" for code in codes)

    def _segment(self, start: int, end: int, special: bool) -> None:
        """Adds the fragments of one line of PDFium's text."""
        boxes, words = self._boxes(start, end)
        first = self._glyph(start)
        if not boxes or not first.upright:
            self._by_glyph(start, end)
            return
        last = self._glyph(end - 1) if len(boxes) > 1 else first
        size = max(first.size, last.size)
        spaced = "  " in self.text[start:end]
        walled = bool(self.walls) and is_walled(boxes, first.base - size / 3, self.walls)
        if walled and self._overprints(start, end):
            self._add(start, end, boxes, special, celled=False)
            return
        if any(after.x0 < before.x1 - 2.0 * size for before, after in pairwise(boxes)):
            self._by_glyph(start, end, stamped=True)
            return
        if last.upright and not (spaced or walled) and is_even(boxes, end - start, size):
            self._add(start, end, boxes, special)
            return
        if words and last.upright and not (walled or is_tall(boxes, size)):
            self._by_word(words, boxes, size, special)
        else:
            self._by_glyph(start, end)

    def _boxes(self, start: int, end: int) -> tuple[list[Box], list[tuple[int, int]]]:
        """The boxes of the text objects of a line, as shown.

        Where each letter is an object, the boxes of the words, and where those begin and end.
        """
        count = self.pdfium.FPDFText_CountRects(self.handle, start, end - start)
        words = [m.span() for m in _WORD.finditer(self.text, start, end)] if count > 1 else []
        if count != sum(after - before for before, after in words):
            return [self._box(index) for index in range(count)], []
        boxes, index = [], 0
        for before, after in words:
            box = self._box(index)
            index += after - before
            if after - before > 1:
                last = self._box(index - 1)
                top, bottom = min(box.top, last.top), max(box.bottom, last.bottom)
                box = Box(min(box.x0, last.x0), max(box.x1, last.x1), top, bottom)
            boxes.append(box)
        return boxes, words

    def _box(self, index: int) -> Box:
        """One of the boxes that PDFium counted last."""
        left, top, right, bottom = self.numbers
        self.pdfium.FPDFText_GetRect(self.handle, index, left, top, right, bottom)
        if not self.turns:
            x, _, _, y = self.page_box
            return Box(left.value - x, right.value - x, y - top.value, y - bottom.value)
        x0, y0 = self._shown(left.value, top.value)
        x1, y1 = self._shown(right.value, bottom.value)
        return Box(min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1))

    def _glyph(self, index: int) -> Glyph:
        known = self.glyphs.get(index)
        if known is not None:
            return known
        x, y, *_ = self.numbers
        matrix, pdfium = self.matrix, self.pdfium
        pdfium.FPDFText_GetCharOrigin(self.handle, index, x, y)
        pdfium.FPDFText_GetMatrix(self.handle, index, matrix)
        size = pdfium.FPDFText_GetFontSize(self.handle, index)
        if self.turns or matrix.b or matrix.c or matrix.a <= 0:
            size *= math.hypot(matrix.c, matrix.d) or 1.0
            angle = math.degrees(math.atan2(matrix.b, matrix.a)) - 90.0 * self.turns
            upright = abs((angle + 180.0) % 360.0 - 180.0) < 20.0
        else:
            size *= abs(matrix.d) or 1.0
            upright = True
        across, along = self._shown(x.value, y.value)
        glyph = Glyph(across, along, min(max(size, 1.0), 400.0), upright)
        self.glyphs[index] = glyph
        return glyph

    def _right(self, index: int) -> float:
        """The right end of a character's box."""
        left, right, bottom, top = self.numbers
        self.pdfium.FPDFText_GetCharBox(self.handle, index, left, right, bottom, top)
        ends = self._shown(left.value, bottom.value), self._shown(right.value, top.value)
        return max(ends[0][0], ends[1][0])

    def _shown(self, x: float, y: float) -> tuple[float, float]:
        """Page space (origin bottom left, before /Rotate) to what the reader sees, downwards."""
        left, bottom, right, top = self.page_box
        if not self.turns:
            return x - left, top - y
        if self.turns == 1:
            return y - bottom, x - left
        if self.turns == 2:
            return right - x, y - bottom
        return top - y, right - x

    def _by_word(
        self, words: Sequence[tuple[int, int]], boxes: Sequence[Box], size: float, special: bool
    ) -> None:
        """Splits a line, each of whose words has a box, at its gaps."""
        begin = 0
        for place in range(1, len(boxes) + 1):
            if place == len(boxes) or parts(boxes[place - 1], boxes[place], GAP * size):
                self._add(words[begin][0], words[place - 1][1], boxes[begin:place], special)
                begin = place

    def _by_glyph(self, start: int, end: int, *, stamped: bool = False) -> None:
        """Splits a line at its gaps, looking at every character.

        With `stamped`, also where a line printed over it (a footer of SEI) begins and ends.
        """
        begin, last, right = start, None, 0.0
        rights: list[float] = []
        lefts: list[float] = []
        for index in range(start, end):
            if self.text[index].isspace():
                continue
            glyph = self._glyph(index)
            if last is not None and (
                breaks(last, right, glyph, self._right(index))
                or (stamped and is_other_layer(last, glyph))
                or (self.walls and self._is_parted(last, glyph, slack=1.0))
            ):
                self._add_run(begin, index, lefts, rights)
                begin, rights, lefts = index, [], []
            last, right = glyph, self._right(index)
            lefts.append(glyph.x)
            rights.append(right)
        if last is not None:
            self._add_run(begin, end, lefts, rights)

    def _overprints(self, start: int, end: int) -> bool:
        """Whether a border runs through a word: a stamp or a footer printed over the table."""
        last: Glyph | None = None
        for index in range(start, end):
            if self.text[index].isspace():
                last = None
                continue
            glyph = self._glyph(index)
            near = last is not None and glyph.x - last.x < 1.2 * glyph.size
            if near and last is not None and self._is_parted(last, glyph, slack=-0.3):
                return True
            last = glyph
        return False

    def _is_parted(self, last: Glyph, glyph: Glyph, slack: float) -> bool:
        """Whether a border of a table stands between two glyphs."""
        y = glyph.base - glyph.size / 3
        return any(last.x < x <= glyph.x + slack and y0 < y < y1 for x, y0, y1 in self.walls)

    def _add_run(self, start: int, end: int, lefts: list[float], rights: list[float]) -> None:
        box = Box(min(lefts), max(rights), 0.0, 0.0)
        self._add(start, end, [box], special=True)

    def _add(
        self, start: int, end: int, boxes: Sequence[Box], special: bool, *, celled: bool = True
    ) -> None:
        raw = self.text[start:end]
        if special:
            raw = unicodedata.normalize("NFC", raw.translate(_PLAIN))
        text = " ".join(raw.split())
        if not text:
            return
        end = start + len(self.text[start:end].rstrip())
        places = {start, (start + end) // 2, end - 1} if len(boxes) > 1 else {start}
        glyphs = [self._glyph(index) for index in places]
        size = max(glyph.size for glyph in glyphs)
        base = sorted(glyph.base for glyph in glyphs)[len(glyphs) // 2]
        x0, x1 = boxes[0].x0, boxes[0].x1
        if len(boxes) > 1:
            x0, x1 = min(box.x0 for box in boxes), max(box.x1 for box in boxes)
        self.found.append(
            Fragment(
                text,
                x0,
                x1,
                base - 0.8 * size,
                base + 0.2 * size,
                size,
                self._is_bold(start) and (end - start == 1 or self._is_bold(end - 1)),
                glyphs[0].upright,
                self._cell((x0 + x1) / 2, base - size / 3)
                if celled and glyphs[0].upright
                else None,
            )
        )

    def _cell(self, x: float, y: float) -> Cell | None:
        return next((cell for grid in self.grids if (cell := grid.cell_at(x, y))), None)

    def _is_bold(self, index: int) -> bool:
        flags, buffer = self.flags, self.name
        self.pdfium.FPDFText_GetFontInfo(self.handle, index, buffer, 128, flags)
        if flags.value & _FORCE_BOLD:
            return True
        name = buffer.value
        if name not in self.bold:
            self.bold[name] = any(word in name.lower() for word in _BOLD_NAMES)
        return self.bold[name]


def _empty_cells(grids: Sequence[Grid], found: Sequence[Fragment]) -> list[Fragment]:
    """Fragments without text for the empty cells of tables that hold text."""
    filled = {fragment.cell for fragment in found if fragment.cell is not None}
    used = {cell.table for cell in filled}
    empty = [
        cell
        for grid in grids
        for cell in {cell for row in grid.cells for cell in row}
        if cell.table in used and cell not in filled and not grid.is_space(cell)
    ]
    return [Fragment("", 0.0, 0.0, 0.0, 0.0, 1.0, False, True, cell) for cell in empty]
