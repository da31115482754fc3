-- Rights on single documents; secrecy of documents against the clearance of people; the one
-- decision again, with both.

-- 0 public, 1 restricted, 2 reserved, 3 secret, 4 top secret (Lei 12.527/2011, art. 23 and 24, with
-- the restricted access of art. 31 before them).
ALTER TABLE users ADD COLUMN clearance smallint NOT NULL DEFAULT 0 CHECK (clearance BETWEEN 0 AND 4);
ALTER TABLE documents ADD COLUMN secrecy smallint NOT NULL DEFAULT 0 CHECK (secrecy BETWEEN 0 AND 4);
CREATE INDEX documents_secrecy ON documents (secrecy, key) WHERE secrecy > 0;
CREATE INDEX grants_user ON grants (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX grants_group ON grants (group_id) WHERE group_id IS NOT NULL;

-- A name is taken only among documents of the same secrecy: else it would tell who may not see one
-- that it is there.
DROP INDEX documents_path;
CREATE UNIQUE INDEX documents_path ON documents (collection_key, coalesce(folder, ''), path, secrecy)
    WHERE trashed_at IS NULL;

-- The decision functions and triggers run as the owner.
CREATE POLICY chunks_upkeep ON chunks FOR SELECT TO CURRENT_USER USING (true);
CREATE POLICY postings_upkeep ON postings FOR SELECT TO CURRENT_USER USING (true);
CREATE POLICY term_stats_upkeep ON term_stats FOR ALL TO CURRENT_USER USING (true);
CREATE POLICY collection_stats_upkeep ON collection_stats FOR ALL TO CURRENT_USER USING (true);

-- What the old functions served.
DROP POLICY documents_read ON documents;
DROP POLICY chunks_read ON chunks;
DROP POLICY postings_read ON postings;
DROP POLICY vectors_read ON chunk_vectors;
DROP FUNCTION govbot_allowed_documents();
DROP FUNCTION govbot_denied_documents();

-- ---------------------------------------------------------------------------------------------
-- The decision. For an actor and a document:
--
--     level = least(the highest level allowed on the document or its collection,
--                   the lowest level denied on either, less one); 0 where nothing is allowed
--
-- Administrators have 3 everywhere, and denials do not bind them. A document above the clearance of
-- a person is not there for them, whatever their grants and role; the service and the operator see
-- everything. Policies ask for sets, once per statement, never for a row.
-- ---------------------------------------------------------------------------------------------

-- As before, but through the indexes: there may be as many grants as documents.
CREATE OR REPLACE FUNCTION govbot_own_grants()
RETURNS TABLE (collection_key integer, document_key integer, level integer, effect text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT g.collection_key, g.document_key, govbot_level(g.level), g.effect
    FROM grants g
    WHERE g.user_id = govbot_actor()
    UNION ALL
    SELECT g.collection_key, g.document_key, govbot_level(g.level), g.effect
    FROM memberships m
    CROSS JOIN LATERAL (
        SELECT o.collection_key, o.document_key, o.level, o.effect
        FROM grants o WHERE o.group_id = m.group_id OFFSET 0
    ) g
    WHERE m.user_id = govbot_actor();
END;

CREATE FUNCTION govbot_clearance() RETURNS integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT CASE WHEN govbot_is_system() THEN 4
                ELSE (SELECT u.clearance FROM users u
                      WHERE u.id = govbot_actor() AND u.disabled_at IS NULL) END;
END;

-- Documents with grants or denials of their own for the actor, beside what their collection says.
-- Nothing for administrators, whom grants neither help nor bind.
CREATE FUNCTION govbot_single_documents() RETURNS TABLE (
    key integer, secrecy smallint, allowed integer, denied integer, whole_allowed integer,
    whole_denied integer
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    WITH own AS MATERIALIZED (
        SELECT g.collection_key, g.document_key, g.level, g.effect
        FROM govbot_own_grants() g
        WHERE govbot_role() <> 'admin'
    ),
    single AS (
        SELECT o.document_key,
               coalesce(max(o.level) FILTER (WHERE o.effect = 'allow'), 0) AS allowed,
               coalesce(min(o.level) FILTER (WHERE o.effect = 'deny'), 4) AS denied
        FROM own o WHERE o.document_key IS NOT NULL GROUP BY o.document_key
    ),
    whole AS (
        SELECT o.collection_key,
               coalesce(max(o.level) FILTER (WHERE o.effect = 'allow'), 0) AS allowed,
               coalesce(min(o.level) FILTER (WHERE o.effect = 'deny'), 4) AS denied
        FROM own o WHERE o.collection_key IS NOT NULL GROUP BY o.collection_key
    )
    SELECT d.key, d.secrecy, s.allowed, s.denied, coalesce(w.allowed, 0), coalesce(w.denied, 4)
    FROM single s
    -- OFFSET 0 here and below: by the index, whatever the planner thinks of functions.
    CROSS JOIN LATERAL (
        SELECT o.key, o.secrecy, o.collection_key
        FROM documents o WHERE o.key = s.document_key OFFSET 0
    ) d
    LEFT JOIN whole w ON w.collection_key = d.collection_key;
END;

-- Documents that the actor has the level on by a grant of their own, not by the collection's.
CREATE FUNCTION govbot_documents_from(level integer) RETURNS SETOF integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT s.key FROM govbot_single_documents() s
    WHERE s.allowed >= govbot_documents_from.level
      AND least(s.denied, s.whole_denied) > govbot_documents_from.level
      AND s.whole_allowed < govbot_documents_from.level
      AND s.secrecy <= (SELECT govbot_clearance());
END;

-- Documents that a denial of their own takes from the actor, who has the level on the collection.
CREATE FUNCTION govbot_documents_below(level integer) RETURNS SETOF integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT s.key FROM govbot_single_documents() s
    WHERE s.denied <= govbot_documents_below.level
      AND s.whole_allowed >= govbot_documents_below.level
      AND s.whole_denied > govbot_documents_below.level;
END;

-- Documents above the clearance of the person who acts. (SELECT ...): asked once, not for each row.
CREATE FUNCTION govbot_secret_documents() RETURNS SETOF integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT d.key FROM documents d
    WHERE d.secrecy > 0 AND d.secrecy > (SELECT coalesce(govbot_clearance(), 0));
END;

-- What gives the actor no passage: not in force on the day asked about, refused, or too secret.
CREATE OR REPLACE FUNCTION govbot_withheld_documents() RETURNS SETOF integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT d.key FROM documents d
    WHERE (d.valid_from IS NOT NULL OR d.valid_to IS NOT NULL OR d.revoked_on IS NOT NULL)
      AND NOT govbot_in_force(d.valid_from, d.valid_to, d.revoked_on,
                              (SELECT govbot_as_of()))
    UNION ALL
    SELECT govbot_documents_below(1)
    UNION ALL
    SELECT d.key FROM documents d
    WHERE d.secrecy > 0 AND d.secrecy > (SELECT coalesce(govbot_clearance(), 0));
END;

-- The level of one document of a collection, 0 to 3; of one that is not there yet, the collection's.
CREATE FUNCTION govbot_document_level(document_key integer, collection_key integer) RETURNS integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT CASE
        WHEN govbot_is_system() THEN 3
        WHEN govbot_role() IS NULL THEN 0
        WHEN (SELECT d.secrecy FROM documents d WHERE d.key = govbot_document_level.document_key)
             > govbot_clearance() THEN 0
        WHEN govbot_role() = 'admin' THEN 3
        ELSE (
            SELECT CASE WHEN bool_or(g.effect = 'allow') THEN
                       greatest(0, least(max(g.level) FILTER (WHERE g.effect = 'allow'),
                                         min(g.level) FILTER (WHERE g.effect = 'deny') - 1))
                   ELSE 0 END
            FROM govbot_own_grants() g
            WHERE g.document_key = govbot_document_level.document_key
               OR g.collection_key = govbot_document_level.collection_key
        ) END;
END;

-- ---------------------------------------------------------------------------------------------
-- Policies of documents and of all that is made from them.
-- ---------------------------------------------------------------------------------------------

CREATE POLICY documents_read ON documents FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system())
    OR (secrecy <= (SELECT govbot_clearance())
        AND ((collection_key IN (SELECT govbot_readable_collections())
              AND key NOT IN (SELECT govbot_documents_below(1)))
             OR key IN (SELECT govbot_documents_from(1)))
        AND ((trashed_at IS NULL AND status IN ('published', 'revoked'))
             OR (collection_key IN (SELECT govbot_writable_collections())
                 AND key NOT IN (SELECT govbot_documents_below(2)))
             OR key IN (SELECT govbot_documents_from(2))))
);
DROP POLICY documents_create ON documents;
CREATE POLICY documents_create ON documents FOR INSERT TO govbot_app WITH CHECK (
    (SELECT govbot_is_system())
    OR (collection_key IN (SELECT govbot_writable_collections())
        AND secrecy <= (SELECT govbot_clearance()))
);
-- A statement without WHERE is not checked against what may be read: the whole decision is here.
DROP POLICY documents_change ON documents;
CREATE POLICY documents_change ON documents FOR UPDATE TO govbot_app USING (
    (SELECT govbot_is_system())
    OR (secrecy <= (SELECT govbot_clearance())
        AND ((collection_key IN (SELECT govbot_writable_collections())
              AND key NOT IN (SELECT govbot_documents_below(2)))
             OR key IN (SELECT govbot_documents_from(2))))
);

-- Drafts are for those who may write the document.
DROP POLICY versions_read ON document_versions;
CREATE POLICY versions_read ON document_versions FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system())
    OR ((review = 'approved'
         OR (collection_key IN (SELECT govbot_writable_collections())
             AND document_key NOT IN (SELECT govbot_documents_below(2)))
         OR document_key IN (SELECT govbot_documents_from(2)))
        AND EXISTS (SELECT FROM documents d WHERE d.key = document_key))
);
DROP POLICY versions_create ON document_versions;
CREATE POLICY versions_create ON document_versions FOR INSERT TO govbot_app WITH CHECK (
    (SELECT govbot_is_system())
    OR (((collection_key IN (SELECT govbot_writable_collections())
          AND document_key NOT IN (SELECT govbot_documents_below(2)))
         OR document_key IN (SELECT govbot_documents_from(2)))
        AND EXISTS (SELECT FROM documents d WHERE d.key = document_key))
);
DROP POLICY versions_change ON document_versions;
CREATE POLICY versions_change ON document_versions FOR UPDATE TO govbot_app USING (
    (SELECT govbot_is_system())
    OR (((collection_key IN (SELECT govbot_writable_collections())
          AND document_key NOT IN (SELECT govbot_documents_below(2)))
         OR document_key IN (SELECT govbot_documents_from(2)))
        AND EXISTS (SELECT FROM documents d WHERE d.key = document_key))
);

CREATE POLICY chunks_read ON chunks FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system())
    OR ((collection_key IN (SELECT govbot_readable_collections())
         OR document_key IN (SELECT govbot_documents_from(1)))
        AND document_key NOT IN (SELECT govbot_withheld_documents()))
);
CREATE POLICY postings_read ON postings FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system())
    OR ((collection_key IN (SELECT govbot_readable_collections())
         OR document_key IN (SELECT govbot_documents_from(1)))
        AND document_key NOT IN (SELECT govbot_withheld_documents()))
);
CREATE POLICY vectors_read ON chunk_vectors FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system())
    OR ((collection_key IN (SELECT govbot_readable_collections())
         OR document_key IN (SELECT govbot_documents_from(1)))
        AND document_key NOT IN (SELECT govbot_withheld_documents()))
);

-- Grants are seen and changed by those who manage what they are on.
DROP POLICY grants_manage ON grants;
CREATE POLICY grants_manage ON grants FOR ALL TO govbot_app USING (
    (SELECT govbot_is_system())
    OR collection_key IN (SELECT govbot_managed_collections())
    OR EXISTS (SELECT FROM documents d
               WHERE d.key = document_key
                 AND ((d.collection_key IN (SELECT govbot_managed_collections())
                       AND d.key NOT IN (SELECT govbot_documents_below(3)))
                      OR d.key IN (SELECT govbot_documents_from(3))))
);

-- An answer that is hidden is not changed either, and stays bound to what it was made from.
DROP POLICY messages_change ON messages;
CREATE POLICY messages_change ON messages FOR UPDATE TO govbot_app USING (
    user_id = (SELECT govbot_actor())
    AND (sources = '{}'
         OR (SELECT count(*) FROM documents d WHERE d.key = ANY (sources)) = cardinality(sources))
);
CREATE FUNCTION govbot_guard_sources() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT NEW.sources @> OLD.sources THEN
        RAISE insufficient_privilege
            USING MESSAGE = 'an answer stays bound to what it was made from';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER messages_sources BEFORE UPDATE OF sources ON messages
    FOR EACH ROW EXECUTE FUNCTION govbot_guard_sources();
-- With one source lost the whole answer is hidden, its other citations too.
DROP POLICY citations_read ON citations;
CREATE POLICY citations_read ON citations FOR SELECT TO govbot_app USING (
    user_id = (SELECT govbot_actor())
    AND EXISTS (SELECT FROM documents d WHERE d.key = document_key)
    AND EXISTS (SELECT FROM messages m WHERE m.id = message_id)
);

-- Attempts at signing in are counted in sign_in_failures and rate_buckets since.
DROP TABLE rate_limits;

-- ---------------------------------------------------------------------------------------------
-- Guards: what a person who may write a document may still not do to it.
-- ---------------------------------------------------------------------------------------------

-- They cannot say that another one brought it in, move it, lift a legal hold or change its secrecy
-- without managing it, nor make or unmake a secret above their own clearance.
CREATE OR REPLACE FUNCTION govbot_guard_document() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    held text := CASE WHEN TG_OP = 'UPDATE' THEN OLD.legal_hold ELSE '' END;
    secret smallint := CASE WHEN TG_OP = 'UPDATE' THEN OLD.secrecy ELSE 0 END;
BEGIN
    IF govbot_actor() IS NOT NULL THEN
        IF TG_OP = 'INSERT' THEN
            NEW.created_by := govbot_actor();
        ELSIF (NEW.id, NEW.key, NEW.collection_key, NEW.created_at)
              IS DISTINCT FROM (OLD.id, OLD.key, OLD.collection_key, OLD.created_at)
           OR NEW.created_by IS DISTINCT FROM OLD.created_by THEN
            RAISE insufficient_privilege
                USING MESSAGE = 'a document stays what and where it is';
        END IF;
        IF (NEW.legal_hold <> held OR NEW.secrecy <> secret)
           AND govbot_document_level(NEW.key, NEW.collection_key) < 3 THEN
            RAISE insufficient_privilege
                USING MESSAGE = 'legal hold and secrecy are for who manages the document';
        END IF;
        IF NEW.secrecy <> secret
           AND NOT coalesce(greatest(NEW.secrecy, secret) <= govbot_clearance(), false) THEN
            RAISE insufficient_privilege
                USING MESSAGE = 'nobody makes or unmakes a secret above their own clearance';
        END IF;
    END IF;
    NEW.status := govbot_status(NEW.id, NEW.revoked_on);
    RETURN NEW;
END
$$;
DROP TRIGGER documents_guard ON documents;
CREATE TRIGGER documents_guard
    BEFORE INSERT OR UPDATE OF id, key, collection_key, created_at, created_by, status, revoked_on,
                               legal_hold, secrecy ON documents
    FOR EACH ROW EXECUTE FUNCTION govbot_guard_document();

-- As before, but for who manages the document.
CREATE OR REPLACE FUNCTION govbot_guard_review() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF govbot_actor() IS NOT NULL THEN
            NEW.created_by := govbot_actor();
        END IF;
        SELECT d.key, d.collection_key, CASE WHEN c.needs_review THEN 'draft' ELSE 'approved' END
        INTO NEW.document_key, NEW.collection_key, NEW.review
        FROM documents d JOIN collections c ON c.key = d.collection_key
        WHERE d.id = NEW.document_id;
        NEW.reviewed_by := NULL;
        NEW.reviewed_at := NULL;
        NEW.review_note := '';
        RETURN NEW;
    END IF;
    IF (NEW.id, NEW.document_id, NEW.document_key, NEW.collection_key, NEW.number, NEW.sha256,
        NEW.created_at)
       IS DISTINCT FROM (OLD.id, OLD.document_id, OLD.document_key, OLD.collection_key, OLD.number,
                         OLD.sha256, OLD.created_at)
       OR NEW.created_by IS DISTINCT FROM OLD.created_by THEN
        RAISE insufficient_privilege USING MESSAGE = 'what a version is and who brought it in stays';
    END IF;
    IF NEW.review = OLD.review THEN
        NEW.reviewed_by := OLD.reviewed_by;
        NEW.reviewed_at := OLD.reviewed_at;
        NEW.review_note := OLD.review_note;
    ELSIF OLD.review = 'approved' THEN
        RAISE insufficient_privilege USING MESSAGE = 'an approval stays';
    ELSIF NEW.review IN ('approved', 'rejected') THEN
        IF govbot_actor() IS NULL
           OR OLD.review = 'rejected'
           OR govbot_document_level(OLD.document_key, OLD.collection_key) < 3
           OR (NEW.review = 'approved' AND OLD.created_by = govbot_actor()) THEN
            RAISE insufficient_privilege
                USING MESSAGE = 'this version is for another manager to decide';
        END IF;
        NEW.reviewed_by := nullif(govbot_actor(), OLD.created_by);
        NEW.reviewed_at := now();
    ELSE
        NEW.reviewed_by := NULL;
        NEW.reviewed_at := NULL;
        NEW.review_note := OLD.review_note;
    END IF;
    RETURN NEW;
END
$$;

-- Administrators set the clearance of others; their own is for another one or the operator.
CREATE FUNCTION govbot_guard_clearance() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.clearance > OLD.clearance AND NEW.id = govbot_actor() THEN
        RAISE insufficient_privilege USING MESSAGE = 'nobody raises their own clearance';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER users_clearance BEFORE UPDATE OF clearance ON users
    FOR EACH ROW EXECUTE FUNCTION govbot_guard_clearance();

-- ---------------------------------------------------------------------------------------------
-- Statistics by collection and secrecy: counts tell nothing about what is above one's clearance.
-- ---------------------------------------------------------------------------------------------

ALTER TABLE term_stats ADD COLUMN secrecy smallint NOT NULL DEFAULT 0;
ALTER TABLE term_stats DROP CONSTRAINT term_stats_pkey,
    ADD PRIMARY KEY (lexeme, collection_key, secrecy);
ALTER TABLE collection_stats ADD COLUMN secrecy smallint NOT NULL DEFAULT 0;
ALTER TABLE collection_stats DROP CONSTRAINT collection_stats_pkey,
    ADD PRIMARY KEY (collection_key, secrecy);

DROP POLICY term_stats_read ON term_stats;
CREATE POLICY term_stats_read ON term_stats FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system())
    OR (collection_key IN (SELECT govbot_readable_collections())
        AND secrecy <= (SELECT govbot_clearance()))
);
DROP POLICY collection_stats_read ON collection_stats;
CREATE POLICY collection_stats_read ON collection_stats FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system())
    OR (collection_key IN (SELECT govbot_readable_collections())
        AND secrecy <= (SELECT govbot_clearance()))
);

-- Adds the chunks of a document to the statistics of a secrecy (sign 1), or takes them away (-1).
-- Rows are taken in the order of the lexeme so that two workers cannot wait for each other.
CREATE FUNCTION govbot_count_document(doc integer, secrecy smallint, sign integer) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO term_stats AS s (lexeme, collection_key, secrecy, chunks)
    SELECT t.lexeme, c.collection_key, govbot_count_document.secrecy, sign * count(*)
    FROM chunks c, unnest(c.tsv) t
    WHERE c.document_key = doc
    GROUP BY t.lexeme, c.collection_key
    ORDER BY t.lexeme
    ON CONFLICT ON CONSTRAINT term_stats_pkey DO UPDATE SET chunks = s.chunks + excluded.chunks;

    INSERT INTO collection_stats AS s (collection_key, secrecy, chunks, length)
    SELECT c.collection_key, govbot_count_document.secrecy, sign * count(*), sign * sum(c.length)
    FROM chunks c
    WHERE c.document_key = doc
    GROUP BY c.collection_key
    ON CONFLICT ON CONSTRAINT collection_stats_pkey DO UPDATE
    SET chunks = s.chunks + excluded.chunks, length = s.length + excluded.length;

    IF sign < 0 THEN
        DELETE FROM term_stats s
        WHERE s.chunks <= 0 AND s.secrecy = govbot_count_document.secrecy
          AND s.lexeme IN (SELECT t.lexeme FROM chunks c, unnest(c.tsv) t
                           WHERE c.document_key = doc);
    END IF;
END
$$;

-- The chunks of one version stand in `chunks` at a time.
CREATE OR REPLACE FUNCTION govbot_index_version(version uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO postings (lexeme, collection_key, document_key, chunk_id, tf, length)
    SELECT t.lexeme, c.collection_key, c.document_key, c.id,
           coalesce(cardinality(t.positions), 1)::smallint, c.length
    FROM chunks c, unnest(c.tsv) t
    WHERE c.version_id = version;

    PERFORM govbot_count_document(d.key, d.secrecy, 1)
    FROM document_versions v JOIN documents d ON d.id = v.document_id
    WHERE v.id = version;
END
$$;

CREATE OR REPLACE FUNCTION govbot_unindex_document(doc integer) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM govbot_count_document(d.key, d.secrecy, -1) FROM documents d WHERE d.key = doc;
    DELETE FROM chunks c WHERE c.document_key = doc;
END
$$;

-- The counts move with the secrecy, in the same statement.
CREATE FUNCTION govbot_follow_secrecy() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    -- The lock of documents/locks.py: one at a time changes the statistics of a collection.
    PERFORM pg_advisory_xact_lock(7164, NEW.collection_key);
    PERFORM govbot_count_document(OLD.key, OLD.secrecy, -1);
    PERFORM govbot_count_document(NEW.key, NEW.secrecy, 1);
    RETURN NULL;
END
$$;
CREATE TRIGGER documents_secrecy_statistics AFTER UPDATE OF secrecy ON documents
    FOR EACH ROW WHEN (OLD.secrecy <> NEW.secrecy)
    EXECUTE FUNCTION govbot_follow_secrecy();

-- What the statistics of the readable collections hold of documents refused to the actor one by
-- one, to be taken off: the chunks with each stem, and under NULL all chunks with their length.
CREATE FUNCTION govbot_refused_statistics(lexemes text[])
RETURNS TABLE (lexeme text, chunks bigint, length bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    WITH refused AS MATERIALIZED (
        SELECT d.key, d.collection_key
        FROM govbot_documents_below(1) b (key)
        CROSS JOIN LATERAL (
            SELECT o.key, o.collection_key, o.secrecy
            FROM documents o WHERE o.key = b.key OFFSET 0
        ) d
        WHERE d.secrecy <= (SELECT govbot_clearance())
    )
    SELECT p.lexeme, count(*), 0::bigint
    FROM postings p
    WHERE p.lexeme = ANY (govbot_refused_statistics.lexemes)
      AND p.collection_key IN (SELECT r.collection_key FROM refused r)
      AND p.document_key IN (SELECT r.key FROM refused r)
    GROUP BY p.lexeme
    UNION ALL
    SELECT NULL, count(*), coalesce(sum(c.length), 0)
    FROM refused r
    CROSS JOIN LATERAL (
        SELECT o.length FROM chunks o WHERE o.document_key = r.key OFFSET 0
    ) c;
END;
