"""Text of a document: pages, blocks and what was found out about the file.

Each kind of file has one extractor; `sandbox.extract` runs it in a child process with limits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

BlockKind = Literal["heading", "paragraph", "list", "table", "furniture"]

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
ODT = "application/vnd.oasis.opendocument.text"
RTF = "application/rtf"
DOC = "application/msword"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ODS = "application/vnd.oasis.opendocument.spreadsheet"
CSV = "text/csv"
HTML = "text/html"
EML = "message/rfc822"
MARKDOWN = "text/markdown"
TEXT = "text/plain"


@dataclass(frozen=True, slots=True)
class Block:
    """A run of text of one kind; "furniture" is what repeats on pages (headers, page numbers)."""

    kind: BlockKind
    text: str
    level: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """One page; `text` is the text of its blocks without furniture, joined by newlines."""

    number: int
    text: str
    blocks: tuple[Block, ...]
    label: str = ""


@dataclass(frozen=True, slots=True)
class Extracted:
    """What an extractor read.

    `ocr_pages` are numbers of pages whose text was recognised in their picture, `unread_pages` of
    pages with a picture or text that could not be read; `attachments` are names of files inside.
    """

    pages: tuple[Page, ...]
    title: str
    metadata: dict[str, str]
    ocr_pages: tuple[int, ...] = ()
    unread_pages: tuple[int, ...] = ()
    attachments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds for one document: pages, characters, seconds and MiB.

    Pictures of text are read by `ocr_program`, several at a time, each within its own seconds; not
    at all when it is "". `ocr_engine` is the name under which their words are kept.
    """

    max_pages: int = 5000
    max_characters: int = 20_000_000
    timeout_s: float = 300.0
    memory_mb: int = 2048
    max_decompressed_mb: int = 1024
    ocr_program: str = ""
    ocr_engine: str = ""
    ocr_languages: str = "por"
    ocr_dpi: int = 300
    ocr_parallel: int = 1
    ocr_page_timeout_s: float = 60.0


OnPage = Callable[[int, int], None]


class Extractor(Protocol):
    """Reads one kind of file; raises BadDocument; calls `on_page(done, total)` as it goes."""

    def __call__(self, path: Path, limits: Limits, on_page: OnPage) -> Extracted: ...


EXTRACTORS: dict[str, str] = {
    PDF: "govbot.extract.pdf:extract_pdf",
    DOCX: "govbot.extract.docx:extract_docx",
    ODT: "govbot.extract.odt:extract_odt",
    RTF: "govbot.extract.rtf:extract_rtf",
    DOC: "govbot.extract.doc:extract_doc",
    PPTX: "govbot.extract.pptx:extract_pptx",
    XLSX: "govbot.extract.sheet:extract_xlsx",
    ODS: "govbot.extract.ods:extract_ods",
    CSV: "govbot.extract.delimited:extract_csv",
    HTML: "govbot.extract.html:extract_html",
    EML: "govbot.extract.mail:extract_mail",
    MARKDOWN: "govbot.extract.markdown:extract_markdown",
    TEXT: "govbot.extract.text:extract_text",
}


# Kinds whose pages may be pictures, recognised by OCR.
PICTURED = frozenset({PDF})


def page_of(number: int, blocks: Iterable[Block], label: str = "") -> Page:
    """A page whose text is that of its blocks; blocks without visible text are left out."""
    kept = tuple(block for block in blocks if block.text.strip())
    text = "\n".join(block.text for block in kept if block.kind != "furniture")
    return Page(number, text, kept, label)


def sniff(path: Path, filename: str) -> str:
    """The MIME type by content; the file name only tells kinds of text apart.

    Raises BadDocument E-FORMATO for what GovBot does not read, E-SENHA for protected Office files.
    """
    from govbot.extract.kinds import mime_of

    return mime_of(path, filename)
