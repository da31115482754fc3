"""What was found out while a version was read."""

from __future__ import annotations

from govbot.db.schema import run_sql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL beside this file."""
    run_sql("0008_reading.sql")
