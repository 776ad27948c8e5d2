"""The items feed into our store: page by page, cursor last, so that a crash repeats a page and never skips one."""

import hashlib
import logging
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import ValidationError

from content.guides import SHAPE, encoded
from content.store import Change, Content
from core.client import Core
from core.types import Item, ItemRecord
from kit.clock import now

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Synced:
    """What one run did, in records."""

    applied: int
    unchanged: int
    parked: int
    finished: bool


async def sync(store: Content, core: Core, *, pages: int = 1000) -> Synced:
    """Take what changed since the last run. Raises kit.errors.NotReached when the core is away; what was applied stays."""
    applied = unchanged = parked = 0
    for _ in range(pages):
        before = await store.state()
        started = now()
        page = await core.items_page(before.cursor)
        changes = [change for raw in page.records if (change := await _read(store, raw)) is not None]
        await store.keep_guides(changes, SHAPE)
        fresh = await store.apply(changes, before.revision + 1)
        applied, unchanged, parked = applied + fresh, unchanged + len(changes) - fresh, parked + len(page.records) - len(changes)
        last = not page.has_more
        revision = before.revision + (1 if page.records else 0)
        if not await store.advance(before, page.next_cursor, revision, started if last else None):
            return Synced(applied, unchanged, parked, finished=False)  # another worker is at it
        if last:
            return Synced(applied, unchanged, parked, finished=True)
    return Synced(applied, unchanged, parked, finished=False)


async def reshape(store: Content) -> int:
    """After an upgrade: guides made in another shape are made anew. Returns how many; until then readers get them shaped as they ask."""
    rows = await store.other_shapes(SHAPE)
    await store.keep_guides([_change(row["_id"], row["version"], row["seq"], row["item"]) for row in rows], SHAPE)
    return len(rows)


async def _read(store: Content, raw: dict[str, Any]) -> Change | None:
    """None for a record that cannot be read; it is kept with the reason."""
    try:
        record = ItemRecord.model_validate(raw)
        item = _item(record)
    except (ValidationError, ValueError) as exc:
        await store.park(_place(raw), str(raw.get("code"))[:100], _why(exc), raw)
        log.warning("item parked", extra={"code": str(raw.get("code"))[:64], "seq": str(raw.get("seq"))[:20]})
        return None
    return _change(record.code, record.version, record.seq, None if item is None else item.model_dump(mode="json"))


def _change(code: str, version: int, seq: int, item: dict[str, Any] | None) -> Change:
    return Change(code, version, seq, item, None if item is None else encoded(item))


def _item(record: ItemRecord) -> Item | None:
    if record.op == "remove":
        return None
    item = Item.model_validate(record.item)
    if item.code != record.code or item.version != record.version:
        raise ValueError("code or version differ from the record's")
    return item


def _place(raw: dict[str, Any]) -> str:
    """Where a bad record is kept: the same one twice is kept once."""
    return hashlib.sha256(orjson.dumps(raw, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _why(exc: Exception) -> str:
    if isinstance(exc, ValidationError):
        return "; ".join(f"{'.'.join(str(part) for part in error['loc'])}: {error['msg']}" for error in exc.errors())[:2000]
    return str(exc)
