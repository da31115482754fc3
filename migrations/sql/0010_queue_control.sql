-- Whether the queue takes up new jobs: one row, so that every node obeys.

CREATE TABLE queue_control (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    paused_at timestamptz,
    paused_by text NOT NULL DEFAULT ''
);
INSERT INTO queue_control DEFAULT VALUES;
GRANT SELECT, UPDATE ON queue_control TO govbot_app;
