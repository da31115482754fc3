-- What people think of answers, and what they asked in vain.

-- A thumb and its reason. Its author's alone, like the conversation that it goes with.
CREATE TABLE answer_ratings (
    message_id uuid PRIMARY KEY REFERENCES messages (id) ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    rating smallint NOT NULL CHECK (rating IN (-1, 1)),
    reason text NOT NULL DEFAULT '' CHECK (
        reason IN ('', 'wrong', 'incomplete', 'outdated', 'wrong_source', 'other')
    ),
    comment text NOT NULL DEFAULT '' CHECK (length(comment) <= 1000),
    collections integer[] NOT NULL DEFAULT '{}',  -- of the documents, as the figures count them
    secrecy smallint NOT NULL DEFAULT 0,
    rated_at timestamptz NOT NULL DEFAULT now(),
    CHECK (rating = -1 OR (reason = '' AND comment = ''))
);
CREATE INDEX answer_ratings_user ON answer_ratings (user_id);
ALTER TABLE answer_ratings ENABLE ROW LEVEL SECURITY;
ALTER TABLE answer_ratings FORCE ROW LEVEL SECURITY;
-- An answer that its owner may not see any more keeps its rating and takes no other.
CREATE POLICY answer_ratings_read ON answer_ratings FOR SELECT TO govbot_app USING (
    user_id = (SELECT govbot_actor())
);
CREATE POLICY answer_ratings_create ON answer_ratings FOR INSERT TO govbot_app WITH CHECK (
    user_id = (SELECT govbot_actor())
    AND EXISTS (SELECT FROM messages m
                WHERE m.id = message_id AND m.user_id = (SELECT govbot_actor())
                  AND m.role = 'assistant' AND m.state IN ('done', 'stopped'))
);
CREATE POLICY answer_ratings_withdraw ON answer_ratings FOR DELETE TO govbot_app USING (
    user_id = (SELECT govbot_actor())
);
GRANT SELECT, INSERT, DELETE ON answer_ratings TO govbot_app;

-- What was rated down as curators see it: a copy of question and answer without the person. It
-- goes when the rating is withdrawn or the conversation deleted.
CREATE TABLE answer_reports (
    id uuid PRIMARY KEY,
    message_id uuid NOT NULL UNIQUE REFERENCES answer_ratings (message_id) ON DELETE CASCADE,
    question text NOT NULL,
    answer text NOT NULL,
    as_of date,
    refused boolean NOT NULL,
    excerpts boolean NOT NULL,
    reason text NOT NULL,
    comment text NOT NULL,
    sources integer[] NOT NULL,
    citations jsonb NOT NULL,
    day date NOT NULL DEFAULT current_date,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'working', 'done', 'dismissed')),
    note text NOT NULL DEFAULT '' CHECK (length(note) <= 1000),
    decided_by uuid REFERENCES users (id) ON DELETE SET NULL,
    decided_at timestamptz,
    gold_id uuid
);
CREATE INDEX answer_reports_queue ON answer_reports (state, day DESC, id);
CREATE INDEX answer_reports_decided ON answer_reports (decided_by) WHERE decided_by IS NOT NULL;
ALTER TABLE answer_reports ENABLE ROW LEVEL SECURITY;
ALTER TABLE answer_reports FORCE ROW LEVEL SECURITY;
-- For who manages a document that the answer was made from and may read all the others; of
-- answers made from nothing, administrators.
CREATE POLICY answer_reports_curate ON answer_reports FOR SELECT TO govbot_app USING (
    (SELECT govbot_role()) IN ('admin', 'curator')
    AND (sources = '{}'
         OR (SELECT count(*) FROM documents d WHERE d.key = ANY (sources)) = cardinality(sources))
    AND ((SELECT govbot_role()) = 'admin'
         OR EXISTS (SELECT FROM documents d
                    WHERE d.key = ANY (sources)
                      AND ((d.collection_key IN (SELECT govbot_managed_collections())
                            AND d.key NOT IN (SELECT govbot_documents_below(3)))
                           OR d.key IN (SELECT govbot_documents_from(3)))))
);
CREATE POLICY answer_reports_decide ON answer_reports FOR UPDATE TO govbot_app USING (
    (SELECT govbot_role()) IN ('admin', 'curator')
    AND (sources = '{}'
         OR (SELECT count(*) FROM documents d WHERE d.key = ANY (sources)) = cardinality(sources))
    AND ((SELECT govbot_role()) = 'admin'
         OR EXISTS (SELECT FROM documents d
                    WHERE d.key = ANY (sources)
                      AND ((d.collection_key IN (SELECT govbot_managed_collections())
                            AND d.key NOT IN (SELECT govbot_documents_below(3)))
                           OR d.key IN (SELECT govbot_documents_from(3)))))
);
-- Its author makes it with the rating; answer_ratings shows everybody their own alone.
CREATE POLICY answer_reports_create ON answer_reports FOR INSERT TO govbot_app WITH CHECK (
    EXISTS (SELECT FROM answer_ratings r WHERE r.message_id = answer_reports.message_id
            AND r.rating = -1)
);
-- The service forgets who decided when that person is erased.
CREATE POLICY answer_reports_forget ON answer_reports FOR ALL TO govbot_app
    USING ((SELECT govbot_is_system()));
GRANT SELECT, INSERT ON answer_reports TO govbot_app;
GRANT UPDATE (state, note, decided_by, decided_at, gold_id) ON answer_reports TO govbot_app;

-- ---------------------------------------------------------------------------------------------
-- Questions that no readable document answered, without who asked. Nobody but the functions below
-- reads them: a topic is shown from so many different people on, to who may see it.
-- ---------------------------------------------------------------------------------------------

CREATE TABLE gap_topics (
    id uuid PRIMARY KEY,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'working', 'done', 'dismissed')),
    note text NOT NULL DEFAULT '' CHECK (length(note) <= 1000),
    decided_by uuid REFERENCES users (id) ON DELETE SET NULL,
    decided_at timestamptz,
    gold_id uuid,
    last_day date NOT NULL DEFAULT current_date
);
CREATE INDEX gap_topics_recent ON gap_topics (last_day DESC);
CREATE INDEX gap_topics_decided ON gap_topics (decided_by) WHERE decided_by IS NOT NULL;

-- `collections` and `secrecy`: of the documents that came nearest. `asker`: see gap_salts.
CREATE TABLE gap_questions (
    id uuid PRIMARY KEY,
    question text NOT NULL CHECK (length(question) BETWEEN 1 AND 500),
    day date NOT NULL DEFAULT current_date,
    asker bytea NOT NULL,
    collections integer[] NOT NULL,
    secrecy smallint NOT NULL,
    topic_id uuid REFERENCES gap_topics (id) ON DELETE CASCADE,
    vector real[],
    fingerprint text NOT NULL DEFAULT ''
);
-- The same question of the same person counts once a day.
CREATE UNIQUE INDEX gap_questions_once ON gap_questions (asker, day, md5(lower(question)));
CREATE INDEX gap_questions_topic ON gap_questions (topic_id);
CREATE INDEX gap_questions_day ON gap_questions (day);

-- People are told apart within a month by a digest; with the salt of the month goes the way back.
CREATE TABLE gap_salts (
    month date PRIMARY KEY,
    salt bytea NOT NULL
);

ALTER TABLE gap_topics ENABLE ROW LEVEL SECURITY;
ALTER TABLE gap_topics FORCE ROW LEVEL SECURITY;
ALTER TABLE gap_questions ENABLE ROW LEVEL SECURITY;
ALTER TABLE gap_questions FORCE ROW LEVEL SECURITY;
ALTER TABLE gap_salts ENABLE ROW LEVEL SECURITY;
ALTER TABLE gap_salts FORCE ROW LEVEL SECURITY;
CREATE POLICY gap_topics_upkeep ON gap_topics FOR ALL TO CURRENT_USER USING (true);
CREATE POLICY gap_questions_upkeep ON gap_questions FOR ALL TO CURRENT_USER USING (true);
CREATE POLICY gap_salts_upkeep ON gap_salts FOR ALL TO CURRENT_USER USING (true);
-- The service groups questions into topics.
CREATE POLICY gap_topics_system ON gap_topics FOR ALL TO govbot_app
    USING ((SELECT govbot_is_system()));
CREATE POLICY gap_questions_system ON gap_questions FOR ALL TO govbot_app
    USING ((SELECT govbot_is_system()));
GRANT SELECT, INSERT, UPDATE, DELETE ON gap_topics TO govbot_app;
GRANT SELECT, UPDATE, DELETE ON gap_questions TO govbot_app;

CREATE FUNCTION govbot_gap_asker(person uuid, day date) RETURNS bytea
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT sha256(s.salt || uuid_send(person)) FROM gap_salts s
    WHERE s.month = date_trunc('month', govbot_gap_asker.day)::date;
END;
REVOKE ALL ON FUNCTION govbot_gap_asker(uuid, date) FROM PUBLIC;

-- Stores a question of the actor that the documents `sources` came nearest to.
CREATE FUNCTION govbot_store_gap(id uuid, question text, sources integer[], day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF govbot_role() IS NULL THEN
        RAISE insufficient_privilege USING MESSAGE = 'somebody has to ask';
    END IF;
    INSERT INTO gap_salts (month, salt)
    VALUES (date_trunc('month', govbot_store_gap.day)::date,
            uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))
    ON CONFLICT DO NOTHING;
    INSERT INTO gap_questions (id, question, day, asker, collections, secrecy)
    SELECT govbot_store_gap.id, govbot_store_gap.question, govbot_store_gap.day,
           govbot_gap_asker(govbot_actor(), govbot_store_gap.day),
           coalesce(array_agg(DISTINCT d.collection_key) FILTER (WHERE d.key IS NOT NULL), '{}'),
           coalesce(max(d.secrecy), 0)
    FROM (SELECT) one
    LEFT JOIN documents d ON d.key = ANY (govbot_store_gap.sources)
    ON CONFLICT DO NOTHING;
END
$$;

-- At the end of a month nobody can be found from a digest, nor one person's topics from another.
CREATE FUNCTION govbot_end_gap_months(today date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    ended integer;
    fresh bytea := uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid());
BEGIN
    IF NOT govbot_is_system() THEN
        RAISE insufficient_privilege USING MESSAGE = 'retention is the work of the service';
    END IF;
    UPDATE gap_questions q
    SET asker = sha256(fresh || q.asker || coalesce(uuid_send(q.topic_id), ''::bytea))
    FROM gap_salts s
    WHERE s.month < date_trunc('month', today)::date
      AND q.day >= s.month AND q.day < s.month + interval '1 month';
    DELETE FROM gap_salts s WHERE s.month < date_trunc('month', today)::date;
    GET DIAGNOSTICS ended = ROW_COUNT;
    RETURN ended;
END
$$;

-- What an erased person asked this month; what is older is nobody's already.
CREATE FUNCTION govbot_forget_gaps(person uuid) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    forgotten integer;
BEGIN
    IF NOT govbot_is_system() THEN
        RAISE insufficient_privilege USING MESSAGE = 'erasure is the work of the service';
    END IF;
    DELETE FROM gap_questions q
    USING gap_salts s
    WHERE q.asker = sha256(s.salt || uuid_send(person));
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    RETURN forgotten;
END
$$;

-- The questions that the actor may see of topics that enough different people asked about. People
-- count within one month and among what the actor may see: never more than there were.
CREATE FUNCTION govbot_seen_gaps(least_people integer)
RETURNS TABLE (topic_id uuid, question text, day date, people integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    WITH visible AS MATERIALIZED (
        SELECT q.topic_id, q.question, q.day, q.asker
        FROM gap_questions q
        WHERE q.topic_id IS NOT NULL
          AND q.secrecy <= (SELECT govbot_clearance())
          AND ((SELECT govbot_role()) = 'admin'
               OR ((SELECT govbot_role()) = 'curator'
                   AND q.collections <@ (SELECT coalesce(array_agg(r.key), '{}')
                                         FROM govbot_readable_collections() r (key))
                   AND q.collections && (SELECT coalesce(array_agg(m.key), '{}')
                                         FROM govbot_managed_collections() m (key))))
    ),
    monthly AS (
        SELECT v.topic_id, count(DISTINCT v.asker)::integer AS people
        FROM visible v GROUP BY v.topic_id, date_trunc('month', v.day)
    ),
    enough AS (
        SELECT m.topic_id, max(m.people) AS people
        FROM monthly m GROUP BY m.topic_id HAVING max(m.people) >= least_people
    )
    SELECT v.topic_id, v.question, v.day, e.people
    FROM visible v JOIN enough e ON e.topic_id = v.topic_id;
END;

CREATE FUNCTION govbot_seen_topics(least_people integer)
RETURNS TABLE (id uuid, state text, note text, decided_by uuid, decided_at timestamptz,
               gold_id uuid, people integer, asked integer, first_day date, last_day date)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT t.id, t.state, t.note, t.decided_by, t.decided_at, t.gold_id,
           max(g.people), count(*)::integer, min(g.day), max(g.day)
    FROM govbot_seen_gaps(least_people) g
    JOIN gap_topics t ON t.id = g.topic_id
    GROUP BY t.id;
END;

-- False when the actor may not see the topic.
CREATE FUNCTION govbot_decide_gap(
    topic uuid, least_people integer, state text, note text, gold uuid
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE gap_topics t
    SET state = govbot_decide_gap.state, note = govbot_decide_gap.note,
        gold_id = coalesce(govbot_decide_gap.gold, t.gold_id),
        decided_by = govbot_actor(), decided_at = now()
    WHERE t.id = topic
      AND EXISTS (SELECT FROM govbot_seen_gaps(least_people) g WHERE g.topic_id = topic);
    RETURN FOUND;
END
$$;
REVOKE ALL ON FUNCTION govbot_store_gap(uuid, text, integer[], date),
    govbot_end_gap_months(date), govbot_forget_gaps(uuid), govbot_seen_gaps(integer),
    govbot_seen_topics(integer), govbot_decide_gap(uuid, integer, text, text, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION govbot_store_gap(uuid, text, integer[], date),
    govbot_end_gap_months(date), govbot_forget_gaps(uuid), govbot_seen_gaps(integer),
    govbot_seen_topics(integer), govbot_decide_gap(uuid, integer, text, text, uuid) TO govbot_app;
