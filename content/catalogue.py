"""The catalogue as one process serves it: guides read through a sub-second copy, an index swapped when the revision moves."""

import time
from collections.abc import Mapping
from typing import Any

import orjson

from content.closures import Closure
from content.feed import FeedState
from content.finder import Finder
from content.guides import SHAPE, closed_online, dated, guide
from content.short import short
from content.standing import standing, version_of
from content.store import Content
from kit.clock import at_edge, now

KEEP = 0.8  # seconds a guide's bytes may be served again, counted from before they were read: never a superseded one past 1 s
MAX_KEPT = 2000


class Catalogue:
    """Built once per process; `refresh`, again and again, keeps it fresh."""

    def __init__(self, store: Content, finder: Finder, *, keep: float = KEEP) -> None:
        self.store = store
        self.finder = finder
        self._keep = keep
        self._kept: dict[tuple[str, str | None], tuple[float, bytes]] = {}
        self.state = FeedState()
        self._closures: Mapping[str, Closure] = {}

    async def guide(self, code: str, situation: str | None = None) -> bytes:
        """The guide as JSON. Raises NotFound, Invalid."""
        key = (code, situation)
        kept = self._kept.get(key)
        started = time.monotonic()
        if kept is None or started >= kept[0]:
            kept = started + self._keep, dated(await self._guide(code, situation), self.as_of)
            if self._keep > 0:
                if len(self._kept) >= MAX_KEPT:
                    self._kept.clear()
                self._kept[key] = kept
        self.finder.seen(code)  # a guide there is: codes that somebody made up are not worth counting
        closure = self.closure(code)
        return kept[1] if closure is None else closed_online(kept[1], closure)

    def closure(self, code: str) -> Closure | None:
        """In force now, as the last look saw it: for pages. Acts ask the store."""
        found = self._closures.get(code)
        return found if found is not None and found.holds(now()) else None

    async def short(self, code: str, situation: str | None = None) -> dict[str, Any]:
        """The short form of the guide, with `as_of`. Raises NotFound, Invalid."""
        found = await standing(self.store, code)
        told = {name: found.told[name] for name in ("state", "notice", "can_apply", "closed")}
        return {**short(found.item, situation, is_closed=found.closure is not None), **told, "as_of": self.as_of}

    async def _guide(self, code: str, situation: str | None) -> bytes:
        kept = None if situation else await self.store.guide(code)
        if kept is not None and kept[0] == SHAPE:
            return kept[1]
        found = await standing(self.store, code)
        return orjson.dumps(guide(found.item, situation, found))

    async def item(self, code: str, version: int | None = None) -> dict[str, Any]:
        """The whole element set of a version (default: the one in force or the last one), how it stands, and `as_of`. Raises NotFound."""
        found = await standing(self.store, code) if version is None else await version_of(self.store, code, version)
        return {**found.item, **found.told, "as_of": self.as_of}

    @property
    def as_of(self) -> str | None:
        return at_edge(self.state.as_of) if self.state.as_of else None

    async def look(self) -> None:
        """Read the catalogue's state and what is closed for online handling."""
        self.state = await self.store.state()
        self._closures = await self.store.closures.in_force()

    async def refresh(self) -> None:
        """Read the catalogue's state; rebuild the index beside the old one when the revision moved. When it fails, the old copy goes on serving, dated."""
        await self.look()
        if self.state.first_load_done:  # an index of half a catalogue would answer for the whole
            await self.finder.refresh(self.state.revision)
