#!/usr/bin/env bash
# Makes govbot-X.Y.Z-offline.run: one file with the package, the Debian packages it needs, models,
# checksums and a signature, which checks itself and installs, for servers without any network.
#
# KEY      the private key (Ed25519, PEM) that signs; `openssl genpkey -algorithm ed25519 -out KEY`
# PACKAGE  the .deb to carry; default: the newest in build/, built when there is none
# MODELS   files and folders of models to carry, separated by spaces
# SUITE    the Debian release of the servers; default: bookworm (apt here must know it)
# OCR      no: without Tesseract, 25 MB less
# OUT      folder of the result; default: build
set -euo pipefail
source "$(dirname -- "${BASH_SOURCE[0]}")/words.sh"

main() {
  need openssl "install the Debian package openssl"
  need debootstrap "install the Debian package debootstrap, which knows what a server has already"
  need apt-ftparchive "install the Debian package apt-utils"
  [[ -n ${KEY:-} ]] || die "KEY is missing: make one once, keep it, and give its public half to those
     who install:  openssl genpkey -algorithm ed25519 -out bundle.key
                   openssl pkey -in bundle.key -pubout -out bundle.pub"
  [[ -f $KEY ]] || die "there is no $KEY"
  local package version folder out=${OUT:-$BUILD}
  package=$(the_package)
  version=$(dpkg-deb -f "$package" Version)
  folder=$(mktemp -d -p "$BUILD" bundle.XXXXXX)
  # shellcheck disable=SC2064
  trap "rm -rf '$folder'" EXIT
  mkdir -p "$folder/debs" "$folder/models" "$out"
  cp "$package" "$folder/debs/"
  step "Debian packages of ${SUITE:-bookworm}"
  dependencies "$folder"
  models "$folder"
  sign "$folder" "$version"
  write "$folder" "$out/govbot-$version-offline.run"
}

the_package() {
  local found=${PACKAGE:-}
  if [[ -z $found ]]; then
    found=$(compgen -G "$BUILD/govbot_*_amd64.deb" | sort -V | tail -n 1 || true)
    if [[ -z $found ]]; then
      "$PROJECT/packaging/deb/build.sh" >&2
      found=$(compgen -G "$BUILD/govbot_*_amd64.deb" | sort -V | tail -n 1)
    fi
  fi
  [[ -f $found ]] || die "there is no package $found"
  printf '%s' "$found"
}

# What a server with the least of packages lacks: apt is told that nothing else is installed.
dependencies() {
  local status=$1/status asked=(openssl)
  [[ ${OCR:-yes} == no ]] || asked+=(tesseract-ocr tesseract-ocr-por)
  printf '%s\n' govbot "${asked[@]}" >"$1/debs/INSTALL"
  debootstrap --print-debs --variant=minbase "${SUITE:-bookworm}" "$1/base" 2>"$1/log" |
    xargs apt-cache show --no-all-versions |
    awk 'BEGIN { RS = ""; ORS = "\n\n" } { sub(/\n/, "\nStatus: install ok installed\n"); print }' \
      >"$status"
  rm -f "$1/log"
  rm -rf "$1/base"
  mkdir -p "$1/debs/partial"
  apt-get -qq -y --no-install-recommends --download-only -o Dir::State::status="$status" \
    -o Dir::Cache::archives="$1/debs" -o Debug::NoLocking=1 -o APT::Sandbox::User=root \
    -o Dir::State::extended_states=/dev/null \
    install "$1"/debs/govbot_*.deb "${asked[@]}" >/dev/null
  rm -rf "$1/debs/partial" "$1/debs/lock" "$status"
  (cd "$1/debs" && apt-ftparchive packages . >Packages)
  note "$(find "$1/debs" -name '*.deb' | wc -l) packages"
}

models() {
  local model
  # shellcheck disable=SC2086
  for model in ${MODELS:-}; do
    [[ -e $model ]] || die "MODELS: there is no $model"
    step "Model ${model##*/}"
    cp -a --reflink=auto "$model" "$1/models/"
  done
}

# The signature covers the checksums, and those cover every other file.
sign() {
  printf '%s\n' "$2" >"$1/VERSION"
  install -m 0755 "$PROJECT/packaging/deb/bundle-install.sh" "$1/install.sh"
  openssl pkey -in "$KEY" -pubout -out "$1/bundle.pub" || die "$KEY is no private key"
  (
    cd "$1"
    find . -type f -not -name 'SHA256SUMS*' -print0 | sort -z | xargs -0 sha256sum >SHA256SUMS
    openssl pkeyutl -sign -rawin -inkey "$KEY" -in SHA256SUMS -out SHA256SUMS.sig ||
      die "$KEY cannot sign: it must be an Ed25519 key"
  )
}

write() {
  local date
  date=$(source_date)
  step "Writing ${2##*/}"
  tar -C "$1" -c --sort=name --mtime="@$date" --owner=0 --group=0 --numeric-owner \
    -f "$1.tar" .
  sed "s/@SIZE@/$(stat -c %s "$1.tar")/" "$PROJECT/packaging/deb/bundle-head.sh" >"$2.new"
  cat "$1.tar" >>"$2.new"
  rm "$1.tar"
  chmod 0755 "$2.new"
  mv "$2.new" "$2"
  # For those who check before they run anything.
  (cd "$(dirname "$2")" && sha256sum "${2##*/}" >"${2##*/}.sha256")
  openssl pkeyutl -sign -rawin -inkey "$KEY" -in "$2.sha256" -out "$2.sha256.sig"
  note "$2: $(($(stat -c %s "$2") / 1000000)) MB"
  note "key $(openssl pkey -in "$KEY" -pubout -outform DER | sha256sum | cut -d' ' -f1)"
}

main
