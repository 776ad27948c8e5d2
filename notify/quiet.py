"""Quiet hours: when somebody does not want to be disturbed. Pure."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta

from kit.clock import BEIJING

Hours = Mapping[str, str]  # {"from": "22:00", "to": "08:00"}, Beijing time; over midnight where `to` is earlier


def ends_at(hours: Hours | None, at: datetime) -> datetime | None:
    """When the quiet hours `at` lies in are over; None where it lies in none. From and to alike: none at all."""
    if not hours or hours["from"] == hours["to"]:
        return None
    start, end = time.fromisoformat(hours["from"]), time.fromisoformat(hours["to"])
    local = at.astimezone(BEIJING)
    over_midnight = end < start
    inside = (local.time() >= start or local.time() < end) if over_midnight else start <= local.time() < end
    if not inside:
        return None
    day = local.date() + timedelta(days=1 if over_midnight and local.time() >= start else 0)
    return datetime.combine(day, end, BEIJING)
