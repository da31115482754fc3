"""`govbot log`: how much the service writes to its log, changed while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from govbot.cli import current_settings, output, run_async

if TYPE_CHECKING:
    from govbot.config import Settings
    from govbot.db.pool import Pool

app = typer.Typer(no_args_is_help=True, help="See and change how much the service logs.")

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
BACK = "default"


@app.command()
def level(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[LOGGER] [LEVEL]",
            help="A part of GovBot (govbot.ingest; left out: all) and debug, info, warning, error "
            "or default. Nothing: show the levels.",
        ),
    ] = None,
) -> None:
    """Show or change the level of the log; all nodes follow within seconds, without a restart."""
    run_async(_level, words or [])


class _Holder:
    """The settings of this command while it changes them."""

    def __init__(self, settings: Settings, pool: Pool) -> None:
        self.settings = settings
        self.pool = pool


async def _level(words: list[str]) -> None:
    from govbot.app import open_store
    from govbot.db.access import OPERATOR
    from govbot.errors import Invalid
    from govbot.installation import changes

    if len(words) > 2:
        raise Invalid("Give a logger and a level at most.")
    chosen = words[-1].upper() if words else ""
    if words and chosen not in (*LEVELS, BACK.upper()):
        raise Invalid(
            "%(word)s is no level: debug, info, warning, error or default.", word=words[-1]
        )
    settings = current_settings()
    async with open_store(settings) as pool:
        holder = _Holder(await changes.fill(settings, pool), pool)
        if words:
            wished = None if chosen == BACK.upper() else chosen
            key = "logging.loggers" if len(words) == 2 else "logging.level"
            if len(words) == 2:
                wished = _with(holder.settings.logging.loggers, words[0], wished)
            await changes.change(holder, OPERATOR, {key: wished})
        _show(holder.settings)


def _with(loggers: str, name: str, level: str | None) -> str:
    """The loggers with another level for this one, or none."""
    kept = dict(each.split("=") for each in loggers.split())
    kept.pop(name, None)
    if level is not None:
        kept[name] = level
    return " ".join(f"{each}={word}" for each, word in sorted(kept.items()))


def _show(settings: Settings) -> None:
    rows: list[list[object]] = [["all", settings.logging.level, settings.origin("logging.level")]]
    for each in settings.logging.loggers.split():
        rows.append([*each.split("="), settings.origin("logging.loggers")])
    output.print_table(["logger", "level", "set by"], rows)
