"""Ratings of answers and what became of them."""

from __future__ import annotations

from govbot.db.schema import run_sql

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL beside this file."""
    run_sql("0022_feedback.sql")
