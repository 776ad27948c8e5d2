"""Every query of how items do online: small counters per item and day, and the ways drafts went. No person is read or written here."""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from kit.clock import now
from kit.mongo import ASCENDING, DuplicateKeyError, IndexModel, Mongo, UpdateOne, written
from kit.workdays import day_of
from supervision import day_store
from supervision.day_store import ItemDays
from supervision.item_health import Way

KEPT = timedelta(days=400)  # a year, and what it is compared with
WARNED = timedelta(days=30)
MOST = 20_000  # distinct (item, act, outcome) counted between two writes; more is not counted
TOGETHER = 1000  # drafts whose cases are read at once
Row = dict[str, Any]

INDEXES: Mapping[str, Sequence[IndexModel]] = {
    "item_steps": [IndexModel([("at", ASCENDING)], expireAfterSeconds=int(KEPT.total_seconds()))],
    "item_warnings": [IndexModel([("at", ASCENDING)], expireAfterSeconds=int(WARNED.total_seconds()))],
    "drafts": [
        IndexModel([("created_at", ASCENDING)], name="begun"),
        IndexModel([("begun_with.code", ASCENDING), ("created_at", ASCENDING)], name="begun_for_item"),
    ],
    **day_store.INDEXES,
}
_DRAFT = {"begun_with.code": 1, "item_code": 1, "created_at": 1, "updated_at": 1, "checked_at": 1, "state": 1}
_CASE = {"draft_id": 1, "item_code": 1, "created_at": 1, "submitted_at": 1, "state": 1, "timeline.state": 1, "timeline.at": 1}
_DECIDED = frozenset({"approved", "rejected", "issued"})
_TAKEN = frozenset({"accepted", "approved", "issued"})


class ItemSteps:
    """One per process: counts in memory, written down again and again. What a crash loses is lost: these are counts, not facts."""

    def __init__(self, mongo: Mongo) -> None:
        self._steps = mongo["item_steps"]
        self._warnings = mongo["item_warnings"]
        self._drafts = mongo["drafts"]
        self._cases = mongo["cases"]
        self._items = mongo["items"]
        self.days = ItemDays(mongo)
        self._counted: Counter[tuple[str, str, str]] = Counter()

    def add(self, code: str, act: str, outcome: str) -> None:
        """At once and without waiting. `act` and `outcome` are our own words."""
        key = (code, act, outcome)
        if key in self._counted or len(self._counted) < MOST:
            self._counted[key] += 1

    async def write_down(self) -> None:
        counted, self._counted = self._counted, Counter()
        moment, by_item = now(), defaultdict[str, dict[str, int]](dict)
        for (code, act, outcome), times in counted.items():
            by_item[code][f"counts.{act}.{outcome}"] = times
        day = day_of(moment).isoformat()
        writes = [
            UpdateOne({"_id": f"{day}:{code}"}, {"$inc": times, "$setOnInsert": {"code": code, "at": moment}}, upsert=True)
            for code, times in by_item.items()
        ]
        await written(self._steps, writes)

    async def counts(self, since: date, until: date, code: str | None = None) -> dict[str, dict[str, Counter[str]]]:
        """Of the days from `since` up to but not with `until`: item -> act -> outcome -> how often."""
        days: Row = {"_id": {"$gte": f"{since.isoformat()}:", "$lt": f"{until.isoformat()}:"}}
        told: dict[str, dict[str, Counter[str]]] = {}
        async for row in self._steps.find(days if code is None else {**days, "code": code}):
            own = told.setdefault(row["code"], {})
            for act, outcomes in row["counts"].items():
                own.setdefault(act, Counter()).update(outcomes)
        return told

    async def ways(self, since: datetime, until: datetime, code: str | None = None) -> AsyncIterator[list[Way]]:
        """Of every draft begun from `since` up to but not with `until`, some at a time."""
        wanted: Row = {"created_at": {"$gte": since, "$lt": until}} | ({} if code is None else {"begun_with.code": code})
        drafts: list[Row] = []
        async for draft in self._drafts.find(wanted, _DRAFT).hint("begun" if code is None else "begun_for_item").batch_size(TOGETHER):
            drafts.append(draft)
            if len(drafts) == TOGETHER:
                yield await self._followed(drafts, code)
                drafts = []
        yield await self._followed(drafts, code)

    async def first_day(self) -> date | None:
        """The earliest that has anything to count. None: nothing has."""
        draft = await self._drafts.find_one({}, {"created_at": 1}, sort=[("created_at", ASCENDING)])
        steps = await self._steps.find_one({}, {"_id": 1}, sort=[("_id", ASCENDING)])
        days = [day_of(draft["created_at"])] if draft is not None else []
        return min([*days, date.fromisoformat(steps["_id"][:10])] if steps is not None else days, default=None)

    async def named(self, codes: Sequence[str]) -> dict[str, Row | None]:
        """Name, department and region of each that is in the catalogue or was."""
        wanted = dict.fromkeys(("item.code", "item.name", "item.department", "item.region"), 1)
        return {row["_id"]: row.get("item") async for row in self._items.find({"_id": {"$in": list(codes)}}, wanted)}

    async def warn_once(self, code: str, day: date) -> bool:
        """True for whoever is the first to warn of this item on this day."""
        try:
            await self._warnings.insert_one({"_id": f"{day.isoformat()}:{code}", "at": now()})
        except DuplicateKeyError:
            return False
        return True

    async def _followed(self, drafts: Sequence[Row], code: str | None) -> list[Way]:
        if not drafts:
            return []
        wanted: Row = {"draft_id": {"$in": [one["_id"] for one in drafts]}}
        cases: dict[tuple[str, str], Row] = {}
        async for case in self._cases.find(wanted, _CASE).batch_size(TOGETHER):
            key = (case["draft_id"], case["item_code"])
            if key not in cases or cases[key]["created_at"] < case["created_at"]:
                cases[key] = case  # what was refused and handed in again counts as it stands now
        codes = [(draft, own) for draft in drafts for own in _codes(draft)]
        return [_way(draft, own, cases.get((draft["_id"], own))) for draft, own in codes if code in (None, own)]


def _codes(draft: Row) -> list[str]:
    """Rows of an earlier release know one item."""
    return [one["code"] for one in draft.get("begun_with") or ()] or [draft["item_code"]]


def _way(draft: Row, code: str, case: Row | None) -> Way:
    if case is None:
        return Way(code, draft["created_at"], draft["updated_at"], draft.get("checked_at"))
    timeline, state = case.get("timeline") or [], case["state"]
    decided = next((one["at"] for one in timeline if one["state"] in _DECIDED), None)
    taken = next((one["at"] for one in timeline if one["state"] in _TAKEN), None)
    return Way(
        code=code,
        opened_at=draft["created_at"],
        touched_at=draft["updated_at"],
        checked_at=draft.get("checked_at"),
        submitted_at=case["created_at"],
        filed_at=case.get("submitted_at"),
        accepted_at=taken,
        finished_at=decided if taken is not None else None,
        is_sending=state == "sending",
        is_over=state in ("refused", "withdrawn", "rejected"),
    )
