"""Story: a month that is over is kept, made from the cases themselves; and made again to see whether it still says the same."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from kit.clock import BEIJING, now
from kit.workdays import Calendar, day_of
from miniapp_api.supervision_inputs import bounds
from miniapp_api.supervision_ready import what_is_missing
from miniapp_api.supervision_told import inputs_of
from miniapp_api.wiring import Deps
from supervision.facts import Row, month_of
from supervision.figures import Groups, fold
from supervision.snapshots import Digest, Made, differences, snapshot

log = logging.getLogger(__name__)

_A_MOMENT = timedelta(milliseconds=1)
PAGE = 500  # cases looked at in one step
PATIENT_DAYS = 5  # working days after the first that a month waits for what is missing
Seen = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Taken:
    """`missing`: what it was kept without, or what it waits for (`not_whole`), in an operator's words."""

    outcome: Literal["kept", "already", "not_over", "not_whole"]
    missing: tuple[str, ...] = ()


async def take(deps: Deps, month: str, seen: Seen = lambda _: None, at: datetime | None = None, force: bool = False) -> Taken:
    """Kept once: what was published stands. While something is missing only by `force`; the row then says what."""
    moment, calendar = at or now(), deps.workdays.current
    if moment < bounds(month)[1]:
        return Taken("not_over")
    if await deps.supervising.snapshots.of_month(month) is not None:
        return Taken("already")
    inputs = await inputs_of(deps, [month])
    missing = await what_is_missing(deps, month, inputs)
    if missing and not force:
        return Taken("not_whole", missing)
    row = snapshot(await make(deps, month, seen, calendar), inputs, moment, calendar.edition)
    return Taken("kept", missing) if await deps.supervising.snapshots.keep(row | {"missing": list(missing)}) else Taken("already")


async def check(deps: Deps, month: str, seen: Seen = lambda _: None) -> list[str] | None:
    """What differs now; empty: nothing. None: the month was not kept."""
    kept = await deps.supervising.snapshots.of_month(month)
    return None if kept is None else differences(kept, await make(deps, month, seen))


async def make(deps: Deps, month: str, seen: Seen = lambda _: None, calendar: Calendar | None = None) -> Made:
    """From the timelines in `cases`, as they stood when the month was over; the facts that are kept of them are not asked. One calendar for all of it."""
    days = calendar or deps.workdays.current
    since, until = bounds(month)
    groups, digest, last = Groups(), Digest(), ""
    while rows := await deps.cases.touched_after(since, last, PAGE):
        facts = [one for one in await deps.supervising.supervised.facts_of(rows, until, days) if _is_of(one, month)]
        for whole, part in zip(groups.each(), fold(facts, [month], until).each(), strict=True):
            whole.update(part)
        digest.add(facts)
        last = rows[-1]["_id"]
        seen(len(rows))
    return Made(month, until, groups, digest.count, str(digest))


def _is_of(fact: Row, month: str) -> bool:
    """Whatever else is in the collection does not move the digest."""
    return bool(fact["open"] or month in (fact["month"], fact["finished_month"]) or month in fact["second_months"])


async def keep_by_itself(deps: Deps, at: datetime | None = None) -> None:
    """Job: from the first working day of a month on, the month before is kept, once nothing of it is missing or PATIENT_DAYS have gone by."""
    await deps.workdays.refresh()
    calendar, today = deps.workdays.current, day_of(at or now())
    first = calendar.on_or_after(today.replace(day=1)).day
    if today < first:
        return
    before = month_of(datetime(today.year, today.month, 1, tzinfo=BEIJING) - _A_MOMENT)
    taken = await take(deps, before, at=at, force=calendar.between(first, today).days >= PATIENT_DAYS)
    if taken.outcome == "not_whole":
        log.warning("figures of a month wait for what is missing", extra={"month": before, "missing": taken.missing})
    elif taken.missing:
        log.error("figures of a month kept without what is missing", extra={"month": before, "missing": taken.missing})
    elif taken.outcome == "kept":
        log.info("figures of a month kept", extra={"month": before})
