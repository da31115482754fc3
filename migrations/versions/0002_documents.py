"""Collections, grants, documents and the decision who may read what."""

from __future__ import annotations

from govbot.db.schema import run_sql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL beside this file."""
    run_sql("0002_documents.sql")
