"""PostgreSQL, the only store besides files on disk: the cluster, the pool, the schema, access."""
