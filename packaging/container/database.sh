#!/bin/bash
# Prepares an empty PostgreSQL for GovBot: docs/operate.md, "External PostgreSQL". The container of
# the database runs it once.
set -euo pipefail

psql --username="${POSTGRES_USER:-postgres}" --dbname=postgres --set=ON_ERROR_STOP=1 \
  --set=owner_password="$(cat /run/secrets/owner_password)" \
  --set=app_password="$(cat /run/secrets/app_password)" <<'SQL'
CREATE ROLE govbot_owner LOGIN PASSWORD :'owner_password' NOSUPERUSER NOBYPASSRLS;
CREATE ROLE govbot_app LOGIN PASSWORD :'app_password' NOSUPERUSER NOBYPASSRLS;
CREATE DATABASE govbot OWNER govbot_owner TEMPLATE template0 ENCODING 'UTF8';
REVOKE ALL ON DATABASE govbot FROM PUBLIC;
GRANT CONNECT ON DATABASE govbot TO govbot_app;
\connect govbot
CREATE EXTENSION vector;
SQL
