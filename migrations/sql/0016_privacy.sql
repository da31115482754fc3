-- Personal data found in documents; retention of conversations; erasure of a person's data.

-- Kinds that answers, citations and search results of a collection's documents do not show.
ALTER TABLE collections
    ADD COLUMN mask_personal text[] NOT NULL DEFAULT '{}' CHECK (
        mask_personal <@ ARRAY['cpf', 'cnpj', 'pis', 'voter', 'rg', 'email', 'phone', 'card']
        AND array_position(mask_personal, NULL) IS NULL
    );

-- With what the pages of a version were looked through; 0: not yet. A better one looks again.
ALTER TABLE document_versions ADD COLUMN personal_look smallint NOT NULL DEFAULT 0;
CREATE INDEX document_versions_personal_look ON document_versions (personal_look, id)
    WHERE pages > 0;

-- Where personal data stands in the text of a page, and of which kind; never the data.
CREATE TABLE personal_data (
    version_id uuid NOT NULL REFERENCES document_versions (id) ON DELETE CASCADE,
    document_key integer NOT NULL,
    kind text NOT NULL CHECK (
        kind IN ('cpf', 'cnpj', 'pis', 'voter', 'rg', 'email', 'phone', 'card')
    ),
    page integer NOT NULL CHECK (page >= 1),
    start_offset integer NOT NULL CHECK (start_offset >= 0),
    end_offset integer NOT NULL,
    PRIMARY KEY (version_id, page, start_offset),
    CHECK (end_offset > start_offset)
);
CREATE INDEX personal_data_document ON personal_data (document_key);
ALTER TABLE personal_data ENABLE ROW LEVEL SECURITY;
ALTER TABLE personal_data FORCE ROW LEVEL SECURITY;
-- Readable exactly when the page is: the search has to know what to hide from its reader.
CREATE POLICY personal_data_read ON personal_data FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system())
    OR EXISTS (SELECT FROM document_versions v WHERE v.id = version_id)
);
CREATE POLICY personal_data_write ON personal_data FOR ALL TO govbot_app
    USING ((SELECT govbot_is_system()));
GRANT SELECT, INSERT, UPDATE, DELETE ON personal_data TO govbot_app;

-- What to hide in texts made from these documents. As the owner: who was granted a single document
-- does not see its collection.
CREATE FUNCTION govbot_masked_kinds(document_keys integer[]) RETURNS text[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT coalesce(array_agg(DISTINCT k.kind ORDER BY k.kind), '{}')
    FROM documents d
    JOIN collections c ON c.key = d.collection_key
    CROSS JOIN LATERAL unnest(c.mask_personal) AS k (kind)
    WHERE d.key = ANY (document_keys);
END;

-- An account whose person was erased: a number that nobody can sign in with again.
-- password_at: since when the password is this one; a first password ends some days after.
ALTER TABLE users
    ADD COLUMN password_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN erased_at timestamptz,
    ADD CHECK (
        erased_at IS NULL
        OR (disabled_at IS NOT NULL AND password_hash IS NULL AND source = 'local' AND email = ''
            AND role = 'user' AND clearance = 0)
    );
-- Nor is an erasure taken back.
CREATE FUNCTION govbot_guard_erased() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE check_violation USING MESSAGE = 'the person of this account was erased';
END
$$;
CREATE TRIGGER users_erased BEFORE UPDATE ON users
    FOR EACH ROW WHEN (OLD.erased_at IS NOT NULL) EXECUTE FUNCTION govbot_guard_erased();

-- Conversations are their owner's alone: the service deletes old ones without reading them.
CREATE INDEX conversations_age ON conversations (updated_at);
CREATE POLICY conversations_upkeep ON conversations FOR ALL TO CURRENT_USER USING (true);
CREATE FUNCTION govbot_purge_conversations(unused_since timestamptz, at_most integer)
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    purged integer;
BEGIN
    IF NOT govbot_is_system() THEN
        RAISE insufficient_privilege USING MESSAGE = 'retention is the work of the service';
    END IF;
    WITH due AS (
        SELECT c.id FROM conversations c
        WHERE c.updated_at < unused_since
        ORDER BY c.updated_at
        LIMIT at_most
        FOR UPDATE SKIP LOCKED
    )
    DELETE FROM conversations c USING due d WHERE c.id = d.id;
    GET DIAGNOSTICS purged = ROW_COUNT;
    RETURN purged;
END
$$;
-- What the erasure and the export of a person would touch, by number.
CREATE FUNCTION govbot_count_conversations(person uuid) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT count(*) FROM conversations c
    WHERE c.user_id = person
      AND (govbot_is_system() OR govbot_role() = 'admin' OR govbot_actor() = person);
END;
REVOKE ALL ON FUNCTION govbot_purge_conversations(timestamptz, integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION govbot_count_conversations(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION govbot_purge_conversations(timestamptz, integer) TO govbot_app;
GRANT EXECUTE ON FUNCTION govbot_count_conversations(uuid) TO govbot_app;
