"""Plain text: the character set, lines that were wrapped by hand, page breaks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from govbot.errors import BadDocument
from govbot.extract import Block, Extracted, Limits, OnPage, Page, page_of
from govbot.extract.charset import decode
from govbot.extract.legible import is_legible
from govbot.extract.norms import division, starts_unit
from govbot.extract.paragraphs import joined
from govbot.extract.titles import title_of

_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")


def extract_text(path: Path, limits: Limits, on_page: OnPage) -> Extracted:
    """Plain text; form feeds part pages. Raises BadDocument E-VAZIO, E-TAMANHO, E-CORROMPIDO."""
    text, charset = read_text(path, limits)
    wrapped = is_wrapped(text.split("\n"))
    parts = text.split("\f")
    check_pages(len(parts), limits)
    pages = []
    for number, part in enumerate(parts, start=1):
        pages.append(page_of(number, blocks_of(part.split("\n"), wrapped=wrapped)))
        on_page(number, len(parts))
    return finished(pages, {"charset": charset}, guessed=True)


def read_text(path: Path, limits: Limits) -> tuple[str, str]:
    """The text of a file and its character set; newlines made plain, control characters gone."""
    data = path.read_bytes()
    text, charset = decode(data)
    check_characters(len(text), limits)
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u00a0", " ")
    return _CONTROLS.sub("", text), charset


def finished(
    pages: Sequence[Page], metadata: dict[str, str], title: str = "", *, guessed: bool = False
) -> Extracted:
    """The result for kinds without pictures. Raises BadDocument when nothing can be read.

    Where the character set was `guessed`, text that looks like no language is refused; elsewhere
    codes and numbers may be all that a document has.
    """
    text = " ".join(page.text for page in pages)
    if not text.strip():
        raise BadDocument("The document has no text.", code="E-VAZIO")
    if guessed and not is_legible(text[:200_000]):
        raise BadDocument("The text of the document cannot be read: its characters are garbled.")
    return Extracted(tuple(pages), title_of(pages, title), metadata)


def check_pages(count: int, limits: Limits) -> None:
    """Raises BadDocument E-PAGINAS beyond the limit."""
    if count > limits.max_pages:
        raise BadDocument(
            "The document has %(pages)s pages; at most %(limit)s are accepted. Split it.",
            code="E-PAGINAS",
            pages=count,
            limit=limits.max_pages,
        )


def check_characters(count: int, limits: Limits) -> None:
    """Raises BadDocument E-TAMANHO beyond the limit."""
    if count > limits.max_characters:
        raise BadDocument(
            "The document has more than %(limit)s characters. Split it into smaller files.",
            code="E-TAMANHO",
            limit=limits.max_characters,
        )


def assembled(
    pages: Sequence[Sequence[Block]],
    limits: Limits,
    on_page: OnPage,
    furniture: Sequence[Block] = (),
    labels: Sequence[str] = (),
) -> list[Page]:
    """Numbered pages, within the limits; `furniture` of the whole document goes to the first."""
    check_pages(len(pages), limits)
    made: list[Page] = []
    characters = 0
    for number, blocks in enumerate(pages, start=1):
        label = labels[number - 1] if labels else ""
        made.append(page_of(number, [*blocks, *furniture] if number == 1 else blocks, label))
        characters += len(made[-1].text)
        check_characters(characters, limits)
        on_page(number, len(pages))
    return made


def kind_of(text: str) -> Block:
    """A paragraph, or a heading where the words say that it begins a division of a norm."""
    found = division(text)
    return Block("heading", text, found[0] + 1) if found else Block("paragraph", text)


def is_wrapped(lines: Sequence[str]) -> bool:
    """Whether lines were broken by hand at about the same width."""
    lengths = sorted(len(line.rstrip()) for line in lines if line.strip())
    if len(lengths) < 8 or lengths[-1] > 140:
        return False
    full = [length for length in lengths if length > 0.75 * lengths[-1] and length > 50]
    return len(full) > 0.4 * len(lengths)


def blocks_of(lines: Sequence[str], *, wrapped: bool) -> list[Block]:
    """Paragraphs of text lines; hand-wrapped lines are joined to the paragraphs they were."""
    if not wrapped:
        return [kind_of(" ".join(line.split())) for line in lines if line.strip()]
    blocks: list[Block] = []
    group: list[str] = []
    for line in [*lines, ""]:
        text = " ".join(line.split())
        if group and (not text or starts_unit(text) or division(group[-1])):
            blocks.append(kind_of(joined(group)))
            group = []
        if text:
            group.append(text)
    return blocks
