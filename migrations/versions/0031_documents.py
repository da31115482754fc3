"""Pages: documents."""

from __future__ import annotations

from govbot.db.schema import run_sql

revision = "0031"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL beside this file."""
    run_sql("0031_documents.sql")
