"""Who acts is asked once for a list of grants."""

from __future__ import annotations

from govbot.db.schema import run_sql

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL beside this file."""
    run_sql("0035_decision.sql")
