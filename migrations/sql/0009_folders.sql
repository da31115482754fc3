-- Watched folders: what lies in them as it was last seen, and how each folder does.

ALTER TABLE documents ADD COLUMN folder text CHECK (length(folder) BETWEEN 1 AND 4096);
-- Each folder has paths of its own: two folders of one collection may hold the same names, and what
-- people upload never takes the place of a file.
DROP INDEX documents_path;
CREATE UNIQUE INDEX documents_path ON documents (collection_key, coalesce(folder, ''), path)
    WHERE trashed_at IS NULL;
CREATE INDEX documents_folder ON documents (folder) WHERE folder IS NOT NULL;

CREATE TABLE watched_folders (
    path text PRIMARY KEY,
    -- False once it left the configuration: its documents stay where they are.
    watched boolean NOT NULL DEFAULT true,
    collection text NOT NULL,
    subfolders text NOT NULL,
    looked_at timestamptz,
    look_asked boolean NOT NULL DEFAULT false,
    files integer NOT NULL DEFAULT 0,
    waiting integer NOT NULL DEFAULT 0,
    error_code text,
    error text
);
-- The collection of a folder ('') and of its sub-folders, which keep it when it is renamed.
CREATE TABLE watched_collections (
    folder text NOT NULL REFERENCES watched_folders (path) ON DELETE CASCADE,
    subfolder text NOT NULL,
    name text NOT NULL,
    collection_key integer NOT NULL REFERENCES collections (key) ON DELETE CASCADE,
    PRIMARY KEY (folder, subfolder)
);
-- taken: its document holds its content. copy: another document does. refused: it cannot be taken.
-- pending: its content is known, but not yet what becomes of it. missing: no longer seen.
CREATE TABLE folder_files (
    folder text NOT NULL REFERENCES watched_folders (path) ON DELETE CASCADE,
    place text NOT NULL,
    size_bytes bigint NOT NULL,
    mtime_ns bigint NOT NULL,
    inode bigint NOT NULL,
    sha256 text NOT NULL DEFAULT '',
    document_id uuid REFERENCES documents (id) ON DELETE SET NULL,
    state text NOT NULL CHECK (state IN ('taken', 'copy', 'refused', 'pending', 'missing')),
    error_code text,
    error text,
    seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (folder, place)
);
CREATE INDEX folder_files_document ON folder_files (document_id);
CREATE INDEX folder_files_unsettled ON folder_files (folder, state) WHERE state <> 'taken';

ALTER TABLE watched_folders ENABLE ROW LEVEL SECURITY;
ALTER TABLE watched_folders FORCE ROW LEVEL SECURITY;
ALTER TABLE watched_collections ENABLE ROW LEVEL SECURITY;
ALTER TABLE watched_collections FORCE ROW LEVEL SECURITY;
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
CREATE POLICY watched_folders_ask ON watched_folders FOR UPDATE TO govbot_app
    USING ((SELECT govbot_role()) = 'admin');
CREATE POLICY watched_collections_write ON watched_collections FOR ALL TO govbot_app
    USING ((SELECT govbot_is_system()));
CREATE POLICY folder_files_write ON folder_files FOR ALL TO govbot_app
    USING ((SELECT govbot_is_system()));
GRANT SELECT, INSERT, UPDATE, DELETE
    ON watched_folders, watched_collections, folder_files TO govbot_app;
