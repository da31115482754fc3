"""Pausing the queue."""

from __future__ import annotations

from govbot.db.schema import run_sql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL beside this file."""
    run_sql("0010_queue_control.sql")
