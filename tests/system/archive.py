"""A folder as organisations have them: many kinds of files, sub-folders, copies, broken ones."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

# How many of each hundred files are of a kind.
KINDS = {
    ".txt": 24,
    ".md": 10,
    ".html": 12,
    ".docx": 18,
    ".odt": 10,
    ".pdf": 20,
    ".xlsx": 2,
    ".rtf": 2,
    "broken.pdf": 2,
}


@dataclass
class Archive:
    """The files made, by what has to become of them. `words` holds one of each that is unique."""

    folder: Path
    words: dict[Path, str] = field(default_factory=dict)
    copies: list[Path] = field(default_factory=list)
    broken: list[Path] = field(default_factory=list)

    @property
    def files(self) -> int:
        return len(self.words) + len(self.copies) + len(self.broken)


def make_archive(folder: Path, count: int, *, seed: int = 1) -> Archive:
    """`count` files in sub-folders; every twentieth is a copy of an earlier one."""
    chance = random.Random(seed)
    archive = Archive(folder)
    kinds = [kind for kind, share in KINDS.items() for _ in range(share)]
    for number in range(count):
        below = folder / f"setor {number % 7}" / ("atas" if number % 3 else "portarias")
        below.mkdir(parents=True, exist_ok=True)
        if number % 20 == 19:
            original = next(iter(archive.words))
            path = below / f"cópia {number}{original.suffix}"
            path.write_bytes(original.read_bytes())
            archive.copies.append(path)
            continue
        kind = kinds[chance.randrange(len(kinds))]
        path = below / f"documento nº {number}{kind if kind.startswith('.') else ' ' + kind}"
        word = f"processo{number}palavra"
        if kind == "broken.pdf":
            path.write_bytes(b"%PDF-1.7\n" + chance.randbytes(3000))
            archive.broken.append(path)
        else:
            WRITERS[kind](path, _paragraphs(number, word, chance))
            archive.words[path] = word
    return archive


def _paragraphs(number: int, word: str, chance: random.Random) -> list[str]:
    count = chance.choice((3, 8, 30))
    return [
        f"PORTARIA Nº {number}, DE 2 DE MAIO DE 2024",
        *(f"Art. {n}º O setor {number} publicará o edital {n} com antecedência de {n} dias."
          for n in range(1, count)),
        f"Este ato tem a referência {word}.",
    ]  # fmt: skip


def _txt(path: Path, paragraphs: list[str]) -> None:
    path.write_text("\n\n".join(paragraphs) + "\n")


def _html(path: Path, paragraphs: list[str]) -> None:
    body = "".join(f"<p>{text}</p>" for text in paragraphs)
    path.write_text(f"<!doctype html><html><body>{body}</body></html>")


def _docx(path: Path, paragraphs: list[str]) -> None:
    import docx

    document = docx.Document()
    for text in paragraphs:
        document.add_paragraph(text)
    document.save(str(path))


def _odt(path: Path, paragraphs: list[str]) -> None:
    from odf.opendocument import OpenDocumentText
    from odf.text import P

    document = OpenDocumentText()
    for text in paragraphs:
        document.text.addElement(P(text=text))
    document.save(str(path))


def _pdf(path: Path, paragraphs: list[str]) -> None:
    from reportlab.pdfgen.canvas import Canvas

    canvas = Canvas(str(path))
    for start in range(0, len(paragraphs), 12):
        for line, text in enumerate(paragraphs[start : start + 12]):
            canvas.drawString(60, 780 - 30 * line, text)
        canvas.showPage()
    canvas.save()


def _xlsx(path: Path, paragraphs: list[str]) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Item", "Texto"])
    for number, text in enumerate(paragraphs):
        sheet.append([number, text])
    book.save(path)


def _rtf(path: Path, paragraphs: list[str]) -> None:
    def plain(text: str) -> str:
        return "".join(c if ord(c) < 128 else f"\\u{ord(c)}?" for c in text)

    body = "".join(f"{plain(text)}\\par\n" for text in paragraphs)
    path.write_text(f"{{\\rtf1\\ansi\\ansicpg1252 {body}}}", encoding="ascii")


WRITERS = {
    ".txt": _txt,
    ".md": _txt,
    ".html": _html,
    ".docx": _docx,
    ".odt": _odt,
    ".pdf": _pdf,
    ".xlsx": _xlsx,
    ".rtf": _rtf,
}
