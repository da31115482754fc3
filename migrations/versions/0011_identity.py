"""Sources of accounts, second factors, sessions, secrets."""

from __future__ import annotations

from govbot.db.schema import run_sql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL beside this file."""
    run_sql("0011_identity.sql")
