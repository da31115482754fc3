"""Accounts, groups, sessions and who the actor of a transaction is."""

from __future__ import annotations

from govbot.db.schema import run_sql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL beside this file."""
    run_sql("0001_identity.sql")
