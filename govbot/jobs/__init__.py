"""The job queue: rows in PostgreSQL, worked off inside this process (procrastinate)."""
