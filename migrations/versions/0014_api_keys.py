"""Keys of programs and limits of rate."""

from __future__ import annotations

from govbot.db.schema import run_sql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL beside this file."""
    run_sql("0014_api_keys.sql")
