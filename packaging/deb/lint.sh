#!/usr/bin/env bash
# lint.sh PACKAGE.deb: lintian, and libraries that nothing provides.
#
# Debian 12's lintian cannot read zstd: the same files are packed again without compression.
set -euo pipefail
source "$(dirname -- "${BASH_SOURCE[0]}")/words.sh"
need lintian "install the Debian package lintian"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
dpkg-deb -R "$1" "$scratch/tree"
plain=$scratch/$(basename "$1")
dpkg-deb --root-owner-group -Zgzip -z1 -b "$scratch/tree" "$plain" >/dev/null
step "lintian"
lintian --allow-root --fail-on error,warning "$plain"
step "Libraries"
lost=$("$PROJECT/packaging/deb/libraries.py" "$scratch/tree") ||
  die "libraries that nobody brings: $lost"
