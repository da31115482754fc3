-- Keys of programs, and limits of rate that all nodes share.

-- A bucket of tokens by its one number: the moment when it is full again. Losing them in a crash
-- gives everybody a full bucket, so they are not worth the log.
CREATE UNLOGGED TABLE rate_buckets (
    key text PRIMARY KEY CHECK (length(key) <= 200),
    full_at timestamptz NOT NULL
);
CREATE INDEX rate_buckets_full ON rate_buckets (full_at);

-- The key itself is nowhere: it is shown once, and `hash` is SHA-256 of 256 random bits.
CREATE TABLE api_keys (
    id uuid PRIMARY KEY,
    handle text NOT NULL UNIQUE CHECK (handle ~ '^[0-9A-Za-z]{10}$'),
    hash bytea NOT NULL CHECK (length(hash) = 32),
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
    scopes text[] NOT NULL CHECK (
        cardinality(scopes) > 0
        AND scopes <@ ARRAY['search', 'ask', 'documents:read', 'documents:write',
                            'conversations:read', 'conversations:write']
    ),
    -- Where it may come from; empty: anywhere.
    addresses cidr[] NOT NULL DEFAULT '{}' CHECK (cardinality(addresses) <= 20),
    per_minute integer CHECK (per_minute BETWEEN 1 AND 100000),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz CHECK (expires_at > created_at),
    revoked_at timestamptz,
    last_used_at timestamptz,
    last_used_ip text NOT NULL DEFAULT '' CHECK (length(last_used_ip) <= 45)
);
CREATE INDEX api_keys_user ON api_keys (user_id);

ALTER TABLE rate_buckets ENABLE ROW LEVEL SECURITY;
ALTER TABLE rate_buckets FORCE ROW LEVEL SECURITY;
ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY rate_buckets_system ON rate_buckets FOR ALL TO govbot_app
    USING ((SELECT govbot_is_system()));
-- An administrator sees and revokes everybody's keys, but makes none in the name of another.
CREATE POLICY api_keys_read ON api_keys FOR SELECT TO govbot_app
    USING (
        (SELECT govbot_is_system()) OR user_id = (SELECT govbot_actor())
        OR (SELECT govbot_role()) = 'admin'
    );
CREATE POLICY api_keys_create ON api_keys FOR INSERT TO govbot_app
    WITH CHECK ((SELECT govbot_is_system()) OR user_id = (SELECT govbot_actor()));
CREATE POLICY api_keys_change ON api_keys FOR UPDATE TO govbot_app
    USING (
        (SELECT govbot_is_system()) OR user_id = (SELECT govbot_actor())
        OR (SELECT govbot_role()) = 'admin'
    );
CREATE POLICY api_keys_delete ON api_keys FOR DELETE TO govbot_app
    USING ((SELECT govbot_is_system()));
GRANT SELECT, INSERT, UPDATE, DELETE ON rate_buckets TO govbot_app;
-- What a key may do never changes: another key is made instead.
GRANT SELECT, INSERT, DELETE ON api_keys TO govbot_app;
GRANT UPDATE (revoked_at, last_used_at, last_used_ip) ON api_keys TO govbot_app;
