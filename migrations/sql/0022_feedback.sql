-- Ratings of answers and what became of them.
SELECT 1;
