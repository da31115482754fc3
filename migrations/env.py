"""Alembic's environment: connects with the owner's DSN, one transaction per migration."""

from __future__ import annotations

from typing import Any

import psycopg
from alembic import context
from alembic.runtime.migration import MigrationContext, MigrationInfo
from alembic.script import Script
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool


def run() -> None:
    """Run the migrations that govbot.db.schema asked for."""
    attributes = context.config.attributes
    # `creator`, because a URL cannot hold every socket path that a conninfo string can.
    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(attributes["dsn"], options="-c search_path=public"),
        poolclass=NullPool,
    )
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            transaction_per_migration=True,
            on_version_apply=_report,
        )
        with context.begin_transaction():
            context.run_migrations()


def _report(ctx: MigrationContext, step: MigrationInfo, heads: Any, run_args: Any) -> None:
    """Called by alembic, with these argument names, after each migration."""
    on_step = context.config.attributes.get("on_step")
    if on_step is not None and isinstance(step.up_revision, Script):
        on_step(step.up_revision.revision, step.up_revision.doc)


run()
