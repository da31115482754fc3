"""Stems with weights, acronyms, near spellings."""

from __future__ import annotations

from govbot.db.schema import run_sql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL beside this file."""
    run_sql("0017_words.sql")
