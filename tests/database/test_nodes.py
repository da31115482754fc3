"""Several nodes on one database: answers that change hands, duties, one key and one folder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from govbot.chat import store, underway
from govbot.chat.live import LOOK_S, PER_USER, TAKES, Answers, Started
from govbot.db.access import as_actor, as_system
from govbot.db.dsns import Dsns
from govbot.db.pool import Pool, open_pool
from govbot.documents.files import FileStore
from govbot.errors import Busy, Conflict, Unavailable
from govbot.ids import ConversationId, NodeId, new_id
from govbot.nodes import installation, roster
from govbot.nodes.node import Node
from govbot.nodes.presence import Presence
from govbot.sealing import Sealer, new_key
from tests.answering import Desk, Dictated, Library
from tests.ingestion import Cast, Parts

PATERNITY = "Quantos dias dura a licença-paternidade?"


@dataclass(frozen=True)
class Steady:
    """A node that has been seen long enough to judge others."""

    steady: bool = True


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    assert LOOK_S <= 1.0  # what a person waits for at least when a node dies
    monkeypatch.setattr("govbot.chat.live.LOOK_S", 0.02)
    monkeypatch.setattr("govbot.chat.live.POLL_S", 0.02)
    monkeypatch.setattr("govbot.chat.live.SAVE_EVERY_S", 0.0)


@pytest.fixture
async def conversation(desk: Desk, library: Library, cast: Cast) -> ConversationId:
    async with as_actor(desk.pool, cast.reader, write=True) as conn:
        return await store.create_conversation(conn, cast.reader)


@asynccontextmanager
async def looking_after(answers: Answers) -> AsyncIterator[None]:
    task = asyncio.create_task(answers.look_after(Steady()))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_an_answer_of_a_dead_node_is_begun_anew_and_its_stream_goes_on_elsewhere(
    desk: Desk, cast: Cast, conversation: ConversationId
) -> None:
    never = asyncio.Event()
    dead = Answers(desk.by(Dictated(["Vinte ", "dias."], pauses=[_set(), never])))
    started = await dead.start(cast.reader, conversation, PATERNITY)
    words = Dictated(["Vinte dias corridos [1]."])
    living = Answers(desk.by(words))
    seen = []
    async with asyncio.timeout(20):
        stream = living.events(cast.reader, started.answer_id, after=7000)
        async for event in stream:
            seen.append(event)
            if event.text == "Vinte":
                break
        async with looking_after(living):
            seen += [event async for event in stream]
            seen += [event async for event in living.events(cast.reader, started.answer_id, 7000)]
    ends = [event.message for event in seen if event.kind == "done"]
    assert [end.content for end in ends if end] == ["Vinte dias corridos [1]."] * 2
    assert ends[0] is not None
    assert [c.filename for c in ends[0].citations] == ["lei-731.txt"]
    never.set()  # the one that was taken for dead comes back, and changes nothing
    await dead.close()
    await living.close()
    async with as_actor(desk.pool, cast.reader) as conn:
        after = await store.get_message(conn, started.answer_id)
        cursor = await conn.execute("SELECT count(*) AS n FROM answers_under_way")
        left = await cursor.fetchone()
    assert (after.state, after.content) == ("done", "Vinte dias corridos [1].")
    assert left == {"n": 0}


async def test_an_answer_taken_up_is_asked_with_all_that_it_was_asked_with(
    desk: Desk, cast: Cast, conversation: ConversationId
) -> None:
    first = Answers(desk)
    done = await first.start(cast.reader, conversation, "Quantos dias de férias há por ano?")
    await _end(first, cast, done)
    dead = Answers(desk.by(Dictated(pauses=[asyncio.Event()])))
    again = await dead.start(cast.reader, conversation, "", regenerate=done.answer_id)
    words = Dictated(["Trinta dias [1]."])
    living = Answers(desk.by(words))
    async with looking_after(living):
        await _end(living, cast, again)
    (request,) = words.requests
    assert "Quantos dias de férias há por ano?" in request.messages[-1].content
    for each in (first, dead, living):
        await each.close(grace_s=0.1)


async def test_an_answer_that_kills_its_nodes_is_given_up(
    desk: Desk, cast: Cast, conversation: ConversationId
) -> None:
    dead = Answers(desk.by(Dictated(pauses=[asyncio.Event()])))
    started = await dead.start(cast.reader, conversation, PATERNITY)
    for _ in range(TAKES):
        async with as_system(desk.pool) as conn:
            assert len(await underway.take_up(conn, NodeId(new_id()))) == 1
    living = Answers(desk)
    async with looking_after(living):
        message = await _end(living, cast, started)
    assert (message.state, message.error_code) == ("failed", "E-INTERRUPTED")
    await dead.close(grace_s=0.1)


async def test_a_living_node_keeps_its_answers_and_hears_of_a_stop_elsewhere(
    desk: Desk, cast: Cast, conversation: ConversationId, dsns: Dsns
) -> None:
    node = Node(desk.pool, dsns.app, NodeId(new_id()), "a:1")
    await node.enter()
    answers = Answers(
        desk.by(Dictated(["Vinte ", "dias."], pauses=[_set(), asyncio.Event()])), node=node.id
    )
    other = Answers(desk)
    started = await answers.start(cast.reader, conversation, PATERNITY)
    async with asyncio.timeout(20), looking_after(answers), looking_after(other):
        async for event in other.events(cast.reader, started.answer_id):
            if event.text == "Vinte":
                await other.stop(cast.reader, started.answer_id)
        message = event.message
    assert message is not None
    assert (message.state, message.content) == ("stopped", "Vinte")
    await answers.close()


async def test_a_node_that_stops_in_order_hands_its_answers_over(
    desk: Desk, cast: Cast, conversation: ConversationId, dsns: Dsns
) -> None:
    node = Node(desk.pool, dsns.app, NodeId(new_id()), "a:1")
    await node.enter()
    leaving = Answers(desk.by(Dictated(pauses=[asyncio.Event()])), node=node.id)
    started = await leaving.start(cast.reader, conversation, PATERNITY)
    watching = asyncio.create_task(_kinds(leaving, cast, started))
    await asyncio.sleep(0.1)
    await leaving.close(grace_s=0.1, hand_over=True)
    assert "done" not in await watching  # the browser comes back, to another node
    await node.leave()
    living = Answers(desk.by(Dictated(["Vinte dias [1]."])))
    async with looking_after(living):
        assert (await _end(living, cast, started)).content == "Vinte dias [1]."
    await living.close()


async def test_answers_of_a_person_are_counted_over_all_nodes(
    desk: Desk, cast: Cast, conversation: ConversationId
) -> None:
    nodes = [Answers(desk.by(Dictated(pauses=[asyncio.Event()]))) for _ in range(PER_USER + 1)]
    for answers in nodes[:-1]:
        await answers.start(cast.reader, conversation, PATERNITY)
    with pytest.raises(Busy):
        await nodes[-1].start(cast.reader, conversation, PATERNITY)
    for answers in nodes:
        await answers.close(grace_s=0.1)


async def test_what_one_node_does_alone_another_takes_over_when_it_dies(
    pool: Pool, dsns: Dsns
) -> None:
    first, second = (
        Node(pool, dsns.app, NodeId(new_id()), name, beat_s=0.02) for name in ("a:1", "b:1")
    )
    at_work: list[str] = []
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        tasks = {}
        for node in (first, second):
            await node.enter()
            tasks[node.name] = [
                group.create_task(node.run()),
                group.create_task(node.duty("watch", lambda n=node: _work(at_work, n.name))),
            ]
            await asyncio.sleep(0.2)
        assert at_work == ["a:1"]
        async with as_system(pool) as conn:
            listed = await roster.listed(conn)
        assert [(n.name, n.lives, list(n.duties)) for n in listed] == [
            ("a:1", True, ["watch"]),
            ("b:1", True, []),
        ]
        for task in tasks["a:1"]:
            task.cancel()  # its connection ends, as that of a dead process does
        while at_work != ["b:1"]:
            await asyncio.sleep(0.02)
        for task in tasks["b:1"]:
            task.cancel()
    assert not first.steady


async def test_a_node_that_is_busy_keeps_its_duties_and_one_that_is_busy_for_long_does_not(
    dsns: Dsns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("govbot.nodes.node.ANSWER_S", 0.4)
    monkeypatch.setattr("govbot.nodes.node.LATE_S", 2.0)
    pool = await open_pool(dsns.app, size=1, name="crowded")
    node = Node(pool, dsns.app, NodeId(new_id()), "a:1", beat_s=0.02)
    await node.enter()
    at_work: list[str] = []
    tasks = [
        asyncio.create_task(node.run()),
        asyncio.create_task(node.duty("watch", lambda: _work(at_work, "a:1"))),
    ]
    try:
        async with asyncio.timeout(20):
            while not at_work:
                await asyncio.sleep(0.02)
            async with pool.connection():  # requests have all there are
                for _ in range(10):
                    await asyncio.sleep(0.1)
                    assert at_work == ["a:1"]
                while at_work:  # by now others may take it for dead
                    await asyncio.sleep(0.02)
            while at_work != ["a:1"]:
                await asyncio.sleep(0.02)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await pool.close()


async def test_a_silent_node_lives_as_long_as_it_holds_its_lock_but_for_a_minute_at_most(
    pool: Pool, dsns: Dsns
) -> None:
    node = Node(pool, dsns.app, NodeId(new_id()), "a:1", beat_s=0.02)
    await node.enter()

    async def lives(silent_s: int) -> bool:
        async with as_system(pool) as conn:
            await conn.execute(
                "UPDATE nodes SET seen_at = clock_timestamp() - make_interval(secs => %(s)s)",
                {"s": silent_s},
            )
            (listed,) = await roster.listed(conn)
        return listed.lives

    assert [await lives(s) for s in (0, 7, -60)] == [True, False, False]
    async with asyncio.timeout(10):
        await node._beat()
    assert [await lives(s) for s in (7, 59, 61)] == [True, True, False]
    await node.leave()


async def test_a_node_with_another_key_or_another_folder_does_not_join(
    parts: Parts, library: Library, tmp_path: Path
) -> None:
    key = new_key()
    mark = await installation.join(parts.pool, Sealer([key]), parts.files)
    assert await installation.join(parts.pool, Sealer([new_key(), key]), parts.files) == mark
    with pytest.raises(Conflict) as found:
        await installation.join(parts.pool, Sealer([new_key()]), parts.files)
    assert found.value.error_code == "E-NODE-KEY"
    empty = FileStore(tmp_path / "empty" / "files")
    empty.prepare()
    foreign = FileStore(tmp_path / "foreign" / "files")
    foreign.prepare()
    foreign.write_mark(str(new_id()))
    for files in (empty, foreign):
        with pytest.raises(Conflict) as found:
            await installation.join(parts.pool, Sealer([key]), files)
        assert found.value.error_code == "E-NODE-FILES"
    # A folder that was copied without its mark shows by what it holds that it is the right one.
    (parts.files.root / ".installation").unlink()
    assert await installation.join(parts.pool, Sealer([key]), parts.files) == mark
    assert parts.files.read_mark() == mark


async def test_after_a_loss_another_key_and_folder_are_adopted(
    parts: Parts, library: Library, tmp_path: Path
) -> None:
    before = await installation.join(parts.pool, Sealer([new_key()]), parts.files)
    files = FileStore(tmp_path / "new" / "files")
    files.prepare()
    sealer = Sealer([new_key()])
    mark = await installation.adopt(parts.pool, sealer, files)
    assert mark != before
    assert await installation.join(parts.pool, sealer, files) == mark
    async with as_system(parts.pool) as conn:
        cursor = await conn.execute("SELECT action FROM audit_log ORDER BY seq DESC LIMIT 1")
        assert await cursor.fetchone() == {"action": "installation.adopted"}


async def test_nothing_is_written_into_a_folder_that_was_lost_and_work_goes_on_when_it_is_back(
    parts: Parts, tmp_path: Path
) -> None:
    parts.files.mark = await installation.join(parts.pool, Sealer([new_key()]), parts.files)
    presence = asyncio.create_task(Presence(parts.files, look_s=0.02).run())
    source = tmp_path / "lei.txt"
    source.write_text("Art. 1º")
    away = parts.files.root.rename(tmp_path / "elsewhere")
    parts.files.root.mkdir()  # an empty mount point
    with pytest.raises(Unavailable) as found:
        await parts.files.put(source, max_bytes=100)
    assert found.value.error_code == "E-FILES-AWAY"
    async with asyncio.timeout(10):
        while not parts.files.away:
            await asyncio.sleep(0.02)
        parts.files.root.rmdir()
        away.rename(parts.files.root)
        while parts.files.away:
            await asyncio.sleep(0.02)
    await parts.files.put(source, max_bytes=100)
    presence.cancel()


def _set() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


async def _work(at_work: list[str], name: str) -> None:
    at_work.append(name)
    try:
        await asyncio.Event().wait()
    finally:
        at_work.remove(name)


async def _end(answers: Answers, cast: Cast, started: Started) -> store.Message:
    async with asyncio.timeout(20):
        async for event in answers.events(cast.reader, started.answer_id):
            if event.kind == "done":
                assert event.message is not None
                return event.message
    raise AssertionError("the answer has no end")


async def _kinds(answers: Answers, cast: Cast, started: Started) -> list[str]:
    return [event.kind async for event in answers.events(cast.reader, started.answer_id)]
