"""Templates to HTML: one Jinja environment per language, the same context for every page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from govbot import __version__
from govbot.web import i18n, markdown
from govbot.web.appearance import Look
from govbot.web.assets import Assets
from govbot.web.menu import Menu

if TYPE_CHECKING:
    from govbot.web.visit import Visit


class Renderer:
    """Fills templates. Strict: a name that is missing is an error, not an empty place."""

    def __init__(self, templates: Path, assets: Assets, menu: Menu, look: Look) -> None:
        self.templates = templates
        self.assets = assets
        self.menu = menu
        self.look = look
        self._environment = cache(self._build)

    def html(self, template: str, visit: Visit, context: Mapping[str, object]) -> str:
        """The template's text for this visit."""
        language = visit.language
        path = visit.request.url.path
        shared = {
            "visit": visit,
            "language": language,
            "languages": i18n.LANGUAGES,
            "organisation": visit.app.settings.organisation,
            "session": visit.session,
            "nav": self.menu.entries(visit),
            "look": self.look,
            "path": path,
            "version": __version__,
        }
        found = self._environment(language.code).get_template(template)
        return found.render({**shared, **context})

    def _build(self, code: str) -> Environment:
        environment = Environment(
            loader=FileSystemLoader(self.templates),
            autoescape=select_autoescape(["html"]),
            undefined=StrictUndefined,
            extensions=["jinja2.ext.i18n"],
            trim_blocks=True,
            lstrip_blocks=True,
        )
        language = i18n.language(code)
        environment.install_gettext_translations(  # type: ignore[attr-defined]
            _Catalog(language), newstyle=True
        )
        environment.globals["_"] = _says(language)
        environment.globals["static"] = self.assets.url
        environment.filters.update(
            date=language.short_date,
            day=language.day,
            moment=language.moment,
            time=language.time,
            number=language.number,
            markdown=markdown.to_html,
            lines=markdown.to_text,
        )
        return environment


def _says(language: i18n.Language) -> Callable[..., str]:
    """`_` of the templates: what Jinja's own does, with each sentence looked up once."""

    @lru_cache(4096)
    def sentence(message: str) -> Markup:
        return Markup(language.gettext(message))  # noqa: S704 - our own words

    @lru_cache(4096)
    def alone(message: str) -> Markup:
        return sentence(message) % {}

    def say(message: str, **variables: object) -> Markup:
        return sentence(message) % variables if variables else alone(message)

    return say


class _Catalog:
    """What Jinja's i18n extension asks of a catalog."""

    def __init__(self, language: i18n.Language) -> None:
        self.gettext: Any = language.gettext
        self.ngettext: Any = language.ngettext
