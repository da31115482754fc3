-- Sign-in through directories and identity providers.

-- When the outside system stopped letting the account in. Equal to disabled_at as long as it was
-- the system outside, and not an administrator, that disabled it: then it may come back by itself.
ALTER TABLE users ADD COLUMN withdrawn_at timestamptz;

-- Comparisons of the accounts with the directory; the newest tell the administrator how it does.
CREATE TABLE directory_syncs (
    id uuid PRIMARY KEY,
    started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    outcome text NOT NULL DEFAULT 'running'
        CHECK (outcome IN ('running', 'done', 'refused', 'failed')),
    accounts integer NOT NULL DEFAULT 0,
    found integer NOT NULL DEFAULT 0,
    disabled integer NOT NULL DEFAULT 0,
    enabled integer NOT NULL DEFAULT 0,
    skipped integer NOT NULL DEFAULT 0,
    reason text NOT NULL DEFAULT ''
);
CREATE INDEX directory_syncs_start ON directory_syncs (started_at DESC);

-- Sign-ins under way at the identity provider. Each is bound to the browser that began it and
-- counts once; only hashes of what the browser holds are kept. `verifier` is sealed.
CREATE TABLE oidc_requests (
    state_hash bytea PRIMARY KEY,
    browser_hash bytea NOT NULL,
    nonce text NOT NULL,
    verifier bytea NOT NULL,
    follow text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX oidc_requests_age ON oidc_requests (created_at);

-- What a session of another system must be able to show: the header's user that it belongs to, or
-- the token (sealed) that signs it out at the provider.
CREATE TABLE outside_sessions (
    session_id uuid PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
    subject text NOT NULL,
    id_token bytea
);

ALTER TABLE directory_syncs ENABLE ROW LEVEL SECURITY;
ALTER TABLE directory_syncs FORCE ROW LEVEL SECURITY;
ALTER TABLE oidc_requests ENABLE ROW LEVEL SECURITY;
ALTER TABLE oidc_requests FORCE ROW LEVEL SECURITY;
ALTER TABLE outside_sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE outside_sessions FORCE ROW LEVEL SECURITY;
CREATE POLICY directory_syncs_system ON directory_syncs FOR ALL TO govbot_app
    USING ((SELECT govbot_is_system()));
CREATE POLICY directory_syncs_read ON directory_syncs FOR SELECT TO govbot_app
    USING ((SELECT govbot_role()) = 'admin');
CREATE POLICY oidc_requests_system ON oidc_requests FOR ALL TO govbot_app
    USING ((SELECT govbot_is_system()));
CREATE POLICY outside_sessions_system ON outside_sessions FOR ALL TO govbot_app
    USING ((SELECT govbot_is_system()));
GRANT SELECT, INSERT, UPDATE, DELETE ON directory_syncs, oidc_requests, outside_sessions
    TO govbot_app;
