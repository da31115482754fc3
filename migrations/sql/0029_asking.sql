-- Asking: questions edited into branches, what a conversation is answered from, files that belong
-- to one conversation alone.

-- ---------------------------------------------------------------------------------------------
-- Branches. `after_id` is the question before in the same branch; questions after the same one
-- stand for one another, and of each such row the one that is `shown` belongs to the branch that
-- its person looks at. Answers follow their question.
-- ---------------------------------------------------------------------------------------------

ALTER TABLE messages
    ADD COLUMN after_id uuid REFERENCES messages (id) ON DELETE CASCADE,
    ADD COLUMN shown boolean NOT NULL DEFAULT true;
CREATE INDEX messages_after ON messages (after_id) WHERE after_id IS NOT NULL;

CREATE POLICY messages_upgrade ON messages FOR ALL TO CURRENT_USER USING (true);
WITH before AS (
    SELECT m.id, lag(m.id) OVER (PARTITION BY m.conversation_id ORDER BY m.created_at, m.id)
           AS after_id
    FROM messages m WHERE m.role = 'user'
)
UPDATE messages m SET after_id = b.after_id
FROM before b WHERE b.id = m.id AND b.after_id IS NOT NULL;
DROP POLICY messages_upgrade ON messages;

-- A pin counts where its question is shown; those from before count everywhere.
ALTER TABLE pinned_passages
    ADD COLUMN question_id uuid REFERENCES messages (id) ON DELETE CASCADE;
CREATE INDEX pinned_passages_question ON pinned_passages (question_id);
DO $$
BEGIN
    EXECUTE (SELECT format('ALTER TABLE pinned_passages DROP CONSTRAINT %I', c.conname)
             FROM pg_catalog.pg_constraint c
             WHERE c.conrelid = 'pinned_passages'::regclass AND c.contype = 'u');
END
$$;
CREATE INDEX pinned_passages_conversation ON pinned_passages (conversation_id);

-- ---------------------------------------------------------------------------------------------
-- Files of one conversation: documents of collection 0, which nobody has any right on and no list
-- shows. Its documents are read by the owner of the conversation alone, and searched in questions
-- of that conversation only.
-- ---------------------------------------------------------------------------------------------

-- A name with a space before it is nobody's to give.
CREATE POLICY collections_attached ON collections FOR ALL TO CURRENT_USER USING (true);
INSERT INTO collections (id, key, name) OVERRIDING SYSTEM VALUE
VALUES ('00000000-0000-7000-8000-00000000a77c', 0, ' files of conversations');
DROP POLICY collections_attached ON collections;

DROP POLICY collections_read ON collections;
CREATE POLICY collections_read ON collections FOR SELECT TO govbot_app USING (
    key <> 0
    AND ((SELECT govbot_is_system()) OR key IN (SELECT govbot_readable_collections()))
);
DROP POLICY collections_change ON collections;
CREATE POLICY collections_change ON collections FOR UPDATE TO govbot_app USING (
    key <> 0
    AND ((SELECT govbot_is_system()) OR key IN (SELECT govbot_managed_collections()))
);
DROP POLICY collections_delete ON collections;
CREATE POLICY collections_delete ON collections FOR DELETE TO govbot_app USING (
    key <> 0
    AND ((SELECT govbot_is_system()) OR key IN (SELECT govbot_managed_collections()))
);
ALTER TABLE grants ADD CONSTRAINT grants_no_attached CHECK (collection_key <> 0);

ALTER TABLE documents
    ADD COLUMN conversation_id uuid REFERENCES conversations (id) ON DELETE CASCADE,
    ADD CONSTRAINT documents_attached CHECK ((conversation_id IS NULL) = (collection_key <> 0)),
    ADD CONSTRAINT documents_attached_owner CHECK (conversation_id IS NULL OR created_by IS NOT NULL),
    DROP CONSTRAINT documents_source_check,
    ADD CONSTRAINT documents_source_check
        CHECK (source IN ('upload', 'cli', 'folder', 'demo', 'api', 'attachment'));
CREATE INDEX documents_conversation ON documents (conversation_id)
    WHERE conversation_id IS NOT NULL;

-- The conversation that a question is asked in; none unless the transaction says so.
CREATE FUNCTION govbot_conversation() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('govbot.conversation', true), '')::uuid;

CREATE OR REPLACE FUNCTION govbot_collection_levels() RETURNS TABLE (key integer, level integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT c.key, 3 FROM collections c WHERE govbot_role() = 'admin' AND c.key <> 0
    UNION ALL
    SELECT g.collection_key,
           least(max(g.level) FILTER (WHERE g.effect = 'allow'),
                 min(g.level) FILTER (WHERE g.effect = 'deny') - 1)
    FROM govbot_own_grants() g
    WHERE g.collection_key IS NOT NULL AND govbot_role() <> 'admin'
    GROUP BY g.collection_key
    HAVING count(*) FILTER (WHERE g.effect = 'allow') > 0;
END;

-- As before, and the files of the conversation that the actor asks in.
CREATE OR REPLACE FUNCTION govbot_documents_from(level integer) RETURNS SETOF integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT s.key FROM govbot_single_documents() s
    WHERE s.allowed >= govbot_documents_from.level
      AND least(s.denied, s.whole_denied) > govbot_documents_from.level
      AND s.whole_allowed < govbot_documents_from.level
      AND s.secrecy <= (SELECT govbot_clearance())
    UNION ALL
    SELECT d.key FROM documents d
    WHERE govbot_documents_from.level = 1
      AND d.conversation_id = (SELECT govbot_conversation())
      AND d.created_by = (SELECT govbot_actor())
      AND d.secrecy <= (SELECT govbot_clearance());
END;

CREATE OR REPLACE FUNCTION govbot_document_level(document_key integer, collection_key integer)
RETURNS integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT CASE
        WHEN govbot_is_system() THEN 3
        WHEN govbot_role() IS NULL THEN 0
        WHEN govbot_document_level.collection_key = 0 THEN (
            SELECT count(*)::integer FROM documents d
            WHERE d.key = govbot_document_level.document_key AND d.created_by = govbot_actor())
        WHEN (SELECT d.secrecy FROM documents d WHERE d.key = govbot_document_level.document_key)
             > govbot_clearance() THEN 0
        WHEN govbot_role() = 'admin' THEN 3
        ELSE (
            SELECT CASE WHEN bool_or(g.effect = 'allow') THEN
                       greatest(0, least(max(g.level) FILTER (WHERE g.effect = 'allow'),
                                         min(g.level) FILTER (WHERE g.effect = 'deny') - 1))
                   ELSE 0 END
            FROM govbot_own_grants() g
            WHERE g.document_key = govbot_document_level.document_key
               OR g.collection_key = govbot_document_level.collection_key
        ) END;
END;

-- Their own files can be read wherever they are cited; the search finds them in their conversation.
CREATE POLICY documents_attached_read ON documents FOR SELECT TO govbot_app USING (
    conversation_id IS NOT NULL
    AND created_by = (SELECT govbot_actor())
    AND secrecy <= (SELECT govbot_clearance())
);
CREATE POLICY documents_attach ON documents FOR INSERT TO govbot_app WITH CHECK (
    conversation_id IS NOT NULL
    AND source = 'attachment'
    AND (SELECT govbot_clearance()) IS NOT NULL
    AND EXISTS (SELECT FROM conversations c
                WHERE c.id = conversation_id AND c.user_id = (SELECT govbot_actor()))
);
CREATE POLICY documents_detach ON documents FOR DELETE TO govbot_app USING (
    conversation_id IS NOT NULL AND created_by = (SELECT govbot_actor())
);
CREATE POLICY versions_attach ON document_versions FOR INSERT TO govbot_app WITH CHECK (
    EXISTS (SELECT FROM documents d
            WHERE d.key = document_key AND d.conversation_id IS NOT NULL
              AND d.created_by = (SELECT govbot_actor()))
);

-- Nothing of them is counted: term statistics are by collection, and nobody reads collection 0.
CREATE OR REPLACE FUNCTION govbot_count_document(doc integer, secrecy smallint, sign integer)
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO term_stats AS s (lexeme, collection_key, secrecy, chunks)
    SELECT t.lexeme, c.collection_key, govbot_count_document.secrecy, sign * count(*)
    FROM chunks c, unnest(c.tsv) t
    WHERE c.document_key = doc AND c.collection_key <> 0
    GROUP BY t.lexeme, c.collection_key
    ORDER BY t.lexeme
    ON CONFLICT ON CONSTRAINT term_stats_pkey DO UPDATE SET chunks = s.chunks + excluded.chunks;

    INSERT INTO collection_stats AS s (collection_key, secrecy, chunks, length)
    SELECT c.collection_key, govbot_count_document.secrecy, sign * count(*), sign * sum(c.length)
    FROM chunks c
    WHERE c.document_key = doc AND c.collection_key <> 0
    GROUP BY c.collection_key
    ON CONFLICT ON CONSTRAINT collection_stats_pkey DO UPDATE
    SET chunks = s.chunks + excluded.chunks, length = s.length + excluded.length;

    IF sign < 0 THEN
        DELETE FROM term_stats s
        WHERE s.chunks <= 0 AND s.secrecy = govbot_count_document.secrecy
          AND s.lexeme IN (SELECT t.lexeme FROM chunks c, unnest(c.tsv) t
                           WHERE c.document_key = doc);
    END IF;
END
$$;

-- The search within several collections.
DROP FUNCTION govbot_nearest(smallint, integer, halfvec, integer, integer);
CREATE FUNCTION govbot_nearest(
    model smallint, dimension integer, vector halfvec, within integer[], at_most integer
) RETURNS TABLE (chunk_id bigint, distance float8)
LANGUAGE plpgsql STABLE ROWS 200
SET enable_sort = off
AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT v.chunk_id, v.embedding::halfvec(%1$s) <=> $1
         FROM chunk_vectors v
         WHERE v.model_id = %2$s
           AND ($2 IS NULL OR v.collection_key = ANY ($2))
           -- Policies withhold nothing from the service and the operator but files of conversations.
           AND (NOT (SELECT govbot_is_system())
                OR (v.collection_key <> 0
                    AND v.document_key NOT IN (SELECT govbot_unsearched_documents())))
         ORDER BY v.embedding::halfvec(%1$s) <=> $1
         LIMIT $3', dimension, model)
    USING vector, within, at_most;
END
$$;

-- ---------------------------------------------------------------------------------------------
-- What a conversation is answered from: collections and single documents; nothing: all that its
-- person reads. A choice only narrows. What is gone or out of reach stays chosen and gives nothing:
-- a choice must not widen by itself.
-- ---------------------------------------------------------------------------------------------

CREATE TABLE conversation_scope (
    conversation_id uuid NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    collection_key integer,
    document_key integer,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (conversation_id, collection_key, document_key),
    CHECK (num_nonnulls(collection_key, document_key) = 1)
);
CREATE INDEX conversation_scope_user ON conversation_scope (user_id);
ALTER TABLE conversation_scope ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversation_scope FORCE ROW LEVEL SECURITY;
CREATE POLICY conversation_scope_own ON conversation_scope FOR SELECT TO govbot_app USING (
    user_id = (SELECT govbot_actor())
);
CREATE POLICY conversation_scope_choose ON conversation_scope FOR INSERT TO govbot_app WITH CHECK (
    user_id = (SELECT govbot_actor())
    AND EXISTS (SELECT FROM conversations c
                WHERE c.id = conversation_id AND c.user_id = (SELECT govbot_actor()))
    AND (collection_key IS NULL
         OR EXISTS (SELECT FROM collections k WHERE k.key = collection_key))
    AND (document_key IS NULL
         OR EXISTS (SELECT FROM documents d
                    WHERE d.key = document_key AND d.conversation_id IS NULL))
);
CREATE POLICY conversation_scope_leave ON conversation_scope FOR DELETE TO govbot_app USING (
    user_id = (SELECT govbot_actor())
);
GRANT SELECT, INSERT, DELETE ON conversation_scope TO govbot_app;
