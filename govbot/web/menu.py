"""The main menu: what is in it for a visitor, and what is folded together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from govbot.db.access import Role

if TYPE_CHECKING:
    from govbot.web.visit import Visit


@dataclass(frozen=True, slots=True)
class NavItem:
    """An entry of the main menu; `roles` empty means everybody who is signed in.

    One with `waiting` is there only while something waits for the visitor's decision. `group`
    names the group that it is folded into, if any.
    """

    path: str
    label: str
    icon: str
    roles: tuple[Role, ...] = ()
    waiting: bool = False
    group: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Entries that are folded together, under a name of their own."""

    label: str
    icon: str


@dataclass(frozen=True, slots=True)
class Entry:
    """What the menu shows in one place: a link, or a group of links."""

    items: tuple[NavItem, ...]
    group: Group | None
    current: NavItem | None

    @property
    def item(self) -> NavItem:
        """The link of an entry that is not a group."""
        return self.items[0]


class Menu:
    """The items of the main menu in their order, and the groups by name."""

    def __init__(self, items: Sequence[NavItem], groups: Mapping[str, Group]) -> None:
        self.items = tuple(items)
        self.groups = dict(groups)

    def entries(self, visit: Visit) -> list[Entry]:
        """What this visitor sees; a group of which one item is left is that item."""
        shown = [item for item in self.items if _shown(item, visit)]
        current = _current(shown, visit.request.url.path)
        entries: list[Entry] = []
        done: set[str] = set()
        for item in shown:
            if item.group in done:
                continue
            items = [each for each in shown if each.group == item.group] if item.group else [item]
            if item.group:
                done.add(item.group)
            group = self.groups[item.group] if len(items) > 1 else None
            entries.append(Entry(tuple(items), group, current if current in items else None))
        return entries


def _shown(item: NavItem, visit: Visit) -> bool:
    if visit.may(Role.AUDITOR) and Role.AUDITOR not in item.roles:
        return False
    if item.waiting:
        return visit.waiting > 0 or visit.request.url.path == item.path
    return not item.roles or visit.may(*item.roles)


def _current(items: Sequence[NavItem], path: str) -> NavItem | None:
    """The item whose page this is, or of which it is a part; the nearest one."""
    if path.startswith("/conversas"):
        path = "/"
    found = [
        item
        for item in items
        if path == item.path or (item.path != "/" and path.startswith(item.path + "/"))
    ]
    return max(found, key=lambda item: len(item.path), default=None)
