"""Story: a broadcast is written for somebody's scope, and approved ones are told, batch by batch, by whichever worker holds them.

A batch's inbox entries, how far the broadcast came and the lease are one write: whoever is killed, stopped or too slow has told all of a batch or nobody.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from content.standing import standing
from kit.errors import FieldError, NotFound
from kit.ids import new_id
from kit.kill_points import reached
from kit.mongo import DuplicateKeyError, PyMongoError, Tx
from miniapp_api import audience, telling
from miniapp_api.item_place import place_of
from miniapp_api.wiring import Deps
from notify import broadcasts
from notify.broadcast_store import Batch
from notify.broadcasts import Audience, Segment, Wish
from notify.told import Told
from staff.roles import Scope, within

log = logging.getLogger(__name__)

SLICE = 5.0  # seconds a broadcast is held before others, more urgent ones, get their turn
AT_ONCE = 4  # broadcasts one process tells side by side
BATCHES = 4  # a second: as many people as that go on being told after somebody pressed stop


@dataclass(slots=True)
class _Held:
    """A broadcast in our hands. `cursor`: the last address that was told. `due`: of the next batch, by this process's clock."""

    row: dict[str, Any]
    holder: str
    told: Told
    segment: Segment
    cursor: str
    due: float

    @property
    def id(self) -> str:
        return str(self.row["_id"])


async def placed(deps: Deps, scope: Scope, wish: Wish) -> Wish:
    """The wish with whose matter it is: the item's of its segment; without one the whole city's.

    Raises Invalid with all that is wrong with it: also an unknown item, and one that the scope of who writes does not cover.
    """
    wrong, segment = broadcasts.wrong_in(wish), wish.segment
    department, region, is_known = None, None, True
    if segment.item_code is not None:
        try:
            department, region = place_of((await standing(deps.content, segment.item_code)).item)
        except NotFound:
            is_known = False
            wrong.append(FieldError("segment.item_code", "没有这个事项，请核对事项编码"))
    if is_known and not within(scope, department, region):
        wrong.append(FieldError("segment.item_code", "请填写您所在部门的事项；不限事项的群发要有全市的权限"))
    if wrong:
        raise broadcasts.refusal(wrong)
    return replace(wish, department=department, region=region)


def people(deps: Deps) -> Audience:
    return audience.of(deps)


async def run_due(deps: Deps) -> None:
    """Worker, again and again, in any number of processes: every broadcast that is due and that nobody holds goes on for a while."""
    held: list[_Held] = []
    while len(held) < AT_ONCE and (row := await deps.broadcasts.take(holder := new_id("w"))) is not None:
        due = time.monotonic() + row["wait_ms"] / 1000
        one = _Held(row, holder, broadcasts.told(row, row["approved_at"]), broadcasts.segment_of(row), row["cursor"], due)
        held.append(one)
    ended = await asyncio.gather(*(_go_on(deps, one) for one in held), return_exceptions=True)
    for outcome in ended:
        if isinstance(outcome, BaseException):
            raise outcome


async def _go_on(deps: Deps, held: _Held) -> None:
    """For SLICE seconds, never faster than its rate. Then, and whatever goes wrong, it is there for whoever comes next."""
    them, end, rate = people(deps), time.monotonic() + SLICE, int(held.row["rate"])
    try:
        while held.due < end:
            await asyncio.sleep(max(0.0, held.due - time.monotonic()))
            page = await them.page(held.segment, held.cursor, max(1, rate // BATCHES))
            if not page:
                if await deps.broadcasts.finish(held.id, held.holder, held.cursor):
                    log.info("broadcast done", extra={"broadcast": held.id})
                return
            held.due = max(held.due, time.monotonic()) + len(page) / rate
            if not await _tell(deps, held, page):
                return
    finally:
        with suppress(PyMongoError, TimeoutError):
            await deps.broadcasts.release(held.id, held.holder)


async def _tell(deps: Deps, held: _Held, page: Sequence[str]) -> bool:
    """False: it was stopped, or is somebody else's by now. Where one of them was told before, each goes alone."""
    with suppress(DuplicateKeyError):
        return await _batch(deps, held, page, page[-1])
    for one in page:
        try:
            going_on = await _batch(deps, held, [one], one)
        except DuplicateKeyError:
            going_on = await _batch(deps, held, [], one)
        if not going_on:
            return False
    return True


async def _batch(deps: Deps, held: _Held, whom: Sequence[str], after: str) -> bool:
    """`whom` nobody: the one called `after` was told already."""
    step = Batch(held.id, held.holder, held.cursor, after, len(whom), 0 if whom else 1, len(whom) * 1000 // held.row["rate"])

    async def all_of_it(tx: Tx) -> bool:
        if not await deps.broadcasts.advance(tx, step):
            return False
        await telling.put_many(deps, tx, [(f"broadcast:{held.id}", address, held.told) for address in whom])
        reached("broadcast.before_commit")
        return True

    if not await deps.mongo.transaction(all_of_it):
        return False
    reached("broadcast.after_commit")
    held.cursor = after
    return True
