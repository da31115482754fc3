-- As before, but who acts is asked once for a list of grants and not once for each of them: it is
-- read out of a setting by a pattern, which takes longer than to compare ids. Every page asks for
-- these grants some fifty times, through the policies.
CREATE OR REPLACE FUNCTION govbot_own_grants()
RETURNS TABLE (collection_key integer, document_key integer, level integer, effect text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT g.collection_key, g.document_key, govbot_level(g.level), g.effect
    FROM grants g
    WHERE g.user_id = (SELECT govbot_actor())
    UNION ALL
    SELECT g.collection_key, g.document_key, govbot_level(g.level), g.effect
    FROM memberships m
    CROSS JOIN LATERAL (
        SELECT o.collection_key, o.document_key, o.level, o.effect
        FROM grants o WHERE o.group_id = m.group_id OFFSET 0
    ) g
    WHERE m.user_id = (SELECT govbot_actor());
END;
