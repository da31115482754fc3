-- Categories of questions.
SELECT 1;
