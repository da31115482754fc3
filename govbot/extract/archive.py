"""ZIP containers (DOCX, ODT) opened with bounds, so that a small file cannot fill the memory."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from govbot.errors import BadDocument

if TYPE_CHECKING:
    from lxml import etree

_MAX_MEMBERS = 20_000
_CHUNK = 1 << 20


def open_archive(path: Path, max_mb: int) -> zipfile.ZipFile:
    """The archive, if what it declares fits in `max_mb` MiB.

    `zipfile` never inflates a member beyond its declared size, so the declared sum bounds libraries
    that read it on their own; `read_member` counts again. Raises BadDocument.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise BadDocument("The file is damaged: its package cannot be opened.") from error
    members = archive.infolist()
    if len(members) > _MAX_MEMBERS or sum(m.file_size for m in members) > max_mb << 20:
        archive.close()
        raise too_large()
    return archive


def read_member(archive: zipfile.ZipFile, name: str, max_mb: int) -> bytes:
    """The bytes of a member, at most `max_mb` MiB; KeyError when it is absent."""
    parts: list[bytes] = []
    left = max_mb << 20
    try:
        with archive.open(name) as member:
            while part := member.read(_CHUNK):
                left -= len(part)
                if left < 0:
                    raise too_large()
                parts.append(part)
    except (zipfile.BadZipFile, OSError, EOFError, RuntimeError, NotImplementedError) as error:
        raise BadDocument("The file is damaged: a part of it cannot be unpacked.") from error
    except Exception as error:  # zlib.error and lzma errors share no base class
        if isinstance(error, BadDocument | KeyError):
            raise
        raise BadDocument("The file is damaged: a part of it cannot be unpacked.") from error
    return b"".join(parts)


def parse_xml(data: bytes) -> etree._Element:
    """The root of an XML part, without entities, DTDs or network. Raises BadDocument."""
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=False
    )
    try:
        return etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise BadDocument("The file is damaged: its content is not well-formed.") from error


def too_large() -> BadDocument:
    """The error for content that is larger than the limits once unpacked."""
    return BadDocument(
        "The document is too large once unpacked. Split it into smaller files.", code="E-TAMANHO"
    )
