"""Story: a case moved, and what supervision counts of it is written in the same transaction. Made from the case and its item alone, so it can be made again."""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from cases import limits
from cases.store import Cases
from content.lists import credible_visits
from content.store import Content
from kit.kill_points import reached
from kit.mongo import Mongo, Tx
from kit.workdays import Calendar, Workdays
from miniapp_api.item_place import place_of
from supervision.build_store import Build, Builds
from supervision.facts import Dues, Filed, OfItem, Row, fact
from supervision.store import Facts

KEEP = 60.0  # seconds an item's version is remembered; a version hardly ever changes
MOST = 5_000
BATCH = 200  # cases of one transaction when all of them are looked at
Item = Mapping[str, Any]


class Supervised:
    """`moved` is called by whoever writes a case, with the row as it is then, in that transaction."""

    def __init__(self, facts: Facts, content: Content, workdays: Workdays) -> None:
        self.facts = facts
        self._content = content
        self._workdays = workdays
        self._items: dict[tuple[str, int], tuple[float, Item]] = {}

    async def moved(self, tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
        await self.facts.put(tx, await self.facts_of(rows))
        reached("supervision.facts_written")

    async def facts_of(self, rows: Sequence[Mapping[str, Any]], until: datetime | None = None, calendar: Calendar | None = None) -> list[Row]:
        """Of stored cases with their timelines, as they stood just before `until`. `calendar`: for who goes on over many steps with one; None: today's."""
        made, days = [], calendar or self._workdays.current
        for row in rows:
            one = fact_of(row, await self._item(row["item_code"], row["item_version"]), days, until)
            if one is not None:
                made.append(one)
        return made

    async def _item(self, code: str, version: int) -> Item | None:
        kept = self._items.get((code, version))
        if kept is not None and time.monotonic() < kept[0]:
            return kept[1]
        found = await self._content.item_version(code, version)
        item = None if found is None else found["item"]
        if len(self._items) >= MOST:
            self._items.clear()
        if item is not None:
            self._items[code, version] = time.monotonic() + KEEP, item
        return item


def fact_of(row: Mapping[str, Any], item: Item | None, calendar: Calendar, until: datetime | None = None) -> Row | None:
    """Pure. The due days are those the resident is shown (cases/limits.py), from the core's acceptance."""
    timeline = [one for one in row["timeline"] if until is None or one["at"] < until]
    if not timeline:
        return None
    filed = Filed(
        request_id=row["_id"],
        item_code=row["item_code"],
        item_version=row["item_version"],
        channel=row["channel"],
        case_no=row["case_no"],
        submitted_at=row.get("submitted_at"),
        paper=any(one.get("hand_in") == "window" for one in row.get("materials") or ()),
    )
    told = limits.shape({"timeline": timeline}, item, calendar, timeline[-1]["at"])
    return fact(filed, timeline, (_of_item(item, told), Dues(told.promised_due, told.statutory_due, told.paused)), calendar)


def _of_item(item: Item | None, told: limits.Limits) -> OfItem:
    if item is None:
        return OfItem()
    first = "statutory_limit" if told.statutory_due and (told.promised_due is None or told.statutory_due < told.promised_due) else "promised_limit"
    limit = item.get(first) or {}
    department, region = place_of(item)
    return OfItem(
        department=department,
        region=region,
        kind=item.get("kind"),
        visits=credible_visits(dict(item)),
        limit_days=limit.get("days"),
        limit_unit=limit.get("unit", "working_days"),
    )


async def rebuild(mongo: Mongo, cases: Cases, supervised: Supervised, builds: Builds, build: Build) -> AsyncIterator[Build]:
    """Every fact anew from its case, from where `build` stands, while events go on coming; how far it is, after each step.

    A step and how far it is are one write. Raises LostBuild when somebody else goes on.
    """
    while ids := await cases.ids_after(build.last, BATCH):

        async def step(tx: Tx, ids: Sequence[str] = ids, before: Build = build) -> Build:
            await supervised.facts.put(tx, await supervised.facts_of(await cases.with_timelines(ids, tx)))
            return await builds.advance(tx, before, ids[-1], len(ids))

        build = await mongo.transaction(step)
        yield build


async def count_anew(mongo: Mongo, cases: Cases, supervised: Supervised, calendar: Calendar) -> int:
    """Job: open cases whose days another calendar counted, by this one. Returns how many. One pass: what is counted otherwise meanwhile waits for the next."""
    done = 0
    async for ids in supervised.facts.counted_otherwise(calendar.edition, BATCH):
        done += await _anew(mongo, cases, supervised, (ids, calendar))
    return done


async def _anew(mongo: Mongo, cases: Cases, supervised: Supervised, which: tuple[Sequence[str], Calendar]) -> int:
    """The case is read and its fact written in one transaction: an event that comes between makes it begin again."""
    ids, calendar = which

    async def both(tx: Tx) -> int:
        rows = await supervised.facts_of(await cases.with_timelines(ids, tx), calendar=calendar)
        await supervised.facts.put(tx, rows)
        return len(rows)

    return await mongo.transaction(both)
