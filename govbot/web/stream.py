"""The event stream of an answer: text at a reading pace, status and end at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol, TypeVar

INTERVAL_S = 0.125
HEARTBEAT_S = 15.0


class Event(Protocol):
    """What an answer tells while it is written."""

    @property
    def kind(self) -> str: ...


_Event = TypeVar("_Event", bound=Event)


async def paced(
    events: AsyncIterator[_Event],
    *,
    interval: float = INTERVAL_S,
    heartbeat: float = HEARTBEAT_S,
    limit: float = 600.0,
) -> AsyncIterator[_Event | None]:
    """At most one "text" event in `interval` seconds, the newest; others pass at once, in order.

    Yields None after `heartbeat` seconds of silence, so that proxies keep the connection, and
    ends after `limit` seconds: the browser connects again by itself and goes on.
    """
    loop = asyncio.get_running_loop()
    end, due, held = loop.time() + limit, 0.0, None
    waiting: asyncio.Task[_Event | None] | None = None
    try:
        while loop.time() < end:
            waiting = waiting or asyncio.create_task(_next(events))
            pause = max(0.0, due - loop.time()) if held else heartbeat
            done, _pending = await asyncio.wait({waiting}, timeout=pause)
            if not done:
                yield held
                held, due = None, loop.time() + interval
                continue
            event, waiting = waiting.result(), None
            if event is not None and event.kind == "text" and loop.time() < due:
                held = event
                continue
            if held is not None and (event is None or event.kind != "text"):
                yield held
            held = None
            if event is None:
                return
            yield event
            due = loop.time() + interval
    finally:
        if waiting is not None:
            waiting.cancel()
            await asyncio.wait({waiting})
        close = getattr(events, "aclose", None)
        if close is not None:
            await close()


async def _next(events: AsyncIterator[_Event]) -> _Event | None:
    return await anext(events, None)
