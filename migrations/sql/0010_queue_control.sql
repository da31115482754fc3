-- Whether the queue takes up new jobs: one row, so that every node obeys.

CREATE TABLE queue_control (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    paused_at timestamptz,
    paused_by text NOT NULL DEFAULT ''
);
INSERT INTO queue_control DEFAULT VALUES;
GRANT SELECT, UPDATE ON queue_control TO govbot_app;

-- The job of a version is looked for by its lock: when one is queued, cancelled and listed.
CREATE INDEX procrastinate_jobs_open_lock ON procrastinate_jobs (lock)
    WHERE status IN ('todo', 'doing');
-- How fast the last documents were worked off.
CREATE INDEX document_versions_finished ON document_versions (finished_at DESC)
    WHERE state = 'ready' AND started_at IS NOT NULL;
