"""Which model wrote an answer and why."""

from __future__ import annotations

from govbot.db.schema import run_sql

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL beside this file."""
    run_sql("0025_routing.sql")
