"""Review, publication, validity, revocation, trash and legal hold."""

from __future__ import annotations

from govbot.db.schema import run_sql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL beside this file."""
    run_sql("0007_lifecycle.sql")
