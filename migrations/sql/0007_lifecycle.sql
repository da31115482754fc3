-- What a document is (kind, number, date...), and its life: draft, in review, published, revoked;
-- when it is in force; the trash and what may not be deleted.

ALTER TABLE collections
    ADD COLUMN needs_review boolean NOT NULL DEFAULT false;

ALTER TABLE documents
    -- Follows from the versions and `revoked_on`; what a statement writes here is not taken.
    ADD COLUMN status text NOT NULL DEFAULT 'published'
        CHECK (status IN ('draft', 'in_review', 'published', 'revoked')),
    ADD COLUMN kind text NOT NULL DEFAULT '' CHECK (length(kind) <= 60),
    ADD COLUMN number text NOT NULL DEFAULT '' CHECK (length(number) <= 40),
    ADD COLUMN year integer CHECK (year BETWEEN 1500 AND 2500),
    ADD COLUMN signed_on date,
    ADD COLUMN issuer text NOT NULL DEFAULT '' CHECK (length(issuer) <= 200),
    ADD COLUMN summary text NOT NULL DEFAULT '' CHECK (length(summary) <= 2000),
    -- Fields that a person set: reading the document again leaves them alone.
    ADD COLUMN edited text[] NOT NULL DEFAULT '{}',
    ADD COLUMN tags text[] NOT NULL DEFAULT '{}',
    ADD COLUMN valid_from date,
    ADD COLUMN valid_to date CHECK (valid_to >= valid_from),
    ADD COLUMN revoked_on date,
    ADD COLUMN revoked_by integer REFERENCES documents (key) ON DELETE SET NULL,
    ADD COLUMN legal_hold text NOT NULL DEFAULT '' CHECK (length(legal_hold) <= 500),
    ADD COLUMN trashed_by uuid REFERENCES users (id),
    ADD CHECK (status <> 'revoked' OR revoked_on IS NOT NULL),
    ADD CHECK (revoked_by IS NULL OR revoked_on IS NOT NULL),
    ADD CHECK (revoked_by IS DISTINCT FROM key);
CREATE INDEX documents_dated ON documents (key)
    WHERE valid_from IS NOT NULL OR valid_to IS NOT NULL OR revoked_on IS NOT NULL;
CREATE INDEX documents_revoked_by ON documents (revoked_by) WHERE revoked_by IS NOT NULL;
CREATE INDEX documents_trashed ON documents (trashed_at) WHERE trashed_at IS NOT NULL;

-- Each version waits for its own approval: the approved one before it is served meanwhile.
ALTER TABLE document_versions
    ADD COLUMN review text NOT NULL DEFAULT 'approved'
        CHECK (review IN ('draft', 'in_review', 'approved', 'rejected')),
    ADD COLUMN reviewed_by uuid REFERENCES users (id),
    ADD COLUMN reviewed_at timestamptz,
    ADD COLUMN review_note text NOT NULL DEFAULT '' CHECK (length(review_note) <= 2000),
    -- Who brought a text in does not approve it.
    ADD CHECK (reviewed_by IS NULL OR reviewed_by IS DISTINCT FROM created_by);
CREATE INDEX document_versions_review ON document_versions (collection_key)
    WHERE review IN ('draft', 'in_review');
-- Whether any version still names an original.
CREATE INDEX document_versions_original ON document_versions (sha256);

-- A question may be about what was in force on another day.
ALTER TABLE messages ADD COLUMN as_of date;

-- The triggers below run as the owner and need these two tables.
CREATE POLICY documents_upkeep ON documents FOR ALL TO CURRENT_USER USING (true);
CREATE POLICY versions_upkeep ON document_versions FOR SELECT TO CURRENT_USER USING (true);

-- Readers see what has an approved version. A revocation of what nobody approved shows nothing.
CREATE FUNCTION govbot_status(document uuid, revoked_on date) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT CASE WHEN bool_or(v.review = 'approved') AND govbot_status.revoked_on IS NOT NULL
                THEN 'revoked'
                WHEN bool_or(v.review = 'approved') THEN 'published'
                WHEN (array_agg(v.review ORDER BY v.number DESC))[1] = 'in_review' THEN 'in_review'
                ELSE 'draft' END
    FROM document_versions v WHERE v.document_id = govbot_status.document;
END;

-- Who acts as a person cannot say that another one brought a document in, move it to another
-- collection, or lift a legal hold without managing its collection.
CREATE FUNCTION govbot_guard_document() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    held text := CASE WHEN TG_OP = 'UPDATE' THEN OLD.legal_hold ELSE '' END;
BEGIN
    IF govbot_actor() IS NOT NULL THEN
        IF TG_OP = 'INSERT' THEN
            NEW.created_by := govbot_actor();
        ELSIF (NEW.id, NEW.collection_key, NEW.created_at)
              IS DISTINCT FROM (OLD.id, OLD.collection_key, OLD.created_at)
           OR NEW.created_by IS DISTINCT FROM OLD.created_by THEN
            RAISE insufficient_privilege
                USING MESSAGE = 'a document stays what and where it is';
        END IF;
        IF NEW.legal_hold <> held
           AND NEW.collection_key NOT IN (SELECT govbot_managed_collections()) THEN
            RAISE insufficient_privilege
                USING MESSAGE = 'a legal hold is for who manages the collection';
        END IF;
    END IF;
    NEW.status := govbot_status(NEW.id, NEW.revoked_on);
    RETURN NEW;
END
$$;
CREATE TRIGGER documents_guard
    BEFORE INSERT OR UPDATE OF id, collection_key, created_at, created_by, status, revoked_on,
                               legal_hold ON documents
    FOR EACH ROW EXECUTE FUNCTION govbot_guard_document();

-- New versions of a collection with review are drafts, whatever their writer says; and a decision
-- is taken by a manager of the collection, an approval by one who did not bring the version in.
-- The service decides nothing: approval is a person's.
CREATE FUNCTION govbot_guard_review() RETURNS trigger
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
           OR OLD.collection_key NOT IN (SELECT govbot_managed_collections())
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
CREATE TRIGGER document_versions_review
    BEFORE INSERT OR UPDATE OF id, document_id, document_key, collection_key, number, sha256,
                               created_at, created_by, review, reviewed_by, reviewed_at,
                               review_note ON document_versions
    FOR EACH ROW EXECUTE FUNCTION govbot_guard_review();

-- The status of a document follows its versions.
CREATE FUNCTION govbot_follow_review() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE documents d SET status = d.status
    WHERE d.id = coalesce(NEW.document_id, OLD.document_id)
      AND d.status <> govbot_status(d.id, d.revoked_on);
    RETURN NULL;
END
$$;
CREATE TRIGGER document_versions_status
    AFTER INSERT OR DELETE OR UPDATE OF review ON document_versions
    FOR EACH ROW EXECUTE FUNCTION govbot_follow_review();

-- What is under legal hold is neither put in the trash nor deleted, by anybody; nor are its
-- versions.
CREATE FUNCTION govbot_guard_hold() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_TABLE_NAME = 'document_versions' THEN
        IF NOT EXISTS (SELECT FROM documents d WHERE d.id = OLD.document_id AND d.legal_hold <> '')
        THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE integrity_constraint_violation
        USING MESSAGE = 'the document is under legal hold', CONSTRAINT = 'documents_legal_hold';
END
$$;
CREATE TRIGGER documents_hold_delete BEFORE DELETE ON documents
    FOR EACH ROW WHEN (OLD.legal_hold <> '') EXECUTE FUNCTION govbot_guard_hold();
CREATE TRIGGER documents_hold_trash BEFORE UPDATE OF trashed_at ON documents
    FOR EACH ROW WHEN ((OLD.legal_hold <> '' OR NEW.legal_hold <> '')
                       AND OLD.trashed_at IS NULL AND NEW.trashed_at IS NOT NULL)
    EXECUTE FUNCTION govbot_guard_hold();
CREATE TRIGGER document_versions_hold BEFORE DELETE ON document_versions
    FOR EACH ROW EXECUTE FUNCTION govbot_guard_hold();

-- The day that the question is about; today unless the transaction says another.
CREATE FUNCTION govbot_as_of() RETURNS date
LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce(nullif(current_setting('govbot.as_of', true), '')::date, current_date);

CREATE FUNCTION govbot_in_force(valid_from date, valid_to date, revoked_on date, day date)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(valid_from <= day, true) AND coalesce(valid_to >= day, true)
    AND coalesce(revoked_on > day, true);

-- Documents that answer no question about that day. They can still be read.
CREATE FUNCTION govbot_withheld_documents() RETURNS SETOF integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT d.key FROM documents d
    WHERE (d.valid_from IS NOT NULL OR d.valid_to IS NOT NULL OR d.revoked_on IS NOT NULL)
      AND NOT govbot_in_force(d.valid_from, d.valid_to, d.revoked_on, govbot_as_of());
END;

-- Drafts are seen by those who may write in the collection.
DROP POLICY documents_read ON documents;
CREATE POLICY documents_read ON documents FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system())
    OR (
        (collection_key IN (SELECT govbot_readable_collections())
         OR key IN (SELECT govbot_allowed_documents()))
        AND key NOT IN (SELECT govbot_denied_documents())
        AND ((trashed_at IS NULL AND status IN ('published', 'revoked'))
             OR collection_key IN (SELECT govbot_writable_collections()))
    )
);
DROP POLICY versions_read ON document_versions;
CREATE POLICY versions_read ON document_versions FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system())
    OR ((review = 'approved' OR collection_key IN (SELECT govbot_writable_collections()))
        AND EXISTS (SELECT FROM documents d WHERE d.key = document_key))
);
DROP POLICY pages_read ON version_pages;
CREATE POLICY pages_read ON version_pages FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system())
    OR EXISTS (SELECT FROM document_versions v WHERE v.id = version_id)
);

DROP POLICY chunks_read ON chunks;
CREATE POLICY chunks_read ON chunks FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system())
    OR ((collection_key IN (SELECT govbot_readable_collections())
         OR document_key IN (SELECT govbot_allowed_documents()))
        AND document_key NOT IN (SELECT govbot_denied_documents())
        AND document_key NOT IN (SELECT govbot_withheld_documents()))
);
DROP POLICY postings_read ON postings;
CREATE POLICY postings_read ON postings FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system())
    OR ((collection_key IN (SELECT govbot_readable_collections())
         OR document_key IN (SELECT govbot_allowed_documents()))
        AND document_key NOT IN (SELECT govbot_denied_documents())
        AND document_key NOT IN (SELECT govbot_withheld_documents()))
);
DROP POLICY vectors_read ON chunk_vectors;
CREATE POLICY vectors_read ON chunk_vectors FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system())
    OR ((collection_key IN (SELECT govbot_readable_collections())
         OR document_key IN (SELECT govbot_allowed_documents()))
        AND document_key NOT IN (SELECT govbot_denied_documents())
        AND document_key NOT IN (SELECT govbot_withheld_documents()))
);
