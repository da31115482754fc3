"""The source of a demo act: TOML front matter and a body with one element per line.

The marks are listed in README.md; both writers (PDF and DOCX) draw the same elements.
"""

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Kind = Literal[
    "heading",
    "article",
    "paragraph",
    "clause",
    "item",
    "subitem",
    "bullet",
    "number",
    "centre",
    "note",
    "table",
    "break",
    "date",
    "signature",
]


@dataclass(frozen=True, slots=True)
class Element:
    """One block of an act; `text` may hold **bold** spans, `|` parts a heading in two lines."""

    kind: Kind
    text: str = ""
    level: int = 0
    rows: tuple[tuple[str, ...], ...] = ()
    widths: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Act:
    """An act with what the manifest says about it and what its pages show."""

    file: str
    title: str
    short: str
    kind: str
    number: str
    year: int
    collection: str
    body: str
    issuer: str
    ementa: str
    layout: Literal["act", "manual"]
    preamble: str
    subtitle: str
    elements: tuple[Element, ...] = field(repr=False)

    @property
    def docx(self) -> bool:
        return self.file.endswith(".docx")


PREFIXES: tuple[tuple[re.Pattern[str], Kind], ...] = (
    (re.compile(r"Art\. \d+"), "article"),
    (re.compile(r"§ \d+|Parágrafo único"), "clause"),
    (re.compile(r"[IVXL]+ – "), "item"),
    (re.compile(r"[a-z]\) "), "subitem"),
    (re.compile(r"\d+\. "), "number"),
)
MARKS: dict[str, Kind] = {
    "- ": "bullet",
    "= ": "centre",
    "! ": "note",
    "@@ ": "date",
    "@ ": "signature",
}


def read_act(path: Path) -> Act:
    """Parse one source file; a missing key of the front matter is a KeyError."""
    _, head, body = path.read_text(encoding="utf-8").split("+++\n", 2)
    meta = tomllib.loads(head)
    return Act(
        file=meta["file"],
        title=meta["title"],
        short=meta["short"],
        kind=meta["kind"],
        number=meta["number"],
        year=meta["year"],
        collection=meta["collection"],
        body=meta["body"],
        issuer=meta.get("issuer", ""),
        ementa=meta.get("ementa", ""),
        layout=meta.get("layout", "act"),
        preamble=meta.get("preamble", ""),
        subtitle=meta.get("subtitle", ""),
        elements=tuple(parse(body)),
    )


def parse(body: str) -> list[Element]:
    """Elements of a body, in order; rows of one table become one element."""
    elements: list[Element] = []
    rows: list[tuple[str, ...]] = []
    widths: tuple[float, ...] = ()
    caption = ""
    for line in [*body.splitlines(), ""]:
        if line.startswith("|"):
            rows.append(tuple(cell.strip() for cell in line.strip("|").split("|")))
            continue
        if rows:
            elements.append(Element("table", caption, rows=tuple(rows), widths=widths))
            rows, widths, caption = [], (), ""
        if line.startswith("^ "):
            caption, _, spec = line[2:].partition(" :: ")
            widths = tuple(float(part) for part in spec.split()) if spec else ()
        elif line.strip():
            elements.append(_element(line.strip()))
    return elements


def _element(line: str) -> Element:
    if line == "---":
        return Element("break")
    if heading := re.match(r"(#{1,3}) (.+)", line):
        return Element("heading", heading[2], level=len(heading[1]))
    for mark, kind in MARKS.items():
        if line.startswith(mark):
            return Element(kind, line.removeprefix(mark))
    for pattern, kind in PREFIXES:
        if pattern.match(line):
            return Element(kind, line)
    return Element("paragraph", line)
