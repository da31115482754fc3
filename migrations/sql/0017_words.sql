-- Norms, articles and process numbers as stems of their own; acronyms learned from documents; near
-- spellings; postings in the order of their impact.

-- ---------------------------------------------------------------------------------------------
-- Codes. Q is never without U in Portuguese: no word begins with qx (named) or qz (is).
-- ---------------------------------------------------------------------------------------------

-- What the text names, as stems: "Lei nº 8.112/1990", "Lei 8112/90" and "lei 8.112, de 11 de
-- dezembro de 1990" give qxlei8112 and qx8112a1990; "art. 37, § 6º" and "§ 6º do artigo 37" give
-- qxart37 and qxart37p6; numbers in groups give their digits, so that 23106.012345/2020-11 and
-- 23106012345202011 are the same.
CREATE FUNCTION govbot_codes(t text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN (
    WITH folded AS MATERIALIZED (
        SELECT translate(regexp_replace(
            govbot_fold(t), '(?<=\d)\.(?=\d{3}(?!\d))', '', 'g'), '–—‑−', '----') AS f
        WHERE t ~ '\d'
    ),
    norm AS (
        SELECT CASE
                   WHEN m[1] ~ '^(lei.+comp|lc)' THEN 'lc'
                   WHEN m[1] ~ '^lei' THEN 'lei'
                   WHEN m[1] ~ '^(decreto.+lei|dl)' THEN 'dl'
                   WHEN m[1] ~ '^decreto' THEN 'dec'
                   WHEN m[1] ~ '^m' THEN 'mp'
                   WHEN m[1] ~ '^e(m|c)' THEN 'ec'
                   WHEN m[1] ~ '^in' THEN 'in'
                   ELSE substr(translate(m[1], ' ', ''), 1, 4)
               END AS kind,
               ltrim(m[2], '0') AS number,
               coalesce(m[3], m[4]) AS year
        FROM folded, regexp_matches(f,
            '\m(lei[s ]*complementar(?:es)?|leis?|decretos?[ -]+lei|decretos?|medidas? provisorias?'
            '|emendas? constituciona(?:l|is)|portarias?|resoluc(?:ao|oes)'
            '|instruc(?:ao|oes) normativas?|sumulas?|acordaos?|editais|edital|pareceres|parecer'
            '|oficios?|deliberac(?:ao|oes)|contratos?|convenios?|despachos?|circular|lc|mpv?|ec|in|dl)\M'
            '(?:\s+(?:federal|estadual|municipal|distrital|ordinaria|delegada|normativa|conjunta'
            '|interministerial|administrativa|circular|vinculante|tecnico|juridico))*'
            '(?:\s+[a-z]+/[a-z/]+)?(?:(?:\s+[a-z][a-z/.-]{1,19}){0,3}\s+n(?:\.?\s?[or])?s?\.?)?'
            '\s*0*(\d{1,6})(?!\d)'
            '(?:(?:-?[a-z])?\s?/\s?(\d{4}|\d{2})(?!\d)'
            '|,?\s+(?:de|em)\s+(?:\d{1,2}o?\s+de\s+[a-z]+\s+de\s+|\d{1,2}[./-]\d{1,2}[./-])?'
            '((?:1[89]|20)\d\d)(?!\d))?',
            'g') AS m
    ),
    article AS (
        SELECT m[1] AS number, m[2] AS letter, m[3] AS part
        FROM folded, regexp_matches(f,
            '\mart(?:igo)?s?\.?\s*0*(\d{1,4})o?(?![\d])(?:\s?-\s?([a-z])\M)?'
            '(?:\s*,?\s*(?:caput\s*,?\s*e?\s*)?(?:§+|par(?:agrafo)?s?\M\.?)\s*(\d{1,3}|unico))?',
            'g') AS m
        UNION ALL
        SELECT m[2], m[3], m[1]
        FROM folded, regexp_matches(f,
            '(?:§+|\mpar(?:agrafo)?\M\.?)\s*(\d{1,3}|unico)o?\s*,?\s*(?:do\s+)?'
            'art(?:igo)?\.?\s*0*(\d{1,4})o?(?![\d])(?:\s?-\s?([a-z])\M)?',
            'g') AS m
    )
    SELECT coalesce(string_agg(DISTINCT 'qx' || c.code, ' '), '')
    FROM (
        SELECT n.kind || n.number FROM norm n WHERE n.number <> ''
        UNION ALL
        SELECT n.number || 'a' || CASE WHEN length(n.year) = 4 THEN n.year
                                       WHEN n.year::integer > 30 THEN '19' || n.year
                                       ELSE '20' || n.year END
        FROM norm n WHERE n.number <> '' AND n.year IS NOT NULL
        UNION ALL
        SELECT ltrim(m[1], '0') || 'a' || m[2]
        FROM folded, regexp_matches(f, '(?<![\d./-])0*(\d{1,6})/((?:19|20)\d\d)(?![\d/])', 'g') AS m
        UNION ALL
        SELECT 'art' || a.number || coalesce(a.letter, '') FROM article a
        UNION ALL
        SELECT 'art' || a.number || coalesce(a.letter, '') || 'p' || a.part
        FROM article a WHERE a.part IS NOT NULL
        UNION ALL
        SELECT d.digits
        FROM folded, regexp_matches(f, '(?<![\d])\d+(?:[./-]\d+)*(?![\d])', 'g') AS m,
             translate(m[1], './-', '') AS d (digits)
        -- Dates are no codes.
        WHERE m[1] !~ '^\d{1,2}[./-]\d{1,2}[./-]\d{4}$'
          AND (length(d.digits) BETWEEN 11 AND 40
               OR (length(d.digits) BETWEEN 7 AND 40 AND length(m[1]) - length(d.digits) >= 2))
    ) AS c (code)
    WHERE c.code <> ''
);

-- What a passage is, as stems: the norm of its title, and the articles that begin in it or that its
-- heading names. Those an amending law quotes begin with a quotation mark and do not count.
CREATE FUNCTION govbot_identity(title text, heading text, body text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN (
    SELECT coalesce(string_agg(DISTINCT 'qz' || i.code, ' '), '')
    FROM (
        (SELECT substr(n.code, 3)
         FROM unnest(string_to_array(govbot_codes(title), ' ')) AS n (code)
         WHERE n.code ~ '^qx([a-z]+\d+|\d+a\d{4})$')
        UNION ALL
        SELECT 'art' || m[1] || coalesce(lower(m[2]), '')
        FROM regexp_matches(heading || E'\n' || body,
            '(?:^|[\n›])\s*A[Rr][Tt](?:[Ii][Gg][Oo])?\.?\s*0*(\d{1,4})(?![\d])[ºoO°]?(?:\s?[-–]\s?([A-Z])\M)?',
            'g') AS m
    ) AS i (code)
);

CREATE OR REPLACE FUNCTION govbot_tsv(t text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN to_tsvector('pg_catalog.portuguese'::regconfig, translate(
    regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(
        replace(govbot_fold(t), '§', ' paragrafo '),
        '(?<=\d)\.(?=\d{3}(?!\d))', '', 'g'),
        '\m0+(?=\d)', '', 'g'),
        '\m(\d+)[oa]s?\M', '\1', 'g'),
        '\mn(?:\.?\s?[or])?s?\.?\s*(?=\d)', '', 'g'),
        '\marts?\M', 'artigo', 'g'),
    '!"#$%&''()*+,-./:;<=>?@[\]^_`{|}~', '                                '
) || ' ' || govbot_codes(t));

CREATE FUNCTION govbot_passage_tsv(title text, heading text, body text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN govbot_tsv(title || ' ' || heading || ' ' || body)
    || to_tsvector('pg_catalog.simple'::regconfig, govbot_identity(title, heading, body));

-- ---------------------------------------------------------------------------------------------
-- Postings by impact, so that of a common stem only the best are read; and by document, for what is
-- granted or refused one by one.
-- ---------------------------------------------------------------------------------------------

-- BM25's part that does not depend on the question, with the usual k1 and b and a usual length.
CREATE FUNCTION govbot_impact(tf smallint, length integer) RETURNS real
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN (tf / (tf + 0.3 + 0.009 * length))::real;

DROP INDEX postings_lexeme;
CREATE INDEX postings_impact ON postings (lexeme, collection_key, govbot_impact(tf, length) DESC)
    INCLUDE (document_key, chunk_id, tf, length);
ALTER TABLE postings DROP CONSTRAINT postings_chunk_id_fkey;
DROP INDEX postings_chunk;
CREATE INDEX postings_document ON postings (document_key, lexeme);

-- In the order of bytes, so that stems with one beginning stand together in the index.
ALTER TABLE term_stats ALTER COLUMN lexeme TYPE text COLLATE "C";

DROP POLICY postings_upkeep ON postings;
CREATE POLICY postings_upkeep ON postings FOR ALL TO CURRENT_USER USING (true);
CREATE FUNCTION govbot_follow_chunks() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    DELETE FROM postings p
    WHERE p.document_key IN (SELECT g.document_key FROM gone g)
      AND p.chunk_id IN (SELECT g.id FROM gone g);
    RETURN NULL;
END
$$;
CREATE TRIGGER chunks_postings AFTER DELETE ON chunks
    REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION govbot_follow_chunks();

-- As before, by the index of documents.
CREATE OR REPLACE FUNCTION govbot_refused_statistics(lexemes text[])
RETURNS TABLE (lexeme text, chunks bigint, length bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    WITH refused AS MATERIALIZED (
        SELECT d.key
        FROM govbot_documents_below(1) b (key)
        CROSS JOIN LATERAL (
            SELECT o.key, o.secrecy FROM documents o WHERE o.key = b.key OFFSET 0
        ) d
        WHERE d.secrecy <= (SELECT govbot_clearance())
    )
    SELECT l.lexeme, count(*), 0::bigint
    FROM refused r
    CROSS JOIN unnest(govbot_refused_statistics.lexemes) AS l (lexeme)
    CROSS JOIN LATERAL (
        SELECT FROM postings o WHERE o.document_key = r.key AND o.lexeme = l.lexeme OFFSET 0
    ) p
    GROUP BY l.lexeme
    UNION ALL
    SELECT NULL, count(*), coalesce(sum(c.length), 0)
    FROM refused r
    CROSS JOIN LATERAL (
        SELECT o.length FROM chunks o WHERE o.document_key = r.key OFFSET 0
    ) c;
END;

-- ---------------------------------------------------------------------------------------------
-- How often a stem stands in what the actor may read. As the caller: the policies decide.
-- ---------------------------------------------------------------------------------------------

-- Of more single documents than this only so many are looked into, and the count is scaled up.
CREATE FUNCTION govbot_counts(lexemes text[]) RETURNS TABLE (lexeme text, chunks bigint)
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH single AS MATERIALIZED (
        SELECT d.key, count(*) OVER () AS documents FROM govbot_documents_from(1) d (key)
    ),
    looked AS MATERIALIZED (
        SELECT s.key, greatest(s.documents / 300.0, 1) AS scale
        FROM single s ORDER BY hashint4(s.key), s.key LIMIT 300
    )
    SELECT n.lexeme, sum(n.chunks)::bigint
    FROM (
        SELECT l.lexeme, t.chunks
        FROM unnest(govbot_counts.lexemes) AS l (lexeme)
        CROSS JOIN LATERAL (
            SELECT s.chunks FROM term_stats s WHERE s.lexeme = l.lexeme OFFSET 0
        ) t
        UNION ALL
        SELECT l.lexeme, s.scale
        FROM looked s
        CROSS JOIN unnest(govbot_counts.lexemes) AS l (lexeme)
        CROSS JOIN LATERAL (
            SELECT FROM postings o WHERE o.document_key = s.key AND o.lexeme = l.lexeme OFFSET 0
        ) p
        UNION ALL
        SELECT r.lexeme, -r.chunks
        FROM govbot_refused_statistics(govbot_counts.lexemes) r
        WHERE r.lexeme IS NOT NULL AND EXISTS (SELECT FROM govbot_documents_below(1))
    ) n
    GROUP BY n.lexeme
    HAVING sum(n.chunks) > 0;
END;

-- ---------------------------------------------------------------------------------------------
-- Near spellings of a stem that stands in nothing readable.
-- ---------------------------------------------------------------------------------------------

-- Damerau-Levenshtein (optimal string alignment): insertions, deletions, substitutions and
-- transpositions of neighbours from one word to the other; at_most + 1 for any more.
CREATE FUNCTION govbot_distance(a text, b text, at_most integer) RETURNS integer
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
DECLARE
    before integer[];
    above integer[];
    current integer[];
    least_here integer;
    letter text;
    last_letter text := '';
    other text;
    last_other text;
    value integer;
BEGIN
    IF abs(length(a) - length(b)) > at_most THEN
        RETURN at_most + 1;
    END IF;
    above := ARRAY(SELECT generate_series(0, length(b)));
    FOR i IN 1..length(a) LOOP
        letter := substr(a, i, 1);
        current := ARRAY[i];
        least_here := i;
        last_other := '';
        FOR j IN 1..length(b) LOOP
            other := substr(b, j, 1);
            value := least(above[j + 1] + 1, current[j] + 1,
                           above[j] + CASE WHEN letter = other THEN 0 ELSE 1 END);
            IF i > 1 AND j > 1 AND letter = last_other AND last_letter = other THEN
                value := least(value, before[j - 1] + 1);
            END IF;
            current[j + 1] := value;
            least_here := least(least_here, value);
            last_other := other;
        END LOOP;
        IF least_here > at_most THEN
            RETURN at_most + 1;
        END IF;
        last_letter := letter;
        before := above;
        above := current;
    END LOOP;
    RETURN least(above[length(b) + 1], at_most + 1);
END
$$;

-- The readable stems nearest to one, at most three, the more frequent first. One edit away: all its
-- neighbours are looked up. Two edits, of long stems: those that share its first three letters.
CREATE FUNCTION govbot_near(stem text) RETURNS TABLE (lexeme text, distance integer)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    neighbours text[];
BEGIN
    IF stem !~ '^[a-z]{5,30}$' THEN
        RETURN;
    END IF;
    neighbours := ARRAY(
        SELECT DISTINCT e.word
        FROM generate_series(0, length(stem)) i
        CROSS JOIN LATERAL (
            SELECT left(stem, i) || chr(c) || substr(stem, i + 1) FROM generate_series(97, 122) c
            UNION ALL
            SELECT left(stem, i - 1) || chr(c) || substr(stem, i + 1)
            FROM generate_series(97, 122) c WHERE i > 0
            UNION ALL
            SELECT left(stem, i - 1) || substr(stem, i + 1) WHERE i > 0
            UNION ALL
            SELECT left(stem, i - 1) || substr(stem, i + 1, 1) || substr(stem, i, 1)
                   || substr(stem, i + 2)
            WHERE i BETWEEN 1 AND length(stem) - 1
        ) e (word)
        WHERE e.word <> stem AND length(e.word) >= 4
    );
    RETURN QUERY
        SELECT c.lexeme, 1 FROM govbot_counts(neighbours) c
        ORDER BY c.chunks DESC, c.lexeme LIMIT 3;
    IF FOUND OR length(stem) < 8 THEN
        RETURN;
    END IF;
    neighbours := ARRAY(
        SELECT d.lexeme COLLATE "default"
        FROM (SELECT DISTINCT t.lexeme
              FROM term_stats t
              WHERE t.lexeme >= left(stem, 3) AND t.lexeme < left(stem, 3) || '{'
                AND length(t.lexeme) BETWEEN length(stem) - 2 AND length(stem) + 2
                AND length(translate(t.lexeme, stem, '')) <= 2
                AND length(translate(stem, t.lexeme, '')) <= 2
                AND t.lexeme !~ '\d') d
        ORDER BY length(translate(d.lexeme, stem, '')) + length(translate(stem, d.lexeme, '')), 1
        LIMIT 100
    );
    neighbours := ARRAY(
        SELECT n.word FROM unnest(neighbours) n (word) WHERE govbot_distance(stem, n.word, 2) <= 2
    );
    RETURN QUERY
        SELECT c.lexeme, 2 FROM govbot_counts(neighbours) c
        ORDER BY c.chunks DESC, c.lexeme LIMIT 3;
END
$$;

-- ---------------------------------------------------------------------------------------------
-- Acronyms and their long forms, as documents give them.
-- ---------------------------------------------------------------------------------------------

CREATE TABLE acronyms (
    document_key integer NOT NULL REFERENCES documents (key) ON DELETE CASCADE,
    collection_key integer NOT NULL,
    acronym text NOT NULL CHECK (length(acronym) BETWEEN 2 AND 20),
    long_form text NOT NULL CHECK (length(long_form) BETWEEN 3 AND 200),
    -- How the search knows them: the stem of the acronym, the stems of the long form in order.
    stem text NOT NULL,
    stems text NOT NULL,
    PRIMARY KEY (document_key, stem, stems)
);
CREATE INDEX acronyms_stem ON acronyms (stem, document_key);
CREATE INDEX acronyms_stems ON acronyms (stems, document_key);
ALTER TABLE acronyms ENABLE ROW LEVEL SECURITY;
ALTER TABLE acronyms FORCE ROW LEVEL SECURITY;
CREATE POLICY acronyms_read ON acronyms FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system())
    OR ((collection_key IN (SELECT govbot_readable_collections())
         OR document_key IN (SELECT govbot_documents_from(1)))
        AND document_key NOT IN (SELECT govbot_withheld_documents()))
);
CREATE POLICY acronyms_write ON acronyms FOR ALL TO govbot_app
    USING ((SELECT govbot_is_system()));
GRANT SELECT, INSERT, UPDATE, DELETE ON acronyms TO govbot_app;

-- With what the served chunks of a document were looked through for acronyms; 0: not yet.
ALTER TABLE documents ADD COLUMN acronym_look smallint NOT NULL DEFAULT 0;

-- The stems of a text in its order, without stop words and codes.
CREATE FUNCTION govbot_stems(t text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN ARRAY(
    SELECT u.lexeme FROM unnest(govbot_tsv(t)) u, unnest(u.positions) p (position)
    WHERE u.lexeme !~ '^q[xz]' ORDER BY p.position
);

CREATE OR REPLACE FUNCTION govbot_unindex_document(doc integer) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM govbot_count_document(d.key, d.secrecy, -1) FROM documents d WHERE d.key = doc;
    DELETE FROM postings p WHERE p.document_key = doc;
    DELETE FROM chunks c WHERE c.document_key = doc;
    DELETE FROM acronyms a WHERE a.document_key = doc;
END
$$;

-- ---------------------------------------------------------------------------------------------
-- What is already there gets its codes; words stay as they are.
-- ---------------------------------------------------------------------------------------------

CREATE POLICY chunks_upgrade ON chunks FOR ALL TO CURRENT_USER USING (true);
WITH coded AS MATERIALIZED (
    SELECT c.id, to_tsvector('pg_catalog.simple', govbot_codes(d.title || ' ' || c.heading || ' ' || c.text)
               || ' ' || govbot_identity(
                   d.title || CASE WHEN d.number <> '' AND d.kind <> ''
                                   THEN ' ' || replace(d.kind, '_', ' ') || ' ' || d.number
                                        || coalesce('/' || d.year, '') ELSE '' END,
                   c.heading, c.text)) AS codes
    FROM chunks c JOIN documents d ON d.key = c.document_key
),
changed AS (
    UPDATE chunks c
    SET tsv = c.tsv || k.codes, length = c.length + length(k.codes)
    FROM coded k
    WHERE k.id = c.id AND length(k.codes) > 0
    RETURNING c.id
)
SELECT count(*) FROM changed;
UPDATE postings p SET length = c.length FROM chunks c WHERE c.id = p.chunk_id AND c.length <> p.length;
INSERT INTO postings (lexeme, collection_key, document_key, chunk_id, tf, length)
SELECT t.lexeme, c.collection_key, c.document_key, c.id,
       coalesce(cardinality(t.positions), 1)::smallint, c.length
FROM chunks c, unnest(c.tsv) t
WHERE t.lexeme ~ '^q[xz]';
INSERT INTO term_stats (lexeme, collection_key, secrecy, chunks)
SELECT t.lexeme, c.collection_key, d.secrecy, count(*)
FROM chunks c JOIN documents d ON d.key = c.document_key, unnest(c.tsv) t
WHERE t.lexeme ~ '^q[xz]'
GROUP BY t.lexeme, c.collection_key, d.secrecy;
UPDATE collection_stats s SET length = x.length
FROM (SELECT c.collection_key, d.secrecy, sum(c.length) AS length
      FROM chunks c JOIN documents d ON d.key = c.document_key GROUP BY 1, 2) x
WHERE x.collection_key = s.collection_key AND x.secrecy = s.secrecy;
DROP POLICY chunks_upgrade ON chunks;
