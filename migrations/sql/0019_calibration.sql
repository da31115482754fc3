-- When the evidence is enough, as fitted on the organisation's own questions: one row for each
-- embedder and reranker, by their fingerprints ('': none), which change what the signals mean.
CREATE TABLE calibrations (
    embedder text NOT NULL CHECK (length(embedder) <= 200),
    reranker text NOT NULL DEFAULT '' CHECK (length(reranker) <= 200),
    -- Of each signal, by name. Those of a release with other signals are not used any more.
    weights jsonb NOT NULL CHECK (jsonb_typeof(weights) = 'object'),
    bias double precision NOT NULL,
    threshold double precision NOT NULL CHECK (threshold BETWEEN 0 AND 1),
    -- What it was fitted on and what it then did.
    answerable integer NOT NULL CHECK (answerable > 0),
    unanswerable integer NOT NULL CHECK (unanswerable > 0),
    refused_right double precision NOT NULL CHECK (refused_right BETWEEN 0 AND 1),
    refused_wrong double precision NOT NULL CHECK (refused_wrong BETWEEN 0 AND 1),
    fitted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (embedder, reranker)
);
ALTER TABLE calibrations ENABLE ROW LEVEL SECURITY;
ALTER TABLE calibrations FORCE ROW LEVEL SECURITY;
-- A few numbers that tell nothing of any document: every search of every person needs them.
CREATE POLICY calibrations_read ON calibrations FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system()) OR (SELECT govbot_role()) IS NOT NULL
);
CREATE POLICY calibrations_write ON calibrations FOR ALL TO govbot_app
    USING ((SELECT govbot_is_system()));
GRANT SELECT, INSERT, UPDATE, DELETE ON calibrations TO govbot_app;
