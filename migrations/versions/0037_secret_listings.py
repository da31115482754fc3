"""Documents under secrecy have an index."""

from __future__ import annotations

from govbot.db.schema import run_sql

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL beside this file."""
    run_sql("0037_secret_listings.sql")
