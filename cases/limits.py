"""Promised (承诺) and statutory (法定) limits of a case: when they end, how many days are left, and green, amber or red.

Days count from the day after the acceptance (what the receipt of acceptance says, else the move's day; where the law has the case accepted
already, from that day if it is earlier). They stand still while a notice of corrections is open and during a special procedure (听证, 检验 …,
行政许可法 §45): the day it begins still counts, the days after it up to and with the day it ends do not. They end with the decision.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

from pydantic import ValidationError

from core.items import Limit
from core.types import CaseState
from kit.workdays import Calendar, Due, day_of

Colour = Literal["green", "amber", "red"]
AMBER_DAYS = 2  # working days left
AMBER_SHARE = 5  # or the last fifth of the limit
_STANDS_STILL = frozenset({CaseState.CORRECTIONS.value, CaseState.SPECIAL_PROCEDURE.value})
_DECIDED = frozenset({CaseState.APPROVED.value, CaseState.REJECTED.value, CaseState.ISSUED.value, CaseState.WITHDRAWN.value})
_MOST = 20_000  # days looked at, as in kit/workdays.py


@dataclass(frozen=True, slots=True)
class Limits:
    """Beijing days. `days_left` and `colour` are about the limit that ends first; days in that limit's own unit, negative when it is over.

    Nothing is due before acceptance or where the item states no limit. Once decided, `days_left` is None and `colour` says whether it was in
    time (green or red; none for a withdrawn case). `paused`: the days stand still, and the dates are those if they went on today.
    """

    promised_due: date | None = None
    statutory_due: date | None = None
    days_left: int | None = None
    unit: str | None = None
    colour: Colour | None = None
    provisional: bool = False
    paused: bool = False


@dataclass(frozen=True, slots=True)
class _Course:
    """The case as its limits see it. `pauses`: (day it began, day it ended); the last may reach to today."""

    start: date
    pauses: tuple[tuple[date, date], ...]
    paused: bool
    decided: date | None
    withdrawn: bool

    def counts(self, day: date) -> bool:
        return not any(began < day <= ended for began, ended in self.pauses)


def shape(row: Mapping[str, Any], item: Mapping[str, Any] | None, calendar: Calendar, now: datetime) -> Limits:
    """Of a stored case and the item in the version it was filed under."""
    today = day_of(now)
    course = _course(row, today)
    if item is None or course is None:
        return Limits()
    promised, statutory = _limit(item.get("promised_limit")), _limit(item.get("statutory_limit"))
    ends = {name: _due(limit, course, calendar) for name, limit in (("promised", promised), ("statutory", statutory)) if limit is not None}
    if not ends:
        return Limits(paused=course.paused)
    first = min(ends, key=lambda name: ends[name].day)
    limit, due = (promised if first == "promised" else statutory), ends[first]
    left = None if course.decided or limit is None else _left(limit, course, calendar, (today, due.day))
    return Limits(
        promised_due=ends["promised"].day if "promised" in ends else None,
        statutory_due=ends["statutory"].day if "statutory" in ends else None,
        days_left=left,
        unit=limit.unit if limit and left is not None else None,
        colour=_colour(course, left, limit, calendar.between(today, due.day).days, due.day),
        provisional=any(one.provisional for one in ends.values()),
        paused=course.paused,
    )


def _course(row: Mapping[str, Any], today: date) -> _Course | None:
    """None until the case is accepted, by the core or by law."""
    timeline: Sequence[Mapping[str, Any]] = row["timeline"]
    accepted = next((entry for entry in timeline if entry["state"] == CaseState.ACCEPTED.value), None)
    starts = [moment for moment in (row.get("deemed_accepted_at"), _accepted_at(accepted)) if moment is not None]
    if not starts:
        return None
    decision = next((entry for entry in timeline if entry["state"] in _DECIDED), None)
    pauses: list[tuple[date, date]] = []
    paused_on: date | None = None
    for entry in timeline:
        day = day_of(entry["at"])
        stands = entry["state"] in _STANDS_STILL
        if paused_on is not None and not stands:
            pauses.append((paused_on, day))
        paused_on = (paused_on or day) if stands else None
    if paused_on is not None:
        pauses.append((paused_on, max(today, paused_on)))
    return _Course(
        start=day_of(min(starts)),
        pauses=tuple(pauses),
        paused=paused_on is not None,
        decided=day_of(decision["at"]) if decision else None,
        withdrawn=decision is not None and decision["state"] == CaseState.WITHDRAWN.value,
    )


def _accepted_at(entry: Mapping[str, Any] | None) -> datetime | None:
    if entry is None:
        return None
    moment: datetime = (entry.get("receipt") or {}).get("received_at") or entry["at"]
    return moment


def _limit(told: Any) -> Limit | None:
    """None also for a unit we do not know: no date is better than a wrong one."""
    try:
        limit = Limit.model_validate(told) if told is not None else None
    except ValidationError:
        return None
    return limit if limit is not None and limit.unit in ("working_days", "calendar_days") else None


def _due(limit: Limit, course: _Course, calendar: Calendar) -> Due:
    left, day, provisional = limit.days, course.start, False
    for day in _after(course.start) if left else ():
        provisional = provisional or (limit.unit == "working_days" and calendar.is_provisional(day))
        left -= _is_counted(limit, course, calendar, day)
        if not left:
            break
    ends = Due(day, False) if limit.unit == "working_days" else calendar.on_or_after(day)
    return Due(ends.day, provisional or ends.provisional or left > 0)


def _left(limit: Limit, course: _Course, calendar: Calendar, span: tuple[date, date]) -> int:
    """Days of the limit's unit after today up to and with the due day; negative when it has passed."""
    today, due = span
    first, last = sorted(span)
    days = sum(_is_counted(limit, course, calendar, day) for day in _after(first) if day <= last) if first < last else 0
    return days if today <= due else -max(1, days)


def _is_counted(limit: Limit, course: _Course, calendar: Calendar, day: date) -> bool:
    return course.counts(day) and (limit.unit != "working_days" or calendar.is_workday(day))


def _after(start: date) -> Iterator[date]:
    for _ in range(_MOST):
        if start == date.max:
            return
        start += timedelta(days=1)
        yield start


def _colour(course: _Course, left: int | None, limit: Limit | None, workdays_left: int, due: date) -> Colour | None:
    if course.decided is not None:
        return None if course.withdrawn else "green" if course.decided <= due else "red"
    if left is None or limit is None:
        return None
    if left < 0:
        return "red"
    return "amber" if workdays_left <= AMBER_DAYS or left * AMBER_SHARE <= limit.days else "green"
