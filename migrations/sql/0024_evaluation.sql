-- Gold questions and runs.
SELECT 1;
