"""Conversations, messages and citations, readable by their owner."""

from __future__ import annotations

from govbot.db.schema import run_sql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL beside this file."""
    run_sql("0004_conversations.sql")
