"""The rules of appointments, pure: deadlines, what overlaps, when somebody who did not come may book again. Numbers a city may change are in Rules."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from kit.clock import BEIJING

LONGEST = 60.0  # seconds between two questions to a core that is away


@dataclass(frozen=True, slots=True)
class Rules:
    """`deadline`: before the beginning, for calling off and moving. `no_shows` within `within` and there is no new one for `suspended`."""

    deadline: timedelta = timedelta(hours=2)
    no_shows: int = 2
    within: timedelta = timedelta(days=90)
    suspended: timedelta = timedelta(days=30)
    offer: timedelta = timedelta(hours=2)  # a place that became free is kept for the first in line so long
    least_offer: timedelta = timedelta(minutes=15)  # nobody reads a message sooner
    day: tuple[time, time] = (time(9), time(20))  # Beijing; an offer's time runs while people read messages
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
    """How long a place may be kept for somebody, by day; None: it begins too soon to be offered, or before anybody would read of it."""
    last = cancel_until(starts_at, rules)
    return min(_by_day(at, rules.offer, rules), last) if _by_day(at, rules.least_offer, rules) <= last else None


def _by_day(at: datetime, lasting: timedelta, rules: Rules) -> datetime:
    """When so much time has passed after `at` between the hours of `rules.day`."""
    moment, left = at.astimezone(BEIJING), lasting
    while True:
        opens, closes = (datetime.combine(moment.date(), hour, BEIJING) for hour in rules.day)
        begins = max(moment, opens)
        if begins + left <= closes:
            return (begins + left).astimezone(UTC)
        left -= max(timedelta(), closes - begins)
        moment = datetime.combine(moment.date() + timedelta(days=1), rules.day[0], BEIJING)


def patience(since: datetime, at: datetime) -> float:
    """Seconds until a core that is away is asked again: a quarter of the time it took so far, between 1 and 60."""
    return max(1.0, min(LONGEST, (at - since).total_seconds() / 4))


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
