"""`govbot migrate`: create the database schema or bring it up to date."""

from __future__ import annotations

import asyncio

from govbot.cli import current_settings, output, run_async


def command() -> None:
    """Create the database schema or bring it up to date."""
    run_async(_migrate)


async def _migrate() -> None:
    from govbot.db import schema
    from govbot.db.database import open_database

    async with open_database(current_settings(), on_progress=output.say) as dsns:
        await asyncio.to_thread(schema.migrate, dsns.owner, _say)
    print(f"The schema is at {schema.head()}.")


def _say(revision: str, words: str) -> None:
    output.say(f"Schema {revision}: {words}")
