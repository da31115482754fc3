-- Who did what: append-only for the application, each entry sealed with the hash of the one before.

CREATE TABLE audit_log (
    seq bigint PRIMARY KEY,
    at timestamptz NOT NULL,
    actor_id uuid,
    actor_name text NOT NULL,
    action text NOT NULL,
    resource text NOT NULL,
    details text NOT NULL,
    ip text NOT NULL,
    prev_hash bytea NOT NULL,
    hash bytea NOT NULL UNIQUE
);
CREATE INDEX audit_log_action ON audit_log (action, seq DESC);
CREATE INDEX audit_log_actor ON audit_log (actor_id, seq DESC);

-- hash = SHA-256(prev_hash || UTF-8 of the JSON array of the fields); `details` is kept as the very
-- text that was hashed, so that anyone can check the chain without this database.
CREATE FUNCTION govbot_audit(
    actor_id uuid, actor_name text, action text, resource text, details text, ip text
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    last_seq bigint;
    last_hash bytea;
    moment timestamptz := clock_timestamp();
    entry text;
BEGIN
    -- One writer at a time until the end of its transaction: the chain has no gap and no fork.
    PERFORM pg_advisory_xact_lock(7160420251107);
    SELECT a.seq, a.hash INTO last_seq, last_hash FROM audit_log a ORDER BY a.seq DESC LIMIT 1;
    last_seq := coalesce(last_seq, 0);
    last_hash := coalesce(last_hash, '\x'::bytea);
    entry := json_build_array(
        last_seq + 1,
        to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        actor_id::text, actor_name, action, resource, details, ip)::text;
    INSERT INTO audit_log (seq, at, actor_id, actor_name, action, resource, details, ip, prev_hash, hash)
    VALUES (last_seq + 1, moment, actor_id, actor_name, action, resource, details, ip,
            last_hash, sha256(last_hash || convert_to(entry, 'UTF8')));
    RETURN last_seq + 1;
END
$$;

CREATE FUNCTION govbot_audit_refuse() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only';
END
$$;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE ON audit_log
    FOR EACH ROW EXECUTE FUNCTION govbot_audit_refuse();
CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION govbot_audit_refuse();

ALTER TABLE audit_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_log FORCE ROW LEVEL SECURITY;
CREATE POLICY audit_chain ON audit_log FOR ALL TO CURRENT_USER USING (true);
CREATE POLICY audit_read ON audit_log FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system()) OR (SELECT govbot_role()) IN ('admin', 'auditor')
);

REVOKE ALL ON FUNCTION govbot_audit(uuid, text, text, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION govbot_audit(uuid, text, text, text, text, text) TO govbot_app;
GRANT SELECT ON audit_log TO govbot_app;
