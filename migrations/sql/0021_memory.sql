-- Cached answers, search in one's own history, pinned passages.
SELECT 1;
