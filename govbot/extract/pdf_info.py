"""What a PDF says about itself: document information, language, attachments, form fields.

pypdf reads the structure, pdfium what needs pages. pypdf is pure Python, so a hostile file can keep
it busy: it stops after some seconds, and what it cannot read pdfium is asked for.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import re
import signal
import threading
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

_SECONDS = 3.0  # of processor time for pypdf
_MAX_FIELDS = 2_000  # of a page
_MAX_NAMES = 200
_MAX_LENGTH = 500
_KEYS = {
    "Title": "title",
    "Author": "author",
    "Subject": "subject",
    "Keywords": "keywords",
    "Creator": "creator",
    "Producer": "producer",
    "CreationDate": "created",
    "ModDate": "modified",
}
_DATE = re.compile(
    r"D?:?(\d{4})(\d{2})?(\d{2})?(\d{2})?(\d{2})?(\d{2})?(?:(Z)|([+-])(\d{2})'?(\d{2})?'?)?"
)


@dataclass(frozen=True, slots=True)
class Info:
    """Metadata by name (title, author, created, language...) and the names of files inside."""

    metadata: dict[str, str]
    attachments: tuple[str, ...]


class Field(NamedTuple):
    """A filled-in form field; its box in page space: left, bottom, right, top."""

    name: str
    value: str
    box: tuple[float, float, float, float]


def info_of(path: Path, document: Any) -> Info:
    """Of a pypdfium2 document and its file; what is broken is left out, nothing is raised."""
    try:
        with _seconds(_SECONDS):
            return _by_pypdf(path)
    except Exception:  # pypdf raises anything on broken files, and our own TimeoutError
        return Info(_by_pdfium(document), _files_by_pdfium(document))


@contextlib.contextmanager
def _seconds(limit: float) -> Iterator[None]:
    """Raises TimeoutError after so much processor time; in other threads there is no limit."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, limit)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _by_pypdf(path: Path) -> Info:
    import pypdf

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    with path.open("rb") as stream:
        # Strict: it must not search a broken file for objects, which takes minutes in Python.
        reader = pypdf.PdfReader(stream, strict=True)
        if reader.is_encrypted and not reader.decrypt(""):
            raise ValueError("a password is needed")
        found = _tidy({k.lstrip("/"): v for k, v in (reader.metadata or {}).items()})
        root: Any = reader.root_object
        language = root.get("/Lang")
        if isinstance(language, str) and _clean(language):
            found["language"] = _clean(language)[:20]
        names = [_filename(str(file.name)) for file in islice(reader.attachment_list, _MAX_NAMES)]
    return Info(found, _unique(names))


def _by_pdfium(document: Any) -> dict[str, str]:
    import pypdfium2.raw as pdfium

    try:
        found = _tidy(document.get_metadata_dict(skip_empty=True))
    except Exception:
        found = {}
    language = _text(lambda b, n: pdfium.FPDFCatalog_GetLanguage(document.raw, b, n))
    return found | ({"language": _clean(language)[:20]} if _clean(language) else {})


def _files_by_pdfium(document: Any) -> tuple[str, ...]:
    names = []
    with contextlib.suppress(Exception):
        for index in range(min(document.count_attachments(), _MAX_NAMES)):
            names.append(_filename(document.get_attachment(index).get_name()))
    return _unique(names)


def _tidy(found: Mapping[str, object]) -> dict[str, str]:
    """Known keys only, one line each, dates as ISO 8601."""
    result = {}
    for key, name in _KEYS.items():
        text = _clean(str(found.get(key) or ""))
        if name in ("created", "modified"):
            text = _date(text)
        if text:
            result[name] = text[:_MAX_LENGTH]
    return result


def _date(text: str) -> str:
    """ "D:20250616142204-03'00'" as "2025-06-16T14:22:04-03:00"; empty when it is no date."""
    match = _DATE.match(text)
    if match is None:
        return ""
    year, month, day, hour, minute, second, zulu, sign, hours, minutes = match.groups()
    date = "-".join(part for part in (year, month, day) if part)
    if hour is None:
        return date
    zone = "Z" if zulu else f"{sign}{hours}:{minutes or '00'}" if sign else ""
    return f"{date}T{hour}:{minute or '00'}:{second or '00'}{zone}"


def _clean(text: str) -> str:
    """One line without controls, marks of direction and lone surrogates."""
    kept = (
        c if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn") else " " for c in text
    )
    return " ".join("".join(kept).split())


def _filename(name: str) -> str:
    return _clean(name.replace("\\", "/").rsplit("/", 1)[-1])[:_MAX_LENGTH]


def _unique(names: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name))


def fields_of(page: Any) -> list[Field]:
    """The filled-in fields and the boxes to tick of a page whose document has its forms open."""
    import pypdfium2.raw as pdfium

    if page.formenv is None:
        return []
    form = page.formenv.raw
    found: list[Field] = []
    for index in range(min(pdfium.FPDFPage_GetAnnotCount(page.raw), _MAX_FIELDS)):
        annotation = pdfium.FPDFPage_GetAnnot(page.raw, index)
        if not annotation:
            continue
        try:
            if pdfium.FPDFAnnot_GetSubtype(annotation) == pdfium.FPDF_ANNOT_WIDGET:
                found.extend(_field(pdfium, form, annotation))
        finally:
            pdfium.FPDFPage_CloseAnnot(annotation)
    return sorted(found, key=lambda field: (-round(field.box[3]), field.box[0]))


def _field(pdfium: Any, form: Any, annotation: Any) -> Iterator[Field]:
    kind = pdfium.FPDFAnnot_GetFormFieldType(form, annotation)
    value = _value(pdfium, form, annotation, kind)
    name = _clean(
        _text(lambda b, n: pdfium.FPDFAnnot_GetFormFieldAlternateName(form, annotation, b, n))
    ) or _clean(_text(lambda b, n: pdfium.FPDFAnnot_GetFormFieldName(form, annotation, b, n)))
    box = pdfium.FS_RECTF()
    if value and pdfium.FPDFAnnot_GetRect(annotation, box):
        yield Field(name[:200], value, (box.left, box.bottom, box.right, box.top))


def _value(pdfium: Any, form: Any, annotation: Any, kind: int) -> str:
    """Empty for what says nothing: buttons, signatures, passwords, the unticked of several."""
    checked = bool(pdfium.FPDFAnnot_IsChecked(form, annotation))
    if kind == pdfium.FPDF_FORMFIELD_CHECKBOX:
        return "[x]" if checked else "[ ]"
    if kind == pdfium.FPDF_FORMFIELD_RADIOBUTTON:
        if not checked:
            return ""
        return _clean(
            _text(lambda b, n: pdfium.FPDFAnnot_GetFormFieldExportValue(form, annotation, b, n))
        )
    shown = (
        pdfium.FPDF_FORMFIELD_TEXTFIELD,
        pdfium.FPDF_FORMFIELD_COMBOBOX,
        pdfium.FPDF_FORMFIELD_LISTBOX,
    )
    secret = pdfium.FPDFAnnot_GetFormFieldFlags(form, annotation) & (1 << 13)
    if kind not in shown or secret:
        return ""
    return _clean(_text(lambda b, n: pdfium.FPDFAnnot_GetFormFieldValue(form, annotation, b, n)))


def _text(ask: Callable[[Any, int], int]) -> str:
    """A string of pdfium: asked for its size in bytes first, then for its UTF-16."""
    size = min(ask(None, 0), 200_000)
    if size <= 2:
        return ""
    buffer = (ctypes.c_ushort * (size // 2 + 1))()
    ask(buffer, size)
    return bytes(buffer)[: size - 2].decode("utf-16-le", "replace")
