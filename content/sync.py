"""The items feed into our store: page by page, cursor last, so that a crash repeats a page and never skips one."""

import hashlib
import logging
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import ValidationError

from content.guides import SHAPE, encoded
from content.store import Content
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
        revision = before.revision + 1
        for raw in page.records:
            outcome = await _apply(store, raw, revision)
            applied += outcome == "applied"
            unchanged += outcome == "unchanged"
            parked += outcome == "parked"
        changed = revision if page.records else before.revision
        last = not page.has_more
        if not await store.advance(before, page.next_cursor, changed, started if last else None):
            return Synced(applied, unchanged, parked, finished=False)  # another worker is at it
        if last:
            return Synced(applied, unchanged, parked, finished=True)
    return Synced(applied, unchanged, parked, finished=False)


async def reshape(store: Content) -> int:
    """After an upgrade: guides made in another shape are made anew. Returns how many; until then readers get them shaped as they ask."""
    rows = await store.other_shapes(SHAPE)
    for row in rows:
        await store.keep_guide(row["_id"], row["seq"], SHAPE, None if row["item"] is None else encoded(row["item"]))
    return len(rows)


async def _apply(store: Content, raw: dict[str, Any], revision: int) -> str:
    """ "applied", "unchanged" or, with its reason kept, "parked"."""
    try:
        record = ItemRecord.model_validate(raw)
        item = _item(record)
    except (ValidationError, ValueError) as exc:
        await store.park(_place(raw), str(raw.get("code"))[:100], _why(exc), raw)
        log.warning("item parked", extra={"code": str(raw.get("code"))[:64], "seq": str(raw.get("seq"))[:20]})
        return "parked"
    content = None if item is None else item.model_dump(mode="json")
    await store.keep_guide(record.code, record.seq, SHAPE, None if content is None else encoded(content))
    fresh = await store.apply(record.code, record.version, record.seq, content, revision)
    return "applied" if fresh else "unchanged"


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
