-- What is remembered: answers of the cache, the sense of one's own questions, pinned passages.

-- ---------------------------------------------------------------------------------------------
-- Cached answers. The key is made of all that the model saw, so who has other passages has another
-- key; the policy refuses on top of that what was made from anything out of the reader's reach.
-- ---------------------------------------------------------------------------------------------

-- `context` is the key without the words of the question and the order of the passages. `content`
-- is the text as the model gave it, with marks that number `passages`; `shown` are the numbers of
-- those that reached the model. Neither the question nor text of documents is kept.
CREATE TABLE cached_answers (
    key bytea PRIMARY KEY CHECK (octet_length(key) = 32),
    context bytea NOT NULL CHECK (octet_length(context) = 32),
    user_id uuid REFERENCES users (id) ON DELETE CASCADE,
    message_id uuid REFERENCES messages (id) ON DELETE CASCADE,
    shared boolean NOT NULL,
    content text NOT NULL CHECK (content <> ''),
    passages bigint[] NOT NULL CHECK (cardinality(passages) > 0),
    shown smallint[] NOT NULL,
    sources integer[] NOT NULL CHECK (cardinality(sources) > 0),
    versions uuid[] NOT NULL CHECK (cardinality(versions) > 0),
    fingerprint text,
    embedding halfvec,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX cached_answers_context ON cached_answers (context);
CREATE INDEX cached_answers_versions ON cached_answers USING gin (versions);
CREATE INDEX cached_answers_age ON cached_answers (created_at);
CREATE INDEX cached_answers_expiry ON cached_answers (expires_at);
CREATE INDEX cached_answers_user ON cached_answers (user_id);
CREATE INDEX cached_answers_message ON cached_answers (message_id);
ALTER TABLE cached_answers ENABLE ROW LEVEL SECURITY;
ALTER TABLE cached_answers FORCE ROW LEVEL SECURITY;
-- As with messages: losing one source hides the whole.
CREATE POLICY cached_answers_read ON cached_answers FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system())
    OR ((shared OR user_id = (SELECT govbot_actor()))
        AND (SELECT count(*) FROM documents d WHERE d.key = ANY (sources)) = cardinality(sources))
);
CREATE POLICY cached_answers_create ON cached_answers FOR INSERT TO govbot_app WITH CHECK (
    (user_id = (SELECT govbot_actor())
     OR (user_id IS NULL AND shared AND (SELECT govbot_is_system())))
    AND (message_id IS NULL OR EXISTS (SELECT FROM messages m WHERE m.id = message_id))
    AND (SELECT count(*) FROM documents d WHERE d.key = ANY (sources)) = cardinality(sources)
    AND (SELECT count(*) FROM document_versions v WHERE v.id = ANY (versions))
        = cardinality(versions)
);
CREATE POLICY cached_answers_delete ON cached_answers FOR DELETE TO govbot_app USING (
    (SELECT govbot_is_system())
    OR ((shared OR user_id = (SELECT govbot_actor()))
        AND (SELECT count(*) FROM documents d WHERE d.key = ANY (sources)) = cardinality(sources))
);
CREATE POLICY cached_answers_upkeep ON cached_answers FOR ALL TO CURRENT_USER USING (true);
GRANT SELECT, INSERT, DELETE ON cached_answers TO govbot_app;

-- The entry that an answer came from or became; so a bad answer can be taken out of the cache.
ALTER TABLE messages ADD COLUMN cached_as bytea CHECK (octet_length(cached_as) = 32);

-- What is not searched any more (replaced, trashed, deleted) takes its answers with it.
CREATE FUNCTION govbot_forget_answers() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    DELETE FROM cached_answers a
    WHERE a.versions && (SELECT array_agg(DISTINCT g.version_id) FROM gone g);
    RETURN NULL;
END
$$;
CREATE TRIGGER chunks_answers AFTER DELETE ON chunks
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION govbot_forget_answers();

-- Removes what has expired, and the oldest beyond a number; returns how many.
CREATE FUNCTION govbot_trim_cached_answers(at_most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    removed integer;
BEGIN
    DELETE FROM cached_answers a
    WHERE a.expires_at <= now()
       OR a.created_at < (SELECT o.created_at FROM cached_answers o
                          ORDER BY o.created_at DESC OFFSET greatest(at_most, 1) - 1 LIMIT 1);
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END
$$;
REVOKE ALL ON FUNCTION govbot_trim_cached_answers(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION govbot_trim_cached_answers(integer) TO govbot_app;

-- ---------------------------------------------------------------------------------------------
-- Search in one's own conversations: stems of all that was said, vectors of the questions.
-- ---------------------------------------------------------------------------------------------

ALTER TABLE messages ADD COLUMN tsv tsvector GENERATED ALWAYS AS (govbot_tsv(content)) STORED;
CREATE INDEX messages_owner ON messages (user_id, created_at DESC);

CREATE TABLE message_vectors (
    message_id uuid PRIMARY KEY REFERENCES messages (id) ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    fingerprint text NOT NULL,
    embedding halfvec NOT NULL
);
CREATE INDEX message_vectors_owner ON message_vectors (user_id, fingerprint);
ALTER TABLE message_vectors ENABLE ROW LEVEL SECURITY;
ALTER TABLE message_vectors FORCE ROW LEVEL SECURITY;
CREATE POLICY message_vectors_own ON message_vectors FOR ALL TO govbot_app USING (
    user_id = (SELECT govbot_actor())
) WITH CHECK (
    user_id = (SELECT govbot_actor())
    AND EXISTS (SELECT FROM messages m
                WHERE m.id = message_id AND m.role = 'user'
                  AND m.user_id = (SELECT govbot_actor()))
);
GRANT SELECT, INSERT, UPDATE, DELETE ON message_vectors TO govbot_app;

-- ---------------------------------------------------------------------------------------------
-- Passages that a person pinned in a conversation: places, no text. A place is looked up with the
-- rights of the moment; one out of reach looks the same as one that is gone.
-- ---------------------------------------------------------------------------------------------

CREATE TABLE pinned_passages (
    id uuid PRIMARY KEY,
    conversation_id uuid NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    version_id uuid NOT NULL,
    page_from integer NOT NULL CHECK (page_from >= 1),
    page_to integer NOT NULL,
    start_offset integer NOT NULL CHECK (start_offset >= 0),
    end_offset integer NOT NULL CHECK (end_offset >= 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (conversation_id, version_id, page_from, start_offset, page_to, end_offset),
    CHECK (page_to >= page_from)
);
CREATE INDEX pinned_passages_user ON pinned_passages (user_id);
ALTER TABLE pinned_passages ENABLE ROW LEVEL SECURITY;
ALTER TABLE pinned_passages FORCE ROW LEVEL SECURITY;
CREATE POLICY pinned_passages_read ON pinned_passages FOR SELECT TO govbot_app USING (
    user_id = (SELECT govbot_actor())
);
CREATE POLICY pinned_passages_create ON pinned_passages FOR INSERT TO govbot_app WITH CHECK (
    user_id = (SELECT govbot_actor())
    AND EXISTS (SELECT FROM conversations c
                WHERE c.id = conversation_id AND c.user_id = (SELECT govbot_actor()))
    AND EXISTS (SELECT FROM document_versions v WHERE v.id = version_id)
);
CREATE POLICY pinned_passages_delete ON pinned_passages FOR DELETE TO govbot_app USING (
    user_id = (SELECT govbot_actor())
);
GRANT SELECT, INSERT, DELETE ON pinned_passages TO govbot_app;
