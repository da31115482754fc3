#!/usr/bin/env bash
# Makes .venv with the locked packages, torch and GovBot itself. Quick when nothing has changed.
#
# TORCH_INDEX  package index to take torch from: one with CPU-only builds saves several GB, one
#              with CUDA builds chooses the CUDA version. Default: the registry pip is set up for.
# CMAKE_ARGS   how llama.cpp is compiled, for instance -DGGML_CUDA=on.
# PYTHON       interpreter to use. Default: the first python3 that is 3.11 or later.
source "$(dirname -- "${BASH_SOURCE[0]}")/steps.sh"

main() {
  local torch python_words
  torch=$(grep -o '"torch==[^"]*"' pyproject.toml | sort -u | tr -d '"')
  python_words=$([[ -x $PY ]] && "$PY" -V 2>/dev/null || true)
  local packages project
  packages=$(fingerprint "$python_words" "$torch" "${TORCH_INDEX:-}" "${CMAKE_ARGS:-}" \
    <requirements.lock)
  project=$(fingerprint "$packages" <pyproject.toml)
  if [[ -n $python_words ]] && is_done packages "$packages" && is_done project "$project"; then
    compile_catalogs
    return
  fi
  make_venv
  packages=$(fingerprint "$("$PY" -V)" "$torch" "${TORCH_INDEX:-}" "${CMAKE_ARGS:-}" \
    <requirements.lock)
  project=$(fingerprint "$packages" <pyproject.toml)
  if ! is_done packages "$packages"; then
    require_compiler
    install_locked
    install_torch "$torch"
    mark_done packages "$packages"
  fi
  step "4/5 Installing GovBot into $VENV"
  pip_install --no-deps --no-build-isolation --quiet --editable .
  mark_done project "$project"
  step "5/5 Compiling translations"
  compile_catalogs
  note "set-up took ${SECONDS} s"
}

make_venv() {
  # A folder that was moved or half made is made again; a good one is kept.
  if [[ -x $PY ]] && "$PY" -m pip --version >/dev/null 2>&1 &&
    grep -qF "$PWD/" "$VENV/pyvenv.cfg" "$VENV/bin/activate"; then
    return
  fi
  local python
  python=$(find_python) || exit 1
  step "1/5 Creating $VENV with $("$python" -V)"
  rm -rf "$VENV"
  if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    local package
    package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    apt_install "$package" || apt_install python3-venv ||
      die "Python's venv module is missing: install the Debian package $package"
  fi
  "$python" -m venv "$VENV"
}

find_python() {
  local name
  for name in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
  if [[ -z ${PYTHON:-} ]] && apt_install python3 python3-venv >&2 &&
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    command -v python3
    return
  fi
  die "Python 3.11 or later is needed: install the Debian package python3 (Debian 12 or later)"
}

require_compiler() {
  if command -v gcc >/dev/null && command -v g++ >/dev/null; then
    return
  fi
  apt_install gcc g++ make ||
    die "a C++ compiler is needed to build llama.cpp: install the Debian packages gcc and g++"
}

install_locked() {
  step "2/5 Installing $(grep -c == requirements.lock) locked packages (the first time takes minutes)"
  if [[ -n ${CMAKE_ARGS:-} ]]; then
    # pip's cache does not know how a wheel was compiled.
    local llama=$VENV/llama.lock
    awk '/^[a-z]/ { keep = /^llama-cpp-python==/ } keep' requirements.lock >"$llama"
    pip_install --require-hashes --no-deps --no-cache-dir --force-reinstall -r "$llama"
  fi
  pip_install --require-hashes --no-deps -r requirements.lock
}

# Which build of torch (CPU, CUDA) is the operator's choice, so its hash cannot be locked; its
# version is, and what it needs stands in the lock already.
install_torch() {
  step "3/5 Installing $1"
  awk '/^[a-z0-9].*==/ { print $1 }' requirements.lock >"$VENV/constraints.txt"
  local from=()
  if [[ -n ${TORCH_INDEX:-} ]]; then from=(--index-url "$TORCH_INDEX"); fi
  pip_install -c "$VENV/constraints.txt" "${from[@]}" "$1"
}

compile_catalogs() {
  local catalog
  while IFS= read -r -d '' catalog; do
    if [[ ! "${catalog%.po}.mo" -nt "$catalog" ]]; then
      "$VENV/bin/pybabel" --quiet compile -i "$catalog" -o "${catalog%.po}.mo"
    fi
  done < <(find govbot templates locale -name '*.po' -print0 2>/dev/null)
}

main
