"""Chunks, their stems and statistics, their vectors."""

from __future__ import annotations

from govbot.db.schema import run_sql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL beside this file."""
    run_sql("0003_retrieval.sql")
