-- What was found out while a version was read: words recognised in pictures, what stayed unread.

ALTER TABLE document_versions
    DROP CONSTRAINT document_versions_state_check,
    ADD CONSTRAINT document_versions_state_check
        CHECK (state IN ('queued', 'extracting', 'embedding', 'ready', 'failed', 'cancelled',
                         'superseded')),
    ADD COLUMN started_at timestamptz,
    -- Pages whose text was recognised in their picture, and pages that should have been.
    ADD COLUMN ocr_pages integer[] NOT NULL DEFAULT '{}',
    ADD COLUMN unread_pages integer[] NOT NULL DEFAULT '{}',
    -- What was there to recognise them when the version was read last; another one tries again.
    ADD COLUMN ocr_engine text NOT NULL DEFAULT '',
    -- As the file says: author, producer, created...; names of files attached to it.
    ADD COLUMN metadata jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN attachments text[] NOT NULL DEFAULT '{}';
ALTER TABLE document_versions DROP COLUMN scanned_pages;
CREATE INDEX document_versions_unread ON document_versions (ocr_engine)
    WHERE unread_pages <> '{}' OR error_code = 'E-DIGITALIZADO';

-- Words of a recognised page with their places, written as soon as the page is done: a long scan
-- that is interrupted goes on where it was, and passages can be marked on the picture.
-- words: [[text, x, y, width, height, line], ...] in fractions of the page from its top left corner.
CREATE TABLE page_words (
    version_id uuid NOT NULL REFERENCES document_versions (id) ON DELETE CASCADE,
    document_key integer NOT NULL,
    collection_key integer NOT NULL,
    number integer NOT NULL CHECK (number >= 1),
    engine text NOT NULL,
    words jsonb NOT NULL,
    PRIMARY KEY (version_id, number)
);
ALTER TABLE page_words ENABLE ROW LEVEL SECURITY;
ALTER TABLE page_words FORCE ROW LEVEL SECURITY;
CREATE POLICY words_read ON page_words FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system())
    OR EXISTS (SELECT FROM document_versions v WHERE v.id = version_id)
);
CREATE POLICY words_write ON page_words FOR ALL TO govbot_app USING ((SELECT govbot_is_system()));
GRANT SELECT, INSERT, UPDATE, DELETE ON page_words TO govbot_app;
