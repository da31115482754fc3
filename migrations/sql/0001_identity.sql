-- Who: accounts, groups, sessions, and the two functions that every policy asks.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'govbot_app') THEN
        CREATE ROLE govbot_app NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
        EXECUTE format('GRANT govbot_app TO %I', current_user);
    END IF;
END
$$;

CREATE EXTENSION IF NOT EXISTS vector;

GRANT USAGE ON SCHEMA public TO govbot_app;

-- The actor of the current transaction: a user, 'system' (worker, sign-in, operator) or nobody.
CREATE FUNCTION govbot_actor() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
    WHEN current_setting('govbot.actor', true) ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
    THEN current_setting('govbot.actor', true)::uuid
END;

CREATE FUNCTION govbot_is_system() RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce(current_setting('govbot.actor', true) = 'system', false);

CREATE TABLE users (
    id uuid PRIMARY KEY,
    username text NOT NULL CHECK (username = lower(username) AND username ~ '^[a-z0-9][a-z0-9._@-]{1,63}$'),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    role text NOT NULL CHECK (role IN ('admin', 'curator', 'auditor', 'user')),
    password_hash text,
    must_change_password boolean NOT NULL DEFAULT false,
    language text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    disabled_at timestamptz,
    UNIQUE (username)
);

CREATE TABLE groups (
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 200),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE memberships (
    group_id uuid NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, group_id)
);
CREATE INDEX memberships_group ON memberships (group_id);

CREATE TABLE sessions (
    token_hash bytea PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    csrf text NOT NULL,
    ip text NOT NULL DEFAULT '',
    user_agent text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);

-- Fixed windows, counted in the database so that every node sees the same count.
CREATE TABLE rate_limits (
    key text NOT NULL,
    window_start timestamptz NOT NULL,
    hits integer NOT NULL,
    PRIMARY KEY (key, window_start)
);

CREATE FUNCTION govbot_role() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT u.role FROM users u WHERE u.id = govbot_actor() AND u.disabled_at IS NULL);

GRANT SELECT, INSERT, UPDATE, DELETE ON users, groups, memberships, sessions, rate_limits TO govbot_app;
