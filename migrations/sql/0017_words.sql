-- Stems with weights, acronyms, near spellings.
SELECT 1;
