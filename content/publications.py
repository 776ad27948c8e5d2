"""What the city makes public beside its items: taken from the core's feed page by page, cursor last, and listed from an index in memory."""

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from content.publications_search import BadCursor, Page, PublicationIndex, Wanted
from content.publications_store import Change, FeedState, PublicationStore
from content.unreadable import as_bytes, place_of, why
from core.client import Core
from core.publications import Publication, PublicationRecord
from kit.clock import at_edge, now
from kit.errors import FieldError, Invalid, NotFound, Unavailable

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Taken:
    """What one run took from the feed, in records."""

    applied: int
    unchanged: int
    parked: int
    finished: bool


async def take(store: PublicationStore, core: Core, *, pages: int = 1000) -> Taken:
    """Take what changed since the last run. Raises kit.errors.NotReached when the core is away; what was applied stays.

    The cursor moves after its page is written: a crash between the two repeats the page, and repeating it changes nothing.
    """
    applied = unchanged = parked = 0
    for _ in range(pages):
        before = await store.state()
        started = now()
        page = await core.publications_page(before.cursor)
        changes = [change for raw in page.records if (change := await _read(store, raw)) is not None]
        fresh = await store.apply(changes, before.revision + 1)
        applied, unchanged, parked = applied + fresh, unchanged + len(changes) - fresh, parked + len(page.records) - len(changes)
        last = not page.has_more
        revision = before.revision + (1 if page.records else 0)
        if not await store.advance(before, page.next_cursor, revision, started if last else None):
            return Taken(applied, unchanged, parked, finished=False)  # another worker is at it
        if last:
            return Taken(applied, unchanged, parked, finished=True)
    return Taken(applied, unchanged, parked, finished=False)


async def _read(store: PublicationStore, raw: dict[str, Any]) -> Change | None:
    """None for a record that cannot be read; it is kept with the reason."""
    try:
        record = PublicationRecord.model_validate(raw)
        found = _publication(record)
    except (ValidationError, ValueError) as exc:
        await store.park(place_of(raw), str(raw.get("id"))[:100], why(exc), as_bytes(raw))
        log.warning("publication parked", extra={"publication": str(raw.get("id"))[:64], "seq": str(raw.get("seq"))[:20]})
        return None
    if found is None:
        return Change(record.id, record.version, record.seq, None, None)
    return Change(record.id, record.version, record.seq, found.model_dump(mode="json"), found.expires_at)


def _publication(record: PublicationRecord) -> Publication | None:
    if record.op == "remove":
        return None
    found = Publication.model_validate(record.publication)
    if found.id != record.id or found.version != record.version:
        raise ValueError("id or version differ from the record's")
    return found


class Publications:
    """As one process serves them: an index swapped when the revision moves. Built once; `refresh`, again and again, keeps it fresh."""

    def __init__(self, store: PublicationStore) -> None:
        self._store = store
        self._index: PublicationIndex | None = None
        self.state = FeedState("", 0, None)

    def find(self, wanted: Wanted) -> Page:
        """One page of what is published and not expired. Raises Invalid for a strange cursor, Unavailable until the feed was read once."""
        if self._index is None or self.state.as_of is None:
            raise Unavailable("publications_loading", "公开信息正在载入，请稍候再试", retry_after=2)
        try:
            return self._index.find(wanted, now())
        except BadCursor as exc:
            wrong = FieldError("cursor", "应为上一页给出的 next_cursor；换了查询要从头开始")
            raise Invalid("input_invalid", "填写的内容有误，请按提示修改", errors=(wrong,)) from exc

    async def publication(self, publication_id: str) -> tuple[dict[str, Any], bool]:
        """(the publication, is it expired). Raises NotFound for one unknown, taken down or not published yet."""
        found = await self._store.publication(publication_id)
        if found is None or datetime.fromisoformat(found["published_at"]) > now():
            raise NotFound("publication_unknown", "没有找到这条信息，它可能已撤下，请返回列表重新查找")
        return found, found["expires_at"] is not None and datetime.fromisoformat(found["expires_at"]) <= now()

    @property
    def as_of(self) -> str | None:
        return at_edge(self.state.as_of) if self.state.as_of else None

    async def refresh(self) -> None:
        """Read the feed's state; build a new index beside the old one when the revision moved. When it fails, the old copy goes on serving, dated."""
        state = await self._store.state()
        if self._index is None or self._index.revision != state.revision:
            self._index = await asyncio.to_thread(PublicationIndex, await self._store.unexpired(now()), state.revision)
        self.state = state
