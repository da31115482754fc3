#!/bin/sh
# The command `govbot` of the Debian package.
program="/usr/lib/govbot/venv/bin/python -I -B /usr/lib/govbot/venv/bin/govbot"
waits=/run/govbot-upgrade

# While the package is being replaced, half of the libraries are of another version: wait for the
# end of that, 15 minutes at most. What connects meanwhile waits in the socket.
if [ -z "${GOVBOT_UPGRADING:-}" ]; then
    while [ -n "$(find "$waits" -maxdepth 0 -mmin -15 2>/dev/null)" ]; do
        sleep 1
    done
fi

# What root's hand makes in the data folder, the service could not read. Some commands are for root.
if [ "$(id -u)" = 0 ] && [ -z "${GOVBOT_AS_ROOT:-}" ] && getent passwd govbot >/dev/null; then
    case "${1:-}" in
    setup | doctor | -h | --help | --version | "") ;;
    *)
        # shellcheck disable=SC2086
        exec runuser -u govbot -- env HOME=/var/lib/govbot $program "$@"
        ;;
    esac
fi
# shellcheck disable=SC2086
exec $program "$@"
