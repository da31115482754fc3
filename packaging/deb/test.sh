#!/usr/bin/env bash
# Builds the package twice (a version and the next), then plays its life in a Debian that has no
# network: install from the offline bundle, set up, ask, kill, hang, upgrade, an upgrade that goes
# wrong, back up, restore, remove. Prints minutes and sizes. For root, on a machine with apt.
#
# LLAMA_WHEEL, PYTHON_DEBS, WORK: as for build.sh
# ROOT_TAR   a tar of the Debian to install into, instead of making one with debootstrap
# KEEP=1     leave the root of the container for a look; ROOT says where it is
set -euo pipefail
source "$(dirname -- "${BASH_SOURCE[0]}")/words.sh"

TEST=$BUILD/deb-test
ROOT=${ROOT:-$TEST/root}
ROOT_TAR=${ROOT_TAR:-$WORK/bookworm.tar}
REPORT=$TEST/report.txt
NSPAWN=

main() {
  [[ $EUID -eq 0 ]] || die "only root can boot a container: sudo make deb-test"
  need debootstrap "install the Debian package debootstrap"
  need systemd-nspawn "install the Debian package systemd-container"
  mkdir -p "$TEST"
  : >"$REPORT"
  trap finish EXIT
  local now next broken
  now=$(package_version)
  next=${now%.*}.$((${now##*.} + 1))
  broken=${now%.*}.$((${now##*.} + 2))
  timed "build $now" build "$now"
  LEVEL=1 timed "build $next" build "$next"
  timed "lintian and libraries of $next" "$PROJECT/packaging/deb/lint.sh" "$(deb "$next")"
  timed "a package that cannot start" spoil "$next" "$broken"
  timed "offline bundle" bundle "$now"
  timed "debootstrap" root
  timed "boot" boot
  local part
  for part in install setup ask harden kill hang restart; do timed "$part" inside "$part"; done
  cp "$(deb "$next")" "$(deb "$broken")" "$ROOT/root/"
  timed "upgrade to $next" inside upgrade "$next"
  timed "upgrade to $broken goes back" inside go_back "$next" "$broken"
  for part in backup restore remove purge; do timed "$part" inside "$part"; done
  sizes "$now"
  step "All parts passed"
  cat "$REPORT"
}

build() { VERSION=$1 "$PROJECT/packaging/deb/build.sh"; }
deb() { printf '%s' "$BUILD/govbot_$1$(variant)_amd64.deb"; }

# timed WORDS COMMAND...: runs it, its output in a log, its time in the report.
timed() {
  local what=$1 before=$EPOCHREALTIME log status=0
  shift
  log=$TEST/$(printf '%s' "$what" | tr -c 'a-z0-9.\n' -).log
  step "$what"
  "$@" >"$log" 2>&1 || status=$?
  local seconds
  seconds=$(awk -v a="$before" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }')
  grep -h '^RESULT ' "$log" | sed 's/^RESULT /                 /' >"$TEST/results" || true
  printf '%8s s  %s\n' "$seconds" "$what" | tee -a "$REPORT" >&2
  tee -a "$REPORT" <"$TEST/results" >&2
  if ((status)); then
    tail -n 30 "$log" >&2
    die "$what failed ($log)"
  fi
}

# The same package as a later version whose service ends at once.
spoil() {
  local tree=$TEST/spoiled full
  full=$2$(variant)
  rm -rf "$tree"
  dpkg-deb -R "$(deb "$1")" "$tree"
  sed -i "s/^Version: .*/Version: $full/" "$tree/DEBIAN/control"
  local program=$tree/usr/lib/govbot/venv/lib/python3.11/site-packages/govbot
  printf 'raise SystemExit("this version cannot serve")\n' >"$program/cli/serve.py"
  rm -f "$program"/cli/__pycache__/serve.*
  sed -i '/govbot\/cli\/serve.py$/d; /cli\/__pycache__\/serve\./d' "$tree/DEBIAN/md5sums"
  dpkg-deb --root-owner-group -Zgzip -z1 -b "$tree" "$(deb "$2")" >/dev/null
  rm -rf "$tree"
}

bundle() {
  [[ -f $TEST/bundle.key ]] || openssl genpkey -algorithm ed25519 -out "$TEST/bundle.key"
  openssl pkey -in "$TEST/bundle.key" -pubout -out "$TEST/bundle.pub"
  PACKAGE=$(deb "$1") KEY=$TEST/bundle.key OUT=$TEST "$PROJECT/packaging/deb/bundle.sh"
}

# A server as the installer of Debian leaves it, but smaller. Kept: only the first run fetches it.
root() {
  if [[ ! -f $ROOT_TAR ]]; then
    rm -rf "$TEST/bootstrap"
    debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,openssl,procps bookworm \
      "$TEST/bootstrap"
    tar -C "$TEST/bootstrap" -cf "$ROOT_TAR.new" .
    mv "$ROOT_TAR.new" "$ROOT_TAR"
    rm -rf "$TEST/bootstrap"
  fi
  rm -rf "$ROOT"
  mkdir -p "$ROOT"
  tar -C "$ROOT" -xf "$ROOT_TAR"
  : >"$ROOT/etc/apt/sources.list"
  echo govbot-test >"$ROOT/etc/hostname"
  cp "$TEST"/govbot-*-offline.run "$TEST/bundle.pub" "$ROOT/root/"
  cp "$PROJECT/packaging/deb/test-inside.sh" "$ROOT/root/inside.sh"
}

boot() {
  systemd-nspawn --quiet --directory="$ROOT" --machine=govbot-deb-test --private-network \
    --register=no --keep-unit --boot --kill-signal=SIGRTMIN+3 >"$TEST/console.log" 2>&1 </dev/null &
  NSPAWN=$!
  local state i
  for ((i = 0; i < 90; i++)); do
    sleep 1
    state=$(enter systemctl is-system-running 2>/dev/null || true)
    case $state in running | degraded) echo "RESULT booted: $state after $i s"; return ;; esac
  done
  die "the container did not boot: $TEST/console.log"
}

# enter COMMAND...: in the container; nspawn's child is its process 1.
enter() {
  local leader
  leader=$(pgrep -P "$NSPAWN" | head -n 1)
  [[ -n $leader ]] || return 1
  nsenter --target "$leader" --mount --uts --ipc --net --pid --root --wd \
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive "$@"
}

inside() { enter bash /root/inside.sh "$@"; }

sizes() {
  {
    printf '\n%8s MB  %s\n' "$(($(stat -c %s "$(deb "$1")") / 1000000))" "package"
    printf '%8s MB  %s\n' "$(($(dpkg-deb -f "$(deb "$1")" Installed-Size) / 1000))" "installed"
    printf '%8s MB  %s\n' "$(($(stat -c %s "$TEST"/govbot-*-offline.run) / 1000000))" "bundle"
    printf '%8s min %s\n' "$((SECONDS / 60))" "in all"
  } >>"$REPORT"
}

finish() {
  if [[ -n $NSPAWN ]]; then
    kill "$NSPAWN" 2>/dev/null || true
    wait "$NSPAWN" 2>/dev/null || true
  fi
  [[ -n ${KEEP:-} ]] || rm -rf "$ROOT"
}

main
