"""The certificate of the pages expires while they are served."""

from __future__ import annotations

import shutil
import ssl
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.certificates import Authority
from tests.faults.service import Service, until
from tests.faults.table import Row
from tests.system.installation import Installation

TAKEN_UP_S = 180.0


@pytest.mark.timeout(600)
def test_an_expired_certificate_is_told_of_served_and_replaced_without_a_restart(
    house: Installation,
    authority: Authority,
    rounds: Callable[[int], int],
    told: Callable[[Row], None],
    tmp_path: Path,
) -> None:
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    times, again, doctor = rounds(5), [], ""
    _issue(authority, certificate, key, days=1)
    service = Secure(
        house, GOVBOT_WEB__TLS_CERTIFICATE=str(certificate), GOVBOT_WEB__TLS_KEY=str(key)
    )
    service.address = service.address.replace("http:", "https:")
    service.start()
    try:
        until(lambda: service.trusted(authority), 180)
        for _ in range(times):
            _issue(authority, certificate, key, days=-1)
            until(lambda: not service.trusted(authority), TAKEN_UP_S)
            assert service.ready()  # whoever goes on in spite of it is served
            complaints = service.complaints()
            (doctor,) = [words for words in complaints.values() if "expired" in words]
            _issue(authority, certificate, key, days=1)
            again.append(until(lambda: service.trusted(authority), TAKEN_UP_S))
        pid = service.process.pid if service.process else 0
        service.stop()
        _issue(authority, certificate, key, days=-1)
        service.start()  # it starts with an expired one too
        until(service.ready, 180)
        assert service.process is not None
        assert service.process.pid != pid
        assert "expired" in service.output
        assert "Traceback" not in service.output
    finally:
        service.stop()
    told(
        Row(
            "Certificate expired",
            "replaced by an expired one while serving, then by a good one; and a start with an "
            "expired one",
            times,
            "nothing; it goes on serving",
            again,
            f"certificates: {doctor}",
        )
    )


class Secure(Service):
    """A service over TLS."""

    def ready(self) -> bool:
        try:
            return httpx.get(f"{self.address}/readyz", timeout=5, verify=False).is_success
        except httpx.TransportError:
            return False

    def trusted(self, authority: Authority) -> bool:
        """Whether a browser that knows the authority opens the page without a warning."""
        context = ssl.create_default_context(cafile=str(authority.file))
        address = self.address.replace("127.0.0.1", "localhost")
        try:
            return httpx.get(f"{address}/readyz", timeout=5, verify=context).is_success
        except httpx.TransportError:
            return False


def _issue(authority: Authority, certificate: Path, key: Path, *, days: int) -> None:
    issued, its_key = authority.issue("localhost", days=days)
    for new, place in ((its_key, key), (issued, certificate)):
        draft = place.with_suffix(".new")
        shutil.copy(new, draft)
        draft.chmod(0o600)
        draft.replace(place)
