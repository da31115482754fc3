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

# refused_during COMMAND...: connects all the time meanwhile and counts the refusals.
refused_during() {
  rm -f /root/knocked
  perl -MIO::Socket::INET -e '
    my ($n, $r) = (0, 0);
    until (-e "/root/knocked") {
      $n++;
      my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:8080", Timeout => 5);
      $s ? close($s) : $r++;
      select(undef, undef, undef, 0.2);
    }
    print "$n $r\n";' >/root/knocks &
  local knocker=$!
  "$@"
  touch /root/knocked
  wait "$knocker"
  local knocks refused
  read -r knocks refused </root/knocks
  result "$knocks connections meanwhile, $refused refused"
  [[ $refused == 0 ]] || die "$refused connections were refused"
}

play_install() {
  ! ip link show 2>/dev/null | grep -v lo: | grep -q 'state UP' || die "there is a network"
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
  [[ $(stat -c '%a %U %G' /etc/govbot/govbot.toml) == '640 root govbot' ]]
  [[ $(stat -c '%a %U' /var/lib/govbot) == '750 govbot' ]]
  result "$(govbot --version), $(dpkg-query -f '${Installed-Size}' -W govbot | awk '{ printf "%d MB", $1 / 1000 }') installed"
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
  systemd-analyze verify govbot.service govbot.socket govbot-backup.service govbot-backup.timer
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

play_restart() { refused_during systemctl restart govbot.service; ready; }

play_upgrade() {
  local before=$EPOCHREALTIME
  refused_during dpkg -i "/root/govbot_$1_amd64.deb"
  result "dpkg took $(seconds_since "$before") s"
  ready
  [[ $(govbot --version) == "govbot $1" ]] || die "not the new version"
  grep -q 'a line of the operator' /etc/govbot/govbot.toml || die "the settings were replaced"
  govbot backup list | grep -q upgrade || die "there is no backup of the upgrade"
  answers
  [[ ! -e /usr/lib/govbot.previous && ! -e /run/govbot-upgrade ]]
}

play_go_back() {
  ! refused_during dpkg -i "/root/govbot_$2_amd64.deb" || die "an upgrade that cannot start passed"
  ready
  [[ $(govbot --version) == "govbot $1" ]] || die "not the previous version"
  answers
  result "$(dpkg-query -f '${Version} is ${db:Status-Status}' -W govbot); $1 answers"
  dpkg -i "/root/govbot_$1_amd64.deb"
  ready
  answers
  result "the package $1 put back: $(dpkg-query -f '${db:Status-Status}' -W govbot)"
}

play_backup() {
  systemctl start govbot-backup.service || { journalctl -u govbot-backup --no-pager -n 30; exit 1; }
  govbot backup list
  govbot backup verify
}

play_restore() {
  govbot ingest /srv/leis/lei-731.txt --collection Outras --wait || true
  systemctl stop govbot.socket govbot.service
  rm -rf /var/lib/govbot/postgres /var/lib/govbot/files
  local newest
  newest=$(govbot backup list --json | tr ',' '\n' | sed -n 's/.*"path": *"\(.*\)".*/\1/p' | head -n 1)
  govbot backup restore "$newest" --replace --yes
  systemctl start govbot.socket govbot.service
  ready
  answers
}

play_remove() {
  apt-get -y remove govbot
  [[ -d /var/lib/govbot && -f /etc/govbot/govbot.toml ]]
  [[ ! -e /usr/lib/govbot && ! -e /usr/bin/govbot ]]
}

play_purge() {
  apt-get -y purge govbot
  [[ -d /var/lib/govbot ]] || die "purge took the data without being told"
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
