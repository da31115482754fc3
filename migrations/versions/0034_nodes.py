"""Several nodes on one database: who they are, and which of them writes which answer."""

from __future__ import annotations

from govbot.db.schema import run_sql

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL beside this file."""
    run_sql("0034_nodes.sql")
