#!/usr/bin/env bash
# Builds the package twice, in other folders, with other words in the environment, and compares.
# The downloads and the wheel of llama.cpp are input and are taken as they are.
set -euo pipefail
source "$(dirname -- "${BASH_SOURCE[0]}")/words.sh"

first=$BUILD/twice/first second=$BUILD/twice/a-second-time
rm -rf "$BUILD/twice"
export WORK
SOURCE_DATE_EPOCH=$(source_date)
export SOURCE_DATE_EPOCH
env BUILD="$first" "$PROJECT/packaging/deb/build.sh"
(
  umask 077
  env BUILD="$second" TZ=America/Sao_Paulo LC_ALL=C PYTHONHASHSEED=7 \
    "$PROJECT/packaging/deb/build.sh"
)
a=$(sha256sum "$first"/*.deb | cut -d' ' -f1)
b=$(sha256sum "$second"/*.deb | cut -d' ' -f1)
if [[ $a == "$b" ]]; then
  step "The same bytes twice: $a"
  rm -rf "$BUILD/twice"
  exit 0
fi
note "first $a, second $b"
for side in "$first" "$second"; do
  dpkg-deb -R "$side"/*.deb "$side.tree"
done
diff -rq --no-dereference "$first.tree" "$second.tree" | head -n 20 >&2 || true
die "the two packages differ"
