#!/bin/sh
# The command `govbot` of the Debian package.
program="/usr/lib/govbot/venv/bin/python -I -B /usr/lib/govbot/venv/bin/govbot"
secrets=/etc/govbot/credentials
waits=/run/govbot-upgrade

# While the package is being replaced, half of the libraries are of another version: wait for the
# end of that, 15 minutes at most. What connects meanwhile waits in the socket.
if [ -z "${GOVBOT_UPGRADING:-}" ]; then
    while [ -n "$(find "$waits" -maxdepth 0 -mmin -15 2>/dev/null)" ]; do
        sleep 1
    done
fi

# What root's hand makes in the data folder, the service could not read: root becomes the account of
# the service, but for commands that change to it by themselves where they must.
becomes=
if [ "$(id -u)" = 0 ] && [ -z "${GOVBOT_AS_ROOT:-}" ] && getent passwd govbot >/dev/null; then
    case "${1:-}" in
    setup | doctor | -h | --help | --version | "") ;;
    *) becomes="runuser -u govbot -- env HOME=/var/lib/govbot" ;;
    esac
fi
# Secrets are root's; the command gets copies, as the service does from systemd.
if [ -n "$becomes" ] && [ -n "$(ls -A "$secrets" 2>/dev/null)" ]; then
    copies=$(mktemp -d /run/govbot-credentials.XXXXXX)
    trap 'rm -rf "$copies"' EXIT
    trap 'exit 130' INT TERM
    cp "$secrets"/* "$copies"/
    chmod 0400 "$copies"/*
    chown -R govbot: "$copies"
    status=0
    # shellcheck disable=SC2086
    CREDENTIALS_DIRECTORY=$copies $becomes $program "$@" || status=$?
    exit "$status"
fi
# shellcheck disable=SC2086
exec $becomes $program "$@"
