-- Checkpoints, forwarding and retention of the audit log; conversations under supervision.

-- Nothing asks for an entry by its hash, and a random key is the dearest index to keep.
ALTER TABLE audit_log DROP CONSTRAINT audit_log_hash_key;
DROP INDEX audit_log_action;
DROP INDEX audit_log_actor;
-- One index for each filter of the page, in the order of the page.
CREATE INDEX audit_log_moment ON audit_log (at DESC, seq DESC);
CREATE INDEX audit_log_action ON audit_log (action, at DESC, seq DESC);
CREATE INDEX audit_log_actor ON audit_log (actor_id, at DESC);
CREATE INDEX audit_log_actor_name ON audit_log (actor_name, at DESC, seq DESC);
CREATE INDEX audit_log_resource ON audit_log (resource, at DESC, seq DESC);
CREATE INDEX audit_log_address ON audit_log (ip, at DESC, seq DESC);

-- The words and numbers of an entry, whatever punctuation stands between them.
CREATE FUNCTION govbot_audit_spaced(t text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN trim(regexp_replace(govbot_fold(t), '[\x01-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]+', ' ', 'g'));
CREATE FUNCTION govbot_audit_words(details text, resource text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN to_tsvector('simple'::regconfig, govbot_audit_spaced(details || ' ' || resource));
CREATE FUNCTION govbot_audit_query(words text) RETURNS tsquery
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN to_tsquery('simple'::regconfig,
                  nullif(regexp_replace(govbot_audit_spaced(words), '\s+', ':* & ', 'g'), '') || ':*');
CREATE INDEX audit_log_words ON audit_log USING gin (govbot_audit_words(details, resource));

-- What was cut off the beginning of the log, and where it lies.
CREATE TABLE audit_anchors (
    seq bigint PRIMARY KEY,
    first_seq bigint NOT NULL,
    hash bytea NOT NULL,
    archive text NOT NULL,
    sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    at timestamptz NOT NULL DEFAULT now()
);

-- How far checkpoints and each receiver have come. `holder`: the process that works on it now.
CREATE TABLE audit_positions (
    name text PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 100),
    seq bigint NOT NULL DEFAULT 0,
    hash bytea NOT NULL DEFAULT '\x',
    at timestamptz NOT NULL DEFAULT now(),
    holder text NOT NULL DEFAULT '',
    held_until timestamptz NOT NULL DEFAULT '-infinity',
    failures integer NOT NULL DEFAULT 0,
    error text NOT NULL DEFAULT ''
);

-- The settings of the last start; of secrets a keyed digest, whose key is not in the database.
CREATE TABLE settings_seen (
    name text PRIMARY KEY,
    value text NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);

-- Longer ones are shortened before they come here; what is in the chain cannot be shortened later.
CREATE OR REPLACE FUNCTION govbot_audit(
    actor_id uuid, actor_name text, action text, resource text, details text, ip text
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    last_seq bigint;
    last_hash bytea;
    moment timestamptz;
    entry text;
BEGIN
    IF octet_length(details) > 32768 OR octet_length(resource) > 4096
       OR octet_length(action) > 400 OR octet_length(actor_name) > 800 OR octet_length(ip) > 400
    THEN
        RAISE string_data_right_truncation USING MESSAGE = 'the audit entry is too long';
    END IF;
    -- One writer at a time until the end of its transaction: the chain has no gap and no fork.
    PERFORM pg_advisory_xact_lock(7160420251107);
    moment := clock_timestamp();
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

-- Entries of a filter, the newest first. As the owner: an index on words is not used under
-- row-level security. NULL filters nothing.
CREATE FUNCTION govbot_audit_find(
    of_actions text[], of_actor text, of_objects text[], from_address text, with_words text,
    since timestamptz, until timestamptz, before_seq bigint, max_rows integer
) RETURNS SETOF audit_log
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp
SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    before_at timestamptz;
BEGIN
    IF NOT (govbot_is_system() OR coalesce(govbot_role() IN ('admin', 'auditor'), false)) THEN
        RETURN;
    END IF;
    IF before_seq IS NOT NULL THEN
        SELECT a.at INTO before_at FROM audit_log a WHERE a.seq <= before_seq
        ORDER BY a.seq DESC LIMIT 1;
    END IF;
    RETURN QUERY
        SELECT a.* FROM audit_log a
        WHERE (of_actions IS NULL OR a.action = ANY (of_actions))
          AND (of_actor IS NULL OR a.actor_name = of_actor)
          AND (of_objects IS NULL OR a.resource = ANY (of_objects))
          AND (from_address IS NULL OR a.ip = from_address)
          AND (with_words IS NULL
               OR govbot_audit_words(a.details, a.resource) @@ govbot_audit_query(with_words))
          AND (since IS NULL OR a.at >= since)
          AND (until IS NULL OR a.at < until)
          AND (before_seq IS NULL OR (a.at, a.seq) < (before_at, before_seq))
        ORDER BY a.at DESC, a.seq DESC
        LIMIT max_rows;
END
$$;

-- Whether the actor's look at a page is written down already; its picture needs no second entry.
CREATE FUNCTION govbot_audit_has_opened(object text, version integer, page integer)
RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT EXISTS (
        SELECT FROM audit_log a
        WHERE a.actor_id = govbot_actor() AND a.at > now() - interval '15 minutes'
          AND a.action = 'document.opened' AND a.resource = object
          AND a.details::jsonb ->> 'version' = version::text
          AND a.details::jsonb ->> 'page' = page::text
    );
END;

-- What lies in an archive may leave the log, and nothing else: see govbot_audit_prune.
CREATE OR REPLACE FUNCTION govbot_audit_refuse() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' AND TG_TABLE_NAME = 'audit_log' THEN
        IF OLD.seq <= (SELECT max(a.seq) FROM audit_anchors a) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only';
END
$$;
CREATE TRIGGER audit_anchors_append_only BEFORE UPDATE OR DELETE ON audit_anchors
    FOR EACH ROW EXECUTE FUNCTION govbot_audit_refuse();
CREATE TRIGGER audit_anchors_no_truncate BEFORE TRUNCATE ON audit_anchors
    FOR EACH STATEMENT EXECUTE FUNCTION govbot_audit_refuse();

-- Cuts the entries up to `up_to` off, which lie in an archive by now; returns how many.
CREATE FUNCTION govbot_audit_prune(up_to bigint, sealed bytea, archive text, digest text)
RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    first bigint;
    last bigint;
    pruned bigint;
BEGIN
    IF NOT govbot_is_system() THEN
        RAISE insufficient_privilege USING MESSAGE = 'only GovBot itself prunes the audit log';
    END IF;
    PERFORM pg_advisory_xact_lock(7160420251107);
    SELECT min(a.seq), max(a.seq) INTO first, last FROM audit_log a;
    IF up_to >= last OR NOT EXISTS (
        SELECT FROM audit_log a WHERE a.seq = up_to AND a.hash = sealed
    ) THEN
        RAISE data_exception USING MESSAGE = 'the audit log does not end like its archive';
    END IF;
    INSERT INTO audit_anchors (seq, first_seq, hash, archive, sha256)
    VALUES (up_to, first, sealed, archive, digest);
    DELETE FROM audit_log a WHERE a.seq <= up_to;
    GET DIAGNOSTICS pruned = ROW_COUNT;
    PERFORM govbot_audit(NULL, '', 'audit.pruned', '', format(
        '{"archive":%s,"entries":%s,"first":%s,"hash":"%s","last":%s,"sha256":"%s"}',
        to_json(archive), pruned, first, encode(sealed, 'hex'), up_to, digest), '');
    RETURN pruned;
END
$$;

ALTER TABLE audit_anchors ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_anchors FORCE ROW LEVEL SECURITY;
ALTER TABLE audit_positions ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_positions FORCE ROW LEVEL SECURITY;
ALTER TABLE settings_seen ENABLE ROW LEVEL SECURITY;
ALTER TABLE settings_seen FORCE ROW LEVEL SECURITY;
CREATE POLICY audit_anchors_chain ON audit_anchors FOR ALL TO CURRENT_USER USING (true);
CREATE POLICY audit_anchors_read ON audit_anchors FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system()) OR (SELECT govbot_role()) IN ('admin', 'auditor')
);
CREATE POLICY audit_positions_system ON audit_positions FOR ALL TO govbot_app
    USING ((SELECT govbot_is_system()));
CREATE POLICY audit_positions_read ON audit_positions FOR SELECT TO govbot_app
    USING ((SELECT govbot_role()) IN ('admin', 'auditor'));
CREATE POLICY settings_seen_decision ON settings_seen FOR SELECT TO CURRENT_USER USING (true);
CREATE POLICY settings_seen_system ON settings_seen FOR ALL TO govbot_app
    USING ((SELECT govbot_is_system()));

REVOKE ALL ON FUNCTION
    govbot_audit_find(text[], text, text[], text, text, timestamptz, timestamptz, bigint, integer),
    govbot_audit_has_opened(text, integer, integer),
    govbot_audit_prune(bigint, bytea, text, text)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    govbot_audit_find(text[], text, text[], text, text, timestamptz, timestamptz, bigint, integer),
    govbot_audit_has_opened(text, integer, integer),
    govbot_audit_prune(bigint, bytea, text, text)
    TO govbot_app;
GRANT SELECT ON audit_anchors TO govbot_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON audit_positions, settings_seen TO govbot_app;

-- Supervision: the one person whose conversations this transaction may read besides the actor's
-- own. It takes the setting as it was at the last start, the role, and an entry of the audit log
-- that this very transaction wrote, with a reason.
CREATE FUNCTION govbot_supervised() RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT substr(a.resource, 6)::uuid
    FROM audit_log a
    WHERE a.seq = CASE WHEN current_setting('govbot.supervision', true) ~ '^[0-9]{1,18}$'
                       THEN current_setting('govbot.supervision', true)::bigint END
      AND a.xmin = pg_current_xact_id_if_assigned()::xid
      AND a.action = 'conversation.supervised'
      AND a.resource ~ '^user:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
      AND length(trim(coalesce(a.details::jsonb ->> 'reason', ''))) > 0
      AND a.actor_id = govbot_actor()
      AND govbot_role() = 'admin'
      AND EXISTS (SELECT FROM settings_seen s
                  WHERE s.name = 'audit.read_conversations' AND s.value = 'true');
END;
CREATE POLICY conversations_supervised ON conversations FOR SELECT TO govbot_app
    USING (user_id = (SELECT govbot_supervised()));
-- The administrator's own rights to the documents count.
CREATE POLICY messages_supervised ON messages FOR SELECT TO govbot_app USING (
    user_id = (SELECT govbot_supervised())
    AND (sources = '{}'
         OR (SELECT count(*) FROM documents d WHERE d.key = ANY (sources)) = cardinality(sources))
);
CREATE POLICY citations_supervised ON citations FOR SELECT TO govbot_app USING (
    user_id = (SELECT govbot_supervised())
    AND EXISTS (SELECT FROM documents d WHERE d.key = document_key)
);

-- Who was supervised may know it.
CREATE FUNCTION govbot_supervisions()
RETURNS TABLE (at timestamptz, actor_name text, conversation text, reason text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT a.at, a.actor_name, a.details::jsonb ->> 'conversation', a.details::jsonb ->> 'reason'
    FROM audit_log a
    WHERE a.resource = 'user:' || govbot_actor()::text AND a.action = 'conversation.supervised'
    ORDER BY a.at DESC, a.seq DESC
    LIMIT 100;
END;
REVOKE ALL ON FUNCTION govbot_supervised(), govbot_supervisions() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION govbot_supervised(), govbot_supervisions() TO govbot_app;
