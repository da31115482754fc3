"""Where in a document somebody looks: the address that keeps citation, search and zoom together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal
from urllib.parse import urlencode
from uuid import UUID

from govbot.documents.needle import Needle
from govbot.ids import VersionId

ZOOMS: Final = (100, 125, 150, 200, 250, 300)
CitationKind = Literal["cited", "nearest"]


@dataclass(frozen=True, slots=True)
class Place:
    """A page of a version with what is marked on it.

    `m`, `c` and `k` name the citation (message, number, kind), `term` what is searched for, `hit`
    which of its places on the page is looked at (from 1, or from the end with -1).
    """

    version_id: VersionId
    number: int
    m: UUID | None = None
    c: int | None = None
    k: CitationKind = "cited"
    term: str = ""
    hit: int = 1
    zoom: int = 100

    @property
    def base(self) -> str:
        return f"/documentos/{self.version_id}"

    @property
    def needle(self) -> Needle:
        return Needle(self.term)

    @property
    def kept(self) -> dict[str, str]:
        """What goes along from page to page, as fields of a form."""
        fields: dict[str, str] = {}
        if self.m is not None and self.c is not None:
            fields |= {"m": str(self.m), "c": str(self.c)}
            if self.k == "nearest":
                fields["k"] = "nearest"
        if self.term:
            fields["busca"] = self.term
        if self.zoom != ZOOMS[0]:
            fields["zoom"] = str(self.zoom)
        return fields

    @property
    def unmarked(self) -> dict[str, str]:
        """`kept` without the search."""
        return {name: value for name, value in self.kept.items() if name != "busca"}

    def page(self, number: int, hit: int = 1) -> str:
        """The address of a page of this version, everything else kept."""
        fields = self.kept
        if self.term and hit != 1:
            fields["achado"] = str(hit)
        return f"{self.base}/pagina/{number}{_query(fields)}"

    def zoomed(self, step: int) -> str | None:
        """The address with the next larger (1) or smaller (-1) zoom; None at the end."""
        at = ZOOMS.index(self.zoom) + step
        if not 0 <= at < len(ZOOMS):
            return None
        return replace(self, zoom=ZOOMS[at]).page(self.number, self.hit)

    @property
    def fitted(self) -> str:
        """The address with the page as wide as its frame."""
        return replace(self, zoom=ZOOMS[0]).page(self.number, self.hit)

    @property
    def without_search(self) -> str:
        return replace(self, term="").page(self.number)

    @property
    def search(self) -> str:
        """The address of the list of hits."""
        return f"{self.base}/busca{_query({'q': self.term, **self._from()})}"

    @property
    def thumbnails(self) -> str:
        """The address of the small pages, where this one is among them."""
        return f"{self.base}/miniaturas{_query(self._from())}"

    def _from(self) -> dict[str, str]:
        return {**self.unmarked, "pagina": str(self.number)}


def nearest_zoom(zoom: int) -> int:
    """The step that is offered and comes closest."""
    return min(ZOOMS, key=lambda step: abs(step - zoom))


def _query(fields: dict[str, str]) -> str:
    return f"?{urlencode(fields)}" if fields else ""
