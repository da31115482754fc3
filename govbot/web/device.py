"""The memory of a browser: a sealed cookie that says which account was signed in from it.

Who has it is not kept out by what strangers try with the same user name: failures of the device
are counted by themselves (OWASP, "device cookies").
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING
from uuid import UUID

from litestar.datastructures import Cookie

from govbot.auth.sign_in import Device, Origin
from govbot.errors import BadConfig
from govbot.ids import UserId
from govbot.web import cookies

if TYPE_CHECKING:
    from govbot.web.visit import Visit

NAME = "govbot_device"
LIFE_S = 180 * 24 * 3600
_PURPOSE = "device"


def origin_of(visit: Visit) -> Origin:
    """Where the request comes from, and whether the browser was here before."""
    return Origin(visit.ip, visit.request.headers.get("user-agent", ""), _device(visit))


def remember(visit: Visit, user_id: UserId) -> Cookie:
    """The cookie of a browser in which this account has just been signed in."""
    known = origin_of(visit).knows(user_id) or secrets.token_hex(8)
    value = visit.app.sealer.seal(f"{known} {user_id.hex} {int(time.time())}", _PURPOSE)
    return cookies.cookie(visit.app.settings, NAME, value.decode(), max_age=LIFE_S)


def _device(visit: Visit) -> Device | None:
    sealed = cookies.value_of(visit.request, NAME, visit.app.settings)
    if not sealed:
        return None
    try:
        text = visit.app.sealer.open(sealed.encode(), _PURPOSE)
    except BadConfig:  # forged, or of a key that is gone
        return None
    known, user, since = text.split(" ")
    return Device(known, UUID(user)) if time.time() - int(since) < LIFE_S else None
