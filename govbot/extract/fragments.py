"""Runs of characters on a PDF page, with their place, size and weight, as PDFium sees them.

Places come from origins and matrices of the glyphs: boxes made from a font's own ascent and descent
are off by whole lines in fonts of some typesetters.
"""

from __future__ import annotations

import ctypes
import math
import unicodedata
from dataclasses import dataclass, field
from typing import Any

# Where a word was divided: PDFium gives U+0002 or U+FFFE, fonts U+00AD.
SOFT_HYPHEN = "\u00ad"
_SOFT_HYPHENS = {0x02, 0xFFFE, 0xAD}
_LIGATURES = {code: unicodedata.normalize("NFKC", chr(code)) for code in range(0xFB00, 0xFB07)}
_SPACES = {0x09, 0x20, 0xA0, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000}
_FORCE_BOLD = 1 << 18
_BOLD_NAMES = (b"bold", b"black", b"heavy", b"negrito", b"demi")


@dataclass(frozen=True, slots=True)
class Fragment:
    """Text on one baseline; points from the top left corner of the page as it is shown."""

    text: str
    x0: float
    x1: float
    top: float
    bottom: float
    size: float
    bold: bool
    upright: bool = True


@dataclass(frozen=True, slots=True)
class _Glyph:
    index: int
    char: str
    x: float
    right: float
    base: float
    size: float
    upright: bool


@dataclass(slots=True)
class _Run:
    """A fragment while its characters are being collected."""

    glyphs: list[_Glyph] = field(default_factory=list)
    chars: list[str] = field(default_factory=list)

    def add(self, glyph: _Glyph) -> None:
        self.glyphs.append(glyph)
        self.chars.append(glyph.char)

    def space(self) -> None:
        if self.chars and self.chars[-1] != " ":
            self.chars.append(" ")


def fragments_of(page: Any) -> list[Fragment]:
    """All visible runs of a pypdfium2 page in the order of its content."""
    text_page = page.get_textpage()
    try:
        reader = _Reader(page, text_page.raw)
        return reader.read()
    finally:
        text_page.close()


class _Reader:
    def __init__(self, page: Any, text: Any) -> None:
        import pypdfium2.raw as pdfium

        self.pdfium, self.text = pdfium, text
        self.turns = (page.get_rotation() // 90) % 4
        self.box = page.get_cropbox(fallback_ok=True)
        self.matrix = pdfium.FS_MATRIX()
        self.numbers = [ctypes.c_double() for _ in range(6)]

    def read(self) -> list[Fragment]:
        found: list[Fragment] = []
        run = _Run()
        for index in range(self.pdfium.FPDFText_CountChars(self.text)):
            code = self.pdfium.FPDFText_GetUnicode(self.text, index)
            if code in (0x0A, 0x0D):
                run = self._flush(run, found)
                continue
            char = _character(code)
            if char == " ":
                run.space()
            elif char:
                glyph = self._glyph(index, char)
                if run.glyphs and _breaks(run.glyphs[-1], glyph):
                    run = self._flush(run, found)
                run.add(glyph)
        self._flush(run, found)
        return found

    def _glyph(self, index: int, char: str) -> _Glyph:
        x, y, left, right, bottom, top = self.numbers
        matrix = self.matrix
        self.pdfium.FPDFText_GetCharOrigin(self.text, index, x, y)
        self.pdfium.FPDFText_GetCharBox(self.text, index, left, right, bottom, top)
        self.pdfium.FPDFText_GetMatrix(self.text, index, matrix)
        scale = math.hypot(matrix.c, matrix.d) or 1.0
        size = min(max(self.pdfium.FPDFText_GetFontSize(self.text, index) * scale, 1.0), 400.0)
        across, along = self._shown(x.value, y.value)
        ends = (self._shown(left.value, bottom.value), self._shown(right.value, top.value))
        angle = math.degrees(math.atan2(matrix.b, matrix.a)) - 90.0 * self.turns
        upright = abs((angle + 180.0) % 360.0 - 180.0) < 20.0
        return _Glyph(index, char, across, max(ends[0][0], ends[1][0]), along, size, upright)

    def _shown(self, x: float, y: float) -> tuple[float, float]:
        """Page space (origin bottom left, before /Rotate) to what the reader sees, downwards."""
        left, bottom, right, top = self.box
        if self.turns == 1:
            return y - bottom, x - left
        if self.turns == 2:
            return right - x, y - bottom
        if self.turns == 3:
            return top - y, right - x
        return x - left, top - y

    def _flush(self, run: _Run, found: list[Fragment]) -> _Run:
        if run.glyphs:
            first, last = run.glyphs[0], run.glyphs[-1]
            size = max(glyph.size for glyph in run.glyphs)
            bases = sorted(glyph.base for glyph in run.glyphs)
            base = bases[len(bases) // 2]
            found.append(
                Fragment(
                    unicodedata.normalize("NFC", "".join(run.chars)).strip(),
                    min(glyph.x for glyph in run.glyphs),
                    max(glyph.right for glyph in run.glyphs),
                    base - 0.8 * size,
                    base + 0.2 * size,
                    size,
                    self._is_bold(first.index) and self._is_bold(last.index),
                    first.upright,
                )
            )
        return _Run()

    def _is_bold(self, index: int) -> bool:
        flags = ctypes.c_int()
        buffer = ctypes.create_string_buffer(128)
        self.pdfium.FPDFText_GetFontInfo(self.text, index, buffer, 128, flags)
        name = buffer.value.lower()
        return bool(flags.value & _FORCE_BOLD) or any(word in name for word in _BOLD_NAMES)


def _character(code: int) -> str:
    """The character as text: spaces made plain, ligatures undone, controls dropped."""
    if code in _SPACES:
        return " "
    if code in _SOFT_HYPHENS:
        return SOFT_HYPHEN
    if code < 0x20 or 0x7F <= code < 0xA0 or 0x200B <= code <= 0x200F:
        return ""
    if 0xD800 <= code <= 0xDFFF or code >= 0x110000 or code == 0xFEFF:
        return ""
    return _LIGATURES.get(code) or chr(code)


def _breaks(last: _Glyph, glyph: _Glyph) -> bool:
    """Whether a glyph belongs to another cell, column or line than the one before it."""
    em = max(last.size, glyph.size)
    if not (last.upright and glyph.upright):
        far = math.hypot(glyph.x - last.x, glyph.base - last.base) > 2.5 * em
        return last.upright != glyph.upright or far
    if abs(glyph.base - last.base) > 0.6 * em:
        return True
    return glyph.x - last.right > 0.9 * em or glyph.right < last.x - 0.3 * em
