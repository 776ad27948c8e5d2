"""Who filed cases that have something in common, page by page and in order. Reads nothing but who it was."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.types import CaseState
from kit.mongo import ASCENDING, IndexModel, Mongo

INDEXES = {
    "cases": [
        IndexModel(
            [("item_code", ASCENDING), ("person_id", ASCENDING), ("state", ASCENDING), ("created_at", ASCENDING), ("channel", ASCENDING)],
            name="people_of_item",
        ),
        IndexModel(
            [("person_id", ASCENDING), ("state", ASCENDING), ("created_at", ASCENDING), ("channel", ASCENDING)],
            name="people_of_all",
        ),
    ]
}
_OVER = (CaseState.ISSUED.value, CaseState.REJECTED.value, CaseState.WITHDRAWN.value)
_REFUSED = "refused"  # by the core: there is no such case


@dataclass(frozen=True, slots=True)
class Chosen:
    """None: whatever it is. `finished`: nothing follows any more. `since`: filed from then on. `channel`: filed through."""

    item_code: str | None = None
    finished: bool | None = None
    since: datetime | None = None
    channel: str | None = None

    def query(self, after: str = "") -> dict[str, Any]:
        """Of people behind `after`. "gone_…" is nobody any more: the account was deleted."""
        state = {"$ne": _REFUSED} if self.finished is None else {"$in": list(_OVER)} if self.finished else {"$nin": [*_OVER, _REFUSED]}
        wanted: dict[str, Any] = {"person_id": {"$gt": after, "$not": re.compile("^gone_")}, "state": state}
        if self.since is not None:
            wanted["created_at"] = {"$gte": self.since}
        same = {"item_code": self.item_code, "channel": self.channel}
        return wanted | {name: value for name, value in same.items() if value is not None}

    @property
    def index(self) -> str:
        return "people_of_item" if self.item_code is not None else "people_of_all"


class CasePeople:
    def __init__(self, mongo: Mongo) -> None:
        self._cases = mongo["cases"]

    async def page(self, chosen: Chosen, after: str, limit: int) -> list[str]:
        """Each once; `limit` or, where one filed several, fewer. Read from the index alone."""
        found = self._cases.find(chosen.query(after), {"_id": 0, "person_id": 1}, hint=chosen.index).sort("person_id", ASCENDING).limit(limit)
        return list(dict.fromkeys([row["person_id"] async for row in found]))

    async def count(self, chosen: Chosen) -> int:
        different: list[dict[str, Any]] = [{"$match": chosen.query()}, {"$group": {"_id": "$person_id"}}, {"$count": "people"}]
        return sum([int(row["people"]) async for row in self._cases.aggregate(different, hint=chosen.index)])
