-- What a document is (kind, number, date...), and its life: draft, in review, published, revoked;
-- when it is in force; the trash and what may not be deleted.

ALTER TABLE collections
    ADD COLUMN needs_review boolean NOT NULL DEFAULT false;

ALTER TABLE documents
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
    ADD CHECK ((status = 'revoked') = (revoked_on IS NOT NULL)),
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

-- A question may be about what was in force on another day.
ALTER TABLE messages ADD COLUMN as_of date;

CREATE POLICY documents_upkeep ON documents FOR ALL TO CURRENT_USER USING (true);
CREATE POLICY versions_upkeep ON document_versions FOR SELECT TO CURRENT_USER USING (true);

-- New versions of a collection with review are drafts, whatever their writer says; and approval is
-- given by a manager of the collection who did not bring the version in.
CREATE FUNCTION govbot_guard_review() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.review := CASE WHEN (SELECT c.needs_review FROM collections c
                                 WHERE c.key = NEW.collection_key)
                           THEN 'draft' ELSE 'approved' END;
        NEW.reviewed_by := NULL;
        NEW.reviewed_at := NULL;
    ELSIF NEW.review IN ('approved', 'rejected') AND NEW.review IS DISTINCT FROM OLD.review THEN
        IF govbot_actor() IS NULL
           OR NEW.collection_key NOT IN (SELECT govbot_managed_collections())
           OR (NEW.review = 'approved' AND NEW.created_by IS NOT DISTINCT FROM govbot_actor()) THEN
            RAISE insufficient_privilege USING MESSAGE = 'this version is approved by another manager';
        END IF;
        NEW.reviewed_by := CASE WHEN NEW.review = 'approved' THEN govbot_actor() END;
        NEW.reviewed_at := now();
    ELSIF NEW.reviewed_by IS DISTINCT FROM OLD.reviewed_by
       OR NEW.created_by IS DISTINCT FROM OLD.created_by
       OR NEW.sha256 IS DISTINCT FROM OLD.sha256 THEN
        RAISE insufficient_privilege USING MESSAGE = 'who brought in and who approved a text stays';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER document_versions_review
    BEFORE INSERT OR UPDATE OF review, reviewed_by, created_by, sha256 ON document_versions
    FOR EACH ROW EXECUTE FUNCTION govbot_guard_review();

-- The status of a document follows its versions; only a revocation stands above them.
CREATE FUNCTION govbot_follow_review() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE documents d
    SET status = s.status
    FROM (SELECT CASE WHEN bool_or(v.review = 'approved') THEN 'published'
                      WHEN (array_agg(v.review ORDER BY v.number DESC))[1] = 'in_review'
                      THEN 'in_review' ELSE 'draft' END AS status
          FROM document_versions v WHERE v.document_id = NEW.document_id) s
    WHERE d.id = NEW.document_id AND d.revoked_on IS NULL AND d.status <> s.status;
    RETURN NULL;
END
$$;
CREATE TRIGGER document_versions_status
    AFTER INSERT OR UPDATE OF review ON document_versions
    FOR EACH ROW EXECUTE FUNCTION govbot_follow_review();

-- What is under legal hold is neither put in the trash nor deleted, by anybody.
CREATE FUNCTION govbot_guard_hold() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE integrity_constraint_violation
        USING MESSAGE = 'the document is under legal hold', CONSTRAINT = 'documents_legal_hold';
END
$$;
CREATE TRIGGER documents_hold_delete BEFORE DELETE ON documents
    FOR EACH ROW WHEN (OLD.legal_hold <> '') EXECUTE FUNCTION govbot_guard_hold();
CREATE TRIGGER documents_hold_trash BEFORE UPDATE OF trashed_at ON documents
    FOR EACH ROW WHEN (NEW.legal_hold <> '' AND NEW.trashed_at IS NOT NULL)
    EXECUTE FUNCTION govbot_guard_hold();

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
