"""The directory is stopped, or hangs, while people sign in."""

from __future__ import annotations

import html
import os
import re
import signal
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.faults.service import Demo, Service, serving, until
from tests.faults.table import Row
from tests.slapd import BASE, GROUPS, PASSWORD, READER, READER_PASSWORD, Slapd
from tests.system.installation import Installation

LOCAL_S, TOLD_S = 20.0, 25.0
TRIES = 60  # of an office behind one address, while the directory is away


@pytest.fixture
def service(house: Installation, own_slapd: Slapd) -> Iterator[Service]:
    with serving(
        house,
        GOVBOT_LDAP__SERVERS=own_slapd.ldaps,
        GOVBOT_LDAP__CA_FILE=str(own_slapd.authority.file),
        GOVBOT_LDAP__TIMEOUT_S="3",
        GOVBOT_LDAP__BIND_DN=READER,
        GOVBOT_LDAP__BIND_PASSWORD=READER_PASSWORD,
        GOVBOT_LDAP__BASE_DN=BASE,
        GOVBOT_LDAP__GROUPS_BASE_DN=GROUPS,
        GOVBOT_LANGUAGE="pt-BR",
    ) as service:
        yield service


@pytest.fixture
def inside(service: Service) -> Iterator[httpx.Client]:
    """A browser of somebody of the directory, signed in before it goes away."""
    with _client(service) as browser:
        form = {"username": "maria", "password": PASSWORD}
        assert browser.post("/entrar", data=form).is_redirect
        yield browser


@pytest.mark.timeout(1200)
def test_while_the_directory_is_down_local_accounts_work_and_others_are_told(
    service: Service, own_slapd: Slapd, inside: httpx.Client, demo: Demo,
    rounds: Callable[[int], int], told: Callable[[Row], None],
) -> None:  # fmt: skip
    times = rounds(6)
    again, slowest, sentence = [], {"local": 0.0, "told": 0.0}, ""
    doctor: dict[str, str] = {}
    for number in range(times):
        hangs = number % 3 == 2
        _away(own_slapd, hangs=hangs)
        began = time.monotonic()
        refused = _sign_in(service, "maria", PASSWORD)
        slowest["told"] = max(slowest["told"], time.monotonic() - began)
        assert refused.status_code == 503
        sentence = _problem(refused)
        began = time.monotonic()
        local = _sign_in(service, "ana.souza", demo.passwords["ana.souza"])
        slowest["local"] = max(slowest["local"], time.monotonic() - began)
        assert local.status_code == 303, _problem(local)
        assert inside.get("/").status_code == 200  # who is inside stays inside
        if not doctor:
            doctor = service.complaints()
        _back(own_slapd, hangs=hangs)
        again.append(until(lambda: _sign_in(service, "maria", PASSWORD).is_redirect, 180))
    _office(service, own_slapd, demo)
    assert "Traceback" not in service.output
    assert "directory" not in service.complaints()
    assert slowest["local"] < LOCAL_S
    assert slowest["told"] < TOLD_S
    told(
        Row(
            "LDAP down",
            "a real slapd stopped, each third time hung, while people sign in; local accounts "
            f"were let in within {slowest['local']:.1f} s, the others told within "
            f"{slowest['told']:.1f} s: “{sentence}”; {TRIES} vain attempts of one office closed "
            "nobody's door",
            times,
            "nothing; sessions stay open",
            again,
            "; ".join(f"{check}: {words}" for check, words in doctor.items())[:300],
        )
    )


def _office(service: Service, slapd: Slapd, demo: Demo) -> None:
    """Many people of one address try in vain: when the directory is back, all come in."""
    slapd.stop()
    for number in range(TRIES):
        assert _sign_in(service, f"pessoa{number}", "x").status_code == 503
    assert _sign_in(service, "carla.dias", demo.passwords["carla.dias"]).is_redirect
    slapd.start()
    assert _sign_in(service, "ana", PASSWORD).is_redirect


def _away(slapd: Slapd, *, hangs: bool) -> None:
    if hangs and slapd.process is not None:
        os.kill(slapd.process.pid, signal.SIGSTOP)
    else:
        slapd.stop()


def _back(slapd: Slapd, *, hangs: bool) -> None:
    if hangs and slapd.process is not None:
        os.kill(slapd.process.pid, signal.SIGCONT)
    else:
        slapd.start()


def _client(service: Service) -> httpx.Client:
    return httpx.Client(base_url=service.address, headers={"accept": "text/html"}, timeout=60)


def _sign_in(service: Service, username: str, password: str) -> httpx.Response:
    with _client(service) as client:
        return client.post("/entrar", data={"username": username, "password": password})


def _problem(answer: httpx.Response) -> str:
    found = re.search(r'id="problem">.*?<span>(.*?)</span>', answer.text, re.DOTALL)
    assert found, answer.text[:2000]
    return html.unescape(found[1])
