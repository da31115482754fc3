"""`govbot doctor`: addresses, ports, certificates, directories, model hub."""

from __future__ import annotations

import errno
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from govbot.cli.doctor_finding import Found, Seen, Visit, absent, fail, failed, ok, warn
from govbot.errors import BadConfig

SOON: Final = timedelta(days=21)


def address(visit: Visit) -> Found:
    """The port is GovBot's, or free for it."""
    from govbot.installation.plan import answers

    web = visit.settings.web
    place = f"{web.host} port {web.port}"
    remedy = (
        "Choose another web.port, or stop what listens there: ss -ltnp 'sport = :"
        f"{web.port}' names it."
    )
    try:
        family = socket.AF_INET6 if ":" in web.host else socket.AF_INET
        with socket.create_server((web.host, web.port), family=family):
            return ok(f"{place}, free: the service does not run")
    except OSError as error:
        if error.errno == errno.EACCES:
            return ok(f"{place}: opened by systemd or root, as it is below 1024")
        if error.errno != errno.EADDRINUSE:
            words = f"{place}: {error.strerror or error}"
            return fail(words, "Set web.host to an address of this machine.")
    said = answers(web.host, web.port)
    if not said:
        return fail(f"{place} is taken by another program", remedy)
    return ok(f"{place}: GovBot answers ({said})")


def reached(visit: Visit) -> Found:
    """How browsers come in: passwords must not cross a network in clear text."""
    web = visit.settings.web
    here = web.host in ("127.0.0.1", "::1", "localhost")
    if web.secure:
        return ok(web.base_url or "https, with a certificate of its own")
    if here:
        return ok("this machine only, without TLS")
    remedy = "Give a certificate, or put a proxy with TLS in front: docs/install.md."
    return warn(f"{web.host} without TLS: passwords cross the network in clear text", remedy)


def certificates(visit: Visit) -> list[Seen]:
    """Every certificate that the settings name: readable, in force, and for how long."""
    web = visit.settings.web
    found = []
    if web.tls_certificate:
        found.append(_own(Path(web.tls_certificate), Path(web.tls_key)))
    for key in ("ldap", "oidc"):
        if file := getattr(visit.settings, key).ca_file:
            found.append(_authorities(key, Path(file)))
    return found or [absent("none named: TLS is the proxy's business")]


def _own(certificate: Path, key: Path) -> Seen:
    """The certificate that pages are served with."""
    from govbot.certificates import examine

    remedy = "Put a certificate in force and its key into the files; they are taken up at once."
    try:
        found = examine(certificate, key)
    except BadConfig as error:
        return failed(error, remedy, "web")
    names = ", ".join(found.names) or "no name"
    if problem := found.problem():
        return fail(f"{certificate} ({names}): {problem}", remedy, "web")
    seen = f"{certificate} ({names}): in force until {found.not_after:%Y-%m-%d}"
    return warn(seen, remedy, "web") if found.soon() else ok(seen, "web")


def _authorities(key: str, file: Path) -> Seen:
    """Certificates that others' must be signed by; of a bundle some may be over."""
    from cryptography import x509

    remedy = f"Put the authority's certificate in force into {file}."
    try:
        bundle = x509.load_pem_x509_certificates(file.read_bytes())
    except OSError as error:
        return fail(f"{file}: {error.strerror}", "Let the service's account read it.", key)
    except ValueError:
        return fail(f"{file}: no certificate in PEM form", remedy, key)
    end, now = max(each.not_valid_after_utc for each in bundle), datetime.now(UTC)
    if end <= now:
        return fail(f"{file}: expired on {end:%Y-%m-%d}", remedy, key)
    seen = f"{file}: in force until {end:%Y-%m-%d}"
    return warn(seen, remedy, key) if end - now < SOON else ok(seen, key)


async def directory(visit: Visit) -> Found:
    """The servers of the directory, step by step."""
    from typing import cast

    from govbot.auth import ldap_check
    from govbot.auth.ldap import open_directory
    from govbot.db.pool import Pool

    ldap = open_directory(visit.settings.ldap, cast("Pool", None))  # the steps ask it alone
    if ldap is None:
        return absent("no directory is set")
    steps = await ldap_check.diagnose(ldap)
    bad = [step for step in steps if not step.passed]
    if not bad:
        return ok(f"{', '.join(visit.settings.ldap.servers)}: {len(steps)} steps well")
    seen = "; ".join(f"{step.name} {step.place}: {step.seen}" for step in bad)
    # One server of several that answers is enough to sign in.
    places = {step.place for step in steps if step.place}
    failing = {step.place for step in bad}
    told = warn if places - failing else fail
    return told(seen, bad[0].remedy)


async def provider(visit: Visit) -> Found:
    """The OpenID Connect provider: does it tell its addresses?"""
    from govbot.auth.oidc_provider import Provider

    own = visit.settings.oidc
    if not own.issuer:
        return absent("no provider is set")
    await Provider(own).metadata()
    return ok(own.issuer)


def hub(visit: Visit) -> Found:
    """Where models would be fetched from; nobody is asked."""
    own = visit.settings.models.hub
    if not own:
        return absent("none: models come by `govbot models add`")
    return ok(f"{urlsplit(own).hostname}, asked only by `govbot models pull`")
