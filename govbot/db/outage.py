"""Outlasting an outage: what must reach the database is tried until the database is back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Final, TypeVar

from govbot.errors import Unavailable

LONGEST_S: Final = 300.0
AGAIN_S: Final = 1.0

_Result = TypeVar("_Result")


async def outlasted(
    work: Callable[[], Awaitable[_Result]], *, given_up: Callable[[], bool] = lambda: False
) -> _Result:
    """What `work` returns, called again while it raises Unavailable, for LONGEST_S at most and not
    once `given_up` says so. It may have been done without our knowing: it must bear a second call.
    """
    until = monotonic() + LONGEST_S
    while True:
        try:
            return await work()
        except Unavailable:
            if given_up() or monotonic() > until:
                raise
            await asyncio.sleep(AGAIN_S)
