"""Settings that administrators change while the service runs, with their history."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

from annotated_types import Ge, Le, MaxLen, MinLen
from litestar import Response
from litestar.params import FromPath, QueryParameter

from govbot.auth import roles
from govbot.config import Settings
from govbot.config.changeable import GROUPS, KEYS, current, deletes_more, fixed_by, info_of
from govbot.config.load import as_texts, value_of
from govbot.db.access import as_actor
from govbot.errors import BadConfig, NotFound
from govbot.installation import changes
from govbot.web.admin_settings_words import GROUPS as TITLES
from govbot.web.admin_settings_words import SETTINGS, UNSET, VALUES
from govbot.web.i18n import _
from govbot.web.visit import CurrentVisit, Visit

PATH = "/admin/configuracoes"
PAGE = 30


@dataclass(frozen=True, slots=True)
class Control:
    """One setting as the form shows it. `fixed`: what holds it instead, if anything does."""

    key: str
    name: str
    help: str
    kind: str  # text, number, decimal, choice
    value: str
    low: float | None
    high: float | None
    choices: Sequence[tuple[str, str]]
    fixed: str
    initial: str
    changed: bool
    problem: str = ""

    @property
    def id(self) -> str:
        """The name of the field in the page."""
        return self.key.replace(".", "-")


async def show(visit: CurrentVisit) -> Response[str]:
    """All groups of settings."""
    roles.require(roles.may_manage_accounts(visit.actor))
    return _page(visit, {}, {}, {})


async def change(visit: CurrentVisit) -> Response[Any]:
    """Sets the settings of one group; what is wrong stands beside its field."""
    roles.require(roles.may_manage_accounts(visit.actor))
    form = await visit.form()
    group = form.get("group", "")
    if group not in GROUPS:
        raise NotFound
    typed = {key: form[key] for key in GROUPS[group] if key in form}
    wishes, problems = _wishes(visit, typed)
    if problems:
        return _page(visit, typed, problems, {})
    risky = {
        key: visit.translate(_("This deletes what is older, and cannot be taken back."))
        for key, after in wishes.items()
        if deletes_more(key, current(visit.app.settings, key), after)
    }
    if risky and form.get("confirm") != group:
        return _page(visit, typed, {}, risky)
    try:
        changed = await changes.change(visit.app, visit.actor, wishes)
    except BadConfig as error:  # settings that do not fit one another
        return _page(visit, typed, {next(iter(typed)): str(error)}, {})
    done = "mudou" if changed else "igual"
    return visit.redirect(f"{PATH}?feito={done}#{group}")


async def history(
    visit: CurrentVisit,
    chave: Annotated[str, QueryParameter(max_length=100)] = "",
    antes: Annotated[int | None, QueryParameter(ge=1)] = None,
) -> Response[str]:
    """Who changed what, when, from and to; each can be undone."""
    roles.require(roles.may_manage_accounts(visit.actor))
    if chave and chave not in KEYS:
        raise NotFound
    async with as_actor(visit.app.pool, visit.actor) as conn:
        found = await changes.history(conn, key=chave, before=antes, limit=PAGE + 1)
    return visit.page(
        "admin/settings_history.html",
        changes=found[:PAGE],
        more=found[PAGE - 1].id if len(found) > PAGE else None,
        key=chave,
        names=SETTINGS,
        words=lambda change, value: words_of(visit, change.key, value),
        now=lambda change: current(visit.app.settings, change.key),
        fixed=lambda change: fixed_by(visit.app.settings, change.key),
        done=visit.request.query_params.get("feito", "") == "desfeito",
    )


async def undo(visit: CurrentVisit, change_id: FromPath[int]) -> Response[Any]:
    """Gives a setting the value that it had before a change."""
    roles.require(roles.may_manage_accounts(visit.actor))
    await changes.undo(visit.app, visit.actor, change_id)
    return visit.redirect(f"{PATH}/historico?feito=desfeito")


async def server(visit: CurrentVisit) -> Response[str]:
    """What file, environment and defaults of the server say; values of secrets are never shown."""
    roles.require(roles.may_manage_accounts(visit.actor))
    settings = visit.app.settings.base
    plain, secret = as_texts(settings)
    rows = [(key, _without_passwords(value), settings.origin(key)) for key, value in plain.items()]
    rows += [(key, "", settings.origin(key)) for key in secret]
    return visit.page(
        "admin/settings_server.html", rows=sorted(rows), secrets=secret, file=settings.file
    )


def _without_passwords(text: str) -> str:
    """Addresses in a value without account, password and query, which can hold one as well."""
    text = re.sub(r"://[^/\s@\"]*@", "://********@", text)
    return re.sub(r"(://[^\s?\"]*)\?[^\s\"]*", r"\1?********", text)


def words_of(visit: Visit, key: str, value: object) -> str:
    """A value as people read it."""
    if value is None:
        return visit.translate(UNSET)
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return visit.language.number(value)
    kind = _kind(info_of(key).annotation)
    return visit.translate(VALUES[text]) if kind == "choice" and text in VALUES else text


def _wishes(visit: Visit, typed: Mapping[str, str]) -> tuple[dict[str, object], dict[str, str]]:
    """The values that differ from now, and what is wrong with others, by key."""
    wishes: dict[str, object] = {}
    problems: dict[str, str] = {}
    settings = visit.app.settings
    for key, text in typed.items():
        info = info_of(key)
        plain = text.strip()
        if _kind(info.annotation) == "decimal":
            plain = plain.replace(",", ".")
        try:
            value = value_of(key, plain, key)
        except BadConfig:
            problems[key] = _allowed(visit, key)
            continue
        if value != current(settings, key) and not fixed_by(settings, key):
            wishes[key] = value
    return wishes, problems


def _page(
    visit: Visit,
    typed: Mapping[str, str],
    problems: Mapping[str, str],
    risky: Mapping[str, str],
) -> Response[str]:
    settings = visit.app.settings
    groups = {
        name: [_control(visit, settings, key, typed, problems) for key in keys]
        for name, keys in GROUPS.items()
    }
    return visit.page(
        "admin/settings.html",
        status=422 if problems or risky else 200,
        groups=groups,
        titles=TITLES,
        risky=risky,
        wrong=bool(problems),
        done=visit.request.query_params.get("feito", ""),
    )


def _control(
    visit: Visit,
    settings: Settings,
    key: str,
    typed: Mapping[str, str],
    problems: Mapping[str, str],
) -> Control:
    info = info_of(key)
    kind = _kind(info.annotation)
    value = current(settings, key)
    low, high = _bounds(info)
    initial = current(settings.base, key)
    return Control(
        key=key,
        name=visit.translate(SETTINGS[key][0]),
        help=visit.translate(SETTINGS[key][1]),
        kind=kind,
        value=typed.get(key, _field_text(value)),
        low=low,
        high=high,
        choices=[(each, visit.translate(VALUES[each])) for each in _choices(info.annotation)],
        fixed=fixed_by(settings, key),
        initial=words_of(visit, key, initial),
        changed=value != initial,
        problem=problems.get(key, ""),
    )


def _field_text(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _kind(annotation: Any) -> str:
    inner = [each for each in get_args(annotation) if each is not type(None)]
    if annotation is bool or get_origin(annotation) is Literal:
        return "choice"
    if annotation is int:
        return "number"
    return "decimal" if annotation is float or inner == [float] else "text"


def _choices(annotation: Any) -> tuple[str, ...]:
    if annotation is bool:
        return ("true", "false")
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def _bounds(info: Any) -> tuple[float | None, float | None]:
    """The least and the most: of a number, or of the length of a text."""
    low: Any = next((m.ge for m in info.metadata if isinstance(m, Ge)), None)
    high: Any = next((m.le for m in info.metadata if isinstance(m, Le)), None)
    if low is None and high is None:
        low = next((m.min_length for m in info.metadata if isinstance(m, MinLen)), None)
        high = next((m.max_length for m in info.metadata if isinstance(m, MaxLen)), None)
    return low, high


def _allowed(visit: Visit, key: str) -> str:
    """What a setting accepts: what config.allowed() says, in the reader's language."""
    info = info_of(key)
    low, high = _bounds(info)
    if low is None or high is None:
        return visit.translate(_("Choose one of the values."))
    sentence = {
        "number": _("Type a whole number from %(low)s to %(high)s."),
        "decimal": _("Type a number from %(low)s to %(high)s."),
    }.get(_kind(info.annotation), _("Type a text of %(low)s to %(high)s characters."))
    number = visit.language.number
    return visit.translate(sentence, low=number(low), high=number(high))
