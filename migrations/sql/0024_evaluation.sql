-- Gold questions, runs of the evaluation with their figures, and the configurations accepted.

CREATE TABLE gold_sets (
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (length(btrim(name)) BETWEEN 1 AND 80),
    created_by uuid REFERENCES users (id),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX gold_sets_created_by ON gold_sets (created_by);

-- A question and what a right answer is: one of `answers`, standing in one of the documents (by
-- key, or by file name while no document of the importer bears it) on one of `pages` (none: any).
-- Without answers the documents do not tell, and refusing is right.
CREATE TABLE gold_questions (
    id uuid PRIMARY KEY,
    set_id uuid NOT NULL REFERENCES gold_sets (id) ON DELETE CASCADE,
    label text NOT NULL DEFAULT '' CHECK (length(label) <= 200),
    question text NOT NULL CHECK (length(question) BETWEEN 1 AND 4000),
    answers text[] NOT NULL DEFAULT '{}' CHECK (array_position(answers, NULL) IS NULL),
    document_keys integer[] NOT NULL DEFAULT '{}' CHECK (array_position(document_keys, NULL) IS NULL),
    files text[] NOT NULL DEFAULT '{}' CHECK (array_position(files, NULL) IS NULL),
    pages integer[] NOT NULL DEFAULT '{}' CHECK (0 < ALL (pages)),
    tags text[] NOT NULL DEFAULT '{}' CHECK (array_position(tags, NULL) IS NULL),
    created_by uuid REFERENCES users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX gold_questions_set ON gold_questions (set_id, id);
CREATE INDEX gold_questions_documents ON gold_questions USING gin (document_keys);
CREATE INDEX gold_questions_created_by ON gold_questions (created_by);

ALTER TABLE gold_sets ENABLE ROW LEVEL SECURITY;
ALTER TABLE gold_sets FORCE ROW LEVEL SECURITY;
ALTER TABLE gold_questions ENABLE ROW LEVEL SECURITY;
ALTER TABLE gold_questions FORCE ROW LEVEL SECURITY;

-- Names of sets tell nothing of a document. Deleting one takes questions along that a curator does
-- not see: for administrators.
CREATE POLICY gold_sets_read ON gold_sets FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system()) OR (SELECT govbot_role()) IN ('admin', 'curator')
);
CREATE POLICY gold_sets_create ON gold_sets FOR INSERT TO govbot_app WITH CHECK (
    (SELECT govbot_is_system())
    OR ((SELECT govbot_role()) IN ('admin', 'curator') AND created_by = (SELECT govbot_actor()))
);
CREATE POLICY gold_sets_change ON gold_sets FOR UPDATE TO govbot_app USING (
    (SELECT govbot_is_system()) OR (SELECT govbot_role()) = 'admin'
);
CREATE POLICY gold_sets_delete ON gold_sets FOR DELETE TO govbot_app USING (
    (SELECT govbot_is_system()) OR (SELECT govbot_role()) = 'admin'
);

-- A question tells of its documents: it is there for those who manage all of them. Those that name
-- files by hand are their author's and the administrators' until the names are resolved.
CREATE POLICY gold_questions_read ON gold_questions FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system())
    OR ((SELECT govbot_role()) IN ('admin', 'curator')
        AND (files = '{}' OR (SELECT govbot_role()) = 'admin'
             OR created_by = (SELECT govbot_actor()))
        AND (document_keys = '{}'
             OR (SELECT count(*) FROM documents d
                 WHERE d.key = ANY (document_keys)
                   AND ((d.collection_key IN (SELECT govbot_managed_collections())
                         AND d.key NOT IN (SELECT govbot_documents_below(3)))
                        OR d.key IN (SELECT govbot_documents_from(3)))) = cardinality(document_keys)))
);
CREATE POLICY gold_questions_create ON gold_questions FOR INSERT TO govbot_app WITH CHECK (
    (SELECT govbot_is_system())
    OR ((SELECT govbot_role()) IN ('admin', 'curator')
        AND created_by = (SELECT govbot_actor())
        AND (document_keys = '{}'
             OR (SELECT count(*) FROM documents d
                 WHERE d.key = ANY (document_keys)
                   AND ((d.collection_key IN (SELECT govbot_managed_collections())
                         AND d.key NOT IN (SELECT govbot_documents_below(3)))
                        OR d.key IN (SELECT govbot_documents_from(3)))) = cardinality(document_keys)))
);
CREATE POLICY gold_questions_change ON gold_questions FOR UPDATE TO govbot_app USING (
    (SELECT govbot_is_system())
    OR ((SELECT govbot_role()) IN ('admin', 'curator')
        AND (files = '{}' OR (SELECT govbot_role()) = 'admin'
             OR created_by = (SELECT govbot_actor()))
        AND (document_keys = '{}'
             OR (SELECT count(*) FROM documents d
                 WHERE d.key = ANY (document_keys)
                   AND ((d.collection_key IN (SELECT govbot_managed_collections())
                         AND d.key NOT IN (SELECT govbot_documents_below(3)))
                        OR d.key IN (SELECT govbot_documents_from(3)))) = cardinality(document_keys)))
);
CREATE POLICY gold_questions_delete ON gold_questions FOR DELETE TO govbot_app USING (
    (SELECT govbot_is_system())
    OR ((SELECT govbot_role()) IN ('admin', 'curator')
        AND (files = '{}' OR (SELECT govbot_role()) = 'admin'
             OR created_by = (SELECT govbot_actor()))
        AND (document_keys = '{}'
             OR (SELECT count(*) FROM documents d
                 WHERE d.key = ANY (document_keys)
                   AND ((d.collection_key IN (SELECT govbot_managed_collections())
                         AND d.key NOT IN (SELECT govbot_documents_below(3)))
                        OR d.key IN (SELECT govbot_documents_from(3)))) = cardinality(document_keys)))
);
GRANT SELECT, INSERT, UPDATE, DELETE ON gold_sets, gold_questions TO govbot_app;

-- With a document that is deleted for good go the questions about it: they quote it.
CREATE POLICY gold_questions_upkeep ON gold_questions FOR ALL TO CURRENT_USER USING (true);
CREATE FUNCTION govbot_forget_gold_questions() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    DELETE FROM gold_questions g WHERE g.document_keys @> ARRAY[OLD.key];
    RETURN NULL;
END
$$;
CREATE TRIGGER documents_gold AFTER DELETE ON documents
    FOR EACH ROW EXECUTE FUNCTION govbot_forget_gold_questions();

-- One run: what was measured with which configuration, its state and figures. `document_keys` are
-- those of its questions, `by_name` says that some were given by file name.
CREATE TABLE eval_runs (
    id uuid PRIMARY KEY,
    set_id uuid REFERENCES gold_sets (id) ON DELETE SET NULL,
    source text NOT NULL CHECK (length(source) BETWEEN 1 AND 200),
    label text NOT NULL DEFAULT '' CHECK (length(label) <= 200),
    state text NOT NULL DEFAULT 'waiting'
        CHECK (state IN ('waiting', 'running', 'done', 'failed', 'cancelled')),
    purpose text NOT NULL DEFAULT 'manual' CHECK (purpose IN ('manual', 'gate')),
    -- Of a run of the gate: what it said; 'past' when another configuration is in use since.
    verdict text NOT NULL DEFAULT '' CHECK (verdict IN ('', 'passed', 'failed', 'past')),
    mode text NOT NULL DEFAULT 'hybrid' CHECK (mode IN ('hybrid', 'lexical', 'dense')),
    answers boolean NOT NULL DEFAULT true,
    fingerprint jsonb NOT NULL DEFAULT '{}',
    digest text NOT NULL DEFAULT '',
    figures jsonb NOT NULL DEFAULT '{}',
    done integer NOT NULL DEFAULT 0,
    total integer NOT NULL DEFAULT 0,
    document_keys integer[] NOT NULL DEFAULT '{}',
    by_name boolean NOT NULL DEFAULT false,
    error text NOT NULL DEFAULT '',
    -- Made by the worker of the service, not by a command that waits for it.
    queued boolean NOT NULL DEFAULT false,
    -- With whose rights; nobody's: the operator's.
    asked_as uuid REFERENCES users (id),
    created_by uuid REFERENCES users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
CREATE INDEX eval_runs_set ON eval_runs (set_id, created_at);
CREATE INDEX eval_runs_unfinished ON eval_runs (created_at)
    WHERE queued AND state IN ('waiting', 'running');
CREATE INDEX eval_runs_failed ON eval_runs (created_at) WHERE verdict = 'failed';
CREATE INDEX eval_runs_digest ON eval_runs (digest, set_id);
CREATE INDEX eval_runs_created_by ON eval_runs (created_by);
CREATE INDEX eval_runs_asked_as ON eval_runs (asked_as);

-- What came of each question, without the text of any answer.
CREATE TABLE eval_outcomes (
    run_id uuid NOT NULL REFERENCES eval_runs (id) ON DELETE CASCADE,
    place integer NOT NULL,
    question_id uuid REFERENCES gold_questions (id) ON DELETE SET NULL,
    label text NOT NULL,
    answerable boolean NOT NULL,
    located boolean NOT NULL,
    rank smallint,
    document_rank smallint,
    gain real,
    sufficient boolean NOT NULL,
    refused boolean,
    contained boolean,
    cited_page real,
    cited_span real,
    cited_opens real,
    support real,
    search_ms real NOT NULL,
    answer_ms real,
    PRIMARY KEY (run_id, place)
);
CREATE INDEX eval_outcomes_question ON eval_outcomes (question_id);

ALTER TABLE eval_runs ENABLE ROW LEVEL SECURITY;
ALTER TABLE eval_runs FORCE ROW LEVEL SECURITY;
ALTER TABLE eval_outcomes ENABLE ROW LEVEL SECURITY;
ALTER TABLE eval_outcomes FORCE ROW LEVEL SECURITY;

CREATE POLICY eval_runs_read ON eval_runs FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system())
    OR (SELECT govbot_role()) = 'admin'
    OR ((SELECT govbot_role()) = 'curator'
        AND (NOT by_name OR created_by = (SELECT govbot_actor()))
        AND (document_keys = '{}'
             OR (SELECT count(*) FROM documents d
                 WHERE d.key = ANY (document_keys)
                   AND ((d.collection_key IN (SELECT govbot_managed_collections())
                         AND d.key NOT IN (SELECT govbot_documents_below(3)))
                        OR d.key IN (SELECT govbot_documents_from(3)))) = cardinality(document_keys)))
);
-- Who may, asks for a run; the service makes it.
CREATE POLICY eval_runs_create ON eval_runs FOR INSERT TO govbot_app WITH CHECK (
    (SELECT govbot_is_system())
    OR ((SELECT govbot_role()) IN ('admin', 'curator')
        AND created_by = (SELECT govbot_actor())
        AND queued AND asked_as = (SELECT govbot_actor())
        AND state = 'waiting' AND purpose = 'manual' AND verdict = '' AND figures = '{}')
);
CREATE POLICY eval_runs_change ON eval_runs FOR UPDATE TO govbot_app USING (
    (SELECT govbot_is_system())
);
CREATE POLICY eval_runs_delete ON eval_runs FOR DELETE TO govbot_app USING (
    (SELECT govbot_is_system()) OR (SELECT govbot_role()) = 'admin'
);
CREATE POLICY eval_outcomes_read ON eval_outcomes FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system())
    OR (EXISTS (SELECT FROM eval_runs r WHERE r.id = run_id)
        AND (question_id IS NULL OR EXISTS (SELECT FROM gold_questions g WHERE g.id = question_id)))
);
CREATE POLICY eval_outcomes_write ON eval_outcomes FOR INSERT TO govbot_app WITH CHECK (
    (SELECT govbot_is_system())
);
GRANT SELECT, INSERT, UPDATE, DELETE ON eval_runs TO govbot_app;
GRANT SELECT, INSERT ON eval_outcomes TO govbot_app;

-- Configurations taken into use, the last one counts. `figures` are those that the next ones are
-- compared with.
CREATE TABLE eval_acceptances (
    id uuid PRIMARY KEY,
    fingerprint jsonb NOT NULL,
    digest text NOT NULL,
    run_id uuid REFERENCES eval_runs (id),
    figures jsonb NOT NULL DEFAULT '{}',
    forced boolean NOT NULL DEFAULT false,
    accepted_by uuid REFERENCES users (id),
    accepted_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX eval_acceptances_at ON eval_acceptances (accepted_at);
CREATE INDEX eval_acceptances_run ON eval_acceptances (run_id);
CREATE INDEX eval_acceptances_accepted_by ON eval_acceptances (accepted_by);
ALTER TABLE eval_acceptances ENABLE ROW LEVEL SECURITY;
ALTER TABLE eval_acceptances FORCE ROW LEVEL SECURITY;
CREATE POLICY eval_acceptances_read ON eval_acceptances FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system()) OR (SELECT govbot_role()) = 'admin'
);
CREATE POLICY eval_acceptances_write ON eval_acceptances FOR INSERT TO govbot_app WITH CHECK (
    (SELECT govbot_is_system())
);
GRANT SELECT, INSERT ON eval_acceptances TO govbot_app;
