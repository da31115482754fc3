"""The border around libraries that read files: what they raise about a bad file is the file's."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

from govbot.errors import BadDocument
from govbot.extract import Extracted, Extractor, Limits, OnPage

_XML_ERR_NO_MEMORY = 2  # https://gnome.pages.gitlab.gnome.org/libxml2/html/xmlerror_8h.html
_Read = Callable[[Path, Limits, OnPage], Extracted]


def guarded(kind: str) -> Callable[[_Read], Extractor]:
    """Makes BadDocument of every error of an extractor; lack of memory stays what it is.

    Broken files make lxml, zipfile, python-docx and others raise nearly anything, and nesting
    beyond measure a RecursionError.
    """

    def decorate(read: _Read) -> Extractor:
        @functools.wraps(read)
        def extract(path: Path, limits: Limits, on_page: OnPage) -> Extracted:
            try:
                return read(path, limits, on_page)
            except MemoryError:
                raise
            except BadDocument as error:
                if _lacks_memory(error.__cause__):
                    raise MemoryError from error
                raise
            except Exception as error:
                if _lacks_memory(error):
                    raise MemoryError from error
                raise BadDocument(
                    "The file is damaged: it cannot be opened as %(kind)s.", kind=kind
                ) from error

        return extract

    return decorate


def _lacks_memory(error: BaseException | None) -> bool:
    """lxml calls lack of memory a syntax error, with libxml2's number of it."""
    from_lxml = type(error).__module__.partition(".")[0] == "lxml"
    return isinstance(error, MemoryError) or (
        from_lxml and getattr(error, "code", 0) == _XML_ERR_NO_MEMORY
    )
