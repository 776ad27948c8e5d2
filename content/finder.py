"""Search as one process serves it: an index that follows the catalogue's revision, everyday names that follow their file, and what was asked.

A rebuild runs beside the old index, which goes on serving; exchanging them is one assignment.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from content import everyday
from content.everyday import BadEverydayNames, EverydayNames
from content.listing import Filters
from content.search import INDEXED, Answer, Index
from content.store import Content
from content.suggest import Suggestions
from content.tallies import Tallies
from content.unfound import told
from kit.errors import Unavailable

log = logging.getLogger(__name__)

_PIECE = 0.002  # seconds of work between two rests
_QUICK = 1.0  # an index that takes longer than this rests twice as long before the next
LONGEST_REST = 120.0  # seconds; so that a province's change is found within minutes
_REMEMBERED = 5000  # distinct codes or questions counted between two writes; more is not counted


class Gently:
    """Between pieces of work in a thread: after the first second, rests four times as long as it worked. Requests share the interpreter with it."""

    def __init__(self) -> None:
        self._worked = 0.0
        self._since = time.monotonic()

    def __call__(self) -> None:
        busy = time.monotonic() - self._since
        if busy < _PIECE:
            return
        self._worked += busy
        if self._worked > _QUICK:
            time.sleep(4 * busy)
        self._since = time.monotonic()


class Finder:
    """`words`: the operators' own files of everyday names, after the built-in one."""

    def __init__(self, store: Content, tallies: Tallies, words: Sequence[Path] = (), *, longest_rest: float = LONGEST_REST) -> None:
        self._store = store
        self._tallies = tallies
        self._files = (everyday.BUILT_IN, *words)
        self._read: tuple[float, ...] = ()
        self._names = EverydayNames(())
        self._index: Index | None = None
        self._suggestions = Suggestions(())
        self._longest_rest = longest_rest
        self._not_before = 0.0
        self._views: Counter[str] = Counter()
        self._unfound: Counter[str] = Counter()

    @property
    def revision(self) -> int | None:
        return self._index.revision if self._index else None

    def find(self, query: str, filters: Filters, offset: int, limit: int, *, counted: bool = True) -> Answer:
        """One page and the total; what has no answer is `counted` for the operators. Raises Unavailable until the first index stands."""
        answer = self._standing().find(query, filters, offset, limit)
        if counted and not answer.sure and offset == 0:
            question = told(query)
            if question and (question in self._unfound or len(self._unfound) < _REMEMBERED):
                self._unfound[question] += 1
        return answer

    def counts(self, found: Answer | None, field: str) -> list[tuple[str, int]]:
        """(value, items), most first: of everything an answer found, or of the whole catalogue. `field`: one of Listing.FIELDS."""
        listing = self._standing().listing
        return listing.counts(found.places if found else listing.every, field)

    def region_names(self) -> Mapping[str, str]:
        """What the catalogue calls its divisions -> their codes."""
        return self._standing().listing.regions

    def suggest(self, typed: str, limit: int) -> list[str]:
        """Ways to go on from what was typed; from the search itself when no name begins like it."""
        index = self._standing()
        found = self._suggestions.starting(typed, limit)
        if len(found) < limit and len(typed.strip()) > 1:
            names = (hit.name for hit in index.find(typed, Filters(), 0, limit).hits)
            found = list(dict.fromkeys((*found, *names)))[:limit]
        return found

    def seen(self, code: str) -> None:
        """A guide was read: what is read often comes first among equals."""
        if code in self._views or len(self._views) < _REMEMBERED:
            self._views[code] += 1

    async def refresh(self, revision: int) -> None:
        """Follow the file of everyday names at once and the catalogue as fast as building allows."""
        await self._follow_names()
        moment = time.monotonic()
        if self._index is not None and (self._index.revision == revision or moment < self._not_before):
            return
        items = await self._store.searchable(INDEXED)
        views = await self._tallies.views()
        breathe = Gently() if self._index else lambda: None  # until the first stands, nothing is more urgent
        index = await asyncio.to_thread(Index, items, revision, self._names, views, breathe)
        suggestions = await asyncio.to_thread(Suggestions, index.suggestible(), breathe)
        self._index, self._suggestions = index, suggestions
        took = time.monotonic() - moment
        self._not_before = time.monotonic() + (min(2 * took, self._longest_rest) if took > _QUICK else 0.0)
        log.info("search index built", extra={"items": len(index.listing.entries), "seconds": round(took, 2), "revision": revision})

    async def write_down(self) -> None:
        """What was read and what was not found, added to the store. What a crash loses is lost: these are counts, not facts."""
        views, self._views = self._views, Counter()
        unfound, self._unfound = self._unfound, Counter()
        await self._tallies.add_views(views)
        await self._tallies.add_unfound(unfound)

    async def _follow_names(self) -> None:
        try:
            stamps = tuple([file.stat().st_mtime for file in everyday.files(self._files)])
        except OSError as exc:
            log.warning("everyday names not read", extra={"error": str(exc)})
            return
        if stamps == self._read:
            return
        self._read = stamps
        try:
            names = await asyncio.to_thread(everyday.read, self._files)
        except BadEverydayNames as exc:
            log.error("everyday names not used, the old ones stay", extra={"error": str(exc)})
            return
        self._names = names
        if self._index is not None:
            self._index.use(names)

    def _standing(self) -> Index:
        if self._index is None:
            raise Unavailable("catalogue_loading", "事项目录正在载入，请稍候再试", retry_after=2)
        return self._index
