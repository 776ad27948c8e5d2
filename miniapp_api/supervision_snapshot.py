"""Story: a month that is over is kept, made from the cases themselves; and made again to see whether it still says the same."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

from kit.clock import BEIJING, now
from kit.workdays import day_of
from miniapp_api.supervision_inputs import bounds
from miniapp_api.supervision_told import inputs_of
from miniapp_api.wiring import Deps
from supervision.facts import Row, month_of
from supervision.figures import Groups, fold
from supervision.snapshots import Digest, Made, differences, snapshot

log = logging.getLogger(__name__)

_A_MOMENT = timedelta(milliseconds=1)
PAGE = 500  # cases looked at in one step
Taken = Literal["kept", "already", "not_over"]
Seen = Callable[[int], object]


async def take(deps: Deps, month: str, seen: Seen = lambda _: None, at: datetime | None = None) -> Taken:
    """Kept once: what was published stands."""
    moment = at or now()
    if moment < bounds(month)[1]:
        return "not_over"
    if await deps.supervising.snapshots.of_month(month) is not None:
        return "already"
    made, inputs = await make(deps, month, seen), await inputs_of(deps, [month])
    row = snapshot(made, inputs, moment, deps.workdays.current.edition)
    return "kept" if await deps.supervising.snapshots.keep(row) else "already"


async def check(deps: Deps, month: str, seen: Seen = lambda _: None) -> list[str] | None:
    """What differs now; empty: nothing. None: the month was not kept."""
    kept = await deps.supervising.snapshots.of_month(month)
    return None if kept is None else differences(kept, await make(deps, month, seen))


async def make(deps: Deps, month: str, seen: Seen = lambda _: None) -> Made:
    """From the timelines in `cases`, as they stood when the month was over; the facts that are kept of them are not asked."""
    since, until = bounds(month)
    groups, digest, last = Groups(), Digest(), ""
    while rows := await deps.cases.touched_after(since, last, PAGE):
        facts = [one for one in await deps.supervising.supervised.facts_of(rows, until) if _is_of(one, month)]
        for whole, part in zip(groups.each(), fold(facts, [month], until).each(), strict=True):
            whole.update(part)
        digest.add(facts)
        last = rows[-1]["_id"]
        seen(len(rows))
    return Made(month, until, groups, digest.count, str(digest))


def _is_of(fact: Row, month: str) -> bool:
    """Whatever else is in the collection does not move the digest."""
    return bool(fact["open"] or month in (fact["month"], fact["finished_month"]) or month in fact["second_months"])


async def keep_by_itself(deps: Deps) -> None:
    """Job: from the first working day of a month on, the month before is kept, if it is not yet."""
    moment = now()
    today = day_of(moment)
    first = deps.workdays.current.on_or_after(today.replace(day=1)).day
    if today < first:
        return
    before = month_of(datetime(today.year, today.month, 1, tzinfo=BEIJING) - _A_MOMENT)
    if await deps.supervising.snapshots.of_month(before) is None and await take(deps, before) == "kept":
        log.info("figures of a month kept", extra={"month": before})
