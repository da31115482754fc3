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
                OR v.document_key NOT IN (SELECT govbot_withheld_documents()))
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
