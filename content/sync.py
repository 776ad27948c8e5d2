"""The items feed into our store.

A record whose time has not come is kept and takes effect by the clock (`take_effect`), without another word from the core.
"""

from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from content.feed import follow
from content.guides import SHAPE, encoded
from content.store import Change, Content
from core.client import Core
from core.items import ItemRecord
from core.reading import read_item
from kit.clock import now

FOREVER = 9000  # a year from which on an end means "no end" (9999-12-31 is how many sources say it)


@dataclass(frozen=True, slots=True)
class Synced:
    """What one run did, in records. `waiting`: their time has not come. `odd`: values put aside, per field."""

    applied: int
    unchanged: int
    parked: int
    finished: bool
    waiting: int = 0
    odd: Counter[str] = field(default_factory=Counter)


async def sync(store: Content, core: Core, *, pages: int = 1000) -> Synced:
    """Take what changed since the last run. Raises kit.errors.NotReached when the core is away; what was applied stays."""
    applied = unchanged = waiting = 0
    odd = Counter[str]()

    async def apply(changes: list[Change], revision: int) -> None:
        nonlocal applied, unchanged, waiting
        fresh, later = await keep(store, changes, now(), revision)
        applied, unchanged, waiting = applied + fresh, unchanged + len(changes) - later - fresh, waiting + later
        odd.update(_field(one["field"]) for change in changes for one in change.odd)

    parked, finished = await follow(store, core.items_page, _change, apply, pages)
    return Synced(applied, unchanged, parked, finished, waiting, odd)


async def keep(store: Content, changes: list[Change], moment: datetime, revision: int) -> tuple[int, int]:
    """Versions, then guides, then items; any prefix of it may be repeated. Returns (items changed, versions that begin after `moment`)."""
    await store.keep_versions(changes, moment)
    due = [one for one in changes if not one.waits(moment)]
    newest = {one.code: one for one in sorted(due, key=lambda one: one.seq)}  # two of a code on one page: the bulk write keeps no order
    await store.keep_guides(list(newest.values()), SHAPE)
    return await store.apply(list(newest.values()), revision), len(changes) - len(due)


async def take_effect(store: Content) -> int:
    """What the clock changed: versions that begin and items that end now. Returns how many; repeating it after a crash is harmless."""
    rows = await store.begun()
    if rows:
        changes = [made(row, row["code"], row["item"]) for row in rows]
        await keep(store, changes, now(), (await store.state()).revision + 1)
    ended = await store.newly_ended()
    if rows or ended:
        await store.touch()
        await store.stop_waiting(rows)
        await store.mark_end_seen(ended)
    return len(rows) + len(ended)


async def reshape(store: Content) -> int:
    """After an upgrade: guides made in another shape are made anew. Returns how many; until then readers get them shaped as they ask."""
    rows = await store.other_shapes(SHAPE)
    await store.keep_guides([made(row, row["_id"], row["item"]) for row in rows], SHAPE)
    return len(rows)


def _change(raw: dict[str, Any]) -> Change:
    record = ItemRecord.model_validate(raw)
    row: dict[str, Any] = {"version": record.version, "seq": record.seq, "batch": record.batch[:200], "replaced_by": record.replaced_by}
    row |= {"starts_at": _utc(record.effective_from), "ends_at": _utc(record.effective_to)}
    if row["ends_at"] is not None and row["ends_at"].year >= FOREVER:
        row["ends_at"] = None
    if record.op == "remove":
        return made(row, record.code, None)
    item, odd = read_item(record.item or {})
    if item.code != record.code or item.version != record.version:
        raise ValueError("code or version differ from the record's")
    return made(row | {"odd": [asdict(one) for one in odd]}, record.code, item.model_dump(mode="json"))


def made(row: dict[str, Any], code: str, item: dict[str, Any] | None, *, by_hand: bool = False) -> Change:
    """A change from a record or from a stored row (one of an earlier release has no dates)."""
    starts_at, ends_at = row.get("starts_at"), row.get("ends_at")
    guide = None if item is None else encoded(item, dates=(starts_at, ends_at), replaced_by=tuple(row.get("replaced_by") or ()))
    return Change(
        code=code,
        version=row["version"],
        seq=row["seq"],
        item=item,
        guide=guide,
        starts_at=starts_at,
        ends_at=ends_at,
        replaced_by=tuple(row.get("replaced_by") or ()),
        batch=row.get("batch", ""),
        odd=tuple(row.get("odd") or ()),
        by_hand=by_hand,
    )


def _utc(moment: datetime | None) -> datetime | None:
    """Raises OverflowError at the edges of the calendar."""
    return None if moment is None else moment.astimezone(UTC)


def _field(path: str) -> str:
    """`materials.3.copies` -> `materials.copies`, so that they can be counted."""
    return ".".join(part for part in path.split(".") if not part.isdecimal())
