"""Random histories of a document's life leave status, passages and statistics as they must be."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from functools import partial

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from govbot.db.access import Actor, as_actor, as_system
from govbot.documents import collections, disposal, lifecycle, store
from govbot.documents.types import Review, State, Status, Version
from govbot.errors import GovBotError
from govbot.ids import DocumentId
from govbot.ingest import review
from govbot.ingest.receive import restore
from tests.ingestion import Cast, Parts, inconsistencies, take

ACTS = (
    *("upload", "upload", "folder", "submit", "approve", "approve", "reject", "work", "work"),
    *("trash", "restore", "revoke", "unrevoke", "hold", "lift", "delete", "switch", "describe"),
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(ACTS),
        st.sampled_from(["writer", "curator", "admin"]),
        st.integers(0, 1),  # which document
        st.integers(0, 3),  # which text or version
    ),
    min_size=3,
    max_size=14,
)


VERSION_ACTS: dict[str, Callable[..., Awaitable[object]]] = {
    "submit": lifecycle.submit,
    "reject": partial(lifecycle.reject, note="Não."),
}
DOCUMENT_ACTS: dict[str, Callable[..., Awaitable[object]]] = {
    "trash": store.trash_document,
    "revoke": partial(lifecycle.revoke, on=date(2020, 1, 1)),
    "unrevoke": lifecycle.unrevoke,
    "hold": partial(lifecycle.set_legal_hold, reason="Processo"),
    "lift": partial(lifecycle.set_legal_hold, reason=""),
    "describe": partial(lifecycle.describe, changes={"title": "Título"}),
}


@dataclass
class History:
    parts: Parts
    cast: Cast

    async def step(self, act: str, who: str, which: int, number: int) -> None:
        actor = getattr(self.cast, who)
        name, text = f"{which}.txt", f"Art. 1º Documento {which} com o texto {number}."
        match act:
            case "upload":
                await take(self.parts, actor, self.cast.a, name, text)
            case "folder":
                await take(self.parts, None, self.cast.a, name, text)
            case "work":
                await self.parts.work()
            case "switch":
                async with as_system(self.parts.pool) as conn:
                    await collections.set_review(conn, None, self.cast.a, bool(number % 2))
            case _:
                await self._on_document(act, actor, which, number)

    async def _on_document(self, act: str, actor: Actor, which: int, number: int) -> None:
        async with as_system(self.parts.pool) as conn:
            cursor = await conn.execute("SELECT id FROM documents ORDER BY key")
            ids = [DocumentId(row["id"]) for row in await cursor.fetchall()]
            if which >= len(ids):
                return
            document_id = ids[which]
            versions = await store.versions_of(conn, document_id)
        version_id = versions[number % len(versions)].id
        match act:
            case "approve":
                await review.approve(self.parts, actor, version_id)
            case "restore":
                await restore(self.parts, actor, document_id)
            case "delete":
                await disposal.delete_for_good(
                    self.parts.pool, self.parts.files, actor, document_id
                )
            case _:
                async with as_actor(self.parts.pool, actor, write=True) as conn:
                    if act in VERSION_ACTS:
                        await VERSION_ACTS[act](conn, actor, version_id)
                    else:
                        await DOCUMENT_ACTS[act](conn, actor, document_id)

    async def check(self, *, idle: bool) -> None:
        async with as_system(self.parts.pool) as conn:
            cursor = await conn.execute("SELECT id FROM documents ORDER BY key")
            for row in await cursor.fetchall():
                document = await store.get_document(conn, row["id"])
                versions = await store.versions_of(conn, row["id"])
                approved = [v for v in versions if v.review == Review.APPROVED]
                assert document.status == _status(document.revoked_on, versions)
                assert all(v.reviewed_by is None or v.reviewed_by != v.created_by for v in versions)
                ready = [v for v in approved if v.state == State.READY]
                chunks = await conn.execute(
                    "SELECT DISTINCT version_id FROM chunks WHERE document_key = %(key)s",
                    {"key": document.key},
                )
                served = [r["version_id"] for r in await chunks.fetchall()]
                wanted = [] if document.trashed_at else [v.id for v in ready[:1]]
                if idle:
                    assert served == wanted
                    assert document.trashed_at or all(v.state.finished for v in versions)
                else:
                    assert set(served) <= {v.id for v in approved}
            if idle:
                assert await inconsistencies(conn) == []
                cursor = await conn.execute("SELECT sha256 FROM document_versions")
                named = {r["sha256"] for r in await cursor.fetchall()}
                assert named == {sha256 for sha256, _ in self.parts.files.listed()}


def _status(revoked_on: date | None, versions: list[Version]) -> Status:
    if any(v.review == Review.APPROVED for v in versions):
        return Status.REVOKED if revoked_on else Status.PUBLISHED
    return Status.IN_REVIEW if versions[0].review == Review.IN_REVIEW else Status.DRAFT


async def _empty(parts: Parts, cast: Cast) -> None:
    """Back to the start, through the functions themselves."""
    await parts.work()
    async with as_system(parts.pool) as conn:
        await conn.execute("UPDATE documents SET legal_hold = ''")
        cursor = await conn.execute("SELECT id FROM documents ORDER BY key")
        ids = [row["id"] for row in await cursor.fetchall()]
        for document_id in ids:
            await store.trash_document(conn, None, document_id)
        await collections.set_review(conn, None, cast.a, True)
    for document_id in ids:
        await disposal.delete_for_good(parts.pool, parts.files, None, document_id)


async def test_any_history_leaves_documents_as_they_must_be(parts: Parts, reviewed: Cast) -> None:
    loop = asyncio.get_running_loop()

    async def play(steps: list[tuple[str, str, int, int]]) -> None:
        await _empty(parts, reviewed)
        history = History(parts, reviewed)
        for step in steps:
            with suppress(GovBotError):
                await history.step(*step)
            await history.check(idle=False)
        await parts.work()
        await history.check(idle=True)

    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(steps=STEPS)
    def run(steps: list[tuple[str, str, int, int]]) -> None:
        asyncio.run_coroutine_threadsafe(play(steps), loop).result()

    await asyncio.to_thread(run)
