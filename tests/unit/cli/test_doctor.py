"""What `govbot doctor` says of a machine, of files and of certificates; that it never hangs."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from govbot.backup import manifest
from govbot.backup import state as backup_state
from govbot.backup.manifest import Manifest, Verdict
from govbot.cli import doctor, doctor_backup, doctor_machine, doctor_network, doctor_parts
from govbot.cli.doctor_finding import Look, Seen, State, Visit, ok
from govbot.cli.doctor_looks import DATABASE, MACHINE, PARTS, SCHEMA, STORED
from govbot.config import load_settings
from govbot.installation import cards, units
from govbot.models.store import Kind, ModelFile, Store
from govbot.models.store import Manifest as ModelManifest
from tests.certificates import make_authority


def visit(folder: Path, text: str = "") -> Visit:
    file = folder / "govbot.toml"
    file.write_text(f'data_dir = "data"\n{text}', encoding="utf-8")
    return Visit(load_settings(file, {}))


def one(found: Seen | list[Seen]) -> Seen:
    return found if isinstance(found, Seen) else next(iter(found))


def test_there_are_looks_at_every_part_each_named_once_and_with_a_remedy() -> None:
    looks = [*MACHINE, DATABASE, SCHEMA, *STORED, *PARTS]
    names = [look.check for look in looks]
    assert len(names) == len(set(names)) >= 34
    assert [look.check for look in looks if not look.remedy] == []
    assert [look.check for look in looks if (look.sync is None) == (look.wait is None)] == []


async def test_look_that_hangs_or_breaks_is_a_finding_and_the_others_are_told() -> None:
    release = threading.Event()

    def hangs(_: Visit) -> Seen:
        release.wait(20)
        return ok("late")

    def breaks(_: Visit) -> Seen:
        raise RuntimeError("not\nforeseen")

    looks = [
        Look("share", "mount it", sync=hangs, within_s=0.1),
        Look("broken", "report it", sync=breaks),
        Look("fine", "none", sync=lambda _: ok("well")),
    ]
    late: list[str] = []
    began = time.monotonic()
    clock = doctor._Clock(began + 20, late)
    checks = await clock.all(looks, Visit(load_settings(environ={})))
    release.set()
    assert time.monotonic() - began < 5
    assert [(c.check, c.state, c.remedy) for c in checks] == [
        ("share", State.FAIL, "mount it"),
        ("broken", State.FAIL, "report it"),
        ("fine", State.OK, ""),
    ]
    assert checks[1].seen == "RuntimeError: not foreseen"
    assert late == ["share"]


async def test_what_is_left_is_told_as_not_looked_at_when_the_time_of_all_is_over() -> None:
    look = Look("last", "none", sync=lambda _: ok("well"))
    clock = doctor._Clock(time.monotonic() - 1, [])
    checks = await clock.all([look], Visit(load_settings(environ={})))
    assert [(check.check, check.state) for check in checks] == [("last", State.WARN)]


@pytest.mark.parametrize(
    ("days", "state", "words"),
    [(200, State.OK, "in force until"), (3, State.WARN, "in force until"),
     (-1, State.FAIL, "expired")],
)  # fmt: skip
def test_certificate_of_the_pages_is_judged_by_its_end(
    tmp_path: Path, days: int, state: State, words: str
) -> None:
    certificate, key = make_authority(tmp_path).issue("localhost", days=days)
    told = f'[web]\ntls_certificate = "{certificate}"\ntls_key = "{key}"\n'
    (seen,) = doctor_network.certificates(visit(tmp_path, told))
    assert (seen.state, seen.of) == (state, "web")
    assert words in seen.seen


def test_authority_that_expired_is_a_fault_and_its_file_is_named(tmp_path: Path) -> None:
    bundle, _ = make_authority(tmp_path).issue("ldap", days=-1)
    told = f'[ldap]\nservers = ["ldaps://x"]\nbase_dn = "dc=x"\nca_file = "{bundle}"\n'
    (seen,) = doctor_network.certificates(visit(tmp_path, told))
    assert (seen.state, seen.of) == (State.FAIL, "ldap")
    assert str(bundle) in seen.remedy


def test_port_of_another_program_is_a_fault(tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        threading.Thread(target=_slam, args=(other,), daemon=True).start()
        seen = one(doctor_network.address(visit(tmp_path, f"[web]\nport = {port}\n")))
    assert seen.state is State.FAIL
    assert "taken by another program" in seen.seen


def _slam(listening: object) -> None:
    import socket

    assert isinstance(listening, socket.socket)
    for _ in range(2):
        link, _address = listening.accept()
        link.close()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model of two files with a manifest; the folder of its files."""
    store = Store(tmp_path / "data" / "models")
    contents = {"config.json": b"{}", "weights.bin": b"w" * 5000}
    with store.incoming("modelo") as folder:
        for name, content in contents.items():
            (folder / name).write_bytes(content)
        files = tuple(
            ModelFile(name, len(content), sha256(content).hexdigest())
            for name, content in contents.items()
        )
        store.place(ModelManifest("modelo", Kind.EMBEDDER, "test", "", "", files))
    return store.folder / "modelo"


def test_checksums_of_models_are_compared(tmp_path: Path, model: Path) -> None:
    asked = visit(tmp_path)
    assert one(doctor_parts.checksums(asked)).state is State.OK
    (model / "weights.bin").write_bytes(b"w" * 4999 + b"x")
    changed = one(doctor_parts.checksums(asked))
    assert (changed.state, changed.seen) == (
        State.FAIL,
        "modelo/weights.bin has another checksum",
    )
    (model / "weights.bin").unlink()
    assert one(doctor_parts.checksums(asked)).seen == "modelo/weights.bin is missing"


def test_large_models_are_left_to_verify_when_the_time_is_over(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_parts, "HASHING_S", -1.0)
    seen = one(doctor_parts.checksums(visit(tmp_path)))
    assert seen.state is State.OK
    assert "govbot models verify" in seen.seen


def test_folder_that_cannot_be_written_is_a_fault_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    seen = one(doctor_machine.data_folder(visit(tmp_path)))
    assert (seen.state, seen.seen) == (State.FAIL, f"{tmp_path / 'data'} is no folder")


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting takes root")
def test_a_folder_of_originals_that_turned_read_only_is_a_fault(tmp_path: Path) -> None:
    asked, files = visit(tmp_path), tmp_path / "data" / "files"
    files.mkdir(parents=True)
    assert one(doctor_machine.data_folder(asked)).state is State.OK
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", files], check=False)
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        seen = one(doctor_machine.data_folder(asked))
    finally:
        subprocess.run(["umount", files], check=True)
    assert (seen.state, seen.seen) == (State.FAIL, f"{files}: Read-only file system")
    assert [*files.iterdir()] == []


def test_files_from_the_future_betray_a_clock_that_was_set_back(tmp_path: Path) -> None:
    asked = visit(tmp_path)
    (tmp_path / "data").mkdir()
    key = tmp_path / "data" / "audit.key"
    key.write_text("x")
    os.utime(key, (time.time() + 7200,) * 2)
    seen = one(doctor_machine.clock(asked))
    assert seen.state is State.FAIL
    assert "timedatectl" in seen.remedy


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system takes root")
def test_full_disk_is_a_fault(tmp_path: Path) -> None:
    asked = visit(tmp_path)
    folder = tmp_path / "data"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1M", "none", folder], check=False)
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        low = one(doctor_machine.disk(asked))
        (folder / "full").write_bytes(b"x" * (1 << 20))
        full = one(doctor_machine.data_folder(asked))
    finally:
        subprocess.run(["umount", folder], check=True)
    assert low.state is State.FAIL
    assert full.state is State.FAIL
    assert "No space left" in full.seen


def test_card_that_the_build_cannot_use_is_told_with_its_reason(tmp_path: Path) -> None:
    proc = tmp_path / "version"
    proc.write_text(
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 19:39:15 UTC 2024\n"
    )
    (card,) = cards.cards(proc, tmp_path / "none")
    assert card.words == "nvidia driver 535.183"
    plain = cards.Answer(libraries=("libggml-cpu-haswell.so",))
    assert "no cuda" in card.why_unused(plain)[0]
    cuda = cards.Answer(libraries=("libggml-cuda.so",))
    assert "older than 550" in card.why_unused(cuda)[0]
    newer = cards.Card("nvidia", "570.1")
    assert "may not open /dev/nvidiactl" in newer.why_unused(cuda)[0]


def test_drop_ins_follow_what_the_settings_reach(tmp_path: Path) -> None:
    plain = load_settings(None, {"GOVBOT_DATA_DIR": "/var/lib/govbot"})
    assert units.wanted(plain) == {}
    asked = load_settings(
        None,
        {
            "GOVBOT_DATA_DIR": "/srv/govbot",
            "GOVBOT_WEB__HOST": "0.0.0.0",
            "GOVBOT_WATCH__FOLDERS": '[{"path": "/home/ana/normas", "collection": "Normas"}]',
            "GOVBOT_DATABASE__URL": "postgresql://govbot@db/govbot",
        },
    )
    found = units.wanted(asked, root=tmp_path)
    assert "ListenStream=0.0.0.0:8080" in found[tmp_path / "govbot.socket.d" / "listen.conf"]
    paths = found[tmp_path / "govbot.service.d" / "paths.conf"]
    assert 'ReadWritePaths="/srv/govbot"' in paths
    assert "/home/ana/normas" in paths
    assert 'ReadWritePaths="/srv/govbot"' in found[tmp_path / "govbot-backup.service.d/paths.conf"]
    assert units.outward(asked) == ["database.url"]


def test_backups_are_judged_by_age_check_and_the_last_attempt(tmp_path: Path) -> None:
    asked = visit(tmp_path)
    assert one(doctor_backup.backup(asked)).state is State.WARN
    assert one(doctor_backup.checked(asked)).state is State.ABSENT
    root = tmp_path / "data" / "backups"
    now = datetime.now(UTC)
    made = _backup(root, now - timedelta(hours=3))
    assert one(doctor_backup.backup(asked)).state is State.OK
    assert one(doctor_backup.checked(asked)).state is State.WARN
    manifest.write_verdict(made, Verdict(at=now, good=True, restored=True, seconds=1))
    assert "restored and counted" in one(doctor_backup.checked(asked)).seen
    manifest.write_verdict(
        made, Verdict(at=now, good=False, restored=True, seconds=1, problems=("bad",))
    )
    assert one(doctor_backup.checked(asked)).state is State.FAIL
    backup_state.failed(root, now, "E-BACKUP-SPACE")
    attempt = one(doctor_backup.backup(asked))
    assert attempt.state is State.FAIL
    assert "E-BACKUP-SPACE" in attempt.seen


def test_old_backup_is_a_warning(tmp_path: Path) -> None:
    _backup(tmp_path / "data" / "backups", datetime.now(UTC) - timedelta(days=9))
    seen = one(doctor_backup.backup(visit(tmp_path)))
    assert seen.state is State.WARN
    assert "9 days old" in seen.seen


def _backup(root: Path, at: datetime) -> Path:
    made = Manifest(
        format=1, id=manifest.new_id(at), made_at=at, reason="test", govbot="1",
        schema_revision="1", server="18",
    )  # fmt: skip
    (root / made.id).mkdir(parents=True)
    manifest.write(root / made.id, made)
    return root / made.id
