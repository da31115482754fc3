-- When the evidence is enough.
SELECT 1;
