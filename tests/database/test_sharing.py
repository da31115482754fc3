"""Shared and temporary conversations: what the policies show, to whom, and what they refuse."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import pytest

from govbot import audit
from govbot.chat import conversations, recall, sharing, store
from govbot.chat.cited import Citation
from govbot.chat.sharing import Opened, Share, Wish
from govbot.db.access import Actor, as_actor, as_system
from govbot.db.pool import Pool
from govbot.documents.types import Principal
from govbot.errors import Conflict, Denied, Invalid, NotFound
from govbot.feedback import ratings
from govbot.feedback.ratings import UP, Rating
from govbot.ids import ConversationId, GroupId, MessageId, new_id
from govbot.persons.erase import erase
from tests.troupe import SECRET_A, SECRET_B, Troupe

TODAY = date.today()
LOOSE = "Bom dia. Em que posso ajudar?"


@dataclass(frozen=True, slots=True)
class Told:
    """The admin's conversation: one answer made from A, one from B, one from nothing."""

    id: ConversationId
    answers: tuple[MessageId, ...]


async def _turn(
    pool: Pool, actor: Actor, conversation: ConversationId, words: str, shelf: object
) -> MessageId:
    async with as_actor(pool, actor, write=True) as conn:
        question = await store.add_question(conn, actor, conversation, f"Pergunta: {words[:40]}")
        answer = await store.add_answer(conn, actor, conversation, question)
        cited = []
        if shelf is not None:
            await store.set_sources(conn, answer, [shelf.document_key])  # type: ignore[attr-defined]
            cited = [
                Citation(
                    1, shelf.document_id, shelf.document_key, shelf.version_id, "norma.txt",  # type: ignore[attr-defined]
                    "Norma", 1, 1, 1, "", shelf.text, 0, len(shelf.text),  # type: ignore[attr-defined]
                )
            ]  # fmt: skip
        await store.finish_answer(
            conn, actor, answer, content=f"{words} [1]", state="done", citations=cited
        )
    return answer


async def _told(pool: Pool, troupe: Troupe) -> Told:
    admin = troupe.admin
    async with as_actor(pool, admin, write=True) as conn:
        conversation = await store.create_conversation(conn, admin)
    answers = [
        await _turn(pool, admin, conversation, words, shelf)
        for words, shelf in ((SECRET_A, troupe.a), (SECRET_B, troupe.b), (LOOSE, None))
    ]
    return Told(conversation, tuple(answers))


async def _share(pool: Pool, owner: Actor, told: Told, *readers: Principal) -> Share:
    async with as_actor(pool, owner, write=True) as conn:
        wish = Wish("Limites", TODAY + timedelta(days=3), readers)
        return await sharing.share(conn, owner, told.id, wish)


async def _open(pool: Pool, actor: Actor, link: str) -> Opened:
    async with as_actor(pool, actor, write=True) as conn:
        return await sharing.open_share(conn, actor, link)


async def _closed(pool: Pool, actor: Actor, link: str) -> bool:
    try:
        await _open(pool, actor, link)
    except NotFound:
        return True
    return False


def _said(opened: Opened) -> list[str]:
    return [turn.answers[0].content.removesuffix(" [1]") for turn in opened.turns]


async def test_a_reader_of_a_share_sees_what_their_own_rights_reach(
    pool: Pool, troupe: Troupe
) -> None:
    told = await _told(pool, troupe)
    share = await _share(pool, troupe.admin, told)
    as_reader = await _open(pool, troupe.reader, share.link)
    as_stranger = await _open(pool, troupe.stranger, share.link)
    assert (_said(as_reader), as_reader.left_out) == ([SECRET_A, LOOSE], 1)
    assert (_said(as_stranger), as_stranger.left_out) == ([SECRET_B, LOOSE], 1)
    assert as_reader.turns[0].answers[0].citations[0].quote == SECRET_A
    # Not the question either, which may repeat what an answer said.
    assert "Guara" not in repr(as_reader)
    assert "limite da colecao" not in repr(as_stranger)
    assert await _closed(pool, troupe.auditor, share.link)
    # What was lost since is gone, and what somebody was granted since is there.
    async with as_system(pool) as conn:
        await conn.execute("DELETE FROM grants WHERE user_id = %(id)s", {"id": troupe.reader.id})
    again = await _open(pool, troupe.reader, share.link)
    assert (_said(again), again.left_out) == ([LOOSE], 2)
    async with as_system(pool) as conn:
        found = [entry for entry in await audit.entries(conn) if entry.action.startswith("share.")]
    assert {entry.action for entry in found} == {"share.created", "share.opened"}
    assert all(share.link not in repr(entry) and SECRET_A not in repr(entry) for entry in found)


async def test_a_share_opens_in_its_own_transaction_alone(pool: Pool, troupe: Troupe) -> None:
    told = await _told(pool, troupe)
    share = await _share(pool, troupe.admin, told)
    reader = troupe.reader
    await _open(pool, reader, share.link)
    tables = ("conversations", "messages", "citations", "conversation_shares", "share_readers",
              "shared_turns")  # fmt: skip
    async with as_actor(pool, reader, write=True) as conn:
        for table in tables:
            cursor = await conn.execute(f"SELECT count(*) AS n FROM {table}".encode())
            assert await cursor.fetchone() == {"n": 0}, table
        assert await store.list_conversations(conn) == []
        for link in (share.link[:-1], share.link.swapcase(), "", "%", str(share.id)):
            with pytest.raises(NotFound):
                await sharing.open_share(conn, reader, link)
        # With the link at hand: the conversation itself, its list and every change stay closed.
        await sharing.open_share(conn, reader, share.link)
        with pytest.raises(NotFound):
            await store.get_conversation(conn, told.id)
        assert await store.list_conversations(conn) == []
        for statement in (
            "UPDATE messages SET content = 'x'",
            "DELETE FROM messages",
            "UPDATE conversation_shares SET until = now()",
            "DELETE FROM conversation_shares",
            "DELETE FROM shared_turns",
            "DELETE FROM conversations",
        ):
            assert (await conn.execute(statement.encode())).rowcount == 0, statement
        for attempt in (
            sharing.renew(conn, reader, share.id),
            sharing.withdraw(conn, reader, share.id),
            sharing.share(conn, reader, told.id, Wish("meu", TODAY)),
            store.add_question(conn, reader, told.id, "?"),
        ):
            with pytest.raises(NotFound):
                await attempt


async def test_a_share_is_for_whom_it_names_until_it_is_over(pool: Pool, troupe: Troupe) -> None:
    told = await _told(pool, troupe)
    group = GroupId(new_id())
    async with as_system(pool) as conn:
        await conn.execute(
            "INSERT INTO groups (id, name) VALUES (%(id)s, 'Finanças')", {"id": group}
        )
        await conn.execute(
            "INSERT INTO memberships (group_id, user_id) VALUES (%(group)s, %(user)s)",
            {"group": group, "user": troupe.curator.id},
        )
    named = Principal.user(troupe.reader.id), Principal.group(group)
    share = await _share(pool, troupe.admin, told, *named)
    assert sorted(share.readers) == ["@Finanças", "Reader"]
    opens = {
        name: not await _closed(pool, troupe[name], share.link)
        for name in ("reader", "curator", "stranger", "auditor", "admin")
    }
    assert opens == {
        "reader": True, "curator": True, "stranger": False, "auditor": False, "admin": True,
    }  # fmt: skip
    async with as_system(pool) as conn:
        await conn.execute("DELETE FROM memberships")
    assert await _closed(pool, troupe.curator, share.link)
    # A reader who is erased is named no more, one who is disabled opens nothing.
    await erase(pool, troupe.reader.id, by=None)
    assert await _closed(pool, troupe.reader, share.link)
    async with as_actor(pool, troupe.admin) as conn:
        assert (await sharing.own_share(conn, troupe.admin, share.id)).readers == ["@Finanças"]
    # For everybody, until its owner is disabled, it is withdrawn, or its day is over.
    share = await _share(pool, troupe.admin, told)
    disable = "UPDATE users SET disabled_at = %(at)s WHERE id = %(id)s"
    for at, closed in ((TODAY, True), (None, False)):
        async with as_system(pool) as conn:
            await conn.execute(disable, {"at": at, "id": troupe.admin.id})
        assert await _closed(pool, troupe.stranger, share.link) is closed
    async with as_actor(pool, troupe.admin, write=True) as conn:
        await conn.execute(
            "UPDATE conversation_shares SET until = now() - interval '1 second'"
            " WHERE id = %(id)s", {"id": share.id},
        )  # fmt: skip
    assert await _closed(pool, troupe.stranger, share.link)
    share = await _share(pool, troupe.admin, told)
    async with as_actor(pool, troupe.admin, write=True) as conn:
        await sharing.withdraw(conn, troupe.admin, share.id)
    assert await _closed(pool, troupe.stranger, share.link)
    assert await _closed(pool, troupe.admin, share.link)
    # Nor is a withdrawal taken back.
    with pytest.raises(Denied):
        async with as_actor(pool, troupe.admin, write=True) as conn:
            await conn.execute("UPDATE conversation_shares SET withdrawn_at = NULL")
    share = await _share(pool, troupe.admin, told)
    async with as_actor(pool, troupe.admin, write=True) as conn:
        await store.delete(conn, troupe.admin, told.id)
    assert await _closed(pool, troupe.stranger, share.link)


async def test_what_is_said_later_is_shared_when_its_owner_says_so(
    pool: Pool, troupe: Troupe
) -> None:
    told = await _told(pool, troupe)
    share = await _share(pool, troupe.admin, told)
    await _turn(pool, troupe.admin, told.id, "Isto veio depois.", None)
    assert len((await _open(pool, troupe.admin, share.link)).turns) == 3
    async with as_actor(pool, troupe.admin, write=True) as conn:
        assert (await sharing.renew(conn, troupe.admin, share.id)).turns == 4
        assert "share.renewed" in {entry.action for entry in await audit.entries(conn)}
    assert "Isto veio depois." in _said(await _open(pool, troupe.stranger, share.link))


async def test_only_what_is_ones_own_and_fits_is_shared(pool: Pool, troupe: Troupe) -> None:
    told = await _told(pool, troupe)
    share = await _share(pool, troupe.admin, told)
    admin, reader = troupe.admin, troupe.reader
    async with as_actor(pool, reader, write=True) as conn:
        empty = await store.create_conversation(conn, reader)
    many = [Principal.user(troupe.stranger.id)] * (sharing.MOST_READERS + 1)
    for conversation, wish, kind in (
        (empty, Wish("x", TODAY), Conflict),
        (empty, Wish("x", TODAY - timedelta(days=1)), Invalid),
        (empty, Wish("x", TODAY + timedelta(days=400)), Invalid),
        (empty, Wish("x", TODAY, many), Invalid),
        (told.id, Wish("x", TODAY), NotFound),
    ):
        with pytest.raises(kind):
            async with as_actor(pool, reader, write=True) as conn:
                await sharing.share(conn, reader, conversation, wish)
    # Another's messages cannot be put into a share of one's own, nor another's conversation.
    own = await _turn(pool, reader, empty, "meu", None)
    made = await _share(pool, reader, Told(empty, (own,)))
    for statement in (
        "INSERT INTO shared_turns (share_id, ord, question_id, answer_id, sources) VALUES"
        " (%(own)s, 7, (SELECT reply_to FROM messages LIMIT 1), %(theirs)s, '{}')",
        "INSERT INTO shared_turns (share_id, ord, question_id, answer_id, sources) VALUES"
        " (%(share)s, 7, (SELECT reply_to FROM messages WHERE id = %(mine)s), %(mine)s, '{}')",
        "INSERT INTO conversation_shares (id, conversation_id, user_id, link, title, everyone,"
        " until) VALUES (gen_random_uuid(), %(conversation)s, %(user)s, repeat('x', 32), 'x',"
        " true, now())",
        "INSERT INTO share_readers (share_id, user_id) VALUES (%(share)s, %(user)s)",
    ):
        with pytest.raises(Denied):
            async with as_actor(pool, reader, write=True) as conn:
                await conn.execute(
                    statement.encode(),
                    {
                        "own": made.id, "share": share.id, "theirs": told.answers[0], "mine": own,
                        "conversation": told.id, "user": reader.id,
                    },
                )  # fmt: skip
    async with as_actor(pool, admin) as conn:
        assert [each.id for each in await sharing.own_shares(conn, admin)] == [share.id]


async def test_a_temporary_conversation_is_kept_nowhere_and_ends(
    pool: Pool, troupe: Troupe
) -> None:
    reader = troupe.reader
    async with as_actor(pool, reader, write=True) as conn:
        temporary = await store.create_conversation(conn, reader, temporary=True)
    answer = await _turn(pool, reader, temporary, SECRET_A, troupe.a)

    @dataclass
    class Parts:
        pool: Pool
        embedder: None = None

    assert await recall.search(Parts(pool), reader, "limite", limit=5) == []  # type: ignore[arg-type]
    async with as_actor(pool, reader, write=True) as conn:
        assert await store.list_conversations(conn) == []
        assert await conversations.recent(conn, limit=5) == []
        for attempt in (
            conversations.set_pinned(conn, temporary, True),
            conversations.set_archived(conn, [temporary], True),
        ):
            with pytest.raises(NotFound):
                await attempt
        with pytest.raises(Conflict):
            await sharing.share(conn, reader, temporary, Wish("x", TODAY))
    with pytest.raises(Denied):
        async with as_actor(pool, reader, write=True) as conn:
            await ratings.rate(conn, reader, answer, Rating(UP), conversation_id=temporary)
    async with as_actor(pool, reader, write=True) as conn:
        await conversations.left(conn, temporary)
        soon = (await store.get_conversation(conn, temporary)).ends_at
        await conversations.stay(conn, temporary)
        later = (await store.get_conversation(conn, temporary)).ends_at
    assert soon is not None
    assert later is not None
    assert later - soon > timedelta(minutes=50)
    assert await conversations.end_temporary(pool) == 0
    async with as_actor(pool, reader, write=True) as conn:
        await conn.execute(
            "UPDATE conversations SET ends_at = now() + interval '1 second' WHERE id = %(id)s",
            {"id": temporary},
        )
        # Over for its owner at that moment, whenever the service comes by.
        await conn.execute("SELECT pg_sleep(1.1)")
    async with as_actor(pool, reader) as conn:
        with pytest.raises(NotFound):
            await store.get_conversation(conn, temporary)
    assert await conversations.end_temporary(pool) == 1
    async with as_actor(pool, reader) as conn:
        with pytest.raises(NotFound):
            await store.get_message(conn, answer)


async def test_conversations_are_pinned_archived_and_deleted_together(
    pool: Pool, troupe: Troupe
) -> None:
    reader = troupe.reader
    async with as_actor(pool, reader, write=True) as conn:
        ids = []
        for number in range(4):
            ids.append(await store.create_conversation(conn, reader))
            await store.add_question(conn, reader, ids[-1], f"Pergunta {number}")
        await conversations.set_pinned(conn, ids[0], True)
        assert await conversations.set_archived(conn, [ids[1], new_id_of_nobody()], True) == 1
        assert [each.id for each in await conversations.pinned(conn)] == [ids[0]]
        assert {each.id for each in await conversations.recent(conn, limit=9)} == {ids[2], ids[3]}
        assert [each.id for each in await conversations.archived(conn, limit=9)] == [ids[1]]
        # A new question brings it back.
        await store.add_question(conn, reader, ids[1], "E agora?")
        assert await conversations.archived(conn, limit=9) == []
    async with as_actor(pool, troupe.stranger, write=True) as conn:
        for attempt in (
            conversations.set_pinned(conn, ids[0], False),
            conversations.set_archived(conn, ids, True),
            conversations.delete_many(conn, troupe.stranger, ids),
        ):
            with pytest.raises(NotFound):
                await attempt
        assert await conversations.named(conn, ids) == []
    async with as_actor(pool, reader, write=True) as conn:
        assert await conversations.delete_many(conn, reader, ids[:3]) == 3
        assert [each.id for each in await store.list_conversations(conn)] == [ids[3]]
    async with as_system(pool) as conn:
        actions = [entry.action for entry in await audit.entries(conn)]
    assert actions.count("conversation.deleted") == 3


def new_id_of_nobody() -> ConversationId:
    return ConversationId(new_id())
