-- The index of vectors: one per embedding model, made by the service in the background when there
-- are many vectors (ingest/vector_index.py), named chunk_vectors_nearest_<id of the model>.

-- The complete index of a model, or NULL.
CREATE FUNCTION govbot_vector_index(model smallint) RETURNS regclass
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT c.oid::regclass
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
    WHERE c.relname = 'chunk_vectors_nearest_' || model
      AND i.indrelid = 'chunk_vectors'::regclass
      AND i.indisvalid;
END;

-- The readable vectors nearest to one, by the index; under the policies of whoever calls it. The
-- order is nearly that of the distance. Number of the model and dimension are literals of the
-- statement, as those of the index are. The planner would not always choose the index, which is
-- chosen by the number of readable chunks (retrieval/meaning.py): hence no sorting.
CREATE FUNCTION govbot_nearest(
    model smallint, dimension integer, vector halfvec, within integer, at_most integer
) RETURNS TABLE (chunk_id bigint, distance float8)
LANGUAGE plpgsql STABLE ROWS 200
SET enable_sort = off
AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT v.chunk_id, v.embedding::halfvec(%1$s) <=> $1
         FROM chunk_vectors v
         WHERE v.model_id = %2$s
           AND ($2 IS NULL OR v.collection_key = $2)
           -- Policies withhold nothing from the service and the operator.
           AND (NOT (SELECT govbot_is_system())
                OR v.document_key NOT IN (SELECT govbot_unsearched_documents()))
         ORDER BY v.embedding::halfvec(%1$s) <=> $1
         LIMIT $3', dimension, model)
    USING vector, within, at_most;
END
$$;

-- What there is of indexes of vectors, and how far the one is that is being made. As the owner, who
-- makes them: nobody else sees the progress.
CREATE FUNCTION govbot_vector_indexes() RETURNS TABLE (
    model_id smallint, name text, complete boolean, bytes bigint, phase text, share float8
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT substring(c.relname from '\d+$')::smallint, c.relname::text, i.indisvalid,
           pg_relation_size(c.oid), p.phase,
           p.blocks_done::float8 / nullif(p.blocks_total, 0)
    FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    LEFT JOIN pg_catalog.pg_stat_progress_create_index p ON p.index_relid = c.oid
    WHERE i.indrelid = 'chunk_vectors'::regclass AND c.relname ~ '^chunk_vectors_nearest_\d+$';
END;
REVOKE ALL ON FUNCTION govbot_vector_indexes() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION govbot_vector_indexes() TO govbot_app;

-- ---------------------------------------------------------------------------------------------
-- Secrecy stands beside what is searched: a list of secret documents would have to be made several
-- times in each search.
-- ---------------------------------------------------------------------------------------------

ALTER TABLE chunks ADD COLUMN secrecy smallint NOT NULL DEFAULT 0;
ALTER TABLE chunk_vectors ADD COLUMN secrecy smallint NOT NULL DEFAULT 0;
ALTER TABLE postings ADD COLUMN secrecy smallint NOT NULL DEFAULT 0;
CREATE POLICY chunks_secrecy ON chunks FOR UPDATE TO CURRENT_USER USING (true);
CREATE POLICY vectors_secrecy ON chunk_vectors FOR ALL TO CURRENT_USER USING (true);

-- Brings all three to the secrecy of the document.
CREATE FUNCTION govbot_set_secrecy(doc integer, secrecy smallint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE chunks c SET secrecy = govbot_set_secrecy.secrecy
    WHERE c.document_key = doc AND c.secrecy <> govbot_set_secrecy.secrecy;
    UPDATE postings p SET secrecy = govbot_set_secrecy.secrecy
    WHERE p.document_key = doc AND p.secrecy <> govbot_set_secrecy.secrecy;
    UPDATE chunk_vectors v SET secrecy = govbot_set_secrecy.secrecy
    WHERE v.chunk_id IN (SELECT c.id FROM chunks c WHERE c.document_key = doc)
      AND v.secrecy <> govbot_set_secrecy.secrecy;
END
$$;

-- New rows take the secrecy of their document. Who stores chunks and postings holds the lock of the
-- collection, as the change of a secrecy does; who stores vectors shares the rows of their chunks
-- through the foreign key, which that change takes for itself: so one of the two sees the other.
CREATE FUNCTION govbot_take_secrecy() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    held record;
BEGIN
    FOR held IN
        SELECT d.key, d.secrecy FROM documents d
        WHERE d.secrecy > 0 AND d.key IN (SELECT a.document_key FROM added a)
        ORDER BY d.key
    LOOP
        PERFORM govbot_set_secrecy(held.key, held.secrecy);
    END LOOP;
    RETURN NULL;
END
$$;
CREATE TRIGGER chunks_take_secrecy AFTER INSERT ON chunks
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION govbot_take_secrecy();
CREATE TRIGGER postings_take_secrecy AFTER INSERT ON postings
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION govbot_take_secrecy();
CREATE TRIGGER vectors_take_secrecy AFTER INSERT ON chunk_vectors
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION govbot_take_secrecy();

-- As before, and the copies move with it.
CREATE OR REPLACE FUNCTION govbot_follow_secrecy() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    -- The lock of documents/locks.py: one at a time changes the statistics of a collection.
    PERFORM pg_advisory_xact_lock(7164, NEW.collection_key);
    PERFORM govbot_count_document(OLD.key, OLD.secrecy, -1);
    PERFORM govbot_count_document(NEW.key, NEW.secrecy, 1);
    PERFORM FROM chunks c WHERE c.document_key = NEW.key ORDER BY c.id FOR UPDATE;
    PERFORM govbot_set_secrecy(NEW.key, NEW.secrecy);
    RETURN NULL;
END
$$;

SELECT govbot_set_secrecy(d.key, d.secrecy) FROM documents d WHERE d.secrecy > 0;

-- What gives the actor no passage whatever its secrecy: not in force on the day asked about, or
-- refused. govbot_withheld_documents() has the secret ones too.
CREATE FUNCTION govbot_unsearched_documents() RETURNS SETOF integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT d.key FROM documents d
    WHERE (d.valid_from IS NOT NULL OR d.valid_to IS NOT NULL OR d.revoked_on IS NOT NULL)
      AND NOT govbot_in_force(d.valid_from, d.valid_to, d.revoked_on,
                              (SELECT govbot_as_of()))
    UNION ALL
    SELECT govbot_documents_below(1);
END;

DROP POLICY chunks_read ON chunks;
CREATE POLICY chunks_read ON chunks FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system())
    OR (secrecy <= (SELECT govbot_clearance())
        AND (collection_key IN (SELECT govbot_readable_collections())
             OR document_key IN (SELECT govbot_documents_from(1)))
        AND document_key NOT IN (SELECT govbot_unsearched_documents()))
);
DROP POLICY postings_read ON postings;
CREATE POLICY postings_read ON postings FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system())
    OR (secrecy <= (SELECT govbot_clearance())
        AND (collection_key IN (SELECT govbot_readable_collections())
             OR document_key IN (SELECT govbot_documents_from(1)))
        AND document_key NOT IN (SELECT govbot_unsearched_documents()))
);
DROP POLICY vectors_read ON chunk_vectors;
CREATE POLICY vectors_read ON chunk_vectors FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system())
    OR (secrecy <= (SELECT govbot_clearance())
        AND (collection_key IN (SELECT govbot_readable_collections())
             OR document_key IN (SELECT govbot_documents_from(1)))
        AND document_key NOT IN (SELECT govbot_unsearched_documents()))
);

-- The policy's columns stand in the index, so that it alone is read.
DROP INDEX postings_impact;
CREATE INDEX postings_impact ON postings (lexeme, collection_key, govbot_impact(tf, length) DESC)
    INCLUDE (document_key, chunk_id, tf, secrecy, length);
