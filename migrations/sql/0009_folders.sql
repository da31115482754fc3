-- Watched folders: what lies in them as it was last seen, and how each folder does.

ALTER TABLE documents ADD COLUMN folder text;

CREATE TABLE watched_folders (
    path text PRIMARY KEY,
    collection_key integer REFERENCES collections (key) ON DELETE SET NULL,
    looked_at timestamptz,
    files integer NOT NULL DEFAULT 0,
    waiting integer NOT NULL DEFAULT 0,
    refused integer NOT NULL DEFAULT 0,
    error_code text,
    error text
);
CREATE TABLE folder_files (
    folder text NOT NULL REFERENCES watched_folders (path) ON DELETE CASCADE,
    place text NOT NULL,
    size_bytes bigint NOT NULL,
    mtime_ns bigint NOT NULL,
    inode bigint NOT NULL,
    sha256 text NOT NULL DEFAULT '',
    document_id uuid REFERENCES documents (id) ON DELETE SET NULL,
    state text NOT NULL CHECK (state IN ('taken', 'copy', 'refused')),
    error_code text,
    error text,
    seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (folder, place)
);
CREATE INDEX folder_files_document ON folder_files (document_id);

ALTER TABLE watched_folders ENABLE ROW LEVEL SECURITY;
ALTER TABLE watched_folders FORCE ROW LEVEL SECURITY;
ALTER TABLE folder_files ENABLE ROW LEVEL SECURITY;
ALTER TABLE folder_files FORCE ROW LEVEL SECURITY;
-- Paths of the server and names of refused files: for administrators alone.
CREATE POLICY watched_folders_read ON watched_folders FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system()) OR (SELECT govbot_role()) = 'admin'
);
CREATE POLICY folder_files_read ON folder_files FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system()) OR (SELECT govbot_role()) = 'admin'
);
CREATE POLICY watched_folders_write ON watched_folders FOR ALL TO govbot_app
    USING ((SELECT govbot_is_system()));
CREATE POLICY folder_files_write ON folder_files FOR ALL TO govbot_app
    USING ((SELECT govbot_is_system()));
GRANT SELECT, INSERT, UPDATE, DELETE ON watched_folders, folder_files TO govbot_app;
