-- What was asked: conversations, messages, citations. Only their owner reads them, and an answer
-- only while every document that it was made from may still be read.

CREATE TABLE conversations (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title text NOT NULL DEFAULT '' CHECK (length(title) <= 200),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX conversations_recent ON conversations (user_id, updated_at DESC);

CREATE TABLE messages (
    id uuid PRIMARY KEY,
    conversation_id uuid NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role text NOT NULL CHECK (role IN ('user', 'assistant')),
    reply_to uuid REFERENCES messages (id) ON DELETE CASCADE,
    content text NOT NULL DEFAULT '',
    state text NOT NULL DEFAULT 'done' CHECK (state IN ('running', 'done', 'stopped', 'failed')),
    refused boolean NOT NULL DEFAULT false,
    engine text NOT NULL DEFAULT '',
    excerpts boolean NOT NULL DEFAULT false,
    error_code text,
    sources integer[] NOT NULL DEFAULT '{}',
    timings jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    CHECK ((role = 'assistant') = (reply_to IS NOT NULL))
);
CREATE INDEX messages_conversation ON messages (conversation_id, created_at);
CREATE INDEX messages_running ON messages (state) WHERE state = 'running';

CREATE TABLE citations (
    message_id uuid NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    user_id uuid NOT NULL,
    number integer NOT NULL CHECK (number >= 1),
    kind text NOT NULL DEFAULT 'cited' CHECK (kind IN ('cited', 'nearest')),
    document_key integer NOT NULL REFERENCES documents (key) ON DELETE CASCADE,
    version_id uuid NOT NULL REFERENCES document_versions (id) ON DELETE CASCADE,
    page_from integer NOT NULL,
    page_to integer NOT NULL,
    heading text NOT NULL DEFAULT '',
    quote text NOT NULL,
    start_offset integer NOT NULL,
    end_offset integer NOT NULL,
    PRIMARY KEY (message_id, kind, number)
);

-- Questions to begin with; each belongs to a collection and shows to those who may read it.
CREATE TABLE suggested_questions (
    collection_key integer NOT NULL REFERENCES collections (key) ON DELETE CASCADE,
    ord integer NOT NULL,
    question text NOT NULL CHECK (length(question) BETWEEN 1 AND 300),
    PRIMARY KEY (collection_key, ord)
);
ALTER TABLE suggested_questions ENABLE ROW LEVEL SECURITY;
ALTER TABLE suggested_questions FORCE ROW LEVEL SECURITY;
CREATE POLICY suggested_questions_read ON suggested_questions FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system()) OR collection_key IN (SELECT govbot_readable_collections())
);
CREATE POLICY suggested_questions_write ON suggested_questions FOR ALL TO govbot_app USING (
    (SELECT govbot_is_system()) OR collection_key IN (SELECT govbot_managed_collections())
);
GRANT SELECT, INSERT, UPDATE, DELETE ON suggested_questions TO govbot_app;

ALTER TABLE conversations ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversations FORCE ROW LEVEL SECURITY;
ALTER TABLE messages ENABLE ROW LEVEL SECURITY;
ALTER TABLE messages FORCE ROW LEVEL SECURITY;
ALTER TABLE citations ENABLE ROW LEVEL SECURITY;
ALTER TABLE citations FORCE ROW LEVEL SECURITY;

CREATE POLICY conversations_own ON conversations FOR ALL TO govbot_app USING (
    user_id = (SELECT govbot_actor())
);
-- `sources` are the documents whose passages the answer was made from: losing one hides it whole.
CREATE POLICY messages_read ON messages FOR SELECT TO govbot_app USING (
    user_id = (SELECT govbot_actor())
    AND (sources = '{}'
         OR (SELECT count(*) FROM documents d WHERE d.key = ANY (sources)) = cardinality(sources))
);
CREATE POLICY messages_create ON messages FOR INSERT TO govbot_app WITH CHECK (
    user_id = (SELECT govbot_actor())
    AND conversation_id IN (SELECT c.id FROM conversations c)
);
CREATE POLICY messages_change ON messages FOR UPDATE TO govbot_app USING (
    user_id = (SELECT govbot_actor())
);
CREATE POLICY messages_delete ON messages FOR DELETE TO govbot_app USING (
    user_id = (SELECT govbot_actor())
);
-- After a crash the service marks answers that were under way; it sees no other message.
CREATE POLICY messages_interrupted ON messages FOR ALL TO govbot_app USING (
    (SELECT govbot_is_system()) AND (state = 'running' OR error_code = 'E-INTERRUPTED')
) WITH CHECK ((SELECT govbot_is_system()) AND state = 'failed');

CREATE POLICY citations_read ON citations FOR SELECT TO govbot_app USING (
    user_id = (SELECT govbot_actor())
    AND EXISTS (SELECT FROM documents d WHERE d.key = document_key)
);
CREATE POLICY citations_create ON citations FOR INSERT TO govbot_app WITH CHECK (
    user_id = (SELECT govbot_actor())
);

GRANT SELECT, INSERT, UPDATE, DELETE ON conversations, messages TO govbot_app;
GRANT SELECT, INSERT ON citations TO govbot_app;
