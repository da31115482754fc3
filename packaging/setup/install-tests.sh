#!/usr/bin/env bash
# Adds to .venv what the tests need, and to the machine a browser, OCR, an LDAP server and fonts
# where it may.
source "$(dirname -- "${BASH_SOURCE[0]}")/steps.sh"

main() {
  local packages
  packages=$(fingerprint "$(<"$VENV/.done-packages")" <requirements-dev.lock)
  if ! is_done tests "$packages"; then
    step "Installing the packages for tests"
    pip_install --require-hashes --no-deps -r requirements-dev.lock
    mark_done tests "$packages"
  fi
  local missing=()
  command -v chromium >/dev/null || command -v google-chrome >/dev/null || missing+=(chromium)
  command -v tesseract >/dev/null || missing+=(tesseract-ocr)
  tesseract --list-langs 2>/dev/null | grep -qx por || missing+=(tesseract-ocr-por)
  compgen -G '/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf' >/dev/null ||
    missing+=(fonts-dejavu-core)
  compgen -G '/usr/share/fonts/truetype/liberation*' >/dev/null || missing+=(fonts-liberation)
  # The tests run the program slapd themselves: its own service gets no configuration to start with.
  command -v slapd >/dev/null || [[ -x /usr/sbin/slapd ]] || missing+=(slapd)
  if [[ $EUID -eq 0 && " ${missing[*]-} " == *' slapd '* ]] &&
    command -v debconf-set-selections >/dev/null; then
    echo 'slapd slapd/no_configuration boolean true' | debconf-set-selections
  fi
  if ((${#missing[@]} == 0)) || apt_install "${missing[@]}"; then
    return
  fi
  note "Missing Debian packages: ${missing[*]}. Tests that need them are skipped; to run them:"
  note "    sudo apt-get install ${missing[*]}"
}

main
