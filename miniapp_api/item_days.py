"""Story: what is counted of items day by day, so that nobody who looks has to read every draft. Today is counted anew at every look."""

import logging
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from kit.clock import BEIJING, now
from kit.workdays import day_of
from miniapp_api.wiring import Deps
from supervision.health_store import ItemSteps
from supervision.item_health import Limits, Tally, fold

log = logging.getLogger(__name__)

LIMITS = Limits()
COUNT_SECONDS = 30.0  # between two looks for days that have to be counted again
KEPT_DAYS = 180  # twice the longest period that can be asked for (shapes_staff_items)
REST = timedelta(minutes=1)  # after which yesterday is counted again; drafts of older days move more rarely
OLDER = timedelta(minutes=2)  # for each day that it is older


async def tallies(steps: ItemSteps, since: date, until: date, code: str | None = None) -> dict[str, Tally]:
    """From every draft begun from `since` up to but not with `until`, as it stands now."""
    found = await begun(steps, begin_of(since), begin_of(until), code)
    for own, counts in (await steps.counts(since, until, code)).items():
        found.setdefault(own, Tally()).count(counts)
    return found


async def begun(steps: ItemSteps, since: datetime, until: datetime, code: str | None = None) -> dict[str, Tally]:
    """As `tallies`, between any two moments; without what routes counted."""
    found: dict[str, Tally] = {}
    moment = now()
    async for ways in steps.ways(since, until, code):
        fold(found, ways, moment, LIMITS)
    return found


async def counted(steps: ItemSteps, days: Sequence[date]) -> dict[date, datetime]:
    """Sees to it that all of them are there: one that nobody has counted yet is counted now. When each was;
    before the first day of all there is nothing to count.

    The oldest first: a worker that has just begun comes from the other end.
    """
    there = await steps.days.counted(days)
    for day in await _with_anything(steps, sorted(set(days) - there.keys())):
        there |= await steps.days.counted([day]) or {day: await count_day(steps, day)}
    return there


async def count_day(steps: ItemSteps, day: date) -> datetime:
    at = now()
    found = await tallies(steps, day, day + timedelta(days=1))
    await steps.days.put(day, begin_of(day), found, at)
    return at


async def count_days(deps: Deps) -> None:
    """Job, the newest first. Any number of workers may run it: a day is held by one."""
    steps, today = deps.item_steps, day_of(now())
    days = [today - timedelta(days=age) for age in range(1, KEPT_DAYS + 1)]
    there, new = await steps.days.counted(days), 0
    for day in await _with_anything(steps, days):
        is_due = day not in there or now() - there[day] >= rest(today - day)
        if is_due and await steps.days.hold(day, begin_of(day)):
            await count_day(steps, day)
            new += day not in there
    if new:
        log.info("days of items counted", extra={"days": new})


async def _with_anything(steps: ItemSteps, days: Sequence[date]) -> list[date]:
    first = await steps.first_day() if days else None
    return [] if first is None else [day for day in days if day >= first]


def rest(age: timedelta) -> timedelta:
    return REST + OLDER * (age.days - 1)


def begin_of(day: date) -> datetime:
    return datetime.combine(day, time(), BEIJING)
