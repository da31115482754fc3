-- More that a key can be made for. What keys of before may do stays as it is.
ALTER TABLE api_keys DROP CONSTRAINT api_keys_scopes_check;
ALTER TABLE api_keys ADD CONSTRAINT api_keys_scopes_check CHECK (
    cardinality(scopes) > 0
    AND scopes <@ ARRAY['search', 'ask', 'embed', 'documents:read', 'documents:write',
                        'documents:manage', 'collections:write', 'conversations:read',
                        'conversations:write', 'jobs:read', 'jobs:write', 'people:read',
                        'people:write', 'audit:read', 'status:read']
);
