"""The pace of an answer's events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from govbot.web.stream import paced


@dataclass(frozen=True)
class Event:
    kind: str
    text: str = ""


async def events(*items: Event | float) -> AsyncIterator[Event]:
    for item in items:
        if isinstance(item, Event):
            yield item
        else:
            await asyncio.sleep(item)


def texts(count: int) -> list[Event]:
    return [Event("text", str(number)) for number in range(count)]


async def test_a_burst_of_texts_becomes_its_first_and_its_last() -> None:
    got = [event async for event in paced(events(*texts(50), Event("done")), interval=5)]
    assert [event.text for event in got[:-1] if event] == ["0", "49"]
    assert got[-1] == Event("done")


async def test_a_held_text_is_sent_when_its_time_has_come() -> None:
    source = events(*texts(3), 0.2, Event("done"))
    got = [event async for event in paced(source, interval=0.02)]
    assert [event.text for event in got if event and event.kind == "text"] == ["0", "2"]


async def test_status_and_end_never_wait() -> None:
    source = events(Event("status", "a"), Event("status", "b"), Event("done"))
    got = [event async for event in paced(source, interval=60)]
    assert [event.kind for event in got if event] == ["status", "status", "done"]


async def test_a_text_held_back_comes_before_what_follows_it() -> None:
    source = events(*texts(2), Event("status"), Event("done"))
    kinds = [event.kind async for event in paced(source, interval=60) if event]
    assert kinds == ["text", "text", "status", "done"]


async def test_an_end_without_word_keeps_the_last_text() -> None:
    got = [event async for event in paced(events(*texts(9)), interval=60)]
    assert got[-1] == Event("text", "8")


async def test_silence_is_broken_by_heartbeats() -> None:
    got = [event async for event in paced(events(0.1, Event("done")), heartbeat=0.02)]
    assert got.count(None) >= 2


async def test_a_stream_ends_at_its_limit_and_closes_its_source() -> None:
    closed = False

    async def endless() -> AsyncIterator[Event]:
        nonlocal closed
        try:
            while True:
                await asyncio.sleep(0.01)
                yield Event("text")
        finally:
            closed = True

    got = [event async for event in paced(endless(), interval=0.01, limit=0.1)]
    assert got
    assert closed
