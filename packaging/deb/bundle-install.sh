#!/bin/sh
# Inside the bundle: checks the signature and the checksums, then installs with apt from here alone.
set -eu
cd "$(dirname "$0")"
here=$(pwd)
key=/etc/govbot/bundle.pub trust='' check='' models=yes yes=''

die() { echo "govbot: $*" >&2; exit 1; }

while [ $# -gt 0 ]; do
    case "$1" in
    --key) key=${2:?--key needs a file}; shift ;;
    --trust) trust=${2:?--trust needs a fingerprint}; shift ;;
    --check) check=yes ;;
    --no-models) models='' ;;
    -y) yes=-y ;;
    *) die "there is no option $1 (--help shows all)" ;;
    esac
    shift
done
[ -n "$check" ] || [ "$(id -u)" = 0 ] || die "installing is for root: sudo sh ..."
[ "$(dpkg --print-architecture)" = amd64 ] || die "this is for amd64"
command -v openssl >/dev/null || die "the command openssl is missing; it is needed to check the signature"

fingerprint=$(openssl pkey -pubin -in bundle.pub -outform DER | sha256sum | cut -d' ' -f1)
if [ -n "$trust" ]; then
    [ "$trust" = "$fingerprint" ] || die "the key inside has another fingerprint: $fingerprint"
    key=bundle.pub
elif [ ! -f "$key" ]; then
    die "nothing says whose signature to believe. Name the public key you were given (--key FILE), or
        its fingerprint (--trust ...). The key inside has $fingerprint"
fi
openssl pkeyutl -verify -rawin -pubin -inkey "$key" -in SHA256SUMS -sigfile SHA256SUMS.sig \
    >/dev/null 2>&1 || die "the signature is not that of $key"
sha256sum --quiet --strict --check SHA256SUMS || die "the file is damaged or was changed"
found=$(find . -type f ! -name 'SHA256SUMS*' | LC_ALL=C sort)
signed=$(sed 's/^[0-9a-f]*  //' SHA256SUMS | LC_ALL=C sort)
[ "$found" = "$signed" ] || die "there are files that nobody signed"
echo "govbot: version $(cat VERSION), signature and checksums are right"
[ -z "$check" ] || exit 0

printf 'deb [trusted=yes] file:%s ./\n' "$here/debs" >sources.list
mkdir -p lists/partial archives/partial
# apt sees this folder and nothing else: what the server has in a newer version stays.
cat >apt.conf <<TEXT
Dir::Etc::SourceList "$here/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::State::Lists "$here/lists";
Dir::Cache::archives "$here/archives";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
APT::Sandbox::User "root";
TEXT
export APT_CONFIG="$here/apt.conf"
apt-get -qq update
# shellcheck disable=SC2046,SC2086
apt-get install --no-install-recommends $yes $(cat debs/INSTALL)
unset APT_CONFIG
install -d -m 0750 -o root -g govbot /etc/govbot
install -m 0644 bundle.pub /etc/govbot/bundle.pub

if [ -n "$models" ] && [ -n "$(ls -A models)" ]; then
    target=/var/lib/govbot/models-import
    install -d -m 0750 -o govbot -g govbot "$target"
    cp -a models/. "$target/"
    chown -R govbot:govbot "$target"
    for model in models/*; do
        echo "govbot: to use this model: govbot models add $target/${model##*/}"
    done
fi
