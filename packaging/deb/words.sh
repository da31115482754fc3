# shellcheck shell=bash
# Words and places shared by the scripts of the package; sourced, never run.
export PIP_DISABLE_PIP_VERSION_CHECK=1
PROJECT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=${BUILD:-$PROJECT/build}
WORK=${WORK:-$BUILD/deb} # what builds share: downloads, tools, the wheel of llama.cpp

step() { printf '==> %s\n' "$*" >&2; }
note() { printf '    %s\n' "$*" >&2; }
die() { printf 'deb: %s\n' "$*" >&2; exit 1; }
need() { command -v "$1" >/dev/null || die "$1 is missing: $2"; }

# The version of the package: VERSION, or the one that the program says of itself.
package_version() {
  local plain=${VERSION:-}
  [[ -n $plain ]] || plain=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' "$PROJECT/govbot/__init__.py")
  [[ $plain =~ ^[0-9]+\.[0-9]+\.[0-9]+([a-z0-9.~]*)$ ]] || die "\"$plain\" is no version like 1.2.3"
  printf '%s' "$plain"
}

# What the name of the package says after its version: +cuda, +torch, or nothing.
variant() {
  local words=()
  [[ ${LLAMA_KIND:-cpu} == cpu ]] || words+=("$LLAMA_KIND")
  [[ -z ${WITH_TORCH:-} ]] || words+=(torch)
  local IFS=. suffix
  suffix="${words[*]}"
  printf '%s' "${suffix:++$suffix}"
}

# All dates inside the package: the last commit's, so that the same tree gives the same package.
source_date() {
  if [[ -n ${SOURCE_DATE_EPOCH:-} ]]; then
    printf '%s' "$SOURCE_DATE_EPOCH"
  else
    git -C "$PROJECT" log -1 --format=%ct 2>/dev/null || stat -c %Y "$PROJECT/CHANGELOG.md"
  fi
}
