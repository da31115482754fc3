-- What: collections, grants, documents, versions, pages; and the one decision who may read what.

CREATE TABLE collections (
    id uuid PRIMARY KEY,
    key integer GENERATED ALWAYS AS IDENTITY UNIQUE,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    description text NOT NULL DEFAULT '' CHECK (length(description) <= 2000),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX collections_name ON collections (lower(name));

CREATE TABLE documents (
    id uuid PRIMARY KEY,
    key integer GENERATED ALWAYS AS IDENTITY UNIQUE,
    collection_key integer NOT NULL REFERENCES collections (key),
    path text NOT NULL CHECK (length(path) BETWEEN 1 AND 1000),
    filename text NOT NULL CHECK (length(filename) BETWEEN 1 AND 255),
    title text NOT NULL DEFAULT '',
    source text NOT NULL CHECK (source IN ('upload', 'cli', 'folder', 'demo', 'api')),
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid REFERENCES users (id),
    trashed_at timestamptz
);
-- The same path in the same collection is the same document; new content is a new version of it.
CREATE UNIQUE INDEX documents_path ON documents (collection_key, path) WHERE trashed_at IS NULL;
CREATE INDEX documents_collection ON documents (collection_key, id);

CREATE TABLE document_versions (
    id uuid PRIMARY KEY,
    document_id uuid NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    document_key integer NOT NULL,
    collection_key integer NOT NULL,
    number integer NOT NULL CHECK (number >= 1),
    sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    size_bytes bigint NOT NULL,
    mime text NOT NULL,
    state text NOT NULL DEFAULT 'queued'
        CHECK (state IN ('queued', 'extracting', 'embedding', 'ready', 'failed', 'superseded')),
    pages integer NOT NULL DEFAULT 0,
    pages_done integer NOT NULL DEFAULT 0,
    scanned_pages integer NOT NULL DEFAULT 0,
    chunks integer NOT NULL DEFAULT 0,
    error_code text,
    error text,
    attempts integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid REFERENCES users (id),
    finished_at timestamptz,
    UNIQUE (document_id, number)
);
CREATE INDEX document_versions_content ON document_versions (collection_key, sha256);
CREATE INDEX document_versions_unfinished ON document_versions (state) WHERE state NOT IN ('ready', 'superseded');

-- The text of a version, page by page: what citations point into, kept for old versions too.
CREATE TABLE version_pages (
    version_id uuid NOT NULL REFERENCES document_versions (id) ON DELETE CASCADE,
    document_key integer NOT NULL,
    collection_key integer NOT NULL,
    number integer NOT NULL CHECK (number >= 1),
    text text NOT NULL,
    PRIMARY KEY (version_id, number)
);

CREATE TABLE grants (
    id uuid PRIMARY KEY,
    user_id uuid REFERENCES users (id) ON DELETE CASCADE,
    group_id uuid REFERENCES groups (id) ON DELETE CASCADE,
    collection_key integer REFERENCES collections (key) ON DELETE CASCADE,
    document_key integer REFERENCES documents (key) ON DELETE CASCADE,
    level text NOT NULL CHECK (level IN ('read', 'write', 'manage')),
    effect text NOT NULL DEFAULT 'allow' CHECK (effect IN ('allow', 'deny')),
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (num_nonnulls(user_id, group_id) = 1),
    CHECK (num_nonnulls(collection_key, document_key) = 1),
    UNIQUE NULLS NOT DISTINCT (user_id, group_id, collection_key, document_key, effect)
);
CREATE INDEX grants_collection ON grants (collection_key);
CREATE INDEX grants_document ON grants (document_key) WHERE document_key IS NOT NULL;

-- The one decision. Levels: 1 read, 2 write, 3 manage; a denial of a level takes that level and
-- all above it, and wins over every permission. Administrators manage every collection.
-- SECURITY DEFINER: the answer must not depend on what the asker may see of these tables.
CREATE FUNCTION govbot_level(level text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE level WHEN 'read' THEN 1 WHEN 'write' THEN 2 WHEN 'manage' THEN 3 END;

CREATE FUNCTION govbot_own_grants()
RETURNS TABLE (collection_key integer, document_key integer, level integer, effect text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT g.collection_key, g.document_key, govbot_level(g.level), g.effect
    FROM grants g
    WHERE g.user_id = govbot_actor()
       OR g.group_id IN (SELECT m.group_id FROM memberships m WHERE m.user_id = govbot_actor());
END;

CREATE FUNCTION govbot_collection_levels() RETURNS TABLE (key integer, level integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT c.key, 3 FROM collections c WHERE govbot_role() = 'admin'
    UNION ALL
    SELECT g.collection_key,
           least(max(g.level) FILTER (WHERE g.effect = 'allow'),
                 min(g.level) FILTER (WHERE g.effect = 'deny') - 1)
    FROM govbot_own_grants() g
    WHERE g.collection_key IS NOT NULL AND govbot_role() <> 'admin'
    GROUP BY g.collection_key
    HAVING count(*) FILTER (WHERE g.effect = 'allow') > 0;
END;

CREATE FUNCTION govbot_readable_collections() RETURNS SETOF integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT l.key FROM govbot_collection_levels() l WHERE l.level >= 1;
END;

CREATE FUNCTION govbot_writable_collections() RETURNS SETOF integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT l.key FROM govbot_collection_levels() l WHERE l.level >= 2;
END;

CREATE FUNCTION govbot_managed_collections() RETURNS SETOF integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT l.key FROM govbot_collection_levels() l WHERE l.level >= 3;
END;

-- Single documents granted or refused to the actor (denials do not bind administrators).
CREATE FUNCTION govbot_allowed_documents() RETURNS SETOF integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT g.document_key FROM govbot_own_grants() g
    WHERE g.document_key IS NOT NULL AND g.effect = 'allow' AND govbot_role() IS NOT NULL;
END;

CREATE FUNCTION govbot_denied_documents() RETURNS SETOF integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT g.document_key FROM govbot_own_grants() g
    WHERE g.document_key IS NOT NULL AND g.effect = 'deny' AND govbot_role() <> 'admin';
END;

ALTER TABLE collections ENABLE ROW LEVEL SECURITY;
ALTER TABLE collections FORCE ROW LEVEL SECURITY;
ALTER TABLE grants ENABLE ROW LEVEL SECURITY;
ALTER TABLE grants FORCE ROW LEVEL SECURITY;
ALTER TABLE documents ENABLE ROW LEVEL SECURITY;
ALTER TABLE documents FORCE ROW LEVEL SECURITY;
ALTER TABLE document_versions ENABLE ROW LEVEL SECURITY;
ALTER TABLE document_versions FORCE ROW LEVEL SECURITY;
ALTER TABLE version_pages ENABLE ROW LEVEL SECURITY;
ALTER TABLE version_pages FORCE ROW LEVEL SECURITY;

-- The decision functions run as the owner and need these two tables, which hold no content.
CREATE POLICY collections_decision ON collections FOR SELECT TO CURRENT_USER USING (true);
CREATE POLICY grants_decision ON grants FOR SELECT TO CURRENT_USER USING (true);

CREATE POLICY collections_read ON collections FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system())
    OR key IN (SELECT govbot_readable_collections())
);
CREATE POLICY collections_create ON collections FOR INSERT TO govbot_app WITH CHECK (
    (SELECT govbot_is_system()) OR (SELECT govbot_role()) IN ('admin', 'curator')
);
CREATE POLICY collections_change ON collections FOR UPDATE TO govbot_app USING (
    (SELECT govbot_is_system()) OR key IN (SELECT govbot_managed_collections())
);
CREATE POLICY collections_delete ON collections FOR DELETE TO govbot_app USING (
    (SELECT govbot_is_system()) OR key IN (SELECT govbot_managed_collections())
);

CREATE POLICY grants_manage ON grants FOR ALL TO govbot_app USING (
    (SELECT govbot_is_system())
    OR collection_key IN (SELECT govbot_managed_collections())
    OR document_key IN (SELECT d.key FROM documents d
                        WHERE d.collection_key IN (SELECT govbot_managed_collections()))
);

CREATE POLICY documents_read ON documents FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system())
    OR (
        (collection_key IN (SELECT govbot_readable_collections())
         OR key IN (SELECT govbot_allowed_documents()))
        AND key NOT IN (SELECT govbot_denied_documents())
        AND (trashed_at IS NULL OR collection_key IN (SELECT govbot_writable_collections()))
    )
);
CREATE POLICY documents_create ON documents FOR INSERT TO govbot_app WITH CHECK (
    (SELECT govbot_is_system()) OR collection_key IN (SELECT govbot_writable_collections())
);
CREATE POLICY documents_change ON documents FOR UPDATE TO govbot_app USING (
    (SELECT govbot_is_system()) OR collection_key IN (SELECT govbot_writable_collections())
);
CREATE POLICY documents_delete ON documents FOR DELETE TO govbot_app USING (
    (SELECT govbot_is_system())
);

-- A version or page is readable exactly when its document is.
CREATE POLICY versions_read ON document_versions FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system())
    OR EXISTS (SELECT FROM documents d WHERE d.key = document_key)
);
CREATE POLICY versions_create ON document_versions FOR INSERT TO govbot_app WITH CHECK (
    (SELECT govbot_is_system()) OR collection_key IN (SELECT govbot_writable_collections())
);
CREATE POLICY versions_change ON document_versions FOR UPDATE TO govbot_app USING (
    (SELECT govbot_is_system()) OR collection_key IN (SELECT govbot_writable_collections())
);
CREATE POLICY versions_delete ON document_versions FOR DELETE TO govbot_app USING (
    (SELECT govbot_is_system())
);
CREATE POLICY pages_read ON version_pages FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system())
    OR EXISTS (SELECT FROM documents d WHERE d.key = document_key)
);
CREATE POLICY pages_write ON version_pages FOR ALL TO govbot_app USING ((SELECT govbot_is_system()));

GRANT SELECT, INSERT, UPDATE, DELETE
    ON collections, grants, documents, document_versions, version_pages TO govbot_app;
