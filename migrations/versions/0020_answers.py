"""Support of sentences, instructions of collections."""

from __future__ import annotations

from govbot.db.schema import run_sql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL beside this file."""
    run_sql("0020_answers.sql")
