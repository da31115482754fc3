#!/bin/sh
# GovBot for servers without a network: checks itself and installs. See docs/package.md.
#   sh govbot-X.Y.Z-offline.run --help
set -eu
size=@SIZE@
file=$0

for word in "$@"; do
    case "$word" in -h | --help)
        cat <<'TEXT'
usage: sh govbot-X.Y.Z-offline.run [options]

  --key FILE         the public key of who made this file; default: /etc/govbot/bundle.pub
  --trust SHA256     instead: the fingerprint of that key
  --check            only check, install nothing
  --extract FOLDER   only unpack
  --no-models        leave the models out
  -y                 do not ask
TEXT
        exit 0 ;;
    esac
done
if [ "${1:-}" = --extract ]; then
    folder=${2:?--extract needs a folder}
    mkdir -p "$folder"
    tail -c "$size" "$file" | tar -x -C "$folder"
    exit 0
fi
total=$(wc -c <"$file")
if [ "$total" -lt "$size" ]; then
    echo "$file: is cut off: $total bytes are too few" >&2
    exit 1
fi
place=${TMPDIR:-/var/tmp}
free=$(df -P -k "$place" | awk 'NR == 2 { print $4 }')
if [ "$free" -lt $((size / 1024 + 1024)) ]; then
    echo "$place: $((size / 1000000)) MB are needed there; TMPDIR names another folder" >&2
    exit 1
fi
folder=$(mktemp -d "$place/govbot-offline.XXXXXX")
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
tail -c "$size" "$file" | tar -x -C "$folder"
status=0
sh "$folder/install.sh" "$@" || status=$?
exit "$status"
