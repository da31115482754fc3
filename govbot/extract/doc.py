"""DOC of Word 6 to 2003, read by the converter that is installed: antiword, catdoc or LibreOffice.

The converter runs inside the limits of the child process. antiword and catdoc write to a pipe and
may write no file; LibreOffice, tried last, works in a temporary folder within a limit of its own.
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final

from govbot.errors import BadDocument
from govbot.extract import Block, Extracted, Limits, OnPage
from govbot.extract.archive import parse_xml
from govbot.extract.guard import guarded
from govbot.extract.headings import block_of
from govbot.extract.text import assembled, check_characters, finished

if TYPE_CHECKING:
    from lxml import etree

_Pages = list[list[Block]]
_BYTES_PER_CHARACTER = 8  # of DocBook: letters, tags and entities
_OFFICE = ("soffice", "libreoffice")
_ROOM = 64 << 20
_FOLDER = "govbot-doc-"
_STALE_S = 3600
_ENCRYPTED = 0x0100  # in the flags of the file information block, [MS-DOC] 2.5.2
_CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0e-\x1f]")
_DRAWN = re.compile(rb"(?:^\|[^\n]*(?:\n|\Z))+", re.MULTILINE)
_SECTION = re.compile(r"chapter|sect\d")
_PICTURE = "[pic]"


@guarded("DOC")
def extract_doc(path: Path, limits: Limits, on_page: OnPage) -> Extracted:
    """Raises BadDocument E-SENHA, E-CONVERSOR, E-CORROMPIDO, E-TAMANHO, E-PAGINAS, E-VAZIO."""
    metadata = _inspected(path)
    installed = [name for name in _CONVERTERS if _found(name)]
    if not installed:
        raise BadDocument(
            "Word 97 to 2003 documents (.doc) need a converter. Install the Debian package "
            "antiword on the server, or save the document as DOCX.",
            code="E-CONVERSOR",
        )
    for name in installed:
        pages = _CONVERTERS[name](path.resolve(), limits)
        if any(block.text.strip() for page in pages for block in page):
            made = assembled(pages, limits, on_page)
            return finished(made, {**metadata, "converter": name}, metadata.get("title", ""))
    raise BadDocument("The file is damaged: it cannot be opened as %(kind)s.", kind="DOC")


def _inspected(path: Path) -> dict[str, str]:
    """Title, author and subject. Raises BadDocument for what is encrypted or no OLE file."""
    import olefile

    with olefile.OleFileIO(str(path)) as ole:
        with ole.openstream("WordDocument") as stream:
            header = stream.read(32)
        if len(header) >= 12 and int.from_bytes(header[10:12], "little") & _ENCRYPTED:
            raise BadDocument(
                "The document is protected by a password. Remove the password and send it again.",
                code="E-SENHA",
            )
        try:
            found = ole.get_metadata()
        except Exception:  # the summary is often broken where the text is not
            return {}
    charset = f"cp{found.codepage}" if (found.codepage or 0) > 0 else "cp1252"
    values = {"title": found.title, "author": found.author, "subject": found.subject}
    return {key: text for key, value in values.items() if (text := _decoded(value, charset))}


def _decoded(value: object, charset: str) -> str:
    if isinstance(value, bytes):
        try:
            text = value.decode(charset, "replace")
        except LookupError:
            text = value.decode("cp1252", "replace")
    else:
        text = str(value or "")
    return " ".join(text.replace("\0", "").split())[:500]


def _found(name: str) -> str | None:
    if name == "LibreOffice":
        return next(filter(None, map(shutil.which, _OFFICE)), None) if _has_room() else None
    return shutil.which(name)


def _has_room() -> bool:
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    return most == resource.RLIM_INFINITY or most >= _ROOM


def _antiword(path: Path, limits: Limits) -> _Pages:
    """Its plain text keeps the lines, its DocBook (where that is well-formed) rows and headings."""
    text = _output(["antiword", "-w", "0", "-m", "UTF-8.txt", str(path)], limits)
    data = _output(["antiword", "-x", "db", "-m", "UTF-8.txt", str(path)], limits)
    try:
        root = parse_xml(_CONTROLS.sub(b"", data)) if data.strip() else None
    except BadDocument:
        root = None
    return _plain(text, root)


def _catdoc(path: Path, limits: Limits) -> _Pages:
    return _plain(_output(["catdoc", "-w", "-d", "utf-8", str(path)], limits))


def _libreoffice(path: Path, limits: Limits) -> _Pages:
    program = _found("LibreOffice") or _OFFICE[0]
    _sweep()
    with tempfile.TemporaryDirectory(prefix=_FOLDER) as folder:
        profile = f"-env:UserInstallation=file://{folder}/profile"
        _output(
            [program, profile, "--headless", "--norestore", "--convert-to", "docx:MS Word 2007 XML",
             "--outdir", folder, str(path)],
            limits,
            {"HOME": folder, "TMPDIR": folder},
            writes=True,
        )  # fmt: skip
        made = next(iter(Path(folder).glob("*.docx")), None)
        if made is None:
            return []
        from govbot.extract.docx import extract_docx

        found = extract_docx(made, limits, lambda done, total: None)
        return [list(page.blocks) for page in found.pages]


_CONVERTERS: Final[dict[str, Callable[[Path, Limits], _Pages]]] = {
    "antiword": _antiword,
    "catdoc": _catdoc,
    "LibreOffice": _libreoffice,
}


def _sweep() -> None:
    """Removes folders of conversions that were killed; none lasts an hour."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_FOLDER}*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > _STALE_S:
                shutil.rmtree(folder, ignore_errors=True)


def _output(
    command: list[str],
    limits: Limits,
    environment: Mapping[str, str] | None = None,
    *,
    writes: bool = False,
) -> bytes:
    """What the converter writes on its standard output; empty when it fails without a word.

    It is killed at the time limit with the child process, and here when it writes too much.
    """
    most = limits.max_characters * _BYTES_PER_CHARACTER
    variables = {"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8", "HOME": "/"}
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**variables, **(environment or {})},
        # In the child process no other thread runs that could hold a lock.
        preexec_fn=_allow_files if writes else _forbid_files,  # noqa: PLW1509
    ) as process:
        try:
            assert process.stdout is not None  # noqa: S101  (it was asked for)
            data = process.stdout.read(most + 1)
        finally:
            process.kill()
    check_characters(len(data) // _BYTES_PER_CHARACTER, limits)
    return data


def _allow_files() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


def _forbid_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _plain(data: bytes, book: etree._Element | None = None) -> _Pages:
    """Paragraphs of one line each; lines between bars are tables as antiword draws them."""
    tables = [] if book is None else [_rows(table) for table in book.iter("informaltable")]
    levels = {} if book is None else _levels(book)
    pages: _Pages = []
    drawn = len(_DRAWN.findall(data))
    rows = iter(tables) if len(tables) == drawn else None
    for part in data.decode("utf-8", "replace").split("\f"):
        blocks: list[Block] = []
        for is_table, group in groupby(part.split("\n"), lambda line: line.startswith("|")):
            lines = list(group)
            if is_table:
                found = next(rows, []) if rows is not None else _drawn_rows(lines)
                blocks.extend(_table(found))
                continue
            for line in lines:
                text = " ".join(line.replace(_PICTURE, "").split())
                if text:
                    blocks.append(block_of(text, level=levels.get(text, 0)))
        pages.append(blocks)
    return pages


def _levels(book: etree._Element) -> dict[str, int]:
    """Headings by their text: antiword knows them by the styles of Word."""
    found = {}
    for title in book.iter("title"):
        text = " ".join("".join(map(str, title.itertext())).split())
        if text:
            depth = sum(1 for up in title.iterancestors() if _SECTION.fullmatch(str(up.tag)))
            found[text] = max(1, depth)
    return found


def _rows(table: etree._Element) -> list[list[str]]:
    return [
        [
            " ".join("".join(map(str, cell.itertext())).replace(_PICTURE, "").split())
            for cell in row.findall("entry")
        ]
        for row in table.iter("row")
    ]


def _drawn_rows(lines: list[str]) -> list[list[str]]:
    """Rows of a drawn table; a line that begins with an empty cell goes on from the one above."""
    rows: list[list[str]] = []
    for line in lines:
        cells = [" ".join(cell.split()) for cell in line.strip().strip("|").split("|")]
        if rows and not cells[0] and len(cells) == len(rows[-1]):
            rows[-1] = [f"{old} {new}".strip() for old, new in zip(rows[-1], cells, strict=True)]
        else:
            rows.append(cells)
    return rows


def _table(rows: list[list[str]]) -> list[Block]:
    filled = [[cell.replace(_PICTURE, "").strip() for cell in row] for row in rows]
    filled = [row for row in filled if any(row)]
    if not filled:
        return []
    single = all(len(row) <= 1 for row in filled)  # it only frames a text
    text = "\n".join(" | ".join(row) for row in filled)
    return [Block("paragraph" if single else "table", text)]
