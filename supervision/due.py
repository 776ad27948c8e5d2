"""From when a case is near its due day, and how bad it is that it is past it. Pure; Beijing days."""

from datetime import UTC, date, datetime, timedelta
from typing import Literal

from kit.clock import BEIJING
from kit.workdays import Calendar, day_of

Level = Literal["yellow", "red", "escalated"]
LEVELS: tuple[Level, ...] = ("yellow", "red", "escalated")
NEAR_DAYS = 1  # working days left
NEAR_SHARE = 5  # or the last fifth of the limit
ESCALATED_AFTER = 3  # working days past the due day
_MOST = 4_000  # days looked back


def near_from(started: date, due: date, limit: tuple[int, str], calendar: Calendar) -> datetime:
    """The beginning of the first day on which one working day, or a fifth of the limit (days, unit), is left; not before `started`."""
    days, unit = limit
    day, worked, counted = due, 0, 0
    for _ in range(_MOST):
        if day <= started:
            break
        worked += calendar.is_workday(day)
        counted += unit != "working_days" or calendar.is_workday(day)
        if worked > NEAR_DAYS and counted * NEAR_SHARE > days:
            break
        day -= timedelta(days=1)
    return datetime(day.year, day.month, day.day, tzinfo=BEIJING).astimezone(UTC)


def level_of(due_at: datetime, moment: datetime, calendar: Calendar) -> Level:
    """Of a case that is near its due moment or past it."""
    if moment <= due_at:
        return "yellow"
    late = calendar.between(day_of(due_at), day_of(moment)).days
    return "escalated" if late >= ESCALATED_AFTER else "red"


def levels_up_to(level: Level) -> tuple[Level, ...]:
    return LEVELS[: LEVELS.index(level) + 1]
