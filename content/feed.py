"""A feed of the core into our store: page by page, cursor last, so that a crash repeats a page and never skips one.

Applying a page twice must change nothing. A record that cannot be read is kept with the reason, in words for the operator; the rest go on.
"""

import hashlib
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from pydantic import ValidationError

from core import reading
from core.types import RawPage
from kit.clock import now
from kit.mongo import Collection, DuplicateKeyError

log = logging.getLogger(__name__)
STATE = "state"  # the one document beside a feed
C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class FeedState:
    """`cursor`: where the feed goes on. `revision` grows with every applied page. `as_of`: when the core last confirmed it all."""

    cursor: str = ""
    revision: int = 0
    as_of: datetime | None = None

    @property
    def first_load_done(self) -> bool:
        return self.as_of is not None


class Feed:
    """Where a feed stands. `about`: what its records tell of, and the field that names it."""

    def __init__(self, feed: Collection, parked: Collection, about: tuple[str, str]) -> None:
        self._feed = feed
        self._parked = parked
        self.about = about

    async def state(self) -> FeedState:
        row = await self._feed.find_one({"_id": STATE}) or {}
        return FeedState(row.get("cursor", ""), row.get("revision", 0), row.get("as_of"))

    async def advance(self, before: FeedState, cursor: str, revision: int, as_of: datetime | None) -> bool:
        """Move the cursor from where `before` saw it; False if another worker was faster. The revision may have moved meanwhile, by the clock."""
        change = {"cursor": cursor} if as_of is None else {"cursor": cursor, "as_of": as_of}
        seen: dict[str, Any] = {"_id": STATE, "cursor": before.cursor or {"$in": ["", None]}}
        moved = {"$set": change, "$inc": {"revision": revision - before.revision}}
        try:
            result = await self._feed.update_one(seen, moved, upsert=not before.cursor)
        except DuplicateKeyError:
            return False
        return bool(result.matched_count or result.upserted_id is not None)

    async def park(self, place: str, name: str, reason: str, record: bytes) -> None:
        """As bytes: its keys and numbers may be anything."""
        row = {self.about[1]: name, "reason": reason, "record": record, "at": now()}
        await self._parked.update_one({"_id": place}, {"$setOnInsert": row}, upsert=True)


async def follow(
    store: Feed,
    page_after: Callable[[str], Awaitable[RawPage]],
    read: Callable[[dict[str, Any]], C],
    apply: Callable[[list[C], int], Awaitable[None]],
    pages: int,
) -> tuple[int, bool]:
    """At most so many pages, each read, applied with the revision it makes, and left behind. Returns (records parked, was the end reached).

    `read` raises ValidationError, ValueError or OverflowError for a record that cannot be read.
    """
    parked = 0
    for _ in range(pages):
        before = await store.state()
        started = now()
        page = await page_after(before.cursor)
        changes = []
        for raw in page.records:
            try:
                changes.append(read(raw))
            except (ValidationError, ValueError, OverflowError) as exc:
                parked += 1
                await _park(store, raw, exc)
        await apply(changes, before.revision + 1)
        last = not page.has_more
        revision = before.revision + (1 if page.records else 0)
        if not await store.advance(before, page.next_cursor, revision, started if last else None):
            return parked, False  # another worker is at it
        if last:
            return parked, True
    return parked, False


async def _park(store: Feed, raw: dict[str, Any], exc: Exception) -> None:
    """The same bad record twice is kept once, as received: whatever JSON can hold, also numbers too large for a database."""
    thing, field = store.about
    whole, name = json.dumps(raw, sort_keys=True).encode(), str(raw.get(field))
    await store.park(hashlib.sha256(whole).hexdigest(), name[:100], _why(exc), whole)
    log.warning(f"{thing} parked", extra={thing: name[:64], "seq": str(raw.get("seq"))[:20]})


def _why(exc: Exception) -> str:
    if not isinstance(exc, ValidationError):
        return str(exc)
    wrong = (f"{'.'.join(str(part) for part in error['loc'])}: {reading.why(error['type'])}（{error['msg']}）" for error in exc.errors())
    return "; ".join(wrong)[:2000]
