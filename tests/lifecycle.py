"""Steps of the life of documents, for tests: draft, publish, act as somebody, look as somebody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from govbot.db.access import Actor, as_actor, as_system
from govbot.db.pool import Pool
from govbot.documents import lifecycle, store
from govbot.documents.types import Document
from govbot.errors import NotFound
from govbot.ids import DocumentId
from govbot.ingest import review
from govbot.ingest.receive import Received
from tests.ingestion import Cast, Parts, take

OLD = "Art. 1º A diária vale cem reais."
NEW = "Art. 1º A diária vale duzentos reais."


async def drafted(parts: Parts, cast: Cast, text: str = OLD, who: str = "writer") -> Received:
    received = await take(parts, getattr(cast, who), cast.a, text=text)
    await parts.work()
    return received


async def published(parts: Parts, cast: Cast, text: str = OLD) -> Received:
    received = await drafted(parts, cast, text)
    await review.approve(parts, cast.curator, received.version_id)
    await parts.work()
    return received


class Pooled(Protocol):
    """Whatever has connections."""

    @property
    def pool(self) -> Pool: ...


async def act(parts: Pooled, actor: Actor | None, name: str, *args: Any, **options: Any) -> Any:
    """Calls a function of the life cycle as somebody; None is the system."""
    function = getattr(lifecycle, name)
    if actor is None:
        async with as_system(parts.pool) as conn:
            return await function(conn, None, *args, **options)
    async with as_actor(parts.pool, actor, write=True) as conn:
        return await function(conn, actor, *args, **options)


async def seen(parts: Parts, actor: Actor, document_id: DocumentId) -> Document | None:
    async with as_actor(parts.pool, actor) as conn:
        try:
            return await store.get_document(conn, document_id)
        except NotFound:
            return None


async def text_served(parts: Parts) -> list[str]:
    async with as_system(parts.pool) as conn:
        rows = await (await conn.execute("SELECT text FROM chunks ORDER BY id")).fetchall()
    return [row["text"] for row in rows]


async def audited(parts: Parts) -> list[str]:
    async with as_system(parts.pool) as conn:
        rows = await (await conn.execute("SELECT action FROM audit_log ORDER BY seq")).fetchall()
    return [row["action"] for row in rows]


@dataclass(frozen=True)
class Norm:
    kind: str = "lei"
    number: str = "8.112"
    year: int | None = 1990
    signed_on: date | None = date(1990, 12, 11)
    issuer: str = "Presidência"
    summary: str = "Dispõe sobre o regime jurídico."
