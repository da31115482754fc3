"""The append-only, hash-chained audit log."""

from __future__ import annotations

from govbot.db.schema import run_sql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL beside this file."""
    run_sql("0005_audit.sql")
