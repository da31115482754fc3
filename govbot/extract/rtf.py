"""RTF: paragraphs, tables, notes and pages, as a word processor shows them.

Word 2007 specification of RTF 1.9.1. Groups are kept on a list and never recursed into, so that
nesting costs memory only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from govbot.errors import BadDocument
from govbot.extract import Block, Extracted, Limits, OnPage
from govbot.extract.guard import guarded
from govbot.extract.headings import block_of, heading_level
from govbot.extract.rtf_words import CHARACTERS, CODE_PAGES, SHOWN_STARRED, SILENT
from govbot.extract.text import assembled, check_characters, finished

_TOKEN = re.compile(
    r"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\(.)|([{}])|([^\\{}\r\n]+)|[\r\n]+",
    re.DOTALL,
)
_MAX_GROUPS = 200_000
_MAX_COLUMNS = 1000
_FURNITURE = {"header", "headerl", "headerr", "headerf", "footer", "footerl", "footerr", "footerf"}
_METADATA = {"title", "author", "subject"}
_ENDS = {"par", "page", "pagebb", "sect", "cell", "nestcell", "row"}
_OLD_SETS = {"mac": "mac_roman", "pc": "cp437", "pca": "cp850"}


_WORDS_OF_TABLES = {"fcharset", "cpg"}
_WORDS_OF_PARAGRAPHS = {"s", "outlinelevel", "pard", "intbl", "qc"}
_SWITCHES = {"b": "bold", "v": "hidden", "deleted": "deleted"}
_TEXTS = {"footnote", "fonttbl", "stylesheet", "listtext", "pntext", *_METADATA}
_OTHERS = {"plain", "f", "uc", "ansicpg", "sbknone", "sbkcol"}
_KNOWN = (
    SILENT | _FURNITURE | _TEXTS | _ENDS | _WORDS_OF_TABLES | _WORDS_OF_PARAGRAPHS | _OTHERS
    | CHARACTERS.keys() | _SWITCHES.keys() | _OLD_SETS.keys() | SHOWN_STARRED
)  # fmt: skip


@guarded("RTF")
def extract_rtf(path: Path, limits: Limits, on_page: OnPage) -> Extracted:
    """Raises BadDocument E-CORROMPIDO, E-TAMANHO, E-PAGINAS, E-VAZIO."""
    source = path.read_bytes().decode("latin-1")
    reader = _Reader(limits)
    reader.read(source)
    furniture = [Block("furniture", text) for text in dict.fromkeys(reader.furniture)]
    pages = assembled(reader.pages, limits, on_page, furniture)
    metadata = {key: value[:500] for key, value in reader.metadata.items() if value}
    return finished(pages, metadata, metadata.get("title", ""))


@dataclass(slots=True)
class _Group:
    """What a group inherits from the one around it."""

    destination: str = ""  # "" for the text itself; "silent" for what nobody sees
    font: int = -1
    unicode_skip: int = 1
    hidden: bool = False
    deleted: bool = False
    bold: bool = False


@dataclass(slots=True)
class _Paragraph:
    level: int = 0
    centred: bool = False
    in_table: bool = False


class _Reader:
    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.pages: list[list[Block]] = [[]]
        self.furniture: list[str] = []
        self.metadata: dict[str, str] = {}
        self.fonts: dict[int, str] = {}
        self.levels: dict[int, int] = {}  # of styles that are headings
        self.code_page = "cp1252"
        self.group = _Group()
        self.stack: list[_Group] = []
        self.paragraph = _Paragraph()
        self.text: dict[str, list[str]] = {"": []}  # by destination
        self.bold: list[bool] = []
        self.cells: list[str] = []
        self.rows: list[list[str]] = []
        self.notes: list[str] = []
        self.number = ""  # of a list paragraph, as it was shown
        self.bytes = bytearray()
        self.units: list[int] = []  # UTF-16
        self.skip = 0
        self.style_number = 0
        self.section_ends = False
        self.characters = 0

    def read(self, source: str) -> None:
        position = 0
        starred = False
        while match := _TOKEN.match(source, position):
            position = match.end()
            if self.bytes and match[3] is None:
                self._flush_bytes()
            if match[5]:
                self._brace(match[5])
                if match[5] == "}" and not self.stack:
                    break
            elif match[1] == "bin":
                position += max(int(match[2] or 0), 0)
            elif match[1]:
                self._control(match[1], int(match[2]) if match[2] else None, starred)
            else:
                self._content(match)
            starred = match[4] == "*"
        self._flush_bytes()
        self._flush_units()
        self._end_paragraph()
        self._end_table()
        self._flush_notes()

    def _control(self, word: str, value: int | None, starred: bool) -> None:
        if word == "u" and value is not None:
            self.units.append(value & 0xFFFF)
            self.skip = self.group.unicode_skip
        elif self.skip and word != "uc":
            self.skip -= 1
        elif self.group.destination != "silent" and (starred or word in _KNOWN):
            self._flush_units()
            self._word(word, value, starred)

    def _content(self, match: re.Match[str]) -> None:
        """A byte of the code page, a symbol or plain characters; after \\u some stand in for it."""
        _, _, byte, symbol, _, run = match.groups()
        if self.skip and (byte or run):
            count = len(run) if run else 1
            run, self.skip = (run or "")[self.skip :], max(0, self.skip - count)
            if run:
                self._put(run)
        elif byte:
            self._flush_units()
            self.bytes.append(int(byte, 16))
        elif symbol in ("\r", "\n"):
            self._word("par", None, False)
        elif symbol:
            self._put(CHARACTERS.get(symbol, ""))
        elif run:
            self._put(run)

    def _brace(self, brace: str) -> None:
        self.skip = 0
        self._flush_units()
        if brace == "{":
            if len(self.stack) >= _MAX_GROUPS:
                raise BadDocument("The file is damaged: its parts are nested too deeply.")
            self.stack.append(self.group)
            self.group = replace(self.group)
            return
        if self.stack:
            ended, self.group = self.group.destination, self.stack.pop()
            if ended == "stylesheet":  # each style is a group of its own
                self._style_name(self._taken(ended))
            elif ended and ended not in ("silent", self.group.destination):
                self._end_destination(ended)

    def _word(self, word: str, value: int | None, starred: bool) -> None:
        if self.group.destination == "silent":
            return
        if (starred and word not in SHOWN_STARRED) or word in SILENT:
            self.group.destination = "silent"
        elif word in _FURNITURE:
            self.group.destination = "furniture"
        elif word in _TEXTS:
            self.group.destination = word
        elif self.group.destination in ("fonttbl", "stylesheet"):
            self._table_word(word, value)
        elif word in CHARACTERS:
            self._put(CHARACTERS[word])
        else:
            self._format(word, value)

    def _table_word(self, word: str, value: int | None) -> None:
        if word == "f":
            self.group.font = value or 0
        elif word == "fcharset":
            self.fonts[self.group.font] = CODE_PAGES.get(value or 0, "")
        elif word == "cpg" and value:
            self.fonts[self.group.font] = _known(f"cp{value}") or ""
        elif word == "s":
            self.style_number = value or 0
        elif word == "outlinelevel" and value is not None and 0 <= value < 9:
            self.levels[self.style_number] = value + 1

    def _format(self, word: str, value: int | None) -> None:
        group = self.group
        if word in _ENDS:
            self._end(word)
        elif word in _WORDS_OF_PARAGRAPHS:
            self._paragraph_word(word, value)
        elif word in _SWITCHES:
            setattr(group, _SWITCHES[word], value != 0)
        elif word == "plain":
            group.hidden = group.deleted = group.bold = False
        elif word == "f":
            group.font = value or 0
        elif word == "uc":
            group.unicode_skip = min(max(value if value is not None else 1, 0), 16)
        elif word == "ansicpg":
            self.code_page = _known(f"cp{value}") or self.code_page
        elif word in _OLD_SETS:
            self.code_page = _OLD_SETS[word]
        elif word in ("sbknone", "sbkcol"):
            self.section_ends = False

    def _paragraph_word(self, word: str, value: int | None) -> None:
        if word == "pard":
            self.paragraph = _Paragraph()
        elif word == "intbl":
            self.paragraph.in_table = True
        elif word == "qc":
            self.paragraph.centred = True
        elif word == "s":
            self.paragraph.level = self.levels.get(value or 0, 0)
        elif value is not None and 0 <= value < 9:
            self.paragraph.level = value + 1

    def _end(self, word: str) -> None:
        """The end of a paragraph, a page, a section, a cell or a row."""
        if word == "par":
            self._end_paragraph()
        elif word in ("cell", "nestcell"):
            self._end_cell(nested=word == "nestcell")
        elif word == "row":
            self._end_row()
        else:
            self._end_paragraph()
            self._end_table()
            if word == "sect":  # the section that follows says whether it begins a page
                self.section_ends = bool(self.pages[-1])
            elif any(self.pages):
                self._new_page()

    def _flush_units(self) -> None:
        if self.units:
            data = b"".join(unit.to_bytes(2, "little") for unit in self.units)
            self.units = []
            self._put(data.decode("utf-16-le", "replace"))

    def _flush_bytes(self) -> None:
        if self.bytes:
            charset = self.fonts.get(self.group.font) or self.code_page
            data = bytes(self.bytes)
            self.bytes.clear()
            self._put(data.decode(charset, "replace"))

    def _put(self, text: str) -> None:
        if self.units:
            self._flush_units()
        group = self.group
        if group.destination == "silent" or group.hidden or group.deleted or not text:
            return
        self.characters += len(text)
        check_characters(self.characters, self.limits)
        self.text.setdefault(group.destination, []).append(text)
        if not group.destination and text.strip():
            if self.section_ends:
                self.section_ends = False
                self._new_page()
            self.bold.append(group.bold)

    def _taken(self, destination: str = "") -> str:
        text = "".join(self.text.pop(destination, []))
        return "\n".join(filter(None, (" ".join(line.split()) for line in text.split("\n"))))

    def _end_destination(self, ended: str) -> None:
        text = self._taken(ended)
        if ended == "footnote" and text:
            self.notes.append(" ".join(text.split()))
            self._put(f" [{len(self.notes)}]")
        elif ended == "furniture" and text:
            self.furniture.extend(text.split("\n"))
        elif ended in ("listtext", "pntext") and text:
            self.number = f"{text} " if any(map(str.isalnum, text)) else "• "
        elif ended in _METADATA:
            self.metadata[ended] = " ".join(text.split())

    def _style_name(self, text: str) -> None:
        level = heading_level(text.rstrip(";").strip())
        if level:
            self.levels.setdefault(self.style_number, level)
        self.style_number = 0

    def _end_paragraph(self) -> None:
        if self.group.destination:
            self.text.setdefault(self.group.destination, []).append("\n")
            return
        if self.paragraph.in_table or self.cells:
            self.text.setdefault("", []).append(" ")
            return
        self._end_table()
        text, bold = self._taken(), bool(self.bold) and all(self.bold)
        self.bold = []
        if text:
            self.pages[-1].append(
                block_of(
                    self.number + text,
                    level=self.paragraph.level,
                    centred=self.paragraph.centred,
                    bold=bold,
                    label=self.number,
                )
            )
        self.number = ""

    def _end_cell(self, *, nested: bool) -> None:
        if nested:  # tables in a cell are read as text of the cell
            self.text.setdefault("", []).append(" ")
            return
        text = self.number + " ".join(self._taken().split())
        self.number, self.bold = "", []
        if len(self.cells) < _MAX_COLUMNS:
            self.cells.append(text)

    def _end_row(self) -> None:
        if any(self.cells):
            self.rows.append(self.cells)
        self.cells = []

    def _end_table(self) -> None:
        self._end_row()
        if self.rows:
            single = all(len(row) == 1 for row in self.rows)  # it only frames a text
            text = "\n".join(" | ".join(row) for row in self.rows)
            self.pages[-1].append(Block("paragraph" if single else "table", text))
            self.rows = []

    def _new_page(self) -> None:
        self._flush_notes()
        self.pages.append([])

    def _flush_notes(self) -> None:
        for number, text in enumerate(self.notes, start=1):
            self.pages[-1].append(Block("paragraph", f"[{number}] {text}"))
        self.notes = []


def _known(charset: str) -> str | None:
    try:
        "".encode(charset)
    except LookupError:
        return "utf-8" if charset == "cp65001" else None
    return charset
