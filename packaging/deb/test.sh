#!/usr/bin/env bash
# Builds the package and makes later versions of it: one with another schema, one whose service
# cannot start, one with both. Then plays its life in a Debian that has no network: install from the
# offline bundle, set up, ask, kill, hang, upgrade, upgrades that go wrong, back up, restore, remove.
# Prints minutes and sizes. For root, on a machine with apt.
#
# LLAMA_WHEEL and the other words of build.sh count here too.
# SUITE      the Debian to install into, bookworm; another one: without the bundle, which is made for
#            one release, from the package alone
# ROOT_TAR   a tar of the Debian to install into, instead of making one with debootstrap
# PACKAGE    a package to test, instead of building one
# KEEP=1     leave the root of the container for a look; ROOT says where it is
set -euo pipefail
source "$(dirname -- "${BASH_SOURCE[0]}")/words.sh"

TEST=$BUILD/deb-test
ROOT=${ROOT:-$TEST/root}
SUITE=${SUITE:-bookworm}
ROOT_TAR=${ROOT_TAR:-$WORK/$SUITE.tar}
REPORT=$TEST/report.txt
NSPAWN=$TEST/nspawn.pid

main() {
  [[ $EUID -eq 0 ]] || die "only root can boot a container: sudo make deb-test"
  need debootstrap "install the Debian package debootstrap"
  need systemd-nspawn "install the Debian package systemd-container"
  mkdir -p "$TEST" "$WORK"
  : >"$REPORT"
  exec {ALONE}>/run/lock/govbot-deb-test
  trap finish EXIT
  local now next broken halfway
  now=$(package_version)
  next=${now%.*}.$((${now##*.} + 1))
  broken=${now%.*}.$((${now##*.} + 2))
  halfway=${now%.*}.$((${now##*.} + 3))
  [[ -n ${PACKAGE:-} ]] || timed "build $now" "$PROJECT/packaging/deb/build.sh"
  PACKAGE=${PACKAGE:-$BUILD/govbot_$now$(variant)_amd64.deb}
  [[ $SUITE != bookworm ]] || timed "lintian and libraries" "$PROJECT/packaging/deb/lint.sh" "$PACKAGE"
  timed "packages $next, $broken, $halfway" later_ones "$next" "$broken" "$halfway"
  rm -f "$TEST"/govbot-*-offline.run
  [[ $SUITE != bookworm ]] || timed "offline bundle" bundle
  timed "debootstrap $SUITE" root
  timed "boot" boot
  local part
  for part in install setup ask harden kill hang restart; do timed "$part" inside "$part"; done
  cp "$(deb "$next")" "$(deb "$broken")" "$(deb "$halfway")" "$ROOT/root/"
  timed "upgrade without room for a backup" inside refuse "$next"
  timed "upgrade to $next" inside upgrade "$next" 9001
  timed "upgrade to $broken goes back" inside go_back "$next" "$broken" 9001 kept
  timed "upgrade to $halfway goes back" inside go_back "$next" "$halfway" 9001 restored
  for part in backup asked side_by_side restore remove purge; do timed "$part" inside "$part"; done
  sizes
  step "All parts passed"
  cat "$REPORT"
}

deb() { printf '%s' "$TEST/govbot_$1_amd64.deb"; }

# timed WORDS COMMAND...: runs it, its output in a log, its time in the report.
timed() {
  local what=$1 before=$EPOCHREALTIME log status=0
  shift
  log=$TEST/$(printf '%s' "$what" | tr -c 'a-z0-9.\n' -).log
  step "$what"
  # In the background, because a function before || would go on after its first failure.
  "$@" >"$log" 2>&1 &
  wait $! || status=$?
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

# The same files under a later number and with one more step of the schema; once more, as one whose
# service ends at once; and as one that takes another step before its service ends.
later_ones() {
  local tree=$TEST/tree program
  program=$tree/usr/lib/govbot/venv/lib/python3.11/site-packages/govbot
  rm -rf "$tree"
  dpkg-deb -R "$PACKAGE" "$tree"
  schema 9001
  number "$1"
  printf 'raise SystemExit("this version cannot serve")\n' >"$program/cli/serve.py"
  rm -f "$program"/cli/__pycache__/serve.*
  number "$2"
  schema 9002
  number "$3"
  rm -rf "$tree"
}

# A step of the schema, after the last one.
schema() {
  local folder=$tree/usr/lib/govbot/venv/share/govbot/migrations/versions last
  last=$(find "$folder" -name '*.py' | sort | tail -n 1)
  cat >"$folder/$1_trial.py" <<MIGRATION
"""A column that nothing reads."""

from __future__ import annotations

from alembic import op

revision = "$1"
down_revision = "$(sed -n 's/^revision = "\(.*\)"$/\1/p' "$last")"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it."""
    op.execute("ALTER TABLE documents ADD COLUMN trial_$1 text")
MIGRATION
}

number() {
  sed -i "s/^Version: .*/Version: $1/" "$tree/DEBIAN/control"
  sed -i "s/^__version__ = .*/__version__ = \"$1\"/" "$program/__init__.py"
  rm -f "$program"/__pycache__/__init__.* "$tree/DEBIAN/md5sums"
  dpkg-deb --root-owner-group -Zzstd -z1 -b "$tree" "$(deb "$1")" >/dev/null
}

bundle() {
  [[ -f $TEST/bundle.key ]] || openssl genpkey -algorithm ed25519 -out "$TEST/bundle.key"
  openssl pkey -in "$TEST/bundle.key" -pubout -out "$TEST/bundle.pub"
  PACKAGE=$PACKAGE KEY=$TEST/bundle.key OUT=$TEST "$PROJECT/packaging/deb/bundle.sh"
}

# A server as the installer of Debian leaves it, but smaller. Kept: only the first run fetches it.
root() {
  if [[ ! -f $ROOT_TAR ]]; then
    rm -rf "$TEST/bootstrap"
    debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,openssl,procps "$SUITE" \
      "$TEST/bootstrap"
    [[ $SUITE == bookworm ]] || libraries
    tar -C "$TEST/bootstrap" -cf "$ROOT_TAR.new" .
    mv "$ROOT_TAR.new" "$ROOT_TAR"
    rm -rf "$TEST/bootstrap"
  fi
  rm -rf "$ROOT"
  mkdir -p "$ROOT"
  tar -C "$ROOT" -xf "$ROOT_TAR"
  : >"$ROOT/etc/apt/sources.list"
  echo govbot-test >"$ROOT/etc/hostname"
  if [[ $SUITE == bookworm ]]; then
    cp "$TEST"/govbot-*-offline.run "$TEST/bundle.pub" "$ROOT/root/"
  else
    cp "$PACKAGE" "$ROOT/root/"
  fi
  cp "$PROJECT/packaging/deb/test-inside.sh" "$ROOT/root/inside.sh"
  cp "$PROJECT/packaging/deb/test-knocks.pl" "$ROOT/root/knocks.pl"
}

# What the bundle would bring.
libraries() {
  cp /etc/resolv.conf "$TEST/bootstrap/etc/"
  chroot "$TEST/bootstrap" apt-get satisfy -y --no-install-recommends \
    "$(dpkg-deb -f "$PACKAGE" Depends), tesseract-ocr, tesseract-ocr-por"
}

# One container at a time: two that are started from one control group take it for their own, and
# each finds processes of the other among those of its services.
boot() {
  flock "$ALONE"
  systemd-nspawn --quiet --directory="$ROOT" --machine="govbot-test-$SUITE" --private-network \
    --register=no --keep-unit --boot --kill-signal=SIGRTMIN+3 >"$TEST/console.log" 2>&1 </dev/null &
  echo $! >"$NSPAWN"
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
  leader=$(pgrep -P "$(<"$NSPAWN")" | head -n 1)
  [[ -n $leader ]] || return 1
  nsenter --target "$leader" --mount --uts --ipc --net --pid --root --wd \
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive "$@"
}

inside() { enter bash /root/inside.sh "$@"; }

sizes() {
  {
    printf '\n%8s MB  %s\n' "$(($(stat -c %s "$PACKAGE") / 1000000))" "package"
    printf '%8s MB  %s\n' "$(($(dpkg-deb -f "$PACKAGE" Installed-Size) / 1000))" "installed"
    [[ $SUITE != bookworm ]] ||
      printf '%8s MB  %s\n' "$(($(stat -c %s "$TEST"/govbot-*-offline.run) / 1000000))" "bundle"
    printf '%8s min %s\n' "$((SECONDS / 60))" "in all"
  } >>"$REPORT"
}

finish() {
  local pid i
  if [[ -f $NSPAWN ]]; then
    pid=$(<"$NSPAWN")
    kill "$pid" 2>/dev/null || true
    for ((i = 0; i < 90; i++)); do kill -0 "$pid" 2>/dev/null && sleep 1; done
    rm -f "$NSPAWN"
  fi
  [[ -n ${KEEP:-} ]] || rm -rf "$ROOT"
}

main
