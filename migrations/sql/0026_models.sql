-- Models on their way here: an administrator asks, the service brings them.
CREATE TABLE model_transfers (
    id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('pull', 'add', 'verify')),
    -- Pull: what to fetch; add: the path on the server; verify: the name of the model.
    source text NOT NULL CHECK (length(source) BETWEEN 1 AND 4096),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    revision text NOT NULL DEFAULT '' CHECK (length(revision) <= 200),
    sha256 text NOT NULL DEFAULT '' CHECK (sha256 = '' OR sha256 ~ '^[0-9a-f]{64}$'),
    -- The machine that was asked: models lie on its disk.
    node text NOT NULL CHECK (length(node) BETWEEN 1 AND 255),
    state text NOT NULL DEFAULT 'waiting'
        CHECK (state IN ('waiting', 'running', 'done', 'failed', 'cancelled')),
    done_bytes bigint NOT NULL DEFAULT 0 CHECK (done_bytes >= 0),
    total_bytes bigint NOT NULL DEFAULT 0 CHECK (total_bytes >= 0),
    -- The sentence in English with its places, and what fills them: read in any language.
    error text NOT NULL DEFAULT '',
    error_params jsonb NOT NULL DEFAULT '{}',
    error_code text NOT NULL DEFAULT '',
    asked_by uuid REFERENCES users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
CREATE INDEX model_transfers_asked_by ON model_transfers (asked_by);
CREATE INDEX model_transfers_created ON model_transfers (created_at);
-- One at a time for each model of a machine.
CREATE UNIQUE INDEX model_transfers_open ON model_transfers (node, lower(name))
    WHERE state IN ('waiting', 'running');

ALTER TABLE model_transfers ENABLE ROW LEVEL SECURITY;
ALTER TABLE model_transfers FORCE ROW LEVEL SECURITY;
CREATE POLICY model_transfers_read ON model_transfers FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system()) OR (SELECT govbot_role()) = 'admin'
);
CREATE POLICY model_transfers_create ON model_transfers FOR INSERT TO govbot_app WITH CHECK (
    (SELECT govbot_is_system())
    OR ((SELECT govbot_role()) = 'admin' AND asked_by = (SELECT govbot_actor())
        AND state = 'waiting' AND done_bytes = 0 AND total_bytes = 0)
);
-- Administrators cancel; all else is the work of the service.
CREATE POLICY model_transfers_cancel ON model_transfers FOR UPDATE TO govbot_app
    USING ((SELECT govbot_is_system())
           OR ((SELECT govbot_role()) = 'admin' AND state IN ('waiting', 'running')))
    WITH CHECK ((SELECT govbot_is_system())
                OR ((SELECT govbot_role()) = 'admin' AND state = 'cancelled'));
CREATE POLICY model_transfers_delete ON model_transfers FOR DELETE TO govbot_app USING (
    (SELECT govbot_is_system())
);
GRANT SELECT, INSERT, UPDATE, DELETE ON model_transfers TO govbot_app;
