"""The file of the model is removed, cut off or overwritten, while serving and before a start."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.faults.census import looking
from tests.faults.people import People, answer_state
from tests.faults.service import Demo, Service, supervised, until
from tests.faults.table import Row
from tests.system.installation import Installation
from tests.tiny_gguf import char_token, write_tiny_gguf

ANSWER_S = 180.0  # a model that did not load is tried again after half a minute
QUESTION = "Quantos dias de férias o servidor tem por ano?"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that always writes the same letter, with room for passages."""
    place = tmp_path_factory.mktemp("model") / "good.gguf"
    return write_tiny_gguf(place, context=16_384, favourite=char_token("a"))


@pytest.fixture
def model(tmp_path: Path, good: Path) -> Path:
    """A copy to be harmed."""
    return Path(shutil.copy(good, tmp_path / "modelo.gguf"))


def remove(model: Path) -> None:
    model.unlink()


def cut_off(model: Path) -> None:
    """In a new file, as a copy that was interrupted leaves it."""
    data = model.read_bytes()
    model.unlink()
    model.write_bytes(data[: len(data) // 2])


def overwrite(model: Path) -> None:
    """In a new file: what is there is no model any more."""
    size = model.stat().st_size
    model.unlink()
    model.write_bytes(b"\0" * size)


def truncate_in_place(model: Path) -> None:
    """Under the process that has it mapped: reading it ends the process (SIGBUS)."""
    with model.open("r+b") as file:
        file.truncate(4096)


def zero_in_place(model: Path) -> None:
    """Under the process that has it mapped: the weights turn to nothing."""
    size = model.stat().st_size
    with model.open("r+b") as file:
        file.seek(size // 4)
        file.write(b"\xff" * (size // 2))


HARMS = (remove, cut_off, overwrite, truncate_in_place, zero_in_place)


@pytest.fixture
def service(house: Installation, model: Path) -> Iterator[Service]:
    service = Service(
        house,
        GOVBOT_GENERATION__BACKEND="llama",
        GOVBOT_GENERATION__MODEL_PATH=str(model),
        GOVBOT_GENERATION__CONTEXT_TOKENS="16384",
        GOVBOT_GENERATION__MAX_TOKENS="32",
        GOVBOT_GENERATION__SLOTS="1",
        GOVBOT_GENERATION__N_GPU_LAYERS="0",
        GOVBOT_ANSWERS__CACHE="off",
        GOVBOT_ANSWERS__UNSUPPORTED="mark",
    )
    service.start()
    service.wait_ready()
    yield service
    service.stop()


@pytest.mark.timeout(3600)
def test_a_model_file_that_is_harmed_while_serving_and_before_a_start_is_told_of(
    house: Installation, service: Service, demo: Demo, key: str, model: Path, good: Path,
    rounds: Callable[[int], int], told: Callable[[Row], None],
) -> None:  # fmt: skip
    played = [harm for _ in range(rounds(2)) for harm in HARMS]
    people = People(service, demo, key)
    client = people.signed_in("ana.souza")
    asked, deaths, again = 0, 0, []
    said: dict[str, str] = {}
    with supervised(service), closing(people):
        assert _answered(people, client) == ""
        asked += 1
        for harm in played:
            harm(model)
            pid = service.process.pid if service.process else 0
            _answered(people, client)  # as it can: from memory, or not at all
            until(service.ready, 180)
            deaths += service.process is not None and service.process.pid != pid
            service.kill()
            until(service.ready, 180)
            code = _answered(people, client)
            asked += 2
            assert _searched(service, people) > 0  # words are found without a model
            if harm is not zero_in_place:
                assert code == "E-MODEL", (harm.__name__, code)
                said |= _complaints(service)
            _put_back(model, good)
            began = time.monotonic()
            until(lambda: _answered(people, client) == "", ANSWER_S, every_s=1)
            again.append(time.monotonic() - began)
    with looking(house) as conn:
        row = conn.execute(
            "SELECT count(*) AS n FROM messages q WHERE q.role = 'user' AND NOT EXISTS"
            " (SELECT FROM messages a WHERE a.reply_to = q.id AND a.state <> 'running')"
        ).fetchone()
    assert row == {"n": 0}
    assert service.complaints() == {}
    assert "Traceback" not in service.output
    told(
        Row(
            "Model file removed or damaged",
            "removed, cut off, overwritten, truncated in place and written over in place, each "
            "while serving and then at a start; questions fail with E-MODEL, the search goes on; "
            f"the service died (file truncated under it) and was started again: {deaths}",
            len(played),
            "nothing: every question is kept, and can be asked again",
            again,
            "; ".join(f"{check}: {words}" for check, words in said.items()),
        )
    )


def _answered(people: People, client: httpx.Client) -> str:
    """The code with which a new question failed; "" for an answer. Asked until the service takes
    it, and followed over its restart."""
    people.until = time.monotonic() + ANSWER_S
    path = people._asked(client, QUESTION)
    assert path is not None
    state = "running"
    while state == "running":
        assert time.monotonic() < people.until
        try:
            state, _ = answer_state(client, path)
        except Exception:
            state = "running"  # it is being started again
        time.sleep(0.2)
    with looking(people.service.house) as conn:
        row = conn.execute(
            "SELECT a.error_code FROM messages a WHERE a.conversation_id = %(id)s"
            " AND a.role = 'assistant'",
            {"id": path.rsplit("/", 1)[1]},
        ).fetchone()
    return (row["error_code"] or "") if row else "no answer"


def _searched(service: Service, people: People) -> int:
    answer = httpx.post(
        f"{service.address}/api/v1/search", json={"question": QUESTION},
        headers=people._bearer(), timeout=60,
    )  # fmt: skip
    assert answer.is_success, answer.text
    return len(answer.json()["passages"])


def _complaints(service: Service) -> dict[str, str]:
    return {check: words.split("; ")[0] for check, words in service.complaints().items()}


def _put_back(model: Path, good: Path) -> None:
    draft = model.with_suffix(".new")
    shutil.copy(good, draft)
    draft.replace(model)
