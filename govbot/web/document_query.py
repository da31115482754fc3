"""What a visitor of the documents page looks at: the words of its address, and what they choose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from govbot.documents.listing import UNDER_WAY, Filter, Personal, Sort
from govbot.documents.lives import Life
from govbot.documents.suggestions import Suggestions
from govbot.documents.types import Collection, Secrecy, State
from govbot.ids import CollectionId, DocumentId, UserId
from govbot.web import access_words
from govbot.web.document_words import KINDS, OTHER, kind_name
from govbot.web.i18n import _
from govbot.web.visit import Visit

PATH: Final = "/documentos"
TRASH: Final = "lixeira"
OWN: Final = "eu"  # in place of the visitor's own number
MAX_TEXT: Final = 200

# The word in the address, what the filter is called, and the states it shows.
FILTERS: Final[dict[str, tuple[str, tuple[State, ...]]]] = {
    "": (_("All"), ()),
    "andamento": (_("In progress"), UNDER_WAY),
    "prontos": (_("Ready ones"), (State.READY,)),
    "falhas": (_("Failed ones"), (State.FAILED,)),
    "cancelados": (_("Cancelled ones"), (State.CANCELLED,)),
}
# The same for where documents are in their life; who only reads has no use for the first two.
LIVES: Final[dict[str, tuple[str, Life]]] = {
    "rascunhos": (_("Drafts"), Life.DRAFT),
    "revisao": (_("In review"), Life.IN_REVIEW),
    "encerrados": (_("Revoked or expired"), Life.ENDED),
}
SORTS: Final[dict[str, tuple[str, Sort]]] = {
    "": (_("Newest first"), Sort.NEWEST),
    "antigos": (_("Oldest first"), Sort.OLDEST),
    "nome": (_("Name, A to Z"), Sort.NAME),
    "nome-z": (_("Name, Z to A"), Sort.NAME_DOWN),
    "maiores": (_("Largest files first"), Sort.LARGEST),
    "menores": (_("Smallest files first"), Sort.SMALLEST),
    "mais-paginas": (_("Most pages first"), Sort.LONGEST),
    "menos-paginas": (_("Fewest pages first"), Sort.SHORTEST),
}
PERSONAL: Final[dict[str, tuple[str, Personal]]] = {
    "sim": (_("With personal data"), Personal.ANY),
    "identificam": (_("With data that identifies people"), Personal.IDENTIFYING),
}


@dataclass(frozen=True, slots=True)
class Query:
    """What the visitor looks at; stands in the address of the page."""

    collection: UUID | None = None
    state: str = ""
    text: str = ""
    after: UUID | None = None
    tag: str = ""
    kind: str = ""
    year: int | None = None
    sender: str = ""
    personal: str = ""
    secrecy: int | None = None
    sort: str = ""

    def values(self) -> dict[str, str]:
        """What stands in the address, by its word, the place in the list aside."""
        found: dict[str, object] = {
            "colecao": self.collection,
            "estado": self.state,
            "q": self.text,
            "etiqueta": self.tag,
            "especie": self.kind,
            "ano": self.year,
            "de": self.sender,
            "pessoais": self.personal,
            "sigilo": self.secrecy,
            "ordem": self.sort,
        }
        return {name: str(value) for name, value in found.items() if value not in (None, "")}

    def path(self, **changes: object) -> str:
        """The address with some parts changed; another filter starts on the first page."""
        values = {**self.values(), "depois": None, **changes}
        kept = {name: str(value) for name, value in values.items() if value not in (None, "")}
        return PATH + (f"?{urlencode(kept)}" if kept else "")

    @property
    def here(self) -> str:
        """The address of this very page."""
        return self.path(depois=self.after)

    @property
    def narrowed(self) -> bool:
        """Whether more is chosen than a collection and a state."""
        rest = replace(self, collection=None, state="", sort="", after=None)
        return rest != Query()

    @property
    def order(self) -> Sort:
        return SORTS[self.sort][1]

    @property
    def trashed(self) -> bool:
        return self.state == TRASH

    def filter(self, visit: Visit) -> Filter:
        """The same for the store of documents."""
        sender = visit.actor.id if self.sender == OWN else _uuid(self.sender)
        return Filter(
            collection=CollectionId(self.collection) if self.collection else None,
            states=FILTERS[self.state][1] if self.state in FILTERS else (),
            life=LIVES[self.state][1] if self.state in LIVES else None,
            text=self.text,
            tag=self.tag,
            kind=self.kind,
            year=self.year,
            sender=UserId(sender) if sender else None,
            personal=PERSONAL[self.personal][1] if self.personal else None,
            secrecy=None if self.secrecy is None else Secrecy(self.secrecy),
            trashed=self.trashed,
        )

    @property
    def place(self) -> DocumentId | None:
        return DocumentId(self.after) if self.after else None


def query_of(values: Mapping[str, str]) -> Query:
    """The query of an address or a form; words that mean nothing are left out."""

    def word(name: str, known: Any) -> str:
        value = values.get(name, "")
        return value if value in known else ""

    secrecy = values.get("sigilo", "")
    sender = values.get("de", "")
    return Query(
        collection=_uuid(values.get("colecao", "")),
        state=word("estado", {*FILTERS, *LIVES, TRASH}),
        text=values.get("q", "").strip()[:MAX_TEXT],
        after=_uuid(values.get("depois", "")),
        tag=values.get("etiqueta", "").strip()[:60],
        kind=values.get("especie", "").strip()[:60],
        year=_year(values.get("ano", "")),
        sender=sender if sender == OWN else str(_uuid(sender) or ""),
        personal=word("pessoais", PERSONAL),
        secrecy=int(secrecy) if secrecy in {str(int(each)) for each in Secrecy} else None,
        sort=word("ordem", SORTS),
    )


def chosen(
    visit: Visit, query: Query, shelves: Sequence[Collection], found: Suggestions
) -> list[tuple[str, str]]:
    """Each filter in words with the address of the list without it."""
    return [(words, query.path(**{name: None})) for name, words in _chosen(
        visit, query, shelves, found
    )]  # fmt: skip


def _chosen(
    visit: Visit, query: Query, shelves: Sequence[Collection], found: Suggestions
) -> Iterator[tuple[str, str]]:
    say = visit.translate
    if query.text:
        yield "q", f"“{query.text}”"
    if query.collection:
        name = next((each.name for each in shelves if each.id == query.collection), "")
        yield "colecao", say(_("Collection: %(name)s"), name=name)
    if query.kind:
        yield "especie", say(_("Kind: %(name)s"), name=kind_name(visit, query.kind))
    if query.tag:
        yield "etiqueta", say(_("Tag: %(name)s"), name=query.tag)
    if query.year:
        yield "ano", say(_("Year: %(year)s"), year=query.year)
    if query.sender:
        names = {str(number): name for number, name in found.senders}
        name = say(_("me")) if query.sender == OWN else names.get(query.sender, "—")
        yield "de", say(_("Sent by: %(name)s"), name=name)
    if query.personal:
        yield "pessoais", say(PERSONAL[query.personal][0])
    if query.secrecy is not None:
        yield (
            "sigilo",
            say(_("Secrecy: %(name)s"), name=say(access_words.SECRECY[Secrecy(query.secrecy)])),
        )


def kinds_of(visit: Visit, query: Query, found: Suggestions) -> list[tuple[str, str]]:
    """The kinds that a list can be narrowed to: those of norms, and those in use."""
    words = {*KINDS, *found.kinds, query.kind} - {"", OTHER}
    named = sorted(((word, kind_name(visit, word)) for word in words), key=lambda each: each[1])
    return [*named, (OTHER, kind_name(visit, OTHER))]


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _year(text: str) -> int | None:
    text = text.strip()
    return (
        int(text) if text.isascii() and text.isdigit() and 1500 <= int(text[:5]) <= 2500 else None
    )
