"""Counts of a month that one process shares between its readers for some seconds: counting 200,000 facts takes half a second, reading them again nothing.

What is shown says when it was counted. While a newer count is under way the last one is shown, up to a bound; what is due is never kept.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from kit.clock import now
from supervision.facts import month_of
from supervision.figures import Groups

log = logging.getLogger(__name__)

FRESH, STALE = 10.0, 60.0  # seconds: shown as it is; shown while a newer count is under way
OLDER = 6  # a month that is over hardly moves: as many times longer
MOST_MONTHS = 240


class Months(Protocol):
    async def month(self, month: str) -> Groups: ...


class Building(Protocol):
    async def is_whole(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Counted:
    """`facts_whole` False: some cases had no fact when it was counted."""

    groups: Groups
    at: datetime
    since: float  # of the process's own clock
    facts_whole: bool


class Kept:
    """One per process. A count that fails is tried by the next reader; the last one stays until it is too old."""

    def __init__(self, store: Months, building: Building) -> None:
        self._store = store
        self._building = building
        self._months: dict[str, Counted] = {}
        self._under_way: dict[str, asyncio.Task[Counted]] = {}

    async def months(self, months: Sequence[str]) -> Counted:
        """Of all of them together; since `at` it may have moved."""
        found = [await self._month(month) for month in months]
        together = Groups()
        for one in found:
            for whole, part in zip(together.each(), one.groups.each(), strict=True):
                whole.update(part)
        return Counted(together, min(one.at for one in found), min(one.since for one in found), all(one.facts_whole for one in found))

    async def _month(self, month: str) -> Counted:
        kept = self._months.get(month)
        longer = OLDER if kept is not None and kept.facts_whole and month < month_of(now()) else 1
        age = time.monotonic() - kept.since if kept is not None else 0.0
        if kept is not None and age < FRESH * longer:
            return kept
        counting = self._under_way.get(month) or self._begin(month)
        if kept is not None and age < STALE * longer:
            return kept
        return await asyncio.shield(counting)

    def _begin(self, month: str) -> asyncio.Task[Counted]:
        counting = self._under_way[month] = asyncio.create_task(self._count(month))
        counting.add_done_callback(lambda done: self._end(month, done))
        return counting

    def _end(self, month: str, done: "asyncio.Task[Counted]") -> None:
        self._under_way.pop(month, None)
        if not done.cancelled() and (error := done.exception()) is not None:
            log.warning("figures not counted", extra={"error": type(error).__name__, "month": month})

    async def _count(self, month: str) -> Counted:
        at, since = now(), time.monotonic()  # what is written while it is counted may be missing
        whole = await self._building.is_whole()  # before the count: facts that are whole stay so
        counted = Counted(await self._store.month(month), at, since, whole)
        if len(self._months) >= MOST_MONTHS:
            self._months.clear()
        self._months[month] = counted
        return counted
