"""Checkpoints, forwarding and retention of the audit log."""

from __future__ import annotations

from govbot.db.schema import run_sql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL beside this file."""
    run_sql("0015_audit_trail.sql")
