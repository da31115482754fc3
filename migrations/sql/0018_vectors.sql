-- The index of vectors.
SELECT 1;
