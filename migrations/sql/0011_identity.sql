-- Where accounts come from, second factors, sessions one can list and end, secrets under a key.

ALTER TABLE users
    ADD COLUMN source text NOT NULL DEFAULT 'local'
        CHECK (source IN ('local', 'ldap', 'oidc', 'proxy')),
    -- What the directory calls the account for ever: entryUUID, objectGUID, issuer and subject.
    ADD COLUMN external_id text,
    ADD COLUMN email text NOT NULL DEFAULT '' CHECK (length(email) <= 254),
    ADD COLUMN synced_at timestamptz,
    ADD CHECK ((source = 'local') = (external_id IS NULL));
CREATE UNIQUE INDEX users_external ON users (source, external_id) WHERE external_id IS NOT NULL;

-- A synchronisation adds and removes memberships of its own source only.
ALTER TABLE memberships
    ADD COLUMN source text NOT NULL DEFAULT 'local'
        CHECK (source IN ('local', 'ldap', 'oidc', 'proxy'));

ALTER TABLE sessions
    -- What lists and addresses name: the token's hash stays inside.
    ADD COLUMN id uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    ADD COLUMN method text NOT NULL DEFAULT 'password'
        CHECK (method IN ('password', 'ldap', 'oidc', 'proxy')),
    -- none: not asked for; pending: only the second factor's page is open; passed.
    ADD COLUMN factor text NOT NULL DEFAULT 'none' CHECK (factor IN ('none', 'pending', 'passed'));

-- Growing waits after failures, by account and by address.
CREATE TABLE sign_in_failures (
    key text PRIMARY KEY,
    failures integer NOT NULL,
    last_at timestamptz NOT NULL,
    blocked_until timestamptz
);

-- `secret` is sealed (govbot/sealing.py). `last_step`: a code counts once.
CREATE TABLE totp (
    user_id uuid PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    secret bytea NOT NULL,
    confirmed_at timestamptz,
    last_step bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE recovery_codes (
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    hash bytea NOT NULL,
    used_at timestamptz,
    PRIMARY KEY (user_id, hash)
);

-- Settings that are secrets and were given on the command line instead of a file; sealed.
CREATE TABLE secrets (
    name text PRIMARY KEY,
    value bytea NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- What opens doors is for the service alone. A connection that says nobody sees no account either.
ALTER TABLE sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE sessions FORCE ROW LEVEL SECURITY;
ALTER TABLE sign_in_failures ENABLE ROW LEVEL SECURITY;
ALTER TABLE sign_in_failures FORCE ROW LEVEL SECURITY;
ALTER TABLE totp ENABLE ROW LEVEL SECURITY;
ALTER TABLE totp FORCE ROW LEVEL SECURITY;
ALTER TABLE recovery_codes ENABLE ROW LEVEL SECURITY;
ALTER TABLE recovery_codes FORCE ROW LEVEL SECURITY;
ALTER TABLE secrets ENABLE ROW LEVEL SECURITY;
ALTER TABLE secrets FORCE ROW LEVEL SECURITY;
CREATE POLICY sessions_system ON sessions FOR ALL TO govbot_app
    USING ((SELECT govbot_is_system()));
CREATE POLICY sessions_own ON sessions FOR SELECT TO govbot_app
    USING (user_id = (SELECT govbot_actor()) OR (SELECT govbot_role()) = 'admin');
CREATE POLICY sessions_end ON sessions FOR DELETE TO govbot_app
    USING (user_id = (SELECT govbot_actor()) OR (SELECT govbot_role()) = 'admin');
CREATE POLICY sign_in_failures_system ON sign_in_failures FOR ALL TO govbot_app
    USING ((SELECT govbot_is_system()));
CREATE POLICY totp_system ON totp FOR ALL TO govbot_app USING ((SELECT govbot_is_system()));
CREATE POLICY recovery_codes_system ON recovery_codes FOR ALL TO govbot_app
    USING ((SELECT govbot_is_system()));
CREATE POLICY secrets_system ON secrets FOR ALL TO govbot_app USING ((SELECT govbot_is_system()));
GRANT SELECT, INSERT, UPDATE, DELETE ON sign_in_failures, totp, recovery_codes, secrets
    TO govbot_app;

ALTER TABLE users ENABLE ROW LEVEL SECURITY;
ALTER TABLE users FORCE ROW LEVEL SECURITY;
ALTER TABLE groups ENABLE ROW LEVEL SECURITY;
ALTER TABLE groups FORCE ROW LEVEL SECURITY;
ALTER TABLE memberships ENABLE ROW LEVEL SECURITY;
ALTER TABLE memberships FORCE ROW LEVEL SECURITY;
-- The decision functions run as the owner.
CREATE POLICY users_decision ON users FOR SELECT TO CURRENT_USER USING (true);
CREATE POLICY groups_decision ON groups FOR SELECT TO CURRENT_USER USING (true);
CREATE POLICY memberships_decision ON memberships FOR SELECT TO CURRENT_USER USING (true);
-- As the owner: a policy of users that reads users would ask itself.
CREATE FUNCTION govbot_is_somebody() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT EXISTS (SELECT FROM users u WHERE u.id = govbot_actor() AND u.disabled_at IS NULL);
END;
CREATE POLICY users_read ON users FOR SELECT TO govbot_app
    USING ((SELECT govbot_is_system()) OR (SELECT govbot_is_somebody()));
CREATE POLICY groups_read ON groups FOR SELECT TO govbot_app
    USING ((SELECT govbot_is_system()) OR (SELECT govbot_is_somebody()));
CREATE POLICY memberships_read ON memberships FOR SELECT TO govbot_app
    USING ((SELECT govbot_is_system()) OR (SELECT govbot_is_somebody()));
CREATE POLICY users_create ON users FOR INSERT TO govbot_app
    WITH CHECK ((SELECT govbot_is_system()) OR (SELECT govbot_role()) = 'admin');
CREATE POLICY users_change ON users FOR UPDATE TO govbot_app
    USING ((SELECT govbot_is_system()) OR (SELECT govbot_role()) = 'admin');
CREATE POLICY users_delete ON users FOR DELETE TO govbot_app USING ((SELECT govbot_is_system()));
CREATE POLICY groups_create ON groups FOR INSERT TO govbot_app
    WITH CHECK ((SELECT govbot_is_system()) OR (SELECT govbot_role()) = 'admin');
CREATE POLICY groups_change ON groups FOR UPDATE TO govbot_app
    USING ((SELECT govbot_is_system()) OR (SELECT govbot_role()) = 'admin');
CREATE POLICY groups_delete ON groups FOR DELETE TO govbot_app
    USING ((SELECT govbot_is_system()) OR (SELECT govbot_role()) = 'admin');
CREATE POLICY memberships_create ON memberships FOR INSERT TO govbot_app
    WITH CHECK ((SELECT govbot_is_system()) OR (SELECT govbot_role()) = 'admin');
CREATE POLICY memberships_change ON memberships FOR UPDATE TO govbot_app
    USING ((SELECT govbot_is_system()) OR (SELECT govbot_role()) = 'admin');
CREATE POLICY memberships_delete ON memberships FOR DELETE TO govbot_app
    USING ((SELECT govbot_is_system()) OR (SELECT govbot_role()) = 'admin');
