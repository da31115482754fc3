"""E-mail (EML): subject, sender, receivers, date and text, and the names of what is attached."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.header import decode_header
from email.message import Message
from email.utils import parsedate_to_datetime
from pathlib import Path

from govbot.extract import Block, Extracted, Limits, OnPage
from govbot.extract.charset import decode
from govbot.extract.guard import guarded
from govbot.extract.html import blocks_of_html
from govbot.extract.text import assembled, blocks_of, finished, is_wrapped

_MAX_HEADER = 2000
_MAX_NAME = 200
_MAX_ATTACHMENTS = 1000
_MAX_DEPTH = 50
_FIELDS = (("From", "De"), ("To", "Para"), ("Cc", "Cópia"))
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@guarded("EML")
def extract_mail(path: Path, limits: Limits, on_page: OnPage) -> Extracted:
    """One page. Raises BadDocument E-CORROMPIDO, E-TAMANHO, E-VAZIO."""
    # The older policy: the newer one parses every header into a tree, which hostile ones make slow.
    message = message_from_bytes(path.read_bytes(), policy=policy.compat32)
    subject = _header(message, "Subject")
    reader = _Reader(limits)
    reader.part(message, 0)
    fields = [f"{label}: {value}" for name, label in _FIELDS if (value := _header(message, name))]
    sent = _date(message)
    blocks = [Block("heading", subject, 1)] if subject else []
    blocks += [Block("paragraph", line) for line in [*fields, f"Data: {sent}" if sent else ""]]
    pages = assembled([[*blocks, *reader.blocks]], limits, on_page)
    metadata = {"title": subject, "author": _header(message, "From"), "date": sent}
    found = finished(pages, {key: value[:500] for key, value in metadata.items() if value}, subject)
    return Extracted(
        found.pages, found.title, found.metadata, attachments=tuple(reader.attachments)
    )


class _Reader:
    """Collects the text and the names of attachments while it walks the parts."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.blocks: list[Block] = []
        self.attachments: list[str] = []

    def part(self, message: Message, depth: int) -> None:
        kind = message.get_content_type()
        name = _filename(message)
        if kind == "message/rfc822" and not name:
            inner = next(_parts(message), None)
            subject = _header(inner, "Subject") if inner is not None else ""
            self._attach(f"{subject or 'mensagem'}.eml")
        elif name or message.get_content_disposition() == "attachment":
            self._attach(name or kind)
        elif kind == "multipart/alternative":
            self._alternative(list(_parts(message)), depth)
        elif message.is_multipart():
            if depth < _MAX_DEPTH:
                for inner in _parts(message):
                    self.part(inner, depth + 1)
        elif kind in ("text/plain", "text/html"):
            self.blocks.extend(_text(message, kind, self.limits))

    def _alternative(self, parts: list[Message], depth: int) -> None:
        """The plain text says the same as the HTML, without its layout; where it is empty the
        HTML is read, and so is what is neither."""
        plain = [part for part in parts if part.get_content_type() == "text/plain"]
        before = len(self.blocks)
        for part in plain:
            self.part(part, depth + 1)
        said = sum(len(block.text) for block in self.blocks[before:])
        for part in parts:
            if part not in plain and (said < 20 or part.get_content_type() != "text/html"):
                if depth < _MAX_DEPTH and not (said >= 20 and part.is_multipart()):
                    self.part(part, depth + 1)
                elif part.is_multipart():
                    self._names(part)

    def _names(self, message: Message) -> None:
        for part in message.walk():
            name = _filename(part)
            if name:
                self._attach(name)

    def _attach(self, name: str) -> None:
        if len(self.attachments) < _MAX_ATTACHMENTS:
            self.attachments.append(name[:_MAX_NAME])


def _parts(message: Message) -> Iterator[Message]:
    payload = message.get_payload()
    if isinstance(payload, list):
        yield from (part for part in payload if isinstance(part, Message))


def _text(message: Message, kind: str, limits: Limits) -> list[Block]:
    data = message.get_payload(decode=True)
    if not isinstance(data, bytes):
        return []
    text = _decoded(data, message.get_content_charset() or "")
    if kind == "text/html":
        return blocks_of_html(text, limits)
    text = _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    lines = text.replace("\u00a0", " ").split("\n")
    return blocks_of(lines, wrapped=is_wrapped(lines))


def _decoded(data: bytes, charset: str) -> str:
    """The charset that is named, where it fits the bytes; mail programs often name a wrong one."""
    if charset.lower() in {"iso-8859-1", "latin1", "us-ascii", "ascii"}:
        charset = "cp1252"
    try:
        return data.decode("utf-8") if charset in ("", "cp1252") else data.decode(charset)
    except (LookupError, ValueError):
        return decode(data)[0]


def _header(message: Message, name: str) -> str:
    raw = (value for key, value in message.raw_items() if key.lower() == name.lower())
    return _shown(str(next(raw, "")))


def _shown(raw: str) -> str:
    """A header as mail programs show it: encoded words decoded, on one line."""
    raw = raw[:_MAX_HEADER]
    parts = []
    try:
        for piece, charset in decode_header(raw):
            parts.append(piece if isinstance(piece, str) else _decoded(piece, charset or ""))
    except Exception:  # broken encoded words: shown as they are
        parts = [raw]
    # Bytes that are no ASCII come as lone surrogates.
    data = "".join(parts).encode("utf-8", "surrogateescape")
    return " ".join(_CONTROLS.sub("", decode(data)[0]).split())


def _filename(message: Message) -> str:
    try:
        name = message.get_filename()
    except Exception:  # broken parameters
        name = "anexo"
    return (_shown(name) or "anexo") if name else ""


def _date(message: Message) -> str:
    try:
        sent = parsedate_to_datetime(_header(message, "Date")[:200])
    except (TypeError, ValueError, IndexError, OverflowError):
        return ""
    return f"{sent.day:02d}/{sent.month:02d}/{sent.year:04d} {sent.hour:02d}:{sent.minute:02d}"
