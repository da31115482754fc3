-- Figures of use: one row for each question, without its text and without the person. Deleting a
-- conversation changes no figure.

-- What administrators sort questions into, by the likeness of question and description.
CREATE TABLE question_categories (
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 80),
    description text NOT NULL CHECK (length(description) BETWEEN 1 AND 1000),
    created_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE question_categories ENABLE ROW LEVEL SECURITY;
ALTER TABLE question_categories FORCE ROW LEVEL SECURITY;
CREATE POLICY question_categories_read ON question_categories FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system()) OR (SELECT govbot_role()) IS NOT NULL
);
CREATE POLICY question_categories_write ON question_categories FOR ALL TO govbot_app USING (
    (SELECT govbot_is_system()) OR (SELECT govbot_role()) = 'admin'
);
GRANT SELECT, INSERT, UPDATE, DELETE ON question_categories TO govbot_app;

-- `collections`, `documents` and `secrecy` are those of what the answer cited, or of what came
-- nearest to a question without answer. `asker`: see gap_salts.
CREATE TABLE question_facts (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    day date NOT NULL,
    asker bytea NOT NULL,
    group_ids uuid[] NOT NULL,
    collections integer[] NOT NULL,
    documents integer[] NOT NULL,
    secrecy smallint NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('answered', 'refused', 'stopped', 'failed')),
    engine text NOT NULL,
    first_ms integer,
    total_ms integer,
    category_id uuid REFERENCES question_categories (id) ON DELETE SET NULL,
    sentiment text NOT NULL DEFAULT '' CHECK (length(sentiment) <= 40)
);
CREATE INDEX question_facts_day ON question_facts (day);
CREATE INDEX question_facts_category ON question_facts (category_id)
    WHERE category_id IS NOT NULL;

-- Ratings by day: withdrawing one adds a row with n = -1.
CREATE TABLE rating_facts (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    day date NOT NULL,
    collections integer[] NOT NULL,
    secrecy smallint NOT NULL,
    rating smallint NOT NULL CHECK (rating IN (-1, 1)),
    n smallint NOT NULL CHECK (n IN (-1, 1))
);
CREATE INDEX rating_facts_day ON rating_facts (day);

ALTER TABLE question_facts ENABLE ROW LEVEL SECURITY;
ALTER TABLE question_facts FORCE ROW LEVEL SECURITY;
ALTER TABLE rating_facts ENABLE ROW LEVEL SECURITY;
ALTER TABLE rating_facts FORCE ROW LEVEL SECURITY;
CREATE POLICY question_facts_upkeep ON question_facts FOR ALL TO CURRENT_USER USING (true);
CREATE POLICY rating_facts_upkeep ON rating_facts FOR ALL TO CURRENT_USER USING (true);
-- Administrators see the figures of all, curators of what they manage, within their clearance.
CREATE POLICY question_facts_read ON question_facts FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system())
    OR (secrecy <= (SELECT govbot_clearance())
        AND ((SELECT govbot_role()) = 'admin'
             OR ((SELECT govbot_role()) = 'curator'
                 AND collections && ARRAY(SELECT govbot_managed_collections()))))
);
CREATE POLICY rating_facts_read ON rating_facts FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system())
    OR (secrecy <= (SELECT govbot_clearance())
        AND ((SELECT govbot_role()) = 'admin'
             OR ((SELECT govbot_role()) = 'curator'
                 AND collections && ARRAY(SELECT govbot_managed_collections()))))
);
GRANT SELECT ON question_facts, rating_facts TO govbot_app;

-- Writes down a question of the actor.
CREATE FUNCTION govbot_store_fact(
    day date, documents integer[], outcome text, engine text, first_ms integer, total_ms integer,
    category uuid, sentiment text
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF govbot_role() IS NULL THEN
        RAISE insufficient_privilege USING MESSAGE = 'somebody has to ask';
    END IF;
    INSERT INTO gap_salts (month, salt)
    VALUES (date_trunc('month', govbot_store_fact.day)::date,
            uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))
    ON CONFLICT DO NOTHING;
    INSERT INTO question_facts (day, asker, group_ids, collections, documents, secrecy, outcome,
                                engine, first_ms, total_ms, category_id, sentiment)
    SELECT govbot_store_fact.day, govbot_gap_asker(govbot_actor(), govbot_store_fact.day),
           ARRAY(SELECT m.group_id FROM memberships m WHERE m.user_id = govbot_actor()
                 ORDER BY m.group_id),
           coalesce(array_agg(DISTINCT d.collection_key) FILTER (WHERE d.key IS NOT NULL), '{}'),
           govbot_store_fact.documents, coalesce(max(d.secrecy), 0),
           govbot_store_fact.outcome, govbot_store_fact.engine, govbot_store_fact.first_ms,
           govbot_store_fact.total_ms,
           (SELECT c.id FROM question_categories c WHERE c.id = govbot_store_fact.category),
           govbot_store_fact.sentiment
    FROM (SELECT) one
    LEFT JOIN documents d ON d.key = ANY (govbot_store_fact.documents);
END
$$;

-- A rating of the actor's own, given (sign 1) or taken back (-1).
CREATE FUNCTION govbot_store_rating(
    day date, collections integer[], secrecy smallint, rating smallint, sign smallint
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF govbot_role() IS NULL THEN
        RAISE insufficient_privilege USING MESSAGE = 'somebody has to rate';
    END IF;
    INSERT INTO rating_facts (day, collections, secrecy, rating, n)
    VALUES (govbot_store_rating.day, govbot_store_rating.collections, govbot_store_rating.secrecy,
            govbot_store_rating.rating, govbot_store_rating.sign);
END
$$;
CREATE POLICY question_categories_fact ON question_categories FOR SELECT TO CURRENT_USER
    USING (true);

-- The facts of a period that the actor may see; NULL: of all collections.
CREATE FUNCTION govbot_facts(first date, last date, collection integer)
RETURNS SETOF question_facts
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT f.* FROM question_facts f
    WHERE f.day BETWEEN govbot_facts.first AND govbot_facts.last
      AND (govbot_facts.collection IS NULL OR govbot_facts.collection = ANY (f.collections));
END;
CREATE FUNCTION govbot_rated(first date, last date, collection integer)
RETURNS SETOF rating_facts
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT f.* FROM rating_facts f
    WHERE f.day BETWEEN govbot_rated.first AND govbot_rated.last
      AND (govbot_rated.collection IS NULL OR govbot_rated.collection = ANY (f.collections));
END;

-- As before, for the figures too.
CREATE OR REPLACE FUNCTION govbot_end_gap_months(today date) RETURNS integer
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
    UPDATE question_facts f
    SET asker = sha256(fresh || f.asker)
    FROM gap_salts s
    WHERE s.month < date_trunc('month', today)::date
      AND f.day >= s.month AND f.day < s.month + interval '1 month';
    DELETE FROM gap_salts s WHERE s.month < date_trunc('month', today)::date;
    GET DIAGNOSTICS ended = ROW_COUNT;
    RETURN ended;
END
$$;
CREATE OR REPLACE FUNCTION govbot_forget_gaps(person uuid) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    forgotten integer;
BEGIN
    IF NOT govbot_is_system() THEN
        RAISE insufficient_privilege USING MESSAGE = 'erasure is the work of the service';
    END IF;
    UPDATE question_facts f
    SET asker = sha256(uuid_send(gen_random_uuid()))
    FROM gap_salts s
    WHERE f.asker = sha256(s.salt || uuid_send(person));
    DELETE FROM gap_questions q
    USING gap_salts s
    WHERE q.asker = sha256(s.salt || uuid_send(person));
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    RETURN forgotten;
END
$$;
REVOKE ALL ON FUNCTION
    govbot_store_fact(date, integer[], text, text, integer, integer, uuid, text),
    govbot_store_rating(date, integer[], smallint, smallint, smallint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    govbot_store_fact(date, integer[], text, text, integer, integer, uuid, text),
    govbot_store_rating(date, integer[], smallint, smallint, smallint) TO govbot_app;
