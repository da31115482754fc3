"""Personal data in documents and retention of conversations."""

from __future__ import annotations

from govbot.db.schema import run_sql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL beside this file."""
    run_sql("0016_privacy.sql")
