"""Random histories of access as a machine of hypothesis: one rule per act, all doors after each."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from govbot.documents.types import Principal
from govbot.ids import GroupId, UserId
from tests.access import acts
from tests.access.attacks import ATTACKS
from tests.access.model import LEVELS, Given, Paper, Person, Shelf
from tests.access.world import World

_number = st.integers(0, 999)
_level = st.sampled_from(list(LEVELS))
_degree = st.sampled_from([0, 0, 1, 2, 4])
_rarely = st.sampled_from([False, False, False, True])
_decision = st.sampled_from(["submit", "approve", "approve", "reject"])
_disposal = st.sampled_from(["trash", "restore", "restore", "delete"])
_change = st.sampled_from(["revoke", "unrevoke", "hold", "release"])
MOST_PAPERS = 6


class Histories(RuleBasedStateMachine):
    """`world` and `loop` are set on a subclass: see `play`."""

    world: World
    loop: asyncio.AbstractEventLoop

    def _await(self, act: Coroutine[Any, Any, Any], chosen: int) -> None:
        """The act and then every door, in the loop that the connections belong to."""

        async def step() -> None:
            await act
            await self.world.check(self._person(chosen))

        asyncio.run_coroutine_threadsafe(step(), self.loop).result()

    def _person(self, number: int) -> Person:
        people = list(self.world.model.people.values())
        return people[number % len(people)]

    def _who(self, number: int) -> Person | None:
        """Somebody, or the operator."""
        people = [*self.world.model.people.values(), None]
        return people[number % len(people)]

    def _paper(self, number: int) -> Paper:
        papers = list(self.world.model.papers.values())
        return papers[number % len(papers)]

    def _shelf(self, number: int) -> Shelf:
        shelves = list(self.world.model.shelves.values())
        return shelves[number % len(shelves)]

    def _some_papers(self) -> bool:
        return bool(self.world.model.papers)

    @initialize()
    def empty(self) -> None:
        asyncio.run_coroutine_threadsafe(self.world.begin(), self.loop).result()

    @rule(who=_number, place=_number, single=st.booleans(), whom=_number, level=_level,
          deny=_rarely, take=_rarely, chosen=_number)  # fmt: skip
    def grant(
        self,
        who: int,
        place: int,
        single: bool,
        whom: int,
        level: str,
        deny: bool,
        take: bool,
        chosen: int,
    ) -> None:
        single = single and self._some_papers()
        key = self._paper(place).key if single else self._shelf(place).key
        holders = [*self.world.model.people, *self.world.groups]
        holder = holders[whom % len(holders)]
        given = Given(
            "document" if single else "collection", key, holder, "deny" if deny else "allow"
        )
        principal = (
            Principal.user(UserId(holder))
            if holder in self.world.model.people
            else Principal.group(GroupId(holder))
        )
        # Half of the grants are the operator's: else nobody ever has any.
        actor = self._who(who // 2) if who % 2 else None
        self._await(acts.grant(self.world, actor, given, principal, level, take=take), chosen)

    @rule(whom=_number, group=_number, chosen=_number)
    def member(self, whom: int, group: int, chosen: int) -> None:
        groups = self.world.groups
        self._await(
            acts.member(self.world, self._person(whom), groups[group % len(groups)]), chosen
        )

    @precondition(lambda self: len(self.world.model.papers) < MOST_PAPERS)
    @rule(who=_number, place=_number, later=_rarely, chosen=_number)
    def upload(self, who: int, place: int, later: bool, chosen: int) -> None:
        actor = self._who(who // 2) if who % 2 else None
        self._await(acts.upload(self.world, actor, self._shelf(place), later=later), chosen)

    @precondition(_some_papers)
    @rule(who=_number, which=_number, later=_rarely, chosen=_number)
    def revise(self, who: int, which: int, later: bool, chosen: int) -> None:
        self._await(
            acts.revise(self.world, self._who(who), self._paper(which), later=later), chosen
        )

    @rule(chosen=_number)
    def work(self, chosen: int) -> None:
        self._await(acts.work(self.world), chosen)

    @precondition(_some_papers)
    @rule(who=_number, which=_number, version=_number, act=_decision, chosen=_number)
    def decide(self, who: int, which: int, version: int, act: str, chosen: int) -> None:
        paper = self._paper(which)
        edition = paper.editions[version % len(paper.editions)]
        self._await(acts.decide(self.world, self._who(who), paper, edition, act), chosen)

    @precondition(_some_papers)
    @rule(who=_number, which=_number, act=_disposal, chosen=_number)
    def dispose(self, who: int, which: int, act: str, chosen: int) -> None:
        self._await(acts.dispose(self.world, self._who(who), self._paper(which), act), chosen)

    @precondition(_some_papers)
    @rule(who=_number, which=_number, act=_change, chosen=_number)
    def change(self, who: int, which: int, act: str, chosen: int) -> None:
        self._await(acts.change(self.world, self._who(who), self._paper(which), act), chosen)

    @precondition(_some_papers)
    @rule(who=_number, which=_number, degree=_degree, chosen=_number)
    def seal(self, who: int, which: int, degree: int, chosen: int) -> None:
        self._await(acts.seal(self.world, self._who(who), self._paper(which), degree), chosen)

    @rule(who=_number, whom=_number, degree=_degree, chosen=_number)
    def clear(self, who: int, whom: int, degree: int, chosen: int) -> None:
        self._await(acts.clear(self.world, self._who(who), self._person(whom), degree), chosen)

    @rule(who=_number, place=_number, needed=st.booleans(), chosen=_number)
    def review(self, who: int, place: int, needed: bool, chosen: int) -> None:
        self._await(acts.review(self.world, self._who(who), self._shelf(place), needed), chosen)

    @rule(whom=_number, chosen=_number)
    def account(self, whom: int, chosen: int) -> None:
        self._await(acts.account(self.world, self._person(whom)), chosen)

    @rule(whom=_number, chosen=_number)
    def sign(self, whom: int, chosen: int) -> None:
        self._await(acts.sign(self.world, self._person(whom)), chosen)

    @rule(whom=_number, chosen=_number)
    def ask(self, whom: int, chosen: int) -> None:
        self._await(acts.ask(self.world, self._person(whom)), chosen)

    @rule(whom=_number, attack=st.sampled_from(list(ATTACKS)), chosen=_number)
    def attack(self, whom: int, attack: str, chosen: int) -> None:
        self._await(acts.attack(self.world, self._person(whom), attack), chosen)


async def play(world: World, *, histories: int, steps: int) -> None:
    """Plays that many histories of that many steps; fails at the first difference."""

    class Played(Histories):
        pass

    Played.world, Played.loop = world, asyncio.get_running_loop()
    configured = settings(
        max_examples=histories,
        stateful_step_count=steps,
        deadline=None,
        # A history is short enough to read; making it shorter takes minutes.
        phases=[Phase.generate],
        database=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    await asyncio.to_thread(run_state_machine_as_test, Played, settings=configured)
