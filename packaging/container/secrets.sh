#!/bin/sh
# Makes the passwords of compose.yaml in the folder secrets/, once; nothing that is there changes.
set -eu
cd "$(dirname -- "$0")"
[ ! -e secrets ] || { echo "secrets/ is there already: nothing is changed" >&2; exit 1; }
umask 077
mkdir secrets
password() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
for name in superuser_password owner_password app_password; do
    password >"secrets/$name"
done
url() { printf 'postgresql://%s:%s@database/govbot' "$1" "$(cat "secrets/$2")"; }
url govbot_app app_password >secrets/database_url
url govbot_owner owner_password >secrets/owner_url
# Compose mounts them as they are, and the nodes run as another user than you.
chmod 0755 secrets
chmod 0444 secrets/*
