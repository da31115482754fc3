"""The disk fills up, and the disk becomes read-only, under people at work."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.faults.census import assert_nothing_lost, settle
from tests.faults.disks import Disk, own_disk
from tests.faults.people import People, at_work, fresh_document, make_key
from tests.faults.service import Demo, Service, serving, supervised, until
from tests.faults.table import Row
from tests.system.installation import Installation


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with own_disk(tmp_path) as disk:
        yield disk


@pytest.mark.timeout(3600)
def test_a_full_disk_is_told_of_and_work_goes_on_when_there_is_room(
    disk: Disk, demo: Demo, rounds: Callable[[int], int], told: Callable[[Row], None]
) -> None:
    house = demo.copy(disk.place)
    key, times = make_key(house, "bruno.lima"), rounds(5)
    again: list[float] = []
    complaints: dict[str, str] = {}
    service = Service(house)
    service.start()
    service.wait_ready()
    try:
        with supervised(service), at_work(service, demo, key, finish_s=300) as people:
            for number in range(times):
                time.sleep(2)
                # By turns: room for the next documents to be refused, and none for a single page.
                disk.fill(left=256 * 1024 if number % 2 == 0 else 0)
                _keep_full(disk, people, number)
                complaints |= service.complaints()
                disk.empty()
                sent = people.seen.sent
                again.append(until(lambda: people.seen.sent > sent, 180, every_s=0.05))  # noqa: B023
        settle(house)
        doctor = service.complaints()
        assert_nothing_lost(house, people.ledger)
        assert "Traceback" not in service.output, _around(service.output)
    finally:
        service.stop()
    refused = people.seen.refused
    assert doctor == {}
    assert "disk" in complaints
    assert refused.keys() & {"E-DISK-FULL", "E-DATABASE-FULL"}, refused
    told(
        Row(
            "Disk full",
            "one disk with originals and database filled to the last byte for 10 s at a time, "
            f"under {people.seen.sent} documents and {people.seen.asked} questions; refused with "
            + ", ".join(sorted(code for code in refused if code.startswith("E-"))),
            times,
            "nothing that was accepted",
            again,
            "; ".join(f"{check}: {_short(words)}" for check, words in complaints.items()),
            {"refused": refused},
        )
    )


def _keep_full(disk: Disk, people: People, number: int) -> None:
    """What is refused frees its room again: fills that as well, for ten seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        disk.fill(left=128 * 1024 if number % 2 == 0 else 0)
        time.sleep(0.5)


@pytest.mark.timeout(3600)
def test_a_disk_that_turns_read_only_loses_nothing_and_is_told_of(
    disk: Disk, demo: Demo, rounds: Callable[[int], int], told: Callable[[Row], None]
) -> None:
    house = demo.copy(disk.place)
    os.sync()  # the copy is the test's: what was accepted is what GovBot wrote
    key, times = make_key(house, "bruno.lima"), rounds(3)
    again: list[float] = []
    complaints: dict[str, str] = {}
    service = Service(house, GOVBOT_LOGGING__FORMAT="text")
    service.log = disk.image.with_name("service.log")
    service.start()
    service.wait_ready()
    try:
        with at_work(service, demo, key, finish_s=300) as people:
            for _ in range(times):
                time.sleep(4)
                disk.break_down()
                until(lambda: not service.ready(), 180)
                complaints |= service.complaints()
                service.kill(database=True)
                until(lambda: not _busy(disk), 180)
                disk.unmount()
                disk.repair()
                disk.mount()
                began = time.monotonic()
                service.start()
                service.wait_ready()
                again.append(time.monotonic() - began)
        settle(house)
        assert service.complaints() == {}
        assert_nothing_lost(house, people.ledger)
    finally:
        service.stop()
        until(lambda: not house.postgres(), 180)
    told(
        Row(
            "Disk read-only",
            "an error of the disk makes the kernel turn it read-only under "
            f"{people.seen.sent} documents and {people.seen.asked} questions; then checked and "
            "mounted again, as a boot does",
            times,
            "nothing that was accepted",
            again,
            "; ".join(f"{check}: {_short(words)}" for check, words in complaints.items()),
            {"refused": people.seen.refused},
        )
    )


@pytest.mark.timeout(1800)
def test_a_read_only_folder_of_originals_refuses_files_and_answers_questions(
    house: Installation, demo: Demo, key: str, rounds: Callable[[int], int],
    told: Callable[[Row], None],
) -> None:  # fmt: skip
    times = rounds(5)
    files = house.data / "files"
    again, code = [], ""
    complaints: dict[str, str] = {}
    _mount("--bind", str(files), str(files))
    try:
        with serving(house) as service:
            people = People(service, demo, key)
            people.collection = people._collection()
            with httpx.Client(base_url=service.address, timeout=60) as client:
                for _ in range(times):
                    until(lambda: _remounted(files, "ro"), 180)
                    refused = _sent(client, people)
                    assert refused.status_code == 503, refused.text
                    code = refused.json()["code"]
                    question = {"question": "Quantos dias de férias o servidor tem por ano?"}
                    answered = client.post("/api/v1/ask", json=question, headers=people._bearer())
                    assert answered.status_code in (200, 201), answered.text
                    assert not answered.json()["refused"]
                    complaints |= service.complaints()
                    assert _remounted(files, "rw")
                    began = time.monotonic()
                    assert _sent(client, people).status_code == 202
                    again.append(time.monotonic() - began)
            settle(house)
            assert service.complaints() == {}
            assert "Traceback" not in service.output, _around(service.output)
    finally:
        subprocess.run(["umount", "-l", str(files)], check=False)
    told(
        Row(
            "Folder of originals read-only",
            f"remounted read-only while serving: files refused with {code}, questions answered",
            times,
            "nothing",
            again,
            "; ".join(f"{check}: {_short(words)}" for check, words in complaints.items()),
        )
    )


def _sent(client: httpx.Client, people: People) -> httpx.Response:
    name, data = fresh_document()
    path = f"/api/v1/collections/{people.collection}/documents"
    return client.post(path, params={"filename": name}, content=data, headers=people._bearer())


def _mount(*words: str) -> None:
    if subprocess.run(["mount", *words], capture_output=True, check=False).returncode:
        pytest.skip("mounting needs root")


def _remounted(place: Path, how: str) -> bool:
    words = ["mount", "-o", f"remount,bind,{how}", str(place)]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def _busy(disk: Disk) -> bool:
    words = ["fuser", "-m", str(disk.place)]
    return bool(subprocess.run(words, capture_output=True, check=False).stdout.strip())


def _short(words: str) -> str:
    return words.replace("\n", " ")[:400]


def _around(output: str) -> str:
    return output[max(0, output.index("Traceback") - 500) :][:4000]
