"""`govbot doctor`: look at every part of this installation and say what is wrong and what to do.

Every look has a bound of time, and all of them together have one: it answers on a machine where
the database is down, a network share hangs and a driver is stuck.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import typer

from govbot.cli import current_settings, output, run_async
from govbot.cli.doctor_finding import Check, Look, Seen, State, Visit, failed
from govbot.cli.doctor_looks import DATABASE, MACHINE, PARTS, SCHEMA, STORED
from govbot.errors import GovBotError
from govbot.installation.plan import account_for, become, with_credentials

if TYPE_CHECKING:
    from govbot.config import Settings
    from govbot.db.pool import Pool

T = TypeVar("T")

DATABASE_S: Final = 45.0  # an embedded database that recovers from a crash needs its time
TOGETHER_S: Final = 240.0


def command(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check this installation, part by part; exit code 1 when something must be done.

    States: ok; warn, look at it; fail, something must be done; absent, left out by choice.
    """
    with_credentials()
    run_async(_command, as_json)


async def _command(as_json: bool) -> None:
    hanging: list[str] = []
    settings = current_settings()
    become(account_for(settings.data_dir))
    checks = await examine(settings, hanging)
    code = 1 if any(check.state is State.FAIL for check in checks) else 0
    _print(checks, as_json)
    if hanging:
        # The end of the interpreter would wait for the thread that hangs.
        sys.stdout.flush()
        os._exit(code)
    if code:
        raise typer.Exit(code)


def _print(checks: Sequence[Check], as_json: bool) -> None:
    if as_json:
        output.print_json(checks)
        return
    rows = [[check.state.value.upper(), check.check, check.seen] for check in checks]
    marks = {"OK": "ok", "WARN": "warn", "FAIL": "FAIL", "ABSENT": "-"}
    output.print_table(["", "check", "seen"], [[marks[row[0]], *row[1:]] for row in rows])
    for check in checks:
        if check.remedy and check.state in (State.WARN, State.FAIL):
            print(f"{check.check}: {check.remedy}")


async def examine(settings: Settings, hanging: list[str] | None = None) -> list[Check]:
    """All looks in order. `hanging` gets the names of those that did not come back in time."""
    visit = Visit(settings)
    late: list[str] = [] if hanging is None else hanging
    clock = _Clock(monotonic() + TOGETHER_S, late)
    checks = await clock.all(MACHINE, visit)
    async with AsyncExitStack() as stack:
        try:
            async with asyncio.timeout(DATABASE_S):
                pool = await _database(stack, settings)
        except (GovBotError, TimeoutError) as error:
            seen = f"{error} [{error.error_code}]" if isinstance(error, GovBotError) else ""
            seen = seen or f"It does not answer within {DATABASE_S:.0f} s."
            checks.append(Check("database", State.FAIL, seen, DATABASE.remedy))
        else:
            checks += await stored(pool, settings, clock)
            visit = Visit(await _filled(settings, pool), pool)
        checks += await clock.all(PARTS, replace(visit, pool=None))
    return checks


async def stored(pool: Pool, settings: Settings, clock: _Clock | None = None) -> list[Check]:
    """The server, the schema, and what stands in its tables when it is the right one."""
    clock = clock or _Clock(monotonic() + TOGETHER_S, [])
    visit = Visit(settings, pool)
    checks = await clock.all([DATABASE, SCHEMA], visit)
    if any(check.state is State.FAIL for check in checks):
        return checks
    return checks + await clock.all(STORED, visit)


async def _database(stack: AsyncExitStack, settings: Settings) -> Pool:
    from govbot.db.database import open_database
    from govbot.db.pool import open_pool

    dsns = await stack.enter_async_context(open_database(settings, on_progress=output.say))
    pool = await open_pool(dsns.app, size=2, name="govbot-doctor", statement_timeout_s=15)
    stack.push_async_callback(pool.close)
    return pool


async def _filled(settings: Settings, pool: Pool) -> Settings:
    """The settings with what the database keeps of them; as they stand when it cannot tell."""
    from govbot.auth import sealed
    from govbot.installation import changes
    from govbot.sealing import KEY_FILE, open_sealer

    key = settings.security.key.get_secret_value()
    if not key and not (settings.data_dir / KEY_FILE).exists():
        return settings  # the first start makes it, not a look
    try:
        sealer = open_sealer(key, settings.data_dir)
        return await changes.fill(await sealed.fill(settings, pool, sealer), pool)
    except (GovBotError, OSError, ValueError):
        return settings  # the look at the keys and at the schema say why


class _Clock:
    """Calls looks within their bounds, and skips what is left when the time of all is over."""

    def __init__(self, until: float, hanging: list[str]) -> None:
        self._until = until
        self._hanging = hanging

    async def all(self, looks: Sequence[Look], visit: Visit) -> list[Check]:
        """What the looks find, in order."""
        return [check for look in looks for check in await self._one(look, visit)]

    async def _one(self, look: Look, visit: Visit) -> list[Check]:
        left = self._until - monotonic()
        if left <= 0:
            words = "Not looked at: other parts took all the time."
            return [Check(look.check, State.WARN, words, "See what else is slow, then try again.")]
        try:
            async with asyncio.timeout(min(look.within_s, left)):
                found = await self._called(look, visit)
        except TimeoutError:
            self._hanging.append(look.check)
            words = f"It does not answer within {min(look.within_s, left):.0f} s."
            return [Check(look.check, State.FAIL, words, look.remedy)]
        except GovBotError as error:
            found = failed(error, look.remedy)
        except Exception as error:
            # A look that breaks is a finding: the others must still be told.
            words = " ".join(f"{type(error).__name__}: {error}".split())
            return [Check(look.check, State.FAIL, words, look.remedy)]
        return [_named(look, each) for each in (found if isinstance(found, list) else [found])]

    async def _called(self, look: Look, visit: Visit) -> Seen | list[Seen]:
        if look.sync is not None:
            call = look.sync
            return await in_thread(lambda: call(visit))
        assert look.wait is not None  # noqa: S101 - a look has one of the two
        return await look.wait(visit)


def _named(look: Look, seen: Seen) -> Check:
    remedy = seen.remedy or (look.remedy if seen.state in (State.WARN, State.FAIL) else "")
    return Check(f"{look.check} {seen.of}".strip(), seen.state, seen.seen, remedy)


async def in_thread(call: Callable[[], T]) -> T:
    """Runs `call` in a thread that dies with the process, whatever it hangs in."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(set_it: Callable[[], None]) -> None:
        if not future.done():
            set_it()

    def run() -> None:
        try:
            result = call()
        except Exception as error:
            _post(loop, settle, partial(future.set_exception, error))
        else:
            _post(loop, settle, lambda: future.set_result(result))

    threading.Thread(target=run, name="doctor", daemon=True).start()
    return await future


def _post(
    loop: asyncio.AbstractEventLoop,
    settle: Callable[[Callable[[], None]], None],
    set_it: Callable[[], None],
) -> None:
    try:
        loop.call_soon_threadsafe(settle, set_it)
    except RuntimeError:
        return  # the loop is closed: nobody waits any more
