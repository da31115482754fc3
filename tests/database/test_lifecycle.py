"""From draft to published: who decides, and what is served meanwhile."""

from __future__ import annotations

import pytest

from govbot.db.access import OPERATOR, Actor, as_actor, as_system
from govbot.documents import collections, lifecycle, listing, store
from govbot.documents.types import Review, State, Status
from govbot.errors import Conflict, Denied, GovBotError, Invalid, NotFound
from govbot.ingest import review
from govbot.ingest.receive import restore
from tests.ingestion import Cast, Parts, assert_consistent, document_of, take
from tests.lifecycle import (
    NEW,
    OLD,
    Norm,
    act,
    audited,
    drafted,
    published,
    seen,
    text_served,
)


async def test_without_review_a_version_is_published_at_once(parts: Parts, cast: Cast) -> None:
    received = await drafted(parts, cast)
    document = await document_of(parts, received)
    assert (document.status, document.version.review) == (Status.PUBLISHED, Review.APPROVED)
    assert document.served == 1


# Drafts.


async def test_with_review_a_new_document_is_a_draft_that_is_read_but_not_found(
    parts: Parts, reviewed: Cast
) -> None:
    received = await drafted(parts, reviewed)
    document = await document_of(parts, received)
    assert (document.status, document.version.state) == (Status.DRAFT, State.READY)
    assert document.served is None
    assert await text_served(parts) == []
    async with as_actor(parts.pool, reviewed.curator) as conn:
        assert "cem reais" in await store.page_text(conn, received.version_id, 1)


async def test_the_service_s_own_documents_are_drafts_too(parts: Parts, reviewed: Cast) -> None:
    received = await take(parts, None, reviewed.a)
    assert (await document_of(parts, received)).version.review == Review.DRAFT


async def test_readers_see_nothing_of_a_draft(parts: Parts, reviewed: Cast) -> None:
    received = await drafted(parts, reviewed)
    async with as_actor(parts.pool, reviewed.reader) as conn:
        assert await store.list_documents(conn, reviewed.a) == []
        assert (await listing.counts(conn, reviewed.a)).all == 0
        assert (await collections.get_collection(conn, reviewed.a)).documents == 0
        assert await store.versions_of(conn, received.document_id) == []
        assert await lifecycle.reviews(conn, limit=10) == []
        with pytest.raises(NotFound):
            await store.page_text(conn, received.version_id, 1)


async def test_a_draft_beside_a_published_version_is_hidden_from_readers(
    parts: Parts, reviewed: Cast
) -> None:
    first = await published(parts, reviewed)
    second = await drafted(parts, reviewed, NEW)
    document = await seen(parts, reviewed.reader, first.document_id)
    assert document is not None
    assert (document.version.number, document.served) == (1, 1)
    async with as_actor(parts.pool, reviewed.reader) as conn:
        with pytest.raises(NotFound):
            await store.get_version(conn, second.version_id)
    mine = await seen(parts, reviewed.writer, first.document_id)
    assert mine is not None
    assert (mine.version.number, mine.version.review) == (2, Review.DRAFT)


async def test_reading_a_draft_leaves_the_title_that_readers_see(
    parts: Parts, reviewed: Cast
) -> None:
    first = await published(parts, reviewed)
    before = (await document_of(parts, first)).title
    await drafted(parts, reviewed, "SEGREDO DO RASCUNHO\n\nArt. 1º Nada.")
    assert (await document_of(parts, first)).title == before


async def test_readers_learn_nothing_from_what_was_recognised_in_a_draft(
    parts: Parts, reviewed: Cast
) -> None:
    first = await published(parts, reviewed)
    await drafted(parts, reviewed, NEW)
    async with as_system(parts.pool) as conn:
        await lifecycle.set_recognised(conn, first.document_id, Norm(number="999"))
    assert (await document_of(parts, first)).norm_number == ""


# Decisions.


async def test_an_approved_draft_is_served_once_it_is_processed(
    parts: Parts, reviewed: Cast
) -> None:
    received = await drafted(parts, reviewed)
    await act(parts, reviewed.writer, "submit", received.version_id)
    assert (await document_of(parts, received)).status == Status.IN_REVIEW
    await review.approve(parts, reviewed.curator, received.version_id, "Confere.")
    await parts.work()
    document = await document_of(parts, received)
    assert (document.status, document.served) == (Status.PUBLISHED, 1)
    assert document.version.reviewed_by == reviewed.curator.id
    assert document.version.review_note == "Confere."
    assert await seen(parts, reviewed.reader, received.document_id) is not None
    assert {"document.submitted", "document.approved"} <= set(await audited(parts))
    await assert_consistent(parts)


async def test_the_approved_version_is_served_until_the_new_one_is_approved(
    parts: Parts, reviewed: Cast
) -> None:
    await published(parts, reviewed, OLD)
    second = await drafted(parts, reviewed, NEW)
    assert "cem" in "".join(await text_served(parts))
    await review.approve(parts, reviewed.curator, second.version_id)
    assert "cem" in "".join(await text_served(parts))
    await parts.work()
    assert "duzentos" in "".join(await text_served(parts))
    assert (await document_of(parts, second)).served == 2
    await assert_consistent(parts)


async def test_a_rejected_version_leaves_the_published_one(parts: Parts, reviewed: Cast) -> None:
    first = await published(parts, reviewed, OLD)
    second = await drafted(parts, reviewed, NEW)
    await act(parts, reviewed.curator, "reject", second.version_id, "Falta a assinatura.")
    document = await document_of(parts, second)
    assert (document.status, document.served) == (Status.PUBLISHED, 1)
    assert document.version.review_note == "Falta a assinatura."
    assert "cem" in "".join(await text_served(parts))
    assert await seen(parts, reviewed.reader, first.document_id) is not None


async def test_a_rejected_version_is_approved_only_after_it_was_submitted_again(
    parts: Parts, reviewed: Cast
) -> None:
    received = await drafted(parts, reviewed)
    await act(parts, reviewed.curator, "reject", received.version_id, "Não.")
    with pytest.raises(Conflict):
        await review.approve(parts, reviewed.curator, received.version_id)
    await act(parts, reviewed.writer, "submit", received.version_id)
    await review.approve(parts, reviewed.curator, received.version_id)
    assert (await document_of(parts, received)).status == Status.PUBLISHED


async def test_a_rejection_needs_a_reason(parts: Parts, reviewed: Cast) -> None:
    received = await drafted(parts, reviewed)
    with pytest.raises(Invalid):
        await act(parts, reviewed.curator, "reject", received.version_id, "  ")


@pytest.mark.parametrize("who", ["curator", "admin"])
async def test_who_brought_a_version_in_does_not_approve_it(
    parts: Parts, reviewed: Cast, who: str
) -> None:
    received = await drafted(parts, reviewed, who=who)
    with pytest.raises(Denied) as error:
        await review.approve(parts, getattr(reviewed, who), received.version_id)
    assert error.value.error_code == "E-OWN-REVIEW"
    assert (await document_of(parts, received)).status == Status.DRAFT


async def test_the_same_content_again_is_led_to_its_draft_and_opens_no_second_way(
    parts: Parts, reviewed: Cast
) -> None:
    first = await drafted(parts, reviewed, who="curator")
    again = await take(parts, reviewed.writer, reviewed.a, "outro.txt", OLD)
    assert (again.duplicate, again.version_id) == (True, first.version_id)
    with pytest.raises(Denied):
        await review.approve(parts, reviewed.curator, first.version_id)


@pytest.mark.parametrize(
    ("who", "error"), [("writer", Denied), ("reader", NotFound), ("stranger", NotFound)]
)
@pytest.mark.parametrize("decision", ["approve", "reject"])
async def test_only_managers_decide(
    parts: Parts, reviewed: Cast, who: str, error: type[GovBotError], decision: str
) -> None:
    received = await drafted(parts, reviewed, who="curator")
    with pytest.raises(error):
        await act(parts, getattr(reviewed, who), decision, received.version_id, "Sim.")
    assert (await document_of(parts, received)).status == Status.DRAFT


@pytest.mark.parametrize("actor", [None, OPERATOR])
@pytest.mark.parametrize("decision", ["approve", "reject"])
async def test_the_service_and_the_operator_decide_nothing(
    parts: Parts, reviewed: Cast, actor: Actor | None, decision: str
) -> None:
    received = await drafted(parts, reviewed)
    with pytest.raises(Denied):
        await act(parts, actor, decision, received.version_id, "Sim.")


async def test_any_manager_approves_what_no_person_brought_in(parts: Parts, reviewed: Cast) -> None:
    received = await take(parts, None, reviewed.a)
    await parts.work()
    await review.approve(parts, reviewed.curator, received.version_id)
    assert (await document_of(parts, received)).status == Status.PUBLISHED


async def test_an_approval_while_the_version_waits_to_be_read_is_not_lost(
    parts: Parts, reviewed: Cast
) -> None:
    received = await take(parts, reviewed.writer, reviewed.a)
    await review.approve(parts, reviewed.curator, received.version_id)
    await parts.work()
    assert (await document_of(parts, received)).served == 1


async def test_what_is_decided_is_not_decided_again(parts: Parts, reviewed: Cast) -> None:
    received = await published(parts, reviewed)
    for name, args in (("submit", ()), ("approve", ()), ("reject", ("Não.",))):
        with pytest.raises(Conflict) as error:
            await act(parts, reviewed.curator, name, received.version_id, *args)
        assert error.value.error_code == "E-REVIEW"


async def test_an_overtaken_draft_is_not_approved(parts: Parts, reviewed: Cast) -> None:
    first = await drafted(parts, reviewed, OLD)
    second = await drafted(parts, reviewed, NEW)
    await review.approve(parts, reviewed.curator, second.version_id)
    await parts.work()
    with pytest.raises(Conflict):
        await review.approve(parts, reviewed.curator, first.version_id)


async def test_a_version_that_could_not_be_read_is_not_reviewed(
    parts: Parts, reviewed: Cast
) -> None:
    received = await drafted(parts, reviewed, "\u2003\u00a0")
    assert (await document_of(parts, received)).version.state == State.FAILED
    for name in ("submit", "approve"):
        with pytest.raises(Conflict):
            await act(parts, reviewed.curator, name, received.version_id)


async def test_the_queue_of_reviews_holds_what_managers_can_decide(
    parts: Parts, reviewed: Cast
) -> None:
    draft = await drafted(parts, reviewed)
    other = await take(parts, reviewed.writer, reviewed.a, "b.txt", NEW)
    folder = await take(parts, None, reviewed.a, "c.txt", "Art. 3º Outro.")
    await parts.work()
    await act(parts, reviewed.writer, "submit", other.version_id)
    async with as_actor(parts.pool, reviewed.curator) as conn:
        first = await lifecycle.reviews(conn, limit=1)
        rest = await lifecycle.reviews(conn, limit=9, after=first[0].version.id)
        assert await lifecycle.count_reviews(conn) == 2
    assert [d.id for d in first + rest] == [other.document_id, folder.document_id]
    assert draft.document_id not in [d.id for d in first + rest]
    for who in ("writer", "stranger"):
        async with as_actor(parts.pool, getattr(reviewed, who)) as conn:
            assert await lifecycle.reviews(conn, limit=9) == []
            assert await lifecycle.count_reviews(conn) == 0


@pytest.mark.parametrize(("who", "error"), [("writer", Denied), ("stranger", NotFound)])
async def test_review_is_switched_by_managers(
    parts: Parts, cast: Cast, who: str, error: type[GovBotError]
) -> None:
    actor = getattr(cast, who)
    async with as_actor(parts.pool, actor, write=True) as conn:
        with pytest.raises(error):
            await collections.set_review(conn, actor, cast.a, True)


# Trash and restore.


async def test_a_draft_comes_out_of_the_trash_as_a_draft(parts: Parts, reviewed: Cast) -> None:
    received = await drafted(parts, reviewed)
    async with as_actor(parts.pool, reviewed.writer, write=True) as conn:
        await store.trash_document(conn, reviewed.writer, received.document_id)
    with pytest.raises(Conflict):
        await review.approve(parts, reviewed.curator, received.version_id)
    await restore(parts, reviewed.writer, received.document_id)
    await parts.work()
    document = await document_of(parts, received)
    assert (document.status, document.version.state) == (Status.DRAFT, State.READY)
    assert await text_served(parts) == []


async def test_a_restored_document_serves_what_was_approved_and_keeps_its_draft(
    parts: Parts, reviewed: Cast
) -> None:
    first = await published(parts, reviewed, OLD)
    second = await take(parts, reviewed.writer, reviewed.a, text=NEW)  # not read yet
    async with as_actor(parts.pool, reviewed.writer, write=True) as conn:
        await store.trash_document(conn, reviewed.writer, first.document_id)
    await parts.work()
    assert await text_served(parts) == []
    await restore(parts, reviewed.writer, first.document_id)
    await parts.work()
    document = await document_of(parts, second)
    assert (document.served, document.version.state) == (1, State.READY)
    assert document.version.review == Review.DRAFT
    assert "cem" in "".join(await text_served(parts))
    await assert_consistent(parts)
