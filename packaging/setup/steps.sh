# Words and checks shared by the set-up scripts; sourced, never run.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."

export PIP_DISABLE_PIP_VERSION_CHECK=1
VENV=.venv
PY=$VENV/bin/python
SECONDS=0

step() { printf '==> %s\n' "$*"; }
note() { printf '    %s\n' "$*"; }
die() { printf 'make: %s\n' "$*" >&2; exit 1; }

# fingerprint WORDS... < CONTENT: changes when any of them changes, or the folder is moved.
fingerprint() { { printf '%s\n' "$PWD" "$@"; cat; } | sha256sum | cut -c1-16; }

is_done() { [[ -f $VENV/.done-$1 && $(<"$VENV/.done-$1") == "$2" ]]; }
mark_done() { printf '%s' "$2" >"$VENV/.done-$1"; }

# apt_install PACKAGE...: installs as root; else returns 1.
apt_install() {
  [[ $EUID -eq 0 ]] && command -v apt-get >/dev/null || return 1
  step "Installing Debian packages: $*"
  local log
  log=$(mktemp)
  if ! compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null; then
    apt-get update >"$log" 2>&1 || { tail -5 "$log" >&2; return 1; }
  fi
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >"$log" 2>&1 ||
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y \
      --no-install-recommends "$@"; } >"$log" 2>&1 || { tail -5 "$log" >&2; return 1; }
  rm -f "$log"
}

# pip_install WORDS...: pip with its output in a log; on screen one moving line, or the error.
pip_install() {
  local log=$VENV/setup.log
  if ! "$PY" -m pip install "$@" 2>&1 | tee "$log" | moving_line; then
    grep -E '^ *(ERROR|error)' "$log" | tail -15 >&2 || tail -15 "$log" >&2
    die "pip could not install the packages (whole output: $log)"
  fi
}

# On a terminal the line moves; elsewhere only the long wait is announced.
moving_line() {
  local line
  while IFS= read -r line; do
    case $line in
      *'Building wheel for llama'*started*)
        line='compiling llama.cpp, which takes minutes'
        [[ -t 1 ]] || note "$line"
        ;;
      *Collecting*) line="reading ${line#*Collecting }" ;;
      *'Installing collected'*) line='unpacking' ;;
      *) continue ;;
    esac
    if [[ -t 1 ]]; then printf '\r\033[K    %.90s' "$line"; fi
  done
  if [[ -t 1 ]]; then printf '\r\033[K'; fi
}
