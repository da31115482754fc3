"""Pages: asking."""

from __future__ import annotations

from govbot.db.schema import run_sql

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL beside this file."""
    run_sql("0029_asking.sql")
