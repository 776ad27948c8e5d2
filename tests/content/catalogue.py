"""Making records and a pretend core for the content tests."""

from datetime import UTC, datetime, timedelta
from typing import Any

from content.catalogue import Catalogue
from content.finder import Finder
from content.store import Content
from content.tallies import Tallies
from core.types import ItemRecord, RawPage
from kit.errors import NotReached
from kit.mongo import Mongo


def record(seq: int, item: dict[str, Any] | None, code: str = "", version: int = 1, op: str = "upsert", **more: Any) -> ItemRecord:
    fields = {"code": item["code"], "version": item["version"]} if item and not code else {"code": code, "version": version}
    return ItemRecord.model_validate({"seq": seq, "op": op, "batch": "b", "item": item, **fields, **more})


def removed(seq: int, code: str = "I1", version: int = 9, **more: Any) -> ItemRecord:
    return record(seq, None, code, version, "remove", **more)


def days_from_now(days: float) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


async def days_pass(mongo: Mongo, days: int) -> None:
    """As if everything had been stored so much earlier."""
    for name, fields in {"items": ["starts_at", "ends_at"], "guides": ["ends_at"], "item_versions": ["starts_at", "ends_at", "waits_until"]}.items():
        earlier = {
            field: {"$cond": [{"$eq": [{"$type": f"${field}"}, "date"]}, {"$subtract": [f"${field}", days * 86_400_000]}, f"${field}"]}
            for field in fields
        }
        await mongo[name].update_many({}, [{"$set": earlier}])


class Feed:
    """A pretend core that serves records two a page and may fail at a page."""

    def __init__(self, *records: ItemRecord) -> None:
        self.records = list(records)
        self.fail_at: str | None = None
        self.spoilt: dict[int, dict[str, Any]] = {}

    async def items_page(self, cursor: str, limit: int = 200) -> RawPage:
        if cursor == self.fail_at:
            raise NotReached("core", "down")
        after = int(cursor or 0)
        rest = [one for one in self.records if one.seq > after]
        page = rest[:2]
        last = page[-1].seq if page else after
        return RawPage(
            records=tuple(one.model_dump(mode="json") | self.spoilt.get(one.seq, {}) for one in page),
            next_cursor=str(last) if last else "",
            has_more=len(rest) > 2,
        )


def make_catalogue(store: Content, **more: Any) -> Catalogue:
    """As a process has it, over this store."""
    return Catalogue(store, Finder(store, Tallies(store._mongo), longest_rest=0), **more)
