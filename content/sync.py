"""The items feed into our store: page by page, cursor last, so that a crash repeats a page and never skips one."""

import logging
from dataclasses import dataclass

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
        for record in page.records:
            outcome = await _apply(store, record, revision)
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


async def _apply(store: Content, record: ItemRecord, revision: int) -> str:
    if record.op == "remove":
        await store.keep_guide(record.code, record.seq, SHAPE, None)
        return "applied" if await store.apply(record.code, record.version, record.seq, None, revision) else "unchanged"
    try:
        item = Item.model_validate(record.item)
        if item.code != record.code or item.version != record.version:
            raise ValueError("code or version differ from the record's")
    except (ValidationError, ValueError) as exc:
        await store.park(record.seq, record.code, _why(exc), record.item or {})
        log.warning("item parked", extra={"code": record.code, "seq": record.seq})
        return "parked"
    content = item.model_dump(mode="json")
    await store.keep_guide(record.code, record.seq, SHAPE, encoded(content))
    fresh = await store.apply(record.code, record.version, record.seq, content, revision)
    return "applied" if fresh else "unchanged"


def _why(exc: Exception) -> str:
    if isinstance(exc, ValidationError):
        return "; ".join(f"{'.'.join(str(part) for part in error['loc'])}: {error['msg']}" for error in exc.errors())[:2000]
    return str(exc)
