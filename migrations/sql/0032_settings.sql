-- What administrators set while the service runs: settings with their history, the steps of the
-- first days that they left out, and announcements.

-- Every change of a setting; the latest of a key counts. NULL: what file, environment and defaults
-- say. Rows come one after the other (pg_advisory_xact_lock), so the highest id is the newest.
CREATE TABLE setting_changes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text NOT NULL CHECK (length(key) BETWEEN 1 AND 100),
    value jsonb,
    before jsonb,
    changed_by uuid REFERENCES users (id),
    changed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX setting_changes_key ON setting_changes (key, id DESC);
CREATE INDEX setting_changes_changed_by ON setting_changes (changed_by);
ALTER TABLE setting_changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE setting_changes FORCE ROW LEVEL SECURITY;
CREATE POLICY setting_changes_read ON setting_changes FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system()) OR (SELECT govbot_role()) = 'admin'
);
CREATE POLICY setting_changes_create ON setting_changes FOR INSERT TO govbot_app WITH CHECK (
    (SELECT govbot_is_system())
    OR ((SELECT govbot_role()) = 'admin' AND changed_by = (SELECT govbot_actor()))
);
-- History is not rewritten: the one change is that an erased person is no longer named.
CREATE POLICY setting_changes_forget ON setting_changes FOR UPDATE TO govbot_app
    USING ((SELECT govbot_is_system())) WITH CHECK (changed_by IS NULL);
GRANT SELECT, INSERT ON setting_changes TO govbot_app;
GRANT UPDATE (changed_by) ON setting_changes TO govbot_app;

-- Steps of the first days that were left out, and that the guide was left ('guide').
CREATE TABLE setup_steps (
    step text PRIMARY KEY CHECK (
        step IN ('organisation', 'collection', 'documents', 'people', 'model', 'guide')
    ),
    skipped_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE setup_steps ENABLE ROW LEVEL SECURITY;
ALTER TABLE setup_steps FORCE ROW LEVEL SECURITY;
CREATE POLICY setup_steps_all ON setup_steps FOR ALL TO govbot_app USING (
    (SELECT govbot_is_system()) OR (SELECT govbot_role()) = 'admin'
);
GRANT SELECT, INSERT, DELETE ON setup_steps TO govbot_app;

-- What everybody, or people of some roles, see at the top of the pages for a while.
CREATE TABLE announcements (
    id uuid PRIMARY KEY,
    -- Empty: the other language stands in.
    text_pt text NOT NULL CHECK (length(text_pt) <= 500),
    text_en text NOT NULL CHECK (length(text_en) <= 500),
    severity text NOT NULL CHECK (severity IN ('info', 'warning', 'danger')),
    roles text[] NOT NULL DEFAULT '{}',
    dismissible boolean NOT NULL DEFAULT true,
    shown_from timestamptz NOT NULL,
    shown_until timestamptz,
    created_by uuid REFERENCES users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (text_pt <> '' OR text_en <> ''),
    CHECK (shown_until IS NULL OR shown_until > shown_from),
    CHECK (roles <@ ARRAY['user', 'curator', 'auditor', 'admin'])
);
CREATE INDEX announcements_created_by ON announcements (created_by);
ALTER TABLE announcements ENABLE ROW LEVEL SECURITY;
ALTER TABLE announcements FORCE ROW LEVEL SECURITY;
CREATE POLICY announcements_read ON announcements FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system())
    OR (SELECT govbot_role()) = 'admin'
    OR ((SELECT govbot_role()) IS NOT NULL
        AND (roles = '{}' OR (SELECT govbot_role()) = ANY (roles))
        AND shown_from <= now() AND (shown_until IS NULL OR shown_until > now()))
);
CREATE POLICY announcements_create ON announcements FOR INSERT TO govbot_app WITH CHECK (
    (SELECT govbot_is_system())
    OR ((SELECT govbot_role()) = 'admin' AND created_by = (SELECT govbot_actor()))
);
CREATE POLICY announcements_change ON announcements FOR UPDATE TO govbot_app USING (
    (SELECT govbot_is_system()) OR (SELECT govbot_role()) = 'admin'
);
CREATE POLICY announcements_delete ON announcements FOR DELETE TO govbot_app USING (
    (SELECT govbot_is_system()) OR (SELECT govbot_role()) = 'admin'
);
GRANT SELECT, INSERT, DELETE ON announcements TO govbot_app;
GRANT UPDATE (text_pt, text_en, severity, roles, dismissible, shown_from, shown_until, created_by)
    ON announcements TO govbot_app;

-- Who has put one away.
CREATE TABLE announcement_dismissals (
    announcement_id uuid NOT NULL REFERENCES announcements (id) ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    dismissed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (announcement_id, user_id)
);
CREATE INDEX announcement_dismissals_user ON announcement_dismissals (user_id);
ALTER TABLE announcement_dismissals ENABLE ROW LEVEL SECURITY;
ALTER TABLE announcement_dismissals FORCE ROW LEVEL SECURITY;
CREATE POLICY announcement_dismissals_own ON announcement_dismissals FOR ALL TO govbot_app USING (
    (SELECT govbot_is_system()) OR user_id = (SELECT govbot_actor())
);
GRANT SELECT, INSERT, DELETE ON announcement_dismissals TO govbot_app;
