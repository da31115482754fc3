"""Documents in words: kinds of norms, where a document is in its life, what a file says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from govbot.documents.types import Document, Level, Review, Source, State, Status, Version
from govbot.web import access_words
from govbot.web.i18n import _
from govbot.web.visit import Visit

STATES: Final[dict[State, str]] = {
    State.QUEUED: _("Waiting"),
    State.EXTRACTING: _("Reading"),
    State.EMBEDDING: _("Indexing"),
    State.READY: _("Ready"),
    State.FAILED: _("Failed"),
    State.CANCELLED: _("Cancelled"),
    State.SUPERSEDED: _("Replaced"),
}
UNDER_WAY: Final = (State.QUEUED, State.EXTRACTING, State.EMBEDDING)
AGAIN: Final = (State.FAILED, State.CANCELLED)

OTHER: Final = "outro"
KINDS: Final = {
    "lei": _("Law"),
    "lei_complementar": _("Complementary law"),
    "decreto": _("Decree"),
    "decreto_lei": _("Decree-law"),
    "medida_provisoria": _("Provisional measure"),
    "emenda_constitucional": _("Constitutional amendment"),
    "constituicao": _("Constitution"),
    "portaria": _("Ordinance"),
    "resolucao": _("Resolution"),
    "instrucao_normativa": _("Normative instruction"),
    "edital": _("Public notice"),
    "ato": _("Act"),
    "deliberacao": _("Deliberation"),
    "parecer": _("Legal opinion"),
    "contrato": _("Contract"),
    "ata": _("Minutes"),
    "oficio": _("Official letter"),
    "comunicado": _("Announcement"),
    "regimento": _("Internal rules"),
    "estatuto": _("Statute"),
    OTHER: _("Other kind"),
}
REVIEWS: Final[dict[Review, str]] = {
    Review.DRAFT: _("Draft"),
    Review.IN_REVIEW: _("In review"),
    Review.APPROVED: _("Approved"),
    Review.REJECTED: _("Sent back"),
}
SOURCES: Final[dict[Source, str]] = {
    "upload": _("sent by the browser"),
    "cli": _("imported on the server"),
    "folder": _("from a watched folder"),
    "demo": _("from the demonstration"),
    "attachment": _("attached to a conversation"),
    "api": _("sent by a program"),
}
# What files say about themselves, by the name that their format gives it.
METADATA: Final = {
    "title": _("Title in the file"),
    "author": _("Author"),
    "subject": _("Subject"),
    "keywords": _("Keywords"),
    "creator": _("Made with"),
    "producer": _("Converted with"),
    "created": _("Made on"),
    "creationdate": _("Made on"),
    "modified": _("Changed on"),
    "moddate": _("Changed on"),
    "language": _("Language"),
    "last_modified_by": _("Changed by"),
    "pdf_version": _("PDF version"),
    "from": _("Sender"),
    "to": _("Recipient"),
    "date": _("Date"),
}


@dataclass(frozen=True, slots=True)
class Badge:
    """A word beside a document's name; `tone` is how it looks: "", "good", "bad" or "wait"."""

    word: str
    tone: str = ""
    icon: str = ""


def badges(
    visit: Visit, document: Document, *, writes: bool, today: date | None = None
) -> list[Badge]:
    """What is special about a document; who may not write sees what concerns its readers."""
    found = [*_life(visit, document, today or date.today())]
    if document.secrecy:
        word = visit.translate(access_words.SECRECY[document.secrecy])
        found.insert(0, Badge(word, "secret", "lock"))
    if writes:
        found += _review(visit, document)
        if document.legal_hold:
            found.append(Badge(visit.translate("Legal hold"), icon="lock"))
    version = document.version
    if version.unread_pages:
        count = len(version.unread_pages)
        words = visit.language.ngettext("%(num)s page not read", "%(num)s pages not read", count)
        found.append(Badge(words % {"num": count}, "bad", "warning"))
    if version.ocr_pages:
        found.append(Badge(visit.translate("OCR"), icon="search"))
    return found


def _life(visit: Visit, document: Document, today: date) -> Iterator[Badge]:
    date_of = visit.language.short_date
    if document.trashed_at is not None:
        yield Badge(visit.translate("In the trash"), icon="trash")
    if document.revoked_on is not None and document.revoked_on <= today:
        yield Badge(visit.translate("Revoked"), "bad", "close")
    elif document.revoked_on is not None:
        day = date_of(document.revoked_on)
        yield Badge(visit.translate("Revoked from %(day)s on", day=day), "wait", "info")
    if document.valid_to is not None and document.valid_to < today:
        yield Badge(visit.translate("No longer in force"), "bad", "close")
    elif document.valid_from is not None and document.valid_from > today:
        yield Badge(visit.translate("Not yet in force"), "wait", "info")


def _review(visit: Visit, document: Document) -> Iterator[Badge]:
    review = document.version.review
    if review is Review.APPROVED:
        return
    first = document.status in (Status.DRAFT, Status.IN_REVIEW)
    words = {
        Review.DRAFT: _("Draft") if first else _("New version: draft"),
        Review.IN_REVIEW: _("In review") if first else _("New version: in review"),
        Review.REJECTED: _("Sent back") if first else _("New version: sent back"),
    }
    yield Badge(visit.translate(words[review]), "wait", "pencil")


def validity(visit: Visit, document: Document) -> str:
    """From when to when a document counts, in one sentence; "" when nobody said."""
    first, last = document.valid_from, document.valid_to
    date_of = visit.language.short_date
    if first and last:
        return visit.translate(
            "In force from %(first)s to %(last)s", first=date_of(first), last=date_of(last)
        )
    if first:
        return visit.translate("In force since %(first)s", first=date_of(first))
    if last:
        return visit.translate("In force until %(last)s", last=date_of(last))
    return ""


def kind_name(visit: Visit, kind: str) -> str:
    """The kind of a norm in the visitor's language; words of one's own stay as they are."""
    return visit.translate(KINDS[kind]) if kind in KINDS else kind


def norm_name(visit: Visit, document: Document) -> str:
    """ "Law nº 8.112/1990", as far as it is known."""
    number = f"nº {document.norm_number}" if document.norm_number else ""
    if document.year:
        number = f"{number}/{document.year}" if number else str(document.year)
    return " ".join(part for part in (kind_name(visit, document.kind), number) if part)


def helpers(visit: Visit) -> dict[str, Any]:
    """What the templates of documents call."""

    def state_name(state: State) -> str:
        return visit.translate(STATES[state])

    def percent(version: Version) -> int:
        return round(100 * version.progress)

    return {
        "state_name": state_name,
        "review_name": lambda review: visit.translate(REVIEWS[review]),
        "percent": percent,
        "kind_name": lambda kind: kind_name(visit, kind),
        "norm_name": lambda document: norm_name(visit, document),
        "validity": lambda document: validity(visit, document),
        "size": _size(visit),
        "under_way_states": UNDER_WAY,
        "again_states": AGAIN,
    }


def bounded(visit: Visit, number: int, most: int) -> str:
    """A count as far as it goes: "37", "1,000+"."""
    figure = visit.language.number(min(number, most))
    return f"{figure}+" if number > most else str(figure)


def writes(level: Level | None) -> bool:
    """Whether this level in a collection lets its holder change documents."""
    return level in (Level.WRITE, Level.MANAGE)


def _size(visit: Visit) -> Any:
    """Writes a number of bytes as its reader expects it."""

    def size(count: int) -> str:
        value, unit = float(count), "B"
        for unit in ("B", "kB", "MB", "GB"):
            if value < 1000 or unit == "GB":
                break
            value /= 1000
        rounded = round(value) if value >= 10 or unit == "B" else round(value, 1)
        return f"{visit.language.number(rounded)} {unit}"

    return size
