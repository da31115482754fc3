#!/usr/bin/env bash
# One part of packaging/deb/test.sh, inside the container: inside.sh PART [WORDS]. What it tells
# beyond its time are lines that begin with RESULT.
set -euo pipefail

QUESTION="Quantos dias dura a licença-paternidade?"
PYTHON=/usr/lib/govbot/venv/bin/python

result() { printf 'RESULT %s\n' "$*"; }
die() { echo "inside: $*" >&2; journalctl -u govbot --no-pager -n 40 >&2 || true; exit 1; }
property() { systemctl show govbot --property "$1" --value; }
seconds_since() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }'; }

# http PATH: the status of the answer, from the port itself.
http() {
  "$PYTHON" -I - "$1" <<'CODE'
import sys, urllib.error, urllib.request
try:
    with urllib.request.urlopen("http://127.0.0.1:8080" + sys.argv[1], timeout=60) as answer:
        print(answer.status)
except urllib.error.HTTPError as error:
    print(error.code)
except OSError as error:
    print(getattr(error, "reason", error))
CODE
}

ready() {
  local i
  for ((i = 0; i < 120; i++)); do
    [[ $(http /readyz) == 200 ]] && return
    sleep 1
  done
  die "it is not ready: $(http /readyz)"
}

answers() {
  local told
  told=$(govbot ask "$QUESTION") || die "no answer"
  [[ $told == *"vinte dias"* ]] || die "a wrong answer: $told"
}

# asked_during COMMAND...: people ask all the time meanwhile; nobody may be refused, and everybody
# gets an answer. Its status is the command's.
asked_during() {
  local asking status=0 answered refused unanswered longest
  rm -f /root/enough
  perl /root/knocks.pl /root/enough >/root/knocks 2>/root/knocks.wrong &
  asking=$!
  sleep 1
  "$@" || status=$?
  touch /root/enough
  wait "$asking"
  read -r answered refused unanswered longest </root/knocks
  result "$answered requests answered meanwhile, $refused refused, $unanswered without an answer;" \
    "the longest wait was $longest s"
  if ((refused + unanswered > 0)); then
    cat /root/knocks.wrong >&2
    die "$refused requests were refused, $unanswered got no answer"
  fi
  return "$status"
}

# The servers of the database that run: one, or its data are in danger.
servers() { pgrep -f -- '^/usr/lib/govbot/.*/postgres -D /var/lib/govbot/postgres/data' || true; }
one_server() { [[ $(servers | wc -l) == 1 ]] || die "servers of the database: $(servers | tr '\n' ' ')"; }
newest() { govbot backup list | sed -n 2p | cut -f 1; }
unit_ended() {
  local i
  for ((i = 0; i < 300; i++)); do
    case $(systemctl show "$1" --property ActiveState --value) in inactive | failed) return ;; esac
    sleep 1
  done
  die "$1 does not end"
}

play_install() {
  [[ $(ls /sys/class/net) == lo ]] || die "there is a network: $(ls /sys/class/net)"
  if compgen -G '/root/govbot-*-offline.run' >/dev/null; then from_bundle; else from_package; fi
  [[ $(stat -c '%a %U %G' /etc/govbot/govbot.toml) == '640 root govbot' ]]
  [[ $(stat -c '%a %U' /var/lib/govbot) == '750 govbot' ]]
  result "$(govbot --version), $(dpkg-query -f '${Installed-Size}' -W govbot | awk '{ printf "%d MB", $1 / 1000 }') installed"
}

from_package() {
  apt-get install -y /root/govbot_*_amd64.deb
  rm -f /root/govbot_*_amd64.deb
}

from_bundle() {
  local file
  file=$(echo /root/govbot-*-offline.run)
  ! sh "$file" -y 2>/root/refused || die "it installed without a key to believe"
  grep -q 'nothing says whose signature' /root/refused
  head -c -1000 "$file" >/root/cut.run
  ! sh /root/cut.run --key /root/bundle.pub --check || die "a cut file passed"
  cp "$file" /root/changed.run
  printf 'x' | dd of=/root/changed.run bs=1 seek=60000000 conv=notrunc status=none
  ! sh /root/changed.run --key /root/bundle.pub --check || die "a changed file passed"
  rm -f /root/changed.run /root/cut.run
  sh "$file" --key /root/bundle.pub -y
  rm -f "$file"
}

play_setup() {
  printf '# a line of the operator\n' >>/etc/govbot/govbot.toml
  printf 'Uma-senha-bem-comprida-7\n' | govbot setup --yes --organisation "Prefeitura de Teste" \
    --admin maria.alves --admin-name "Maria Alves" --admin-password-file - --embedded-database \
    --backup-timer --start || die "setup failed"
  ready
  govbot doctor >/root/doctor.txt || result "doctor: $(grep -ciE 'fault|fail' /root/doctor.txt) faults"
}

play_ask() {
  mkdir -p /srv/leis
  printf 'LEI Nº 731, DE 2 DE MAIO DE 2019\n\nArt. 1º O servidor tem direito a trinta dias de férias por ano de exercício.\n\nArt. 2º A licença-paternidade é de vinte dias corridos, contados do nascimento do filho.\n' \
    >/srv/leis/lei-731.txt
  chmod -R a+rX /srv/leis
  govbot ingest /srv/leis/lei-731.txt --collection Leis --wait
  answers
  [[ $(govbot config show | grep -c '/var/lib/govbot') -ge 1 ]]
  result "the embedder: $(govbot doctor --json 2>/dev/null | grep -o 'all-MiniLM-L6-v2' | head -n 1)"
}

play_harden() {
  systemd-analyze verify govbot.service govbot.socket govbot-backup.service govbot-backup.timer \
    govbot-backup.path
  result "$(systemd-analyze security govbot.service 2>/dev/null | tail -n 1)"
  local main
  main=$(property MainPID)
  [[ $(nsenter -t "$main" -n cat /proc/net/dev | tail -n +3 | awk '{ print $1 }' | tr -d '\n') == lo: ]]
  grep -E '^(CapEff|NoNewPrivs|Seccomp):' "/proc/$main/status"
}

play_kill() {
  local before=$EPOCHREALTIME restarts
  restarts=$(property NRestarts)
  systemctl kill --signal=KILL govbot.service
  sleep 1
  ready
  (($(property NRestarts) > restarts)) || die "systemd did not restart it"
  result "after kill -9: ready again in $(seconds_since "$before") s"
  answers
}

play_hang() {
  mkdir -p /etc/systemd/system/govbot.service.d
  printf '[Service]\nWatchdogSec=10\n' >/etc/systemd/system/govbot.service.d/quick.conf
  systemctl daemon-reload
  systemctl restart govbot.service
  ready
  local before=$EPOCHREALTIME since i
  since=@$(date +%s)
  systemctl kill --signal=STOP --kill-who=main govbot.service
  for ((i = 0; i < 60; i++)); do
    sleep 1
    journalctl -u govbot --no-pager --since "$since" | grep -q "Failed with result 'watchdog'" && break
  done
  ((i < 60)) || die "no watchdog"
  result "stopped by SIGSTOP with WatchdogSec=10: ended after $(seconds_since "$before") s"
  ready
  result "and ready again after $(seconds_since "$before") s"
  rm /etc/systemd/system/govbot.service.d/quick.conf
  systemctl daemon-reload
  answers
}

play_restart() {
  asked_during systemctl restart govbot.service
  ready
}

# An upgrade that cannot be backed up does not begin: nothing stops.
play_refuse() {
  local main status=0
  main=$(property MainPID)
  mv /var/backups/govbot /var/backups/aside
  touch /var/backups/govbot
  asked_during dpkg -i "/root/govbot_$1_amd64.deb" || status=$?
  rm /var/backups/govbot
  mv /var/backups/aside /var/backups/govbot
  ((status)) || die "it was upgraded without a backup"
  [[ $(property MainPID) == "$main" ]] || die "the service was stopped"
  [[ $(govbot --version) != "govbot $1" ]] || die "the new version is there"
  [[ ! -e /usr/lib/govbot.previous && ! -e /run/govbot-upgrade ]]
  answers
  result "$(dpkg-query -f '${Version} is ${db:Status-Status}' -W govbot)"
}

play_upgrade() {
  local before=$EPOCHREALTIME
  asked_during dpkg -i "/root/govbot_$1_amd64.deb" || die "the upgrade failed"
  result "dpkg took $(seconds_since "$before") s"
  ready
  [[ $(govbot --version) == "govbot $1" ]] || die "not the new version"
  grep -q 'a line of the operator' /etc/govbot/govbot.toml || die "the settings were replaced"
  govbot backup list | grep -q upgrade || die "there is no backup of the upgrade"
  answers
  [[ $(govbot migrate) == "The schema is at $2." ]] || die "the schema was not brought to $2"
  [[ ! -e /usr/lib/govbot.previous && ! -e /run/govbot-upgrade ]]
}

# go_back VERSION BROKEN SCHEMA kept|restored: the upgrade fails, and everything is as before.
play_go_back() {
  local before=$EPOCHREALTIME status=0
  # shellcheck disable=SC2016
  asked_during sh -c 'dpkg -i "$1" >/root/dpkg.log 2>&1' - "/root/govbot_$2_amd64.deb" || status=$?
  cat /root/dpkg.log
  ((status)) || die "an upgrade that cannot start passed"
  result "dpkg took $(seconds_since "$before") s"
  ready
  [[ $(govbot --version) == "govbot $1" ]] || die "not the previous version"
  [[ $(govbot migrate) == "The schema is at $3." ]] || die "the schema is not $3: $(govbot migrate)"
  case $4 in
    kept) ! grep -q 'the data are those of the backup' /root/dpkg.log ;;
    restored) grep -q 'the data are those of the backup' /root/dpkg.log ;;
  esac || die "the data were not $4"
  one_server
  answers
  result "$(dpkg-query -f '${Version} is ${db:Status-Status}' -W govbot); $1 answers, data $4"
  dpkg -i "/root/govbot_$1_amd64.deb"
  ready
  answers
  result "the package $1 put back: $(dpkg-query -f '${db:Status-Status}' -W govbot)"
}

# By the unit and by its timer, beside a service that works: both use one database.
play_backup() {
  local server before
  server=$(servers)
  before=$(newest)
  asked_during systemctl start govbot-backup.service || die "$(journalctl -u govbot-backup -n 30)"
  [[ $(servers) == "$server" ]] || die "the database was started anew"
  [[ $(newest) != "$before" ]] || die "there is no new backup"
  before=$(newest)
  govbot backup list | sed -n 2p | grep timer || die "the backup is not the timer's"
  answers
  mkdir -p /etc/systemd/system/govbot-backup.timer.d
  printf '[Timer]\nOnCalendar=\nOnActiveSec=1\nRandomizedDelaySec=0\nAccuracySec=1\n' \
    >/etc/systemd/system/govbot-backup.timer.d/soon.conf
  systemctl daemon-reload
  systemctl restart govbot-backup.timer
  sleep 5
  unit_ended govbot-backup.service
  [[ $(newest) != "$before" ]] || die "the timer made no backup"
  rm -r /etc/systemd/system/govbot-backup.timer.d
  systemctl daemon-reload
  systemctl restart govbot-backup.timer
  result "$(systemctl list-timers --no-legend govbot-backup.timer | cut -c1-28) comes the next one"
  govbot backup verify
}

# The service may not write where backups lie: what its page asks for is done by the unit.
play_asked() {
  local before person i
  ! nsenter -t "$(property MainPID)" -m touch /var/backups/govbot/mine ||
    die "the service may write where backups lie"
  before=$(newest)
  person=$(govbot user list --json | grep -oE '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}' | head -n 1)
  printf '{"kind": "create", "by": "%s", "name": "maria.alves", "backup": ""}' "$person" |
    runuser -u govbot -- tee /var/lib/govbot/backup-wanted.json >/dev/null
  for ((i = 0; i < 60; i++)); do
    sleep 1
    [[ $(newest) == "$before" ]] || break
  done
  unit_ended govbot-backup.service
  govbot backup list | sed -n 2p | grep 'page.*restored' || die "no backup was made for the page"
  result "made and checked $i s after it was asked for"
}

# What would harm the data if both did not know of each other.
play_side_by_side() {
  local server hide=/run/systemd/system/govbot-backup.service.d
  server=$(servers)
  mkdir -p "$hide"
  printf '[Service]\nProtectProc=invisible\n' >"$hide/hide.conf"
  systemctl daemon-reload
  ! systemctl start govbot-backup.service || die "it did not notice that the database is hidden"
  journalctl -u govbot-backup --no-pager -n 20 | grep 'cannot be seen from here'
  rm -r "$hide"
  systemctl daemon-reload
  systemctl reset-failed govbot-backup.service
  [[ $(servers) == "$server" ]] || die "the database was started anew"
  answers
  result "a unit that does not see the running database refuses"

  systemctl start --no-block govbot-backup.service
  sleep 3
  asked_during systemctl restart govbot.service
  unit_ended govbot-backup.service
  ready
  one_server
  answers
  result "the service restarted during a backup: $(systemctl show govbot-backup -p Result --value)"
  systemctl reset-failed govbot-backup.service || true

  systemctl stop govbot.socket govbot.service
  systemctl start --no-block govbot-backup.service
  sleep 3
  systemctl start govbot.socket govbot.service
  unit_ended govbot-backup.service
  ready
  one_server
  answers
  result "the service started during a backup: $(systemctl show govbot-backup -p Result --value)"
  systemctl start govbot-backup.service
  govbot backup verify
}

play_restore() {
  printf 'LEI Nº 900\n\nArt. 1º Fica criada a semana do livro.\n' >/srv/leis/lei-900.txt
  govbot ingest /srv/leis/lei-900.txt --collection Leis --wait
  govbot document list | grep -q lei-900
  systemctl stop govbot.socket govbot.service
  rm -rf /var/lib/govbot/postgres /var/lib/govbot/files
  govbot backup restore "$(newest)" --replace --yes
  systemctl start govbot.socket govbot.service
  ready
  answers
  govbot document list | grep lei-731
  ! govbot document list | grep lei-900 || die "there is more than in the backup"
}

play_remove() {
  apt-get -y remove govbot
  [[ -d /var/lib/govbot && -f /etc/govbot/govbot.toml ]]
  [[ ! -e /usr/lib/govbot && ! -e /usr/bin/govbot ]]
}

play_purge() {
  apt-get -y purge govbot
  [[ -d /var/lib/govbot ]] || die "purge took the data without being told"
  [[ ! -e /etc/govbot ]] || die "purge left settings: $(ls -A /etc/govbot)"
  dpkg -i "$(find /root -name 'govbot_*_amd64.deb' | sort -V | head -n 1)"
  systemctl enable --now govbot.service
  ready
  answers
  GOVBOT_PURGE_DATA=yes apt-get -y purge govbot
  local left
  left=$(find / -xdev -path /proc -prune -o -iname '*govbot*' -print 2>/dev/null |
    grep -vE '^/(root|tmp|var/backups/govbot|var/log|var/cache/(man|debconf)|var/lib/(dpkg|systemd))' || true)
  [[ -z $left ]] || die "left behind: $left"
  result "after purge only backups and the account govbot are left"
}

part=play_$1
shift
"$part" "$@"
