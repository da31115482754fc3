-- Support of sentences, instructions of collections.
SELECT 1;
