#!/usr/bin/env bash
# locked.sh NAME...: the lines of these packages in the lock files, with their hashes.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
for name in "$@"; do
  found=$(awk -v name="$name" '
    /^[a-zA-Z0-9]/ { split($0, part, "=="); keep = part[1] == name && !seen[name]++ }
    keep' requirements.lock requirements-dev.lock)
  [[ -n $found ]] || { echo "locked.sh: no lock file names $name: run make lock" >&2; exit 1; }
  printf '%s\n' "$found"
done
