#!/usr/bin/env bash
# python.sh FOLDER: puts Debian's python3.11 into FOLDER, ready to be moved anywhere.
#
# Debian's own build is taken because its security team keeps it: build again when it has an update.
# PYTHON_DEBS  a folder with the three packages; default: apt-get download, from what apt is set to.
set -euo pipefail
source "$(dirname -- "${BASH_SOURCE[0]}")/words.sh"

packages=(python3.11-minimal libpython3.11-minimal libpython3.11-stdlib)

main() {
  local target=$1 debs=${PYTHON_DEBS:-$WORK/python-debs} name found
  if [[ -z ${PYTHON_DEBS:-} ]]; then
    need apt-get "or name a folder with the packages in PYTHON_DEBS"
    mkdir -p "$debs"
    if ! compgen -G "$debs/python3.11-minimal_*.deb" >/dev/null; then
      (cd "$debs" && apt-get download -qq "${packages[@]}") ||
        die "apt has no python3.11: put its packages (${packages[*]}) into a folder, PYTHON_DEBS=..."
    fi
  fi
  rm -rf "$target"
  mkdir -p "$target/bin" "$target/lib" "$target/licenses"
  local unpacked
  unpacked=$(mktemp -d)
  for name in "${packages[@]}"; do
    found=$(compgen -G "$debs/${name}_*.deb" | sort -V | tail -n 1) || die "$debs lacks $name"
    dpkg-deb -x "$found" "$unpacked"
    # shellcheck disable=SC2016
    dpkg-deb -W --showformat='${Package} ${Version} ${Architecture}\n' "$found"
  done >"$target/packages.txt"
  cp -a "$unpacked/usr/bin/python3.11" "$target/bin/"
  cp -a "$unpacked/usr/lib/python3.11" "$target/lib/"
  cp "$unpacked/usr/share/doc/python3.11-minimal/copyright" "$target/licenses/python3.11"
  rm -rf "$unpacked"
  trim "$target/lib/python3.11"
}

# What a service never calls, and modules that would ask for Debian packages of their own.
trim() {
  local module
  rm -rf "$1"/{test,tests,idlelib,turtledemo,tkinter,lib2to3,ensurepip,pydoc_data,config-3.11-*}
  rm -rf "$1"/{EXTERNALLY-MANAGED,sitecustomize.py,turtle.py}
  for module in _crypt _curses _curses_panel _dbm _tkinter nis readline ossaudiodev spwd; do
    rm -f "$1/lib-dynload/$module".*.so
  done
  find "$1" -name __pycache__ -prune -exec rm -rf {} +
}

main "$@"
