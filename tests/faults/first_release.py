"""A database as the first release left it, with data in it, for upgrades that are killed."""

from __future__ import annotations

import hashlib

import psycopg
from alembic import command

from govbot.db import schema

REVISION = "0006"  # the newest migration of release 0.1.0
DOCUMENTS = 1500

SEED = """
    INSERT INTO users (id, username, name, role)
    SELECT md5('u' || n)::uuid, 'pessoa' || n, 'Pessoa ' || n, 'user'
    FROM generate_series(1, 200) n;

    INSERT INTO collections (id, name) VALUES (md5('c')::uuid, 'Leis');

    INSERT INTO grants (id, user_id, collection_key, level)
    SELECT md5('g' || n)::uuid, md5('u' || n)::uuid, c.key, 'read'
    FROM generate_series(1, 200) n, collections c;

    INSERT INTO documents (id, collection_key, path, filename, source)
    SELECT md5('d' || n)::uuid, c.key, 'lei-' || n || '.txt', 'lei-' || n || '.txt', 'cli'
    FROM generate_series(1, %(documents)s) n, collections c;

    INSERT INTO document_versions (id, document_id, document_key, collection_key, number, sha256,
                                   size_bytes, mime, state, pages, chunks)
    SELECT md5('v' || d.filename)::uuid, d.id, d.key, d.collection_key, 1,
           encode(sha256(d.filename::bytea), 'hex'), 100, 'text/plain', 'ready', 1, 2
    FROM documents d;

    INSERT INTO version_pages (version_id, document_key, collection_key, number, text)
    SELECT v.id, v.document_key, v.collection_key, 1, 'Art. 1º Texto. Art. 2º Mais texto.'
    FROM document_versions v;

    INSERT INTO chunks (version_id, document_key, collection_key, ord, page_from, page_to, heading,
                        text, start_offset, end_offset, tsv, length)
    SELECT v.id, v.document_key, v.collection_key, n, 1, 1, '', t.text, 0, length(t.text),
           govbot_tsv(t.text), length(govbot_tsv(t.text))
    FROM document_versions v, generate_series(1, 2) n,
         LATERAL (SELECT 'Art. ' || n || 'º O servidor do órgão ' || v.document_key ||
                         ' tem direito a férias, diárias e licença, na forma da lei nº ' ||
                         v.document_key || '.' AS text) t;

    SELECT govbot_index_version(id) FROM document_versions;

    INSERT INTO conversations (id, user_id, title)
    SELECT md5('k' || n)::uuid, md5('u' || n)::uuid, 'Férias' FROM generate_series(1, 200) n;

    INSERT INTO messages (id, conversation_id, user_id, role, content)
    SELECT md5('q' || n)::uuid, md5('k' || n)::uuid, md5('u' || n)::uuid, 'user', 'Quantos dias?'
    FROM generate_series(1, 200) n;

    INSERT INTO messages (id, conversation_id, user_id, role, reply_to, content, sources)
    SELECT md5('a' || n)::uuid, md5('k' || n)::uuid, md5('u' || n)::uuid, 'assistant',
           md5('q' || n)::uuid, 'Trinta dias [1].', ARRAY[1]
    FROM generate_series(1, 200) n;

    SELECT govbot_audit(NULL, '', 'document.uploaded', id::text, '{}', '') FROM documents LIMIT 300;
"""

# What people would miss. The audit log only grows: an upgrade writes itself down.
KEPT = """
    SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM grants),
           (SELECT count(*) FROM documents), (SELECT count(*) FROM document_versions),
           (SELECT count(*) FROM chunks),
           (SELECT md5(string_agg(text, '' ORDER BY id)) FROM chunks),
           (SELECT md5(string_agg(content, '' ORDER BY id)) FROM messages),
           (SELECT count(*) FROM audit_log WHERE action = 'document.uploaded')
"""

SHAPE = """
    SELECT 'column', a.attrelid::regclass::text, a.attname, format_type(a.atttypid, a.atttypmod),
           a.attnotnull::text || coalesce(pg_get_expr(f.adbin, f.adrelid), '')
    FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'v')
    LEFT JOIN pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
    WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL SELECT 'index', '', '', '', pg_get_indexdef(i.indexrelid)
    FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
    WHERE c.relnamespace = 'public'::regnamespace
    UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, '', pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT 'policy', polrelid::regclass::text, polname, polcmd::text,
           coalesce(pg_get_expr(polqual, polrelid), '')
           || coalesce(pg_get_expr(polwithcheck, polrelid), '')
    FROM pg_policy
    UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname, '', pg_get_triggerdef(oid)
    FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT 'function', p.oid::regprocedure::text, '', coalesce(p.proacl::text, ''),
           pg_get_functiondef(p.oid)
    FROM pg_proc p
    WHERE p.pronamespace = 'public'::regnamespace AND p.prokind = 'f'
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
    UNION ALL SELECT 'rights', oid::regclass::text, relrowsecurity::text,
           relforcerowsecurity::text, coalesce(relacl::text, '')
    FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'S')
    ORDER BY 1, 2, 3, 4, 5
"""


def make(superuser_dsn: str, owner_dsn: str, documents: int = DOCUMENTS) -> None:
    """Brings an empty database to the first release's schema and fills it."""
    config = schema._config()
    config.attributes["dsn"] = owner_dsn
    command.upgrade(config, REVISION)
    with psycopg.connect(superuser_dsn) as conn:
        text = SEED.replace("%(documents)s", str(documents))
        conn.execute(text.encode(), prepare=False)


def kept(superuser_dsn: str) -> tuple[object, ...]:
    """What must be the same before and after."""
    with psycopg.connect(superuser_dsn) as conn:
        row = conn.execute(KEPT).fetchone()
    assert row is not None
    return row


def shape(superuser_dsn: str) -> str:
    """A digest of the schema: two databases of one shape have the same."""
    with psycopg.connect(superuser_dsn) as conn:
        rows = conn.execute(SHAPE).fetchall()
    return hashlib.sha256(repr(rows).encode()).hexdigest()


def revision(superuser_dsn: str) -> str:
    """Where the schema stands."""
    with psycopg.connect(superuser_dsn) as conn:
        row = conn.execute("SELECT version_num FROM public.alembic_version").fetchone()
    return str(row[0]) if row else ""
