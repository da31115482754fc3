"""A passage to vary."""

from __future__ import annotations

from govbot.ids import DocumentId, VersionId, new_id
from govbot.retrieval.passages import Passage


def passage(
    text: str = "", *, coverage: float = 0.8, heading: str = "", title: str = "", filename: str = ""
) -> Passage:
    return Passage(
        chunk_id=1,
        document_id=DocumentId(new_id()),
        document_key=1,
        version_id=VersionId(new_id()),
        collection="Normas",
        filename=filename or "norma.pdf",
        title=title,
        version=1,
        page_from=1,
        page_to=1,
        heading=heading,
        text=text,
        start=0,
        end=len(text),
        score=1.0,
        lexical=1.0,
        dense=0.0,
        coverage=coverage,
        ord=0,
    )
