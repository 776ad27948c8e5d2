"""The rules of appointments, pure: deadlines, what overlaps, when somebody who did not come may book again. Numbers a city may change are in Rules."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Rules:
    """`deadline`: before the beginning, for calling off and moving. `no_shows` within `within` and there is no new one for `suspended`."""

    deadline: timedelta = timedelta(hours=2)
    no_shows: int = 2
    within: timedelta = timedelta(days=90)
    suspended: timedelta = timedelta(days=30)
    offer: timedelta = timedelta(hours=2)  # a place that became free is kept for the first in line so long
    least_offer: timedelta = timedelta(minutes=15)  # nobody reads a message sooner
    days_shown: int = 14
    days_ahead: int = 31  # the core answers for so many at once


@dataclass(frozen=True, slots=True)
class Suspension:
    """`dates`: the appointments nobody came to, the earliest first. `until`: a new one may be made from then on."""

    dates: tuple[datetime, ...]
    until: datetime


def cancel_until(starts_at: datetime, rules: Rules) -> datetime:
    return starts_at - rules.deadline


def offered_until(starts_at: datetime, at: datetime, rules: Rules) -> datetime | None:
    """How long a place may be kept for somebody; None: it begins too soon to be offered."""
    until = min(at + rules.offer, cancel_until(starts_at, rules))
    return until if until - at >= rules.least_offer else None


def suspension(missed: Sequence[datetime], at: datetime, rules: Rules) -> Suspension | None:
    """`missed`: beginnings of those nobody came to and nobody excused. None: a new one may be made."""
    ordered = sorted(missed)
    for n in range(len(ordered) - rules.no_shows, -1, -1):
        some = ordered[n : n + rules.no_shows]
        until = some[-1] + rules.suspended
        if some[-1] - some[0] <= rules.within and at < until:
            return Suspension(tuple(some), until)
    return None


def overlap(one: tuple[datetime, datetime], other: tuple[datetime, datetime]) -> bool:
    """One that begins when the other ends does not."""
    return one[0] < other[1] and other[0] < one[1]
