"""The sandbox's own catalogue as the assistant sees it, without a store: the real search and the real guides."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from bot.knowledge import Findings
from content import everyday
from content.guides import guide
from content.search import Index
from kit.errors import Invalid
from miniapp_api.assistant_knowledge import findings
from tests.content.items import Json, own_items


class Shelf:
    """`bot.knowledge.Knowledge` over a list of items."""

    def __init__(self, items: Sequence[Json]) -> None:
        self._index = Index(items, 1, everyday.read([everyday.BUILT_IN]))
        self.items = {one["code"]: one for one in items}

    def find(self, question: str, region: str | None) -> Findings:
        return findings(lambda filters: self._index.find(question, filters, 0, 8), region)

    def region_in(self, question: str) -> str | None:
        named = {code for name, code in self._index.listing.regions.items() if name in question}
        return named.pop() if len(named) == 1 else None

    async def guide(self, code: str, options: Sequence[str] = ()) -> Mapping[str, Any] | None:
        item = self.items.get(code)
        if item is None:
            return None
        try:
            return {"as_of": "2026-01-01T00:00:00+08:00", **guide(item, ",".join(options) or None)}
        except Invalid:
            return await self.guide(code)

    def code_of(self, name: str) -> str:
        return next(str(item["code"]) for item in self.items.values() if item["name"] == name)


@cache
def shelf() -> Shelf:
    return Shelf(own_items())
