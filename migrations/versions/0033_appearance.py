"""Pages: the colours somebody chose."""

from __future__ import annotations

from govbot.db.schema import run_sql

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL beside this file."""
    run_sql("0033_appearance.sql")
