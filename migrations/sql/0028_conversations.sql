-- One's own conversations in order (pinned, archived), temporary ones, and what is shared of them.

ALTER TABLE conversations
    ADD COLUMN pinned_at timestamptz,
    ADD COLUMN archived_at timestamptz,
    -- When a temporary conversation ends; NULL: it is kept.
    ADD COLUMN ends_at timestamptz,
    -- When the page of a temporary one was opened last: who leaves an earlier page ends nothing.
    ADD COLUMN opened_at timestamptz NOT NULL DEFAULT now(),
    ADD CHECK (num_nonnulls(pinned_at, archived_at, ends_at) <= 1);
CREATE INDEX conversations_pinned ON conversations (user_id, pinned_at DESC)
    WHERE pinned_at IS NOT NULL;
CREATE INDEX conversations_archived ON conversations (user_id, updated_at DESC)
    WHERE archived_at IS NOT NULL;
CREATE INDEX conversations_ending ON conversations (ends_at) WHERE ends_at IS NOT NULL;

-- One that has ended is gone for its owner before the service deletes it.
DROP POLICY conversations_own ON conversations;
CREATE POLICY conversations_own ON conversations FOR ALL TO govbot_app USING (
    user_id = (SELECT govbot_actor()) AND (ends_at IS NULL OR ends_at > now())
);
-- What is not kept is not supervised, and no rating keeps it.
DROP POLICY conversations_supervised ON conversations;
CREATE POLICY conversations_supervised ON conversations FOR SELECT TO govbot_app
    USING (user_id = (SELECT govbot_supervised()) AND ends_at IS NULL);
DROP POLICY answer_ratings_create ON answer_ratings;
CREATE POLICY answer_ratings_create ON answer_ratings FOR INSERT TO govbot_app WITH CHECK (
    user_id = (SELECT govbot_actor())
    AND EXISTS (SELECT FROM messages m
                JOIN conversations c ON c.id = m.conversation_id
                WHERE m.id = message_id AND m.user_id = (SELECT govbot_actor())
                  AND m.role = 'assistant' AND m.state IN ('done', 'stopped')
                  AND c.ends_at IS NULL)
);

-- Deletes temporary conversations that have ended; returns how many.
CREATE FUNCTION govbot_end_conversations(at_most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    ended integer;
BEGIN
    IF NOT govbot_is_system() THEN
        RAISE insufficient_privilege USING MESSAGE = 'ending conversations is the work of the service';
    END IF;
    WITH due AS (
        SELECT c.id FROM conversations c
        WHERE c.ends_at <= now()
        ORDER BY c.ends_at
        LIMIT at_most
        FOR UPDATE SKIP LOCKED
    )
    DELETE FROM conversations c USING due d WHERE c.id = d.id;
    GET DIAGNOSTICS ended = ROW_COUNT;
    RETURN ended;
END
$$;
REVOKE ALL ON FUNCTION govbot_end_conversations(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION govbot_end_conversations(integer) TO govbot_app;

-- ---------------------------------------------------------------------------------------------
-- Sharing, to read only. Who opens a link reads with their own rights; a turn whose answer was made
-- from a document out of their reach is not there for them, its question included.
-- ---------------------------------------------------------------------------------------------

CREATE TABLE conversation_shares (
    id uuid PRIMARY KEY,
    conversation_id uuid NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    link text NOT NULL UNIQUE CHECK (link ~ '^[A-Za-z0-9_-]{32,64}$'),
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    everyone boolean NOT NULL,
    turns integer NOT NULL DEFAULT 0 CHECK (turns >= 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    shown_at timestamptz NOT NULL DEFAULT now(),  -- what was said until then is shared
    until timestamptz NOT NULL,
    withdrawn_at timestamptz,
    CHECK (until <= created_at + interval '367 days')
);
CREATE INDEX conversation_shares_user ON conversation_shares (user_id, created_at DESC);
CREATE INDEX conversation_shares_conversation ON conversation_shares (conversation_id);

-- Whom a share names that is not for everybody.
CREATE TABLE share_readers (
    share_id uuid NOT NULL REFERENCES conversation_shares (id) ON DELETE CASCADE,
    user_id uuid REFERENCES users (id) ON DELETE CASCADE,
    group_id uuid REFERENCES groups (id) ON DELETE CASCADE,
    CHECK (num_nonnulls(user_id, group_id) = 1),
    UNIQUE NULLS NOT DISTINCT (share_id, user_id, group_id)
);
CREATE INDEX share_readers_user ON share_readers (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX share_readers_group ON share_readers (group_id) WHERE group_id IS NOT NULL;

-- What is shared: questions with one answer each. `sources` are those of the answer.
CREATE TABLE shared_turns (
    share_id uuid NOT NULL REFERENCES conversation_shares (id) ON DELETE CASCADE,
    ord integer NOT NULL CHECK (ord >= 0),
    question_id uuid NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    answer_id uuid NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    sources integer[] NOT NULL,
    PRIMARY KEY (share_id, ord)
);
CREATE INDEX shared_turns_question ON shared_turns (question_id);
CREATE INDEX shared_turns_answer ON shared_turns (answer_id);

-- The share whose link this transaction named, if the actor may open it now.
CREATE FUNCTION govbot_open_share() RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT s.id
    FROM conversation_shares s
    JOIN users o ON o.id = s.user_id
    WHERE s.link = current_setting('govbot.share', true)
      AND s.withdrawn_at IS NULL
      AND s.until > now()
      AND o.disabled_at IS NULL
      AND govbot_role() IN ('admin', 'curator', 'user')
      AND (s.everyone
           OR s.user_id = govbot_actor()
           OR EXISTS (SELECT FROM share_readers r
                      WHERE r.share_id = s.id
                        AND (r.user_id = govbot_actor()
                             OR r.group_id IN (SELECT m.group_id FROM memberships m
                                               WHERE m.user_id = govbot_actor()))));
END;
REVOKE ALL ON FUNCTION govbot_open_share() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION govbot_open_share() TO govbot_app;

ALTER TABLE conversation_shares ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversation_shares FORCE ROW LEVEL SECURITY;
ALTER TABLE share_readers ENABLE ROW LEVEL SECURITY;
ALTER TABLE share_readers FORCE ROW LEVEL SECURITY;
ALTER TABLE shared_turns ENABLE ROW LEVEL SECURITY;
ALTER TABLE shared_turns FORCE ROW LEVEL SECURITY;

-- The decision runs as the owner.
CREATE POLICY conversation_shares_decision ON conversation_shares FOR SELECT TO CURRENT_USER
    USING (true);
CREATE POLICY share_readers_decision ON share_readers FOR SELECT TO CURRENT_USER USING (true);

CREATE POLICY conversation_shares_own ON conversation_shares FOR ALL TO govbot_app USING (
    user_id = (SELECT govbot_actor())
) WITH CHECK (
    user_id = (SELECT govbot_actor())
    AND EXISTS (SELECT FROM conversations c
                WHERE c.id = conversation_id AND c.user_id = (SELECT govbot_actor())
                  AND c.ends_at IS NULL)
);
CREATE POLICY conversation_shares_open ON conversation_shares FOR SELECT TO govbot_app USING (
    id = (SELECT govbot_open_share())
);
-- Whom else a share names, its readers do not see.
CREATE POLICY share_readers_own ON share_readers FOR ALL TO govbot_app USING (
    EXISTS (SELECT FROM conversation_shares s
            WHERE s.id = share_id AND s.user_id = (SELECT govbot_actor()))
);
-- The service forgets whom a share names when that person is erased.
CREATE POLICY share_readers_forget ON share_readers FOR ALL TO govbot_app
    USING ((SELECT govbot_is_system()));
CREATE POLICY shared_turns_own ON shared_turns FOR ALL TO govbot_app USING (
    EXISTS (SELECT FROM conversation_shares s
            WHERE s.id = share_id AND s.user_id = (SELECT govbot_actor()))
);
CREATE POLICY shared_turns_open ON shared_turns FOR SELECT TO govbot_app USING (
    share_id = (SELECT govbot_open_share())
    AND (sources = '{}'
         OR (SELECT count(*) FROM documents d WHERE d.key = ANY (sources)) = cardinality(sources))
);
CREATE POLICY messages_shared ON messages FOR SELECT TO govbot_app USING (
    id IN (SELECT t.question_id FROM shared_turns t
           WHERE t.share_id = (SELECT govbot_open_share())
           UNION ALL
           SELECT t.answer_id FROM shared_turns t
           WHERE t.share_id = (SELECT govbot_open_share()))
    AND (sources = '{}'
         OR (SELECT count(*) FROM documents d WHERE d.key = ANY (sources)) = cardinality(sources))
);
CREATE POLICY citations_shared ON citations FOR SELECT TO govbot_app USING (
    message_id IN (SELECT t.answer_id FROM shared_turns t
                   WHERE t.share_id = (SELECT govbot_open_share()))
    AND EXISTS (SELECT FROM documents d WHERE d.key = document_key)
    AND EXISTS (SELECT FROM messages m WHERE m.id = message_id)
);

-- Only what the sharing person can read themselves, of this conversation and finished, is shared;
-- a turn stays bound to what its answer was made from.
CREATE FUNCTION govbot_guard_shared_turn() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    SELECT a.sources INTO NEW.sources
    FROM conversation_shares s
    JOIN messages q ON q.conversation_id = s.conversation_id
    JOIN messages a ON a.reply_to = q.id
    WHERE s.id = NEW.share_id AND s.user_id = govbot_actor()
      AND q.id = NEW.question_id AND q.user_id = govbot_actor()
      AND a.id = NEW.answer_id AND a.user_id = govbot_actor()
      AND a.state IN ('done', 'stopped');
    IF NOT FOUND THEN
        RAISE insufficient_privilege USING MESSAGE = 'what is shared is an answer of one''s own';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER shared_turns_guard BEFORE INSERT ON shared_turns
    FOR EACH ROW EXECUTE FUNCTION govbot_guard_shared_turn();
-- A share stays of one conversation and one person, and what was withdrawn stays so.
CREATE FUNCTION govbot_guard_share() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.conversation_id, NEW.user_id, NEW.link, NEW.created_at)
       IS DISTINCT FROM (OLD.id, OLD.conversation_id, OLD.user_id, OLD.link, OLD.created_at)
       OR OLD.withdrawn_at IS NOT NULL THEN
        RAISE insufficient_privilege USING MESSAGE = 'a share stays what it is';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER conversation_shares_guard BEFORE UPDATE ON conversation_shares
    FOR EACH ROW EXECUTE FUNCTION govbot_guard_share();

GRANT SELECT, INSERT, UPDATE, DELETE ON conversation_shares TO govbot_app;
GRANT SELECT, INSERT, DELETE ON share_readers, shared_turns TO govbot_app;
