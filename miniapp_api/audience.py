"""Whom a broadcast is for: segments as people, page by page, from the residents' and the cases' stores."""

from dataclasses import dataclass

from cases.people_store import CasePeople, Chosen
from miniapp_api.wiring import Deps
from notify.broadcasts import Segment
from residents.changes import address
from residents.store import Residents

_ALONE = "resident:"


@dataclass(frozen=True, slots=True)
class People:
    """Accounts behind which nobody stands come first, so that whoever binds one in the middle is still met as a person."""

    residents: Residents
    filed: CasePeople

    async def count(self, segment: Segment) -> int:
        """Now. Of a channel alone: its accounts, so a person with two of them counts twice."""
        if segment.is_about_cases:
            return await self.filed.count(_chosen(segment))
        if segment.channel is not None:
            return await self.residents.count_on(segment.channel)
        return await self.residents.count_alone() + await self.residents.count_people()

    async def page(self, segment: Segment, after: str, limit: int) -> list[str]:
        """See notify.broadcasts.Audience."""
        if segment.is_about_cases:
            return await self.filed.page(_chosen(segment), after, limit)
        found = await self._alone(segment, after, limit) if not after or after.startswith(_ALONE) else []
        return found or await self._behind_accounts(segment, "" if after.startswith(_ALONE) else after, limit)

    async def _alone(self, segment: Segment, after: str, limit: int) -> list[str]:
        last = after.removeprefix(_ALONE)
        while accounts := await self.residents.alone(last, limit):
            there = accounts if segment.channel is None else await self.residents.on_channel(accounts, segment.channel)
            if kept := [address(None, one) for one in accounts if one in there]:
                return kept
            last = accounts[-1]
        return []

    async def _behind_accounts(self, segment: Segment, after: str, limit: int) -> list[str]:
        while people := await self.residents.people(after, limit):
            if segment.channel is None:
                return people
            whose = await self.residents.accounts_of_people(people)
            there = {whose[one] for one in await self.residents.on_channel(list(whose), segment.channel)}
            if kept := [one for one in people if one in there]:
                return kept
            after = people[-1]
        return []


def of(deps: Deps) -> People:
    return People(deps.residents, CasePeople(deps.mongo))


def _chosen(segment: Segment) -> Chosen:
    finished = None if segment.states is None else segment.states == "finished"
    return Chosen(segment.item_code, finished, segment.filed_from, segment.channel)
