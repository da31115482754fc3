-- Waiting jobs that begin at a set time are few; every node looks at them every few seconds for
-- those that a wrong clock scheduled.
CREATE INDEX procrastinate_jobs_scheduled ON procrastinate_jobs (scheduled_at)
WHERE status = 'todo' AND scheduled_at IS NOT NULL;
