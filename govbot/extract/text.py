"""Plain text: the character set, lines that were wrapped by hand, page breaks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from govbot.errors import BadDocument
from govbot.extract import Block, Extracted, Limits, OnPage, Page, page_of
from govbot.extract.legible import is_legible
from govbot.extract.norms import division, starts_unit
from govbot.extract.paragraphs import joined
from govbot.extract.titles import title_of

_BOMS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_PORTUGUESE = re.compile(r"[ãõçáéíóúâêôàÃÕÇÁÉÍÓÚÂÊÔÀº°ª§–—“”‘’]")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")


def extract_text(path: Path, limits: Limits, on_page: OnPage) -> Extracted:
    """Plain text; form feeds part pages. Raises BadDocument E-VAZIO, E-TAMANHO, E-CORROMPIDO."""
    text, charset = read_text(path, limits)
    wrapped = _is_wrapped(text.splitlines())
    parts = text.split("\f")
    check_pages(len(parts), limits)
    pages = []
    for number, part in enumerate(parts, start=1):
        pages.append(page_of(number, _blocks(part.split("\n"), wrapped)))
        on_page(number, len(parts))
    return finished(pages, {"charset": charset})


def read_text(path: Path, limits: Limits) -> tuple[str, str]:
    """The text of a file and its character set; newlines made plain, control characters gone."""
    data = path.read_bytes()
    text, charset = decode(data)
    if len(text) > limits.max_characters:
        raise BadDocument(
            "The document has more than %(limit)s characters. Split it into smaller files.",
            code="E-TAMANHO",
            limit=limits.max_characters,
        )
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u00a0", " ")
    return _CONTROLS.sub("", text), charset


def decode(data: bytes) -> tuple[str, str]:
    """Byte order mark, UTF-8, what charset-normalizer finds, and at last Windows-1252."""
    for bom, charset in _BOMS.items():
        if data.startswith(bom):
            return data.decode(charset, errors="replace"), charset.removesuffix("-sig")
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        pass
    legacy = data.decode("cp1252", errors="replace")
    # Short Portuguese texts are often taken for Central European or Cyrillic: believe 1252 first
    # when it gives letters that Portuguese uses.
    strange = [char for char in legacy if char > "\x7f"]
    if len(_PORTUGUESE.findall(legacy)) >= 0.9 * len(strange):
        return legacy, "cp1252"
    from charset_normalizer import from_bytes

    best = from_bytes(data[:200_000]).best()
    charset = best.encoding if best else "latin-1"
    return data.decode(charset, errors="replace"), charset


def finished(pages: Sequence[Page], metadata: dict[str, str], title: str = "") -> Extracted:
    """The result for kinds without pictures. Raises BadDocument when nothing can be read."""
    text = " ".join(page.text for page in pages)
    if not text.strip():
        raise BadDocument("The document has no text.", code="E-VAZIO")
    if not is_legible(text[:200_000]):
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


def kind_of(text: str) -> Block:
    """A paragraph, or a heading where the words say that it begins a division of a norm."""
    found = division(text)
    return Block("heading", text, found[0] + 1) if found else Block("paragraph", text)


def _is_wrapped(lines: Sequence[str]) -> bool:
    """Whether lines were broken by hand at about the same width."""
    lengths = sorted(len(line.rstrip()) for line in lines if line.strip())
    if len(lengths) < 8 or lengths[-1] > 140:
        return False
    full = [length for length in lengths if length > 0.75 * lengths[-1] and length > 50]
    return len(full) > 0.4 * len(lengths)


def _blocks(lines: Sequence[str], wrapped: bool) -> list[Block]:
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
