"""What supervision counts of a case: one small row without personal data, a pure function of the case's moves, its item and the calendar.

Whatever order, loss or repetition the moves came in, the same set gives the same row; the whole collection can be made again from `cases`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from typing import Any

from core.types import CaseState
from kit.clock import BEIJING
from kit.workdays import Calendar, day_of, end_of
from supervision.due import near_from

RESULTS = (CaseState.APPROVED.value, CaseState.REJECTED.value, CaseState.ISSUED.value)  # as the core counts "finished"
_ENDS = frozenset({*RESULTS, CaseState.WITHDRAWN.value})
_REPLIES = _ENDS | {CaseState.ACCEPTED.value, CaseState.CORRECTIONS.value}
PERMIT = "行政许可"
SHAPE = 1  # another number when a fact counts or names anything differently: all of them are then made again (supervision/build_store.py)
REPLY_DAYS = 5  # working days for the first word about an application: 行政许可法 §32, §82
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Filed:
    """What was filed and where. `paper`: some of it was to be brought to a window."""

    request_id: str
    item_code: str
    item_version: int
    channel: str
    case_no: str | None
    submitted_at: datetime | None
    paper: bool


@dataclass(frozen=True, slots=True)
class OfItem:
    """The item in the version it was filed under. `visits` None: nobody has recorded how often one must come."""

    department: str | None = None
    region: str | None = None
    kind: str | None = None
    visits: int | None = None
    limit_days: int | None = None  # of the limit that ends first
    limit_unit: str = "working_days"


@dataclass(frozen=True, slots=True)
class Dues:
    """Beijing days the decision is due by, as far as acceptance and pauses say; `paused`: they stand still."""

    promised: date | None = None
    legal: date | None = None
    paused: bool = False

    @property
    def first(self) -> date | None:
        return min((one for one in (self.promised, self.legal) if one is not None), default=None)


def fact(filed: Filed, timeline: Sequence[Mapping[str, Any]], about: tuple[OfItem, Dues], calendar: Calendar) -> Row | None:
    """The row. None while the core does not hold the case. `timeline`: its moves by version, each {version, state, at, notice}."""
    if not timeline:
        return None
    item, dues = about
    received = next((one["at"] for one in timeline if one["state"] == CaseState.SUBMITTED.value), filed.submitted_at or timeline[0]["at"])
    finished = next((one for one in timeline if one["state"] in RESULTS), None)
    ended = next((one for one in timeline if one["state"] in _ENDS), None)
    accepted = next((one["at"] for one in timeline if one["state"] == CaseState.ACCEPTED.value), None)
    last = timeline[-1]
    row: Row = {
        "_id": filed.request_id,
        "case_no": filed.case_no,
        "item_code": filed.item_code,
        "item_version": filed.item_version,
        "department": item.department,
        "region": item.region,
        "channel": filed.channel,
        "month": month_of(received),
        "state": last["state"],
        "open": ended is None,
        "step": last["state"],
        "submitted_at": received,
        "accepted_at": accepted,
        "finished_at": finished["at"] if finished else None,
        "finished_month": month_of(finished["at"]) if finished else None,
        "result": finished["state"] if finished else None,
        "online": _throughout(filed, item) if finished else None,
        "in_time": _in_time(finished, dues),
        "second_months": [month_of(one["at"]) for one in _second_notices(timeline)],
        "steps": _steps(timeline),
        "version": last["version"],
        "edition": calendar.edition,
    }
    row |= {"second_notices": len(row["second_months"]), "promised_due_at": _end(dues.promised), "legal_due_at": _end(dues.legal)}
    return row | (_clock(timeline, received, about, calendar) if ended is None else dict.fromkeys(("due_at", "near_at", "due_kind")))


def month_of(moment: datetime) -> str:
    """YYYY-MM in Beijing, as the core counts."""
    return moment.astimezone(BEIJING).strftime("%Y-%m")


def _clock(timeline: Sequence[Mapping[str, Any]], received: datetime, about: tuple[OfItem, Dues], calendar: Calendar) -> Row:
    """What an open case waits for next: the first word (permits), or the decision. Nothing is due while its days stand still."""
    item, dues = about
    replied = any(one["state"] in _REPLIES for one in timeline)
    if not replied and item.kind == PERMIT:
        due = calendar.add_workdays(day_of(received), REPLY_DAYS).day
        return _due("reply", due, near_from(day_of(received), due, (REPLY_DAYS, "working_days"), calendar))
    day = dues.first
    if day is None or (dues.paused and day > day_of(timeline[-1]["at"])):
        return dict.fromkeys(("due_at", "near_at", "due_kind"))
    started = next((one["at"] for one in timeline if one["state"] == CaseState.ACCEPTED.value), received)
    near = near_from(day_of(started), day, (item.limit_days or 0, item.limit_unit), calendar)
    return _due("promised" if day == dues.promised else "legal", day, near)


def _due(kind: str, day: date, near: datetime) -> Row:
    return {"due_at": end_of(day), "near_at": near, "due_kind": kind}


def _end(day: date | None) -> datetime | None:
    return None if day is None else end_of(day)


def _in_time(finished: Mapping[str, Any] | None, dues: Dues) -> bool | None:
    """None where no limit says so."""
    return None if finished is None or dues.first is None else day_of(finished["at"]) <= dues.first


def _throughout(filed: Filed, item: OfItem) -> bool | None:
    """Whether nobody had to come. None: the item does not say."""
    if filed.paper:
        return False
    return None if item.visits is None else item.visits == 0


def _second_notices(timeline: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Notices of corrections after the first (一次性告知), each once."""
    notices = {one["notice"]["notice_no"]: one for one in reversed(timeline) if one.get("notice")}
    return sorted((one for one in notices.values() if one["notice"]["ordinal"] >= 2), key=lambda one: int(one["version"]))


def _steps(timeline: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Whole seconds in each state that has been left."""
    spent: dict[str, int] = {}
    for one, following in pairwise(timeline):
        spent[one["state"]] = spent.get(one["state"], 0) + max(0, int((following["at"] - one["at"]).total_seconds()))
    return spent
