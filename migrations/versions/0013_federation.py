"""Sign-in through directories and identity providers."""

from __future__ import annotations

from govbot.db.schema import run_sql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL beside this file."""
    run_sql("0013_federation.sql")
