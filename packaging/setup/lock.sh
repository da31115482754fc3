#!/usr/bin/env bash
# Writes requirements.lock and requirements-dev.lock from pyproject.toml, with the hash of every
# published file. Versions stay as they are unless UPGRADE=1.
#
# torch is left out (its build is the operator's choice) together with the CUDA libraries that
# the default build asks for; what every build of torch needs stays in.
source "$(dirname -- "${BASH_SOURCE[0]}")/steps.sh"

main() {
  [[ -x $VENV/bin/pip-compile ]] || die "pip-tools is missing: run make setup-test first"
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  requirements torch >"$folder/run.in"
  requirements dev finetune otel >"$folder/dev.in"
  cp requirements*.lock "$folder" 2>/dev/null || true
  compile "$folder" run.in requirements.lock
  printf -- '-c requirements.lock\n' >>"$folder/dev.in"
  compile "$folder" dev.in requirements-dev.lock
  mv "$folder"/requirements.lock "$folder"/requirements-dev.lock .
}

# requirements EXTRA: the project's dependencies with those of an extra, one a line.
requirements() {
  "$PY" - "$@" <<'PYTHON'
import sys
import tomllib

with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)["project"]
lines = list(project["dependencies"])
for extra in sys.argv[1:]:
    lines += project["optional-dependencies"][extra]
print("\n".join(lines))
PYTHON
}

compile() {
  step "Resolving $3"
  (
    cd "$1"
    "$OLDPWD/$VENV/bin/pip-compile" --quiet --allow-unsafe --unsafe-package torch \
      --generate-hashes --strip-extras --no-emit-index-url --no-emit-find-links \
      --no-emit-trusted-host --no-header --no-annotate ${UPGRADE:+--upgrade} \
      --output-file "$3" "$2" 2>pip-compile.log || { tail -20 pip-compile.log >&2; exit 1; }
    awk '/^#/ || /^$/ || /^--/ { next }
         /^[a-z0-9]/ { keep = !/^(torch|triton|nvidia-.*|cuda-.*)==/ } keep' "$3" >"$3.kept"
    mv "$3.kept" "$3"
  )
}

main
