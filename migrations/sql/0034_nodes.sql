-- Several nodes on one database: what makes them one installation, who they are, and which of them
-- writes which answer.

-- The installation, one row. `id` stands in a file of the folder of originals too; `proof` is sealed
-- with its security key. A node with another folder or key does not start.
CREATE TABLE installation (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    id uuid NOT NULL,
    proof bytea NOT NULL,
    since timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE installation ENABLE ROW LEVEL SECURITY;
ALTER TABLE installation FORCE ROW LEVEL SECURITY;
CREATE POLICY installation_all ON installation FOR ALL TO govbot_app USING (
    (SELECT govbot_is_system())
);
GRANT SELECT, INSERT, UPDATE ON installation TO govbot_app;

-- Processes that serve. While one lives it holds pg_advisory_lock(7178, number), and it writes
-- `seen_at` every second.
CREATE TABLE nodes (
    id uuid PRIMARY KEY,
    number integer GENERATED ALWAYS AS IDENTITY UNIQUE,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    version text NOT NULL CHECK (length(version) <= 100),
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- What it alone does at the moment, of what only one node does at a time.
    duties text[] NOT NULL DEFAULT '{}',
    -- The code of what keeps it from serving; empty: nothing.
    problem text NOT NULL DEFAULT '' CHECK (length(problem) <= 100)
);
ALTER TABLE nodes ENABLE ROW LEVEL SECURITY;
ALTER TABLE nodes FORCE ROW LEVEL SECURITY;
CREATE POLICY nodes_all ON nodes FOR ALL TO govbot_app USING ((SELECT govbot_is_system()));
GRANT SELECT, INSERT, UPDATE, DELETE ON nodes TO govbot_app;

-- Whether a node lives. One that is slow keeps its lock; a lock that the server still holds for a
-- machine that lost its power counts for a minute.
CREATE FUNCTION govbot_node_lives(node uuid) RETURNS boolean
LANGUAGE sql VOLATILE
RETURN EXISTS (
    SELECT FROM nodes n
    WHERE n.id = node
      AND n.seen_at < clock_timestamp() + interval '6 seconds'  -- else the clock was set back
      AND (n.seen_at > clock_timestamp() - interval '6 seconds'
           OR (n.seen_at > clock_timestamp() - interval '60 seconds'
               AND EXISTS (
                   SELECT FROM pg_locks l
                   WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
                     AND l.database = (SELECT d.oid FROM pg_database d
                                       WHERE d.datname = current_database())
                     AND l.classid = 7178::oid AND l.objid = n.number::oid)))
);
GRANT EXECUTE ON FUNCTION govbot_node_lives(uuid) TO govbot_app;

-- Answers that are written now: by which node, how often another took them up, and what was asked
-- for besides the question, so that any node can begin anew. Who holds the row may write the answer.
CREATE TABLE answers_under_way (
    answer_id uuid PRIMARY KEY REFERENCES messages (id) ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    node_id uuid NOT NULL,
    takes smallint NOT NULL DEFAULT 0,
    model text NOT NULL DEFAULT '' CHECK (length(model) <= 200),
    again boolean NOT NULL DEFAULT false,
    stop_asked boolean NOT NULL DEFAULT false,
    since timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX answers_under_way_user ON answers_under_way (user_id);
ALTER TABLE answers_under_way ENABLE ROW LEVEL SECURITY;
ALTER TABLE answers_under_way FORCE ROW LEVEL SECURITY;
CREATE POLICY answers_under_way_own ON answers_under_way FOR ALL TO govbot_app USING (
    (SELECT govbot_is_system()) OR user_id = (SELECT govbot_actor())
);
GRANT SELECT, INSERT, UPDATE, DELETE ON answers_under_way TO govbot_app;
