-- Lists of documents: what they filter and sort by stands in one row per document, so that an index
-- answers and no list has to look at every version. Uploads that go on after an interruption.

-- Written at the end of each transaction that changes a document or its versions, and by nothing
-- else. Not in the row of the document: the worker holds that while it stores a text, and whoever
-- cancels meanwhile must not wait for it.
CREATE TABLE document_listings (
    key integer PRIMARY KEY REFERENCES documents (key) ON DELETE CASCADE,
    id uuid NOT NULL UNIQUE,
    -- As in the document.
    collection_key integer NOT NULL,
    secrecy smallint NOT NULL,
    status text NOT NULL,
    trashed_at timestamptz,
    created_by uuid,
    kind text NOT NULL DEFAULT '',
    year integer,
    tags text[] NOT NULL DEFAULT '{}',
    -- The first day on which it is not in force any more; NULL where none is known.
    ends date,
    -- Folded: what it is sorted by, and what a search in the list looks through.
    name text NOT NULL DEFAULT '',
    words text NOT NULL DEFAULT '',
    -- Of the newest version of all, which those who write the document see; NULL without one.
    newest_id uuid,
    newest_state text,
    newest_review text,
    -- Whether it waits for a decision, and when the work on it ended.
    awaits boolean NOT NULL DEFAULT false,
    finished_at timestamptz,
    -- Of the newest approved version, which those who only read it see.
    open_state text,
    -- Of the newest approved version, else of the newest: who sees the row may know them.
    pages integer NOT NULL DEFAULT 0,
    size_bytes bigint NOT NULL DEFAULT 0,
    -- Found in any version: 0 none, 1 ways to reach somebody or an organisation, 2 what identifies.
    personal smallint NOT NULL DEFAULT 0 CHECK (personal BETWEEN 0 AND 2)
);

ALTER TABLE document_listings ENABLE ROW LEVEL SECURITY;
ALTER TABLE document_listings FORCE ROW LEVEL SECURITY;
CREATE POLICY listings_upkeep ON document_listings FOR ALL TO CURRENT_USER USING (true);
-- The same as documents_read, on the same values.
CREATE POLICY listings_read ON document_listings FOR SELECT TO govbot_app USING (
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
GRANT SELECT ON document_listings TO govbot_app;

-- As the owner, for the triggers below.
CREATE POLICY personal_data_upkeep ON personal_data FOR SELECT TO CURRENT_USER USING (true);

-- The row of a document as it should be; none for files of conversations, which no list shows.
CREATE FUNCTION govbot_listing_of(document uuid) RETURNS SETOF document_listings
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT d.key, d.id, d.collection_key, d.secrecy, d.status, d.trashed_at, d.created_by, d.kind,
           d.year, d.tags, least(d.valid_to + 1, d.revoked_on),
           left(govbot_fold(coalesce(nullif(d.title, ''), d.filename)), 200),
           govbot_fold(d.filename || ' ' || d.title || ' ' || replace(d.kind, '_', ' ') || ' '
                       || d.number || ' ' || coalesce(d.year::text, '')),
           newest.id, newest.state, newest.review,
           -- Drafts of people wait for them; those of a folder or a command for who decides.
           coalesce((newest.review = 'in_review'
                     OR (newest.review = 'draft' AND newest.created_by IS NULL))
                    AND newest.state NOT IN ('failed', 'cancelled', 'superseded'), false),
           newest.finished_at, approved.state,
           coalesce(approved.pages, newest.pages, 0),
           coalesce(approved.size_bytes, newest.size_bytes, 0), found.personal
    FROM documents d
    LEFT JOIN LATERAL (
        SELECT v.id, v.state, v.review, v.created_by, v.finished_at, v.pages, v.size_bytes
        FROM document_versions v
        WHERE v.document_id = d.id
        ORDER BY v.number DESC LIMIT 1
    ) newest ON true
    LEFT JOIN LATERAL (
        SELECT v.state, v.pages, v.size_bytes FROM document_versions v
        WHERE v.document_id = d.id AND v.review = 'approved'
        ORDER BY v.number DESC LIMIT 1
    ) approved ON true
    CROSS JOIN LATERAL (
        SELECT (CASE WHEN bool_or(f.kind NOT IN ('email', 'phone', 'cnpj')) THEN 2
                     WHEN count(*) > 0 THEN 1 ELSE 0 END)::smallint AS personal
        FROM personal_data f WHERE f.document_key = d.key
    ) found
    WHERE d.id = govbot_listing_of.document AND d.collection_key <> 0;
END;
REVOKE ALL ON FUNCTION govbot_listing_of(uuid) FROM PUBLIC;

CREATE FUNCTION govbot_list_document(document uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    listed document_listings;
    made document_listings;
BEGIN
    -- Whoever else is at this document ends first: what is read below is read after that.
    SELECT l.* INTO listed FROM document_listings l
    WHERE l.id = govbot_list_document.document FOR NO KEY UPDATE;
    SELECT m.* INTO made FROM govbot_listing_of(govbot_list_document.document) m;
    IF made.key IS NULL OR made IS NOT DISTINCT FROM listed THEN
        RETURN;
    END IF;
    IF listed.key IS NULL THEN
        INSERT INTO document_listings SELECT made.* ON CONFLICT DO NOTHING;
        RETURN;
    END IF;
    UPDATE document_listings l
    SET collection_key = made.collection_key, secrecy = made.secrecy, status = made.status,
        trashed_at = made.trashed_at, created_by = made.created_by, kind = made.kind,
        year = made.year, tags = made.tags, ends = made.ends, name = made.name, words = made.words, newest_id = made.newest_id, newest_state = made.newest_state,
        newest_review = made.newest_review, awaits = made.awaits, finished_at = made.finished_at,
        open_state = made.open_state, pages = made.pages, size_bytes = made.size_bytes,
        personal = made.personal
    WHERE l.key = made.key;
END
$$;
REVOKE ALL ON FUNCTION govbot_list_document(uuid) FROM PUBLIC;

CREATE FUNCTION govbot_document_listed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM govbot_list_document(NEW.id);
    RETURN NULL;
END
$$;
CREATE FUNCTION govbot_version_listed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM govbot_list_document(coalesce(NEW.document_id, OLD.document_id));
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER documents_listed AFTER INSERT OR UPDATE ON documents
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION govbot_document_listed();
CREATE CONSTRAINT TRIGGER document_versions_listed AFTER INSERT OR DELETE ON document_versions
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION govbot_version_listed();
-- Progress alone changes nothing here: it is written every few pages.
CREATE CONSTRAINT TRIGGER document_versions_relisted AFTER UPDATE ON document_versions
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state
                       OR OLD.review IS DISTINCT FROM NEW.review
                       OR OLD.finished_at IS DISTINCT FROM NEW.finished_at
                       OR OLD.pages IS DISTINCT FROM NEW.pages
                       OR OLD.size_bytes IS DISTINCT FROM NEW.size_bytes
                       OR OLD.personal_look IS DISTINCT FROM NEW.personal_look)
    EXECUTE FUNCTION govbot_version_listed();

INSERT INTO document_listings
SELECT l.* FROM documents d CROSS JOIN LATERAL govbot_listing_of(d.id) l;

CREATE INDEX document_listings_newest_state ON document_listings (newest_state, id);
-- With all that the policy asks for: collections are counted by it.
CREATE INDEX document_listings_shelf ON document_listings (collection_key, id)
    INCLUDE (key, secrecy, status, trashed_at);
CREATE INDEX document_listings_shelf_state
    ON document_listings (collection_key, newest_state, id);
CREATE INDEX document_listings_undecided ON document_listings (newest_review, id)
    WHERE newest_review <> 'approved';
CREATE INDEX document_listings_awaiting ON document_listings (newest_id) WHERE awaits;
CREATE INDEX document_listings_finished
    ON document_listings (newest_state, finished_at DESC NULLS LAST, id DESC)
    WHERE newest_state IN ('failed', 'cancelled');
CREATE INDEX document_listings_trash ON document_listings (collection_key, id)
    INCLUDE (key, secrecy, status, trashed_at, newest_state) WHERE trashed_at IS NOT NULL;
CREATE INDEX document_listings_ends ON document_listings (ends)
    INCLUDE (key, collection_key, secrecy, status, trashed_at, newest_state)
    WHERE ends IS NOT NULL;
CREATE INDEX document_listings_name ON document_listings (name, id);
CREATE INDEX document_listings_size ON document_listings (size_bytes, id);
CREATE INDEX document_listings_pages ON document_listings (pages, id);
CREATE INDEX document_listings_kind ON document_listings (kind, id);
CREATE INDEX document_listings_year ON document_listings (year, id);
CREATE INDEX document_listings_sender ON document_listings (created_by, id);
CREATE INDEX document_listings_personal ON document_listings (personal, id) WHERE personal > 0;
-- What is under way, failed, or waits for an approval: few, and counted for every list. This one,
-- and those of the trash and of what ended, hold all that counting and the policy ask for.
CREATE INDEX document_listings_odd ON document_listings (collection_key, id)
    INCLUDE (key, secrecy, status, trashed_at, newest_state, newest_review, open_state)
    WHERE newest_state <> 'ready' OR newest_review <> 'approved';
CREATE INDEX document_listings_open_state ON document_listings (open_state, id)
    WHERE open_state <> newest_state;

-- Three letters each, for an index that finds parts of words.
CREATE FUNCTION govbot_trigrams(t text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN ARRAY(SELECT DISTINCT substr(t, n, 3) FROM generate_series(1, length(t) - 2) AS n);
-- With their collection: what lies where the actor reads nothing is not even looked up.
CREATE FUNCTION govbot_shelved(shelf integer, words text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN ARRAY(SELECT shelf || ':' || w.word FROM unnest(words) AS w (word));
-- What a list is searched by: three letters of the words each, and "#" with each tag.
CREATE FUNCTION govbot_marks(words text, tags text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN govbot_trigrams(words) || ARRAY(SELECT '#' || t.tag FROM unnest(tags) AS t (tag));
CREATE INDEX document_listings_marks ON document_listings
    USING gin (govbot_shelved(collection_key, govbot_marks(words, tags)));

CREATE FUNCTION govbot_shelves() RETURNS SETOF integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT c.key FROM collections c
    WHERE c.key <> 0 AND (govbot_is_system() OR c.key IN (SELECT govbot_readable_collections()));
END;

-- Documents with all of these words in their names and the tag ('': any), that the actor reads
-- through their collection, at most so many; those that they read one by one come with them.
-- Operators of arrays are not leakproof, so that under a policy no index would serve them: it is
-- repeated here. One collection after the other: as one statement the planner begins with the words.
CREATE FUNCTION govbot_documents_marked(
    words text[], patterns text[], tag text, most integer
) RETURNS SETOF integer
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
    everything boolean := govbot_is_system();
    clearance smallint := govbot_clearance();
    unread integer[] := ARRAY(SELECT govbot_documents_below(1));
    unwritten integer[] := ARRAY(SELECT govbot_documents_below(2));
    writable integer[] := ARRAY(SELECT govbot_writable_collections());
    marks text[] := ARRAY(SELECT m.mark FROM unnest(govbot_documents_marked.words) AS w (word),
                                           unnest(govbot_trigrams(w.word)) AS m (mark))
                    || CASE WHEN tag <> '' THEN ARRAY['#' || tag] ELSE '{}' END;
    shelf integer;
    found_now integer;
    room integer := most;
BEGIN
    FOR shelf IN SELECT s.shelf FROM govbot_shelves() AS s (shelf) LOOP
        RETURN QUERY
            SELECT d.key FROM document_listings d
            WHERE govbot_shelved(d.collection_key, govbot_marks(d.words, d.tags))
                      @> govbot_shelved(shelf, marks)
              AND d.words LIKE ALL (patterns)
              AND (everything
                   OR (d.secrecy <= clearance AND d.key <> ALL (unread)
                       AND ((d.trashed_at IS NULL AND d.status IN ('published', 'revoked'))
                            OR (d.collection_key = ANY (writable) AND d.key <> ALL (unwritten)))))
            LIMIT room;
        GET DIAGNOSTICS found_now = ROW_COUNT;
        room := room - found_now;
        EXIT WHEN room <= 0;
    END LOOP;
    RETURN QUERY SELECT f.key FROM govbot_documents_from(1) AS f (key);
END
$$;
REVOKE ALL ON FUNCTION govbot_shelves() FROM PUBLIC;
REVOKE ALL ON FUNCTION govbot_documents_marked(text[], text[], text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION govbot_documents_marked(text[], text[], text, integer) TO govbot_app;

-- A file on its way in, part by part; its bytes lie on disk under the id. Whoever sends it alone
-- sees it. What is here is no document yet.
CREATE TABLE incoming_files (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    collection_key integer NOT NULL REFERENCES collections (key) ON DELETE CASCADE,
    filename text NOT NULL CHECK (length(filename) BETWEEN 1 AND 255),
    place text NOT NULL CHECK (length(place) BETWEEN 1 AND 1000),
    size_bytes bigint NOT NULL CHECK (size_bytes > 0),
    received bigint NOT NULL DEFAULT 0 CHECK (received BETWEEN 0 AND size_bytes),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX incoming_files_person ON incoming_files (user_id);
CREATE INDEX incoming_files_age ON incoming_files (updated_at);
CREATE INDEX incoming_files_collection ON incoming_files (collection_key);
ALTER TABLE incoming_files ENABLE ROW LEVEL SECURITY;
ALTER TABLE incoming_files FORCE ROW LEVEL SECURITY;
CREATE POLICY incoming_files_own ON incoming_files FOR ALL TO govbot_app USING (
    (SELECT govbot_is_system()) OR user_id = (SELECT govbot_actor())
);
GRANT SELECT, INSERT, UPDATE, DELETE ON incoming_files TO govbot_app;
