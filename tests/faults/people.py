"""People at work while faults are played: they send documents and ask questions, and when the
service does not answer they do what people do, they try again."""

from __future__ import annotations

import hashlib
import io
import re
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path

import httpx

import govbot.demo
from tests.faults.census import Ledger
from tests.faults.service import Demo, Service
from tests.system.installation import Installation

DOCUMENTS = Path(govbot.demo.__file__).parent / "documents"
SMALL = (
    "lei-1487-2023-altera-o-estatuto.pdf",
    "decreto-3455-2025-atualiza-valores-das-diarias.pdf",
    "portaria-087-2021-veiculos-oficiais.pdf",
    "relatorio-de-auditoria-interna-07-2025.pdf",
    "portaria-112-2022-jornada-e-ponto.docx",
)
QUESTIONS = (
    "Quantos dias de férias o servidor tem por ano?",
    "Qual é o valor da diária para a capital?",
    "Quem pode dirigir veículos oficiais?",
    "Como se pede acesso a uma informação do Município?",
    "Qual é a jornada de trabalho semanal?",
)
SCOPES = ("documents:read", "documents:write", "search", "ask")
AGAIN_S = 0.3
_numbers = count(1)


def fresh_document() -> tuple[str, bytes]:
    """A real document of the demonstration that no collection has yet: name and content."""
    number = next(_numbers)
    source = DOCUMENTS / SMALL[number % len(SMALL)]
    name = f"{source.stem}-{number}{source.suffix}"
    data = source.read_bytes()
    if source.suffix == ".pdf":
        return name, data + f"\n% copy {number}\n".encode()
    packed = io.BytesIO(data)
    with zipfile.ZipFile(packed, "a") as archive:
        archive.comment = f"copy {number}".encode()
    return name, packed.getvalue()


def make_key(house: Installation, username: str) -> str:
    """An API key of this person, made at the command line."""
    scopes = [word for scope in SCOPES for word in ("--scope", scope)]
    return str(house.json("key", "create", username, "--name", "faults", *scopes)["key"])


@dataclass
class Seen:
    """What people met with. `pauses`: seconds from the first failure to the next success."""

    sent: int = 0
    asked: int = 0
    asked_again: int = 0
    signed_in_again: int = 0  # by how many lost sessions
    refused: dict[str, int] = field(default_factory=dict)  # by status or code
    problems: list[str] = field(default_factory=list)  # what must never be seen

    def note(self, what: str) -> None:
        self.refused[what] = self.refused.get(what, 0) + 1


class People:
    """Two who ask and one who sends, until they are told to stop; then each finishes what they
    have begun."""

    def __init__(self, service: Service, demo: Demo, key: str, *, pause_s: float = 0.4) -> None:
        self.service, self.demo, self.key, self.pause_s = service, demo, key, pause_s
        self.ledger, self.seen = Ledger(), Seen()
        self.ending = threading.Event()
        self.until = float("inf")
        self.collection = ""
        self._forms: dict[httpx.Client, dict[str, str]] = {}

    def begin(self) -> list[threading.Thread]:
        """Each in a thread of their own. The service must be ready."""
        self.collection = self._collection()
        threads = [threading.Thread(target=partial(self._noted, self._send), daemon=True)]
        for name in ("ana.souza", "carla.dias"):
            client = self.signed_in(name)
            asking = partial(self._noted, partial(self._ask, client))
            threads.append(threading.Thread(target=asking, daemon=True))
        for thread in threads:
            thread.start()
        return threads

    def signed_in(self, username: str) -> httpx.Client:
        """A browser whose session stays, over restarts too."""
        client = httpx.Client(
            base_url=self.service.address, headers={"accept": "text/html"}, timeout=30
        )
        form = {"username": username, "password": self.demo.passwords[username]}
        self._forms[client] = form
        answer = client.post("/entrar", data=form)
        assert answer.status_code == 303, answer.text
        return client

    def close(self) -> None:
        """Closes their browsers."""
        for client in self._forms:
            client.close()

    def _collection(self) -> str:
        answer = httpx.get(
            f"{self.service.address}/api/v1/collections", headers=self._bearer(), timeout=30
        )
        items = answer.json()["items"]
        return str(next(each["id"] for each in items if each["name"] == self.demo.collection))

    def _bearer(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.key}"}

    def _noted(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            self.seen.problems.append(repr(error))

    def _send(self) -> None:
        with httpx.Client(base_url=self.service.address, timeout=30) as client:
            while not self.ending.is_set():
                name, data = fresh_document()
                if self._sent(client, name, data):
                    self.ledger.files[hashlib.sha256(data).hexdigest()] = name
                    self.seen.sent += 1
                self.ending.wait(self.pause_s)

    def _sent(self, client: httpx.Client, name: str, data: bytes) -> bool:
        """Sends it until the service says that it has it."""
        path = f"/api/v1/collections/{self.collection}/documents"
        while time.monotonic() < self.until:
            try:
                answer = client.post(
                    path, params={"filename": name}, content=data, headers=self._bearer()
                )
            except httpx.TransportError as error:
                self.seen.note(type(error).__name__)
            else:
                if answer.status_code in (200, 202):
                    return True
                self._note_refusal(answer)
            time.sleep(AGAIN_S)
        return False

    def _note_refusal(self, answer: httpx.Response) -> None:
        """A refusal must be a sentence with a code, and one that passes."""
        try:
            code = str(answer.json()["code"])
        except (ValueError, KeyError):
            code = ""
        self.seen.note(code or str(answer.status_code))
        if answer.status_code not in (429, 503):
            self.seen.problems.append(f"{answer.status_code}: {answer.text[:300]}")

    def _ask(self, client: httpx.Client) -> None:
        for number in count():
            if self.ending.is_set():
                return
            question = QUESTIONS[number % len(QUESTIONS)]
            path = self._asked(client, question)
            if path is None:
                return
            self.ledger.conversations[path] = question
            self.seen.asked += 1
            self._followed(client, path)

    def _asked(self, client: httpx.Client, question: str) -> str | None:
        """The conversation, once the service has taken the question."""
        while time.monotonic() < self.until:
            try:
                token = csrf(client)
                answer = client.post("/conversas", data={"question": question, "csrf": token})
                if answer.status_code == 303:
                    return answer.headers["location"].partition("#")[0]
                if answer.status_code == 401:  # the clock jumped between the form and its sending
                    raise SignedOut
                self._page_refused(answer)
            except httpx.TransportError as error:
                self.seen.note(type(error).__name__)
            except NoPage as error:
                self.seen.note(str(error))
            except SignedOut:
                self._sign_in_again(client)
            time.sleep(AGAIN_S)
        return None

    def _page_refused(self, answer: httpx.Response) -> None:
        self.seen.note(str(answer.status_code))
        if answer.status_code not in (429, 503):
            self.seen.problems.append(f"{answer.status_code}: {answer.text[:300]}")

    def _followed(self, client: httpx.Client, path: str) -> None:
        """Reads the answer to its end; where it was interrupted, asks again with the button."""
        while time.monotonic() < self.until:
            try:
                state, answer_id = answer_state(client, path)
                if state == "done":
                    return
                if state == "failed":
                    self.seen.asked_again += 1
                    token = csrf(client)
                    client.post(f"{path}/respostas/{answer_id}/refazer", data={"csrf": token})
                else:
                    self._watch(client, f"{path}/respostas/{answer_id}/eventos")
            except httpx.TransportError as error:
                self.seen.note(type(error).__name__)
            except NoPage as error:
                self.seen.note(str(error))
            except SignedOut:
                self._sign_in_again(client)
            time.sleep(AGAIN_S)

    def _sign_in_again(self, client: httpx.Client) -> None:
        with suppress(httpx.TransportError):
            client.cookies.delete("govbot_session")
            answer = client.post("/entrar", data=self._forms[client])
            self.seen.signed_in_again += answer.status_code == 303

    def _watch(self, client: httpx.Client, path: str) -> None:
        with client.stream("GET", path) as events:
            for line in events.iter_lines():
                if line == "event: done":
                    return


class NoPage(Exception):
    """The page did not come; the message is its status."""


class SignedOut(Exception):
    """A session is lost."""


def csrf(client: httpx.Client) -> str:
    """The token of the session's forms."""
    page = client.get("/")
    found = re.search(r'"X-CSRF-Token": "([^"]+)"', page.text)
    if page.status_code in (303, 401):
        raise SignedOut
    if page.status_code != 200 or not found:
        raise NoPage(str(page.status_code))
    return found[1]


def answer_state(client: httpx.Client, path: str) -> tuple[str, str]:
    """The state of the conversation's last answer and its id."""
    page = client.get(path)
    found = re.findall(
        r'<article class="answer" id="a-([0-9a-f-]{36})" (?:data-(running)|data-answer="(\w+)")',
        page.text,
    )
    if page.status_code in (303, 401):
        raise SignedOut
    if page.status_code != 200 or not found:
        raise NoPage(str(page.status_code))
    answer_id, running, state = found[-1]
    return running or state, answer_id


@contextmanager
def at_work(
    service: Service, demo: Demo, key: str, *, finish_s: float = 120, pause_s: float = 0.4
) -> Iterator[People]:
    """People who work while the block runs. After it they finish what they began, which the
    service must let them within `finish_s` seconds."""
    people = People(service, demo, key, pause_s=pause_s)
    threads = people.begin()
    left_s = 0.0  # a test that failed waits for nobody
    try:
        yield people
        left_s = finish_s
    finally:
        people.ending.set()
        people.until = time.monotonic() + left_s
        for thread in threads:
            thread.join(left_s + 60)
        people.close()
    assert people.seen.problems == [], people.seen
    assert not any(thread.is_alive() for thread in threads)
