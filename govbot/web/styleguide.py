"""Every component of the pages on one page, for who works on them."""

from __future__ import annotations

import re

from litestar import Response
from litestar.di import NamedDependency

from govbot.errors import NotFound
from govbot.web.assets import Assets
from govbot.web.visit import CurrentVisit

_SYMBOL = re.compile(rb'<symbol id="([a-z0-9-]+)"')


async def show(visit: CurrentVisit, assets: NamedDependency[Assets]) -> Response[str]:
    """The page; NotFound unless the setting appearance.styleguide is on."""
    if not visit.app.settings.appearance.styleguide:
        raise NotFound
    icons = [name.decode() for name in _SYMBOL.findall(assets.files["icons.svg"].body)]
    return visit.page("styleguide.html", icons=icons)
