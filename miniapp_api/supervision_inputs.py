"""Story: what figures need beside the cases: items of the catalogue, totals of the core, and what other features counted. Each says so when it cannot be had."""

import asyncio
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from content.lists import credible_visits
from content.store import Content
from core.tallies import CoreTallies, MonthTally
from kit.clock import BEIJING, at_edge
from kit.errors import Outside
from miniapp_api.item_place import place_of
from supervision.facts import PERMIT
from supervision.figures import Items
from supervision.report import OfCore, Place

log = logging.getLogger(__name__)

PATIENCE = 3.0  # seconds for the core: figures are shown without it
KEEP_CORE = 5.0  # seconds an answer of the core is shown again; its own as_of stands beside it
ITEMS_REST = 2.0  # seconds between two readings of a catalogue that goes on moving
MOST_MONTHS = 200
_FIELDS = ("code", "department", "region", "kind", "online", "visits", "places")


class MonthsOfCore:
    def __init__(self, tallies: CoreTallies) -> None:
        self._tallies = tallies
        self._kept: dict[str, tuple[float, OfCore]] = {}

    async def of(self, months: Sequence[str]) -> list[OfCore]:
        return list(await asyncio.gather(*(self._month(month) for month in months)))

    async def _month(self, month: str) -> OfCore:
        kept = self._kept.get(month)
        if kept is not None and time.monotonic() < kept[0]:
            return kept[1]
        if len(self._kept) >= MOST_MONTHS:
            self._kept.clear()
        found = await self._ask(month)
        self._kept[month] = time.monotonic() + KEEP_CORE, found
        return found

    async def _ask(self, month: str) -> OfCore:
        try:
            async with asyncio.timeout(PATIENCE):
                told = await self._tallies.month(month)
        except (Outside, TimeoutError) as exc:
            log.warning("core totals not read", extra={"error": type(exc).__name__, "month": month})
            return OfCore(month, None, f"核心平台没有回应 {month} 的各渠道总数")
        return OfCore(month, None, f"核心平台没有统计 {month} 的各渠道总数") if told is None else _read(told)


def _read(told: MonthTally) -> OfCore:
    return OfCore(told.month, {one.department: (one.received, one.finished) for one in told.departments}, as_of=at_edge(told.as_of), whole=told.whole)


class ItemCounts:
    """Items in force by (department, region), read again once the catalogue has moved."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._revision = -1
        self._rest_until = 0.0
        self._kept: Mapping[Place, Items] = {}
        self._reading = asyncio.Lock()

    async def counted(self) -> Mapping[Place, Items]:
        async with self._reading:
            if time.monotonic() >= self._rest_until:
                revision = (await self._content.state()).revision  # before the items: what comes between is read once more
                if revision != self._revision:
                    self._kept = count_items(await self._content.searchable(_FIELDS))
                    self._revision = revision
                self._rest_until = time.monotonic() + ITEMS_REST
            return self._kept


def count_items(items: Sequence[dict[str, Any]]) -> dict[Place, Items]:
    """`online` False is enough to know that it is not wholly online; the visits decide the rest."""
    by: dict[Place, list[tuple[bool | None, bool, int | None]]] = defaultdict(list)
    for item in items:
        visits = credible_visits(item)
        by[place_of(item)].append((wholly(item, visits), item.get("kind") == PERMIT, visits))
    return {place: _counted(rows) for place, rows in by.items()}


def wholly(item: Mapping[str, Any], visits: int | None) -> bool | None:
    """None: not recorded."""
    if item.get("online") is False or (visits is not None and visits > 0):
        return False
    return None if item.get("online") is None or visits is None else True


def _counted(rows: Sequence[tuple[bool | None, bool, int | None]]) -> Items:
    every, permits = Counter(one for one, _, _ in rows), Counter(one for one, is_permit, _ in rows if is_permit)
    visits = Counter(one for _, _, one in rows)
    return Items((every[True], every[False], every[None]), (permits[True], permits[False], permits[None]), visits)


def bounds(month: str) -> tuple[datetime, datetime]:
    """From when until just before when, in Beijing."""
    year, number = int(month[:4]), int(month[5:])
    following = (year + 1, 1) if number == 12 else (year, number + 1)
    return datetime(year, number, 1, tzinfo=BEIJING), datetime(*following, 1, tzinfo=BEIJING)
