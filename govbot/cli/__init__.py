"""The command line: one module per command, loaded only when it is used.

What every command needs stands here: its settings and an event loop.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from govbot.config import Settings

P = ParamSpec("P")
T = TypeVar("T")

config_file: ContextVar[Path | None] = ContextVar("config_file", default=None)


def current_settings() -> Settings:
    """The settings that `--config` and the environment choose; raises BadConfig.

    Logs go to standard error from here on, warnings and worse only: a command's result is what
    it prints. `serve` calls `logs.configure` again for all of them.
    """
    from govbot import logs
    from govbot.config import load_settings

    settings = load_settings(config_file.get())
    logs.configure(settings, at_least=logging.WARNING)
    return settings


def run_async(
    function: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Runs an async function to its end; SIGINT and SIGTERM cancel it, so that it can clean up.

    Raises KeyboardInterrupt after SIGINT, SystemExit(143) after SIGTERM.
    """
    terminated = False

    async def call() -> T:
        task = asyncio.create_task(function(*args, **kwargs))

        def terminate() -> None:
            nonlocal terminated
            terminated = True
            task.cancel()

        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminate)
        return await task

    try:
        return asyncio.run(call())
    except asyncio.CancelledError:
        if terminated:
            raise SystemExit(128 + signal.SIGTERM) from None
        raise
