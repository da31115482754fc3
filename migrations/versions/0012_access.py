"""Rights on single documents and secrecy."""

from __future__ import annotations

from govbot.db.schema import run_sql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL beside this file."""
    run_sql("0012_access.sql")
