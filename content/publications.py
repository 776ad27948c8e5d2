"""What the city makes public beside its items: taken from the core's feed page by page, cursor last, and listed from an index in memory."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from content.feed import FeedState, follow
from content.publications_search import BadCursor, Page, PublicationIndex, Wanted
from content.publications_store import Change, PublicationStore
from core.client import Core
from core.publications import Publication, PublicationRecord
from kit.clock import at_edge, now
from kit.errors import FieldError, Invalid, NotFound, Unavailable


@dataclass(frozen=True, slots=True)
class Taken:
    """What one run took from the feed, in records."""

    applied: int
    unchanged: int
    parked: int
    finished: bool


async def take(store: PublicationStore, core: Core, *, pages: int = 1000) -> Taken:
    """Take what changed since the last run. Raises kit.errors.NotReached when the core is away; what was applied stays."""
    applied = unchanged = 0

    async def apply(changes: list[Change], revision: int) -> None:
        nonlocal applied, unchanged
        fresh = await store.apply(changes, revision)
        applied, unchanged = applied + fresh, unchanged + len(changes) - fresh

    parked, finished = await follow(store, core.publications_page, _change, apply, pages)
    return Taken(applied, unchanged, parked, finished)


def _change(raw: dict[str, Any]) -> Change:
    record = PublicationRecord.model_validate(raw)
    found = _publication(record)
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
        self.state = FeedState()

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
