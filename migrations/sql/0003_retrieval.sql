-- How it is found: chunks, their stems with statistics (BM25), their vectors.

-- Accents are folded on both sides before stemming, so that "licitacao" finds "licitação". Letters
-- of old PDFs come as ligatures or with loose accents: NFKC first. Soft hyphens and zero-width
-- spaces vanish.
CREATE FUNCTION govbot_fold(t text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN translate(
    lower(normalize(t, NFKC)),
    'áàâãäåéèêëíìîïóòôõöúùûüçñý°' || U&'\00AD\200B',
    'aaaaaaeeeeiiiiooooouuuucnyo'
);

-- Stems. References are brought to one form first, because PostgreSQL's parser would read 27/2020
-- as a file, 8.112 as a fraction, -2021 as a negative number and art.5 as a host:
-- "Lei nº 8.112/1990" and "lei 8112 de 1990" share lei, 8112 and 1990; "art. 37, § 6º" and
-- "artigo 37, parágrafo 6" are the same. From the inside out: §, thousands, leading zeros,
-- ordinals, number signs, art.; then punctuation.
CREATE FUNCTION govbot_tsv(t text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN to_tsvector('pg_catalog.portuguese'::regconfig, translate(
    regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(
        replace(govbot_fold(t), '§', ' paragrafo '),
        '(?<=\d)\.(?=\d{3}(?!\d))', '', 'g'),
        '\m0+(?=\d)', '', 'g'),
        '\m(\d+)[oa]s?\M', '\1', 'g'),
        '\mn[or]?s?\.?\s*(?=\d)', '', 'g'),
        '\marts?\M', 'artigo', 'g'),
    '!"#$%&''()*+,-./:;<=>?@[\]^_`{|}~', '                                '
));

CREATE TABLE embedding_models (
    id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    fingerprint text NOT NULL,
    dimension integer NOT NULL CHECK (dimension BETWEEN 1 AND 4000),
    state text NOT NULL DEFAULT 'building' CHECK (state IN ('building', 'active', 'retired')),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (name, fingerprint)
);
CREATE UNIQUE INDEX embedding_models_active ON embedding_models (state) WHERE state = 'active';

-- Only what may be found now stands here: the chunks of the newest ready version of each document
-- that is not in the trash. So no query has to filter by state.
CREATE TABLE chunks (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version_id uuid NOT NULL REFERENCES document_versions (id) ON DELETE CASCADE,
    document_key integer NOT NULL REFERENCES documents (key) ON DELETE CASCADE,
    collection_key integer NOT NULL,
    ord integer NOT NULL,
    page_from integer NOT NULL,
    page_to integer NOT NULL,
    heading text NOT NULL,
    text text NOT NULL,
    start_offset integer NOT NULL,
    end_offset integer NOT NULL,
    tsv tsvector NOT NULL,
    length integer NOT NULL,
    UNIQUE (version_id, ord)
);
CREATE INDEX chunks_document ON chunks (document_key);
CREATE INDEX chunks_collection ON chunks (collection_key);

-- One row per stem and chunk; equality on text is leakproof, so the index serves under row-level
-- security (the tsvector match operator is not, and a GIN index would be ignored).
CREATE TABLE postings (
    lexeme text NOT NULL,
    collection_key integer NOT NULL,
    document_key integer NOT NULL,
    chunk_id bigint NOT NULL REFERENCES chunks (id) ON DELETE CASCADE,
    tf smallint NOT NULL,
    length integer NOT NULL
);
CREATE INDEX postings_lexeme ON postings (lexeme, collection_key) INCLUDE (document_key, chunk_id, tf, length);
CREATE INDEX postings_chunk ON postings (chunk_id);

-- Counted per collection and added up over what the asker may read: a global count would tell
-- about documents that are not theirs.
CREATE TABLE term_stats (
    lexeme text NOT NULL,
    collection_key integer NOT NULL,
    chunks integer NOT NULL,
    PRIMARY KEY (lexeme, collection_key)
);
CREATE TABLE collection_stats (
    collection_key integer PRIMARY KEY REFERENCES collections (key) ON DELETE CASCADE,
    chunks bigint NOT NULL DEFAULT 0,
    length bigint NOT NULL DEFAULT 0
);

CREATE TABLE chunk_vectors (
    model_id smallint NOT NULL REFERENCES embedding_models (id) ON DELETE CASCADE,
    chunk_id bigint NOT NULL REFERENCES chunks (id) ON DELETE CASCADE,
    collection_key integer NOT NULL,
    document_key integer NOT NULL,
    embedding halfvec NOT NULL,
    PRIMARY KEY (model_id, chunk_id)
);
CREATE INDEX chunk_vectors_collection ON chunk_vectors (model_id, collection_key);
CREATE INDEX chunk_vectors_chunk ON chunk_vectors (chunk_id);

-- Adds the stems of a version's chunks to postings and statistics. Rows are taken in the order of
-- the lexeme so that two workers cannot wait for each other.
CREATE FUNCTION govbot_index_version(version uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO postings (lexeme, collection_key, document_key, chunk_id, tf, length)
    SELECT t.lexeme, c.collection_key, c.document_key, c.id,
           coalesce(cardinality(t.positions), 1)::smallint, c.length
    FROM chunks c, unnest(c.tsv) t
    WHERE c.version_id = version;

    INSERT INTO term_stats (lexeme, collection_key, chunks)
    SELECT t.lexeme, c.collection_key, count(*)
    FROM chunks c, unnest(c.tsv) t
    WHERE c.version_id = version
    GROUP BY t.lexeme, c.collection_key
    ORDER BY t.lexeme
    ON CONFLICT (lexeme, collection_key) DO UPDATE SET chunks = term_stats.chunks + excluded.chunks;

    INSERT INTO collection_stats (collection_key, chunks, length)
    SELECT c.collection_key, count(*), sum(c.length)
    FROM chunks c
    WHERE c.version_id = version
    GROUP BY c.collection_key
    ON CONFLICT (collection_key) DO UPDATE
    SET chunks = collection_stats.chunks + excluded.chunks,
        length = collection_stats.length + excluded.length;
END
$$;

-- Takes a document out of everything that is searched; its versions and pages stay.
CREATE FUNCTION govbot_unindex_document(doc integer) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE term_stats s
    SET chunks = s.chunks - x.n
    FROM (SELECT t.lexeme, c.collection_key, count(*) AS n
          FROM chunks c, unnest(c.tsv) t
          WHERE c.document_key = doc
          GROUP BY t.lexeme, c.collection_key
          ORDER BY t.lexeme) x
    WHERE s.lexeme = x.lexeme AND s.collection_key = x.collection_key;

    DELETE FROM term_stats s
    WHERE s.chunks <= 0
      AND s.lexeme IN (SELECT t.lexeme FROM chunks c, unnest(c.tsv) t WHERE c.document_key = doc);

    UPDATE collection_stats s
    SET chunks = s.chunks - x.n, length = s.length - x.length
    FROM (SELECT c.collection_key, count(*) AS n, sum(c.length) AS length
          FROM chunks c WHERE c.document_key = doc GROUP BY c.collection_key) x
    WHERE s.collection_key = x.collection_key;

    DELETE FROM chunks c WHERE c.document_key = doc;
END
$$;

ALTER TABLE chunks ENABLE ROW LEVEL SECURITY;
ALTER TABLE chunks FORCE ROW LEVEL SECURITY;
ALTER TABLE postings ENABLE ROW LEVEL SECURITY;
ALTER TABLE postings FORCE ROW LEVEL SECURITY;
ALTER TABLE term_stats ENABLE ROW LEVEL SECURITY;
ALTER TABLE term_stats FORCE ROW LEVEL SECURITY;
ALTER TABLE collection_stats ENABLE ROW LEVEL SECURITY;
ALTER TABLE collection_stats FORCE ROW LEVEL SECURITY;
ALTER TABLE chunk_vectors ENABLE ROW LEVEL SECURITY;
ALTER TABLE chunk_vectors FORCE ROW LEVEL SECURITY;

CREATE POLICY chunks_read ON chunks FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system())
    OR ((collection_key IN (SELECT govbot_readable_collections())
         OR document_key IN (SELECT govbot_allowed_documents()))
        AND document_key NOT IN (SELECT govbot_denied_documents()))
);
CREATE POLICY postings_read ON postings FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system())
    OR ((collection_key IN (SELECT govbot_readable_collections())
         OR document_key IN (SELECT govbot_allowed_documents()))
        AND document_key NOT IN (SELECT govbot_denied_documents()))
);
CREATE POLICY vectors_read ON chunk_vectors FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system())
    OR ((collection_key IN (SELECT govbot_readable_collections())
         OR document_key IN (SELECT govbot_allowed_documents()))
        AND document_key NOT IN (SELECT govbot_denied_documents()))
);
CREATE POLICY term_stats_read ON term_stats FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system()) OR collection_key IN (SELECT govbot_readable_collections())
);
CREATE POLICY collection_stats_read ON collection_stats FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system()) OR collection_key IN (SELECT govbot_readable_collections())
);

-- Content is written by the worker alone; moving a document to the trash is too (a queued task of
-- its own would leave a gap, so the store switches to the system actor inside the transaction).
CREATE POLICY chunks_write ON chunks FOR ALL TO govbot_app USING ((SELECT govbot_is_system()));
CREATE POLICY postings_write ON postings FOR ALL TO govbot_app USING ((SELECT govbot_is_system()));
CREATE POLICY vectors_write ON chunk_vectors FOR ALL TO govbot_app USING ((SELECT govbot_is_system()));
CREATE POLICY term_stats_write ON term_stats FOR ALL TO govbot_app USING ((SELECT govbot_is_system()));
CREATE POLICY collection_stats_write ON collection_stats FOR ALL TO govbot_app USING ((SELECT govbot_is_system()));

GRANT SELECT, INSERT, UPDATE, DELETE
    ON embedding_models, chunks, postings, term_stats, collection_stats, chunk_vectors TO govbot_app;
