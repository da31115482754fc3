"""Waiting jobs that begin at a set time have an index."""

from __future__ import annotations

from govbot.db.schema import run_sql

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL beside this file."""
    run_sql("0036_schedule.sql")
