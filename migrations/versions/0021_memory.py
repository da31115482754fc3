"""Cached answers, search in one's own history, pinned passages."""

from __future__ import annotations

from govbot.db.schema import run_sql

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL beside this file."""
    run_sql("0021_memory.sql")
