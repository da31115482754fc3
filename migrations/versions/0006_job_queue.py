"""The tables of procrastinate 3.10, the job queue."""

from __future__ import annotations

from govbot.db.schema import run_sql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL beside this file."""
    run_sql("0006_job_queue.sql")
