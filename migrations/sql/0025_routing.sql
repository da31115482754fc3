-- Which model wrote an answer and why it was this one: {"model", "reason", "signs", "passed"}, all
-- of them names and stable words. Under the policies of its message.
ALTER TABLE messages
    ADD COLUMN routing jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(routing) = 'object');

-- The same by day, without person and question.
CREATE TABLE routing_days (
    day date NOT NULL,
    model text NOT NULL CHECK (length(model) BETWEEN 1 AND 200),
    reason text NOT NULL CHECK (reason ~ '^[a-z-]{1,40}$'),
    answers integer NOT NULL CHECK (answers > 0),
    PRIMARY KEY (day, model, reason)
);
ALTER TABLE routing_days ENABLE ROW LEVEL SECURITY;
ALTER TABLE routing_days FORCE ROW LEVEL SECURITY;
CREATE POLICY routing_days_upkeep ON routing_days FOR ALL TO CURRENT_USER USING (true);
CREATE POLICY routing_days_read ON routing_days FOR SELECT TO govbot_app USING (
    (SELECT govbot_is_system()) OR (SELECT govbot_role()) = 'admin'
);
GRANT SELECT ON routing_days TO govbot_app;

-- Counts an answer of the actor.
CREATE FUNCTION govbot_count_routing(day date, model text, reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF govbot_role() IS NULL THEN
        RAISE insufficient_privilege USING MESSAGE = 'somebody has to ask';
    END IF;
    INSERT INTO routing_days AS known (day, model, reason, answers)
    VALUES (govbot_count_routing.day, left(govbot_count_routing.model, 200),
            govbot_count_routing.reason, 1)
    ON CONFLICT ON CONSTRAINT routing_days_pkey DO UPDATE SET answers = known.answers + 1;
END
$$;
REVOKE ALL ON FUNCTION govbot_count_routing(date, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION govbot_count_routing(date, text, text) TO govbot_app;
