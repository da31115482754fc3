"""`govbot migrate`: create the database schema or bring it up to date."""

from __future__ import annotations

from govbot.cli import current_settings, output, run_async


def command() -> None:
    """Create the database schema or bring it up to date."""
    run_async(_migrate)


async def _migrate() -> None:
    from govbot.app import open_store
    from govbot.db import schema

    async with open_store(current_settings(), migrate=True, on_progress=output.say):
        print(f"The schema is at {schema.head()}.")
