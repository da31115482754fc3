"""Published documents: dates, revocation, legal hold, and what describes them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from govbot.db.access import OPERATOR, as_actor, as_system
from govbot.documents import collections, lifecycle, store
from govbot.documents.types import Status
from govbot.errors import Conflict, Denied, GovBotError, Invalid, NotFound
from tests.ingestion import Cast, Parts, document_of, take
from tests.lifecycle import (
    NEW,
    OLD,
    Norm,
    act,
    audited,
    drafted,
    seen,
)

# Validity, revocation, links.


async def test_a_revoked_document_stays_readable_and_names_what_revoked_it(
    parts: Parts, cast: Cast
) -> None:
    old = await take(parts, cast.writer, cast.a, "velha.txt", OLD)
    new = await take(parts, cast.writer, cast.a, "nova.txt", NEW)
    await parts.work()
    await act(parts, cast.writer, "revoke", old.document_id, on=date(2020, 1, 1),
              by=new.document_id, note="Art. 9º")  # fmt: skip
    document = await seen(parts, cast.reader, old.document_id)
    assert document is not None
    assert (document.status, document.revoked_on) == (Status.REVOKED, date(2020, 1, 1))
    async with as_actor(parts.pool, cast.reader) as conn:
        by = await lifecycle.revoked_by_link(conn, document)
        assert by is not None
        assert by.id == new.document_id
        assert [d.id for d in await lifecycle.revokes(conn, by)] == [old.document_id]
    await act(parts, cast.writer, "unrevoke", old.document_id)
    document = await document_of(parts, old)
    assert (document.status, document.revoked_by) == (Status.PUBLISHED, None)


async def test_a_link_to_a_draft_is_hidden_from_readers(parts: Parts, cast: Cast) -> None:
    old = await take(parts, cast.writer, cast.a, "velha.txt", OLD)
    async with as_actor(parts.pool, cast.curator, write=True) as conn:
        await collections.set_review(conn, cast.curator, cast.a, True)
    new = await take(parts, cast.writer, cast.a, "nova.txt", NEW)
    await act(parts, cast.writer, "revoke", old.document_id, on=date(2020, 1, 1),
              by=new.document_id)  # fmt: skip
    document = await seen(parts, cast.reader, old.document_id)
    assert document is not None
    async with as_actor(parts.pool, cast.reader) as conn:
        assert await lifecycle.revoked_by_link(conn, document) is None


async def test_a_draft_is_not_revoked(parts: Parts, reviewed: Cast) -> None:
    received = await drafted(parts, reviewed)
    with pytest.raises(Conflict):
        await act(parts, reviewed.curator, "revoke", received.document_id, on=date(2020, 1, 1),
                  by=None)  # fmt: skip


async def test_a_document_does_not_revoke_itself(parts: Parts, cast: Cast) -> None:
    received = await take(parts, cast.writer, cast.a)
    with pytest.raises(Invalid) as error:
        await act(parts, cast.writer, "revoke", received.document_id, on=date(2020, 1, 1),
                  by=received.document_id)  # fmt: skip
    assert error.value.error_code == "E-REVOKED-BY"


async def test_the_last_day_in_force_is_not_before_the_first(parts: Parts, cast: Cast) -> None:
    received = await take(parts, cast.writer, cast.a)
    with pytest.raises(Invalid) as error:
        await act(parts, cast.writer, "set_validity", received.document_id,
                  valid_from=date(2020, 1, 2), valid_to=date(2020, 1, 1))  # fmt: skip
    assert error.value.error_code == "E-VALIDITY"


WRITES: Mapping[str, Mapping[str, Any]] = {
    "revoke": {"on": date(2020, 1, 1), "by": None},
    "unrevoke": {},
    "set_validity": {"valid_from": None, "valid_to": date(2020, 1, 1)},
    "describe": {"changes": {"title": "Outro"}},
    "set_legal_hold": {"reason": "Processo 1"},
}


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize(("who", "error"), [("reader", Denied), ("stranger", NotFound)])
async def test_who_only_reads_changes_nothing(
    parts: Parts, cast: Cast, who: str, error: type[GovBotError], name: str
) -> None:
    received = await take(parts, cast.writer, cast.a)
    before = await document_of(parts, received)
    with pytest.raises(error):
        await act(parts, getattr(cast, who), name, received.document_id, **WRITES[name])
    assert await document_of(parts, received) == before


# Legal hold.


async def test_under_legal_hold_a_document_is_not_put_in_the_trash(
    parts: Parts, cast: Cast
) -> None:
    received = await take(parts, cast.writer, cast.a)
    await act(parts, cast.curator, "set_legal_hold", received.document_id, "Processo 12/2026")
    for actor in (cast.writer, cast.curator, cast.admin, OPERATOR):
        with pytest.raises(Conflict) as error:
            async with as_actor(parts.pool, actor, write=True) as conn:
                await store.trash_document(conn, actor, received.document_id)
        assert error.value.error_code == "E-LEGAL-HOLD"
    with pytest.raises(Conflict) as error:
        async with as_actor(parts.pool, cast.curator, write=True) as conn:
            await collections.delete_collection(conn, cast.curator, cast.a, with_documents=True)
    assert error.value.error_code == "E-LEGAL-HOLD"
    await act(parts, cast.curator, "set_legal_hold", received.document_id, "")
    async with as_actor(parts.pool, cast.writer, write=True) as conn:
        await store.trash_document(conn, cast.writer, received.document_id)


async def test_a_writer_neither_holds_nor_releases(parts: Parts, cast: Cast) -> None:
    received = await take(parts, cast.writer, cast.a)
    with pytest.raises(Denied):
        await act(parts, cast.writer, "set_legal_hold", received.document_id, "Processo")
    await act(parts, cast.curator, "set_legal_hold", received.document_id, "Processo")
    with pytest.raises(Denied):
        await act(parts, cast.writer, "set_legal_hold", received.document_id, "")


# Description.


async def test_what_a_person_wrote_is_not_overwritten_by_what_is_recognised(
    parts: Parts, cast: Cast
) -> None:
    received = await take(parts, cast.writer, cast.a)
    changes = {"number": "8.113", "title": "  Minha   lei ", "tags": ["rh", "rh", " "]}
    await act(parts, cast.writer, "describe", received.document_id, changes)
    await parts.work()
    async with as_system(parts.pool) as conn:
        await lifecycle.set_recognised(conn, received.document_id, Norm())
    document = await document_of(parts, received)
    assert (document.title, document.norm_number, document.year) == ("Minha lei", "8.113", 1990)
    assert (document.kind, document.signed_on) == ("lei", date(1990, 12, 11))
    assert document.tags == ["rh"]


async def test_a_title_that_a_person_wrote_is_searched(parts: Parts, cast: Cast) -> None:
    received = await take(parts, cast.writer, cast.a)
    await act(parts, cast.writer, "describe", received.document_id, {"title": "Estatuto"})
    await parts.work()
    async with as_system(parts.pool) as conn:
        cursor = await conn.execute("SELECT FROM postings WHERE lexeme = 'estatut'")
        assert await cursor.fetchone() is not None


async def test_what_is_recognised_is_cut_to_what_fits(parts: Parts, cast: Cast) -> None:
    received = await take(parts, cast.writer, cast.a)
    async with as_system(parts.pool) as conn:
        norm = Norm(number="9" * 99, year=12345, summary="x\0" * 3000)
        await lifecycle.set_recognised(conn, received.document_id, norm)
    document = await document_of(parts, received)
    assert (len(document.norm_number), document.year, len(document.summary)) == (40, None, 2000)


async def test_nothing_is_recorded_when_nothing_changes(parts: Parts, cast: Cast) -> None:
    received = await take(parts, cast.writer, cast.a)
    await act(parts, cast.writer, "describe", received.document_id, {"kind": "", "tags": []})
    assert "document.described" not in await audited(parts)


@pytest.mark.parametrize(
    "changes",
    [
        {"title": " "},
        {"number": "1" * 41},
        {"summary": "x" * 2001},
        {"year": 99},
        {"signed_on": "ontem"},
        {"tags": [str(n) for n in range(21)]},
        {"status": "published"},
    ],
)
async def test_what_does_not_fit_is_refused(
    parts: Parts, cast: Cast, changes: dict[str, Any]
) -> None:
    received = await take(parts, cast.writer, cast.a)
    with pytest.raises(Invalid):
        await act(parts, cast.writer, "describe", received.document_id, changes)
