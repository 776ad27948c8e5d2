"""What is due when, and when a resident is reminded of it: pure rules, in working days where the law counts so. Never at night.

A watch is planted by whoever learns that something ends: one per thing and due day, however often it is planted. Its moments follow from the due
day and the calendar in use, so that a holiday announced later moves those still to come.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from kit.clock import BEIJING
from kit.workdays import Calendar, day_of

CORRECTION, BILL, LICENCE, APPOINTMENT = "correction_due", "bill_due", "licence_expiring", "appointment_tomorrow"  # keys of notify/kinds.py

CORRECTION_WORKDAYS = (2, 1)  # a paper of another office takes a working day; on the last one there is nowhere left to fetch it
BILL_DAYS = (3,)  # longer than a weekend
LICENCE_DAYS = (60, 30)  # 行政许可法 §50: who wants a permit renewed applies thirty days before it ends; the first leaves a month to prepare
EVENING = time(18)  # the day before an appointment: work is over, the papers can still be laid out

FROM, UNTIL = time(9), time(20)  # Beijing; nobody is reminded at other hours
LAST = time(19)  # what falls later is moved here, so that a scheduler that is late still finds the day open
FARTHEST = timedelta(days=3660)  # an end beyond it is a way of saying "never"
_LONGEST = 60  # days looked back for a working day; the longest holidays are nine


@dataclass(frozen=True, slots=True)
class Watch:
    """Something of somebody's that ends. `thing`: its id; `about`: what finds it again, no personal data. `step`: how often it was told."""

    kind: str
    thing: str
    person_id: str
    due_at: datetime
    about: Mapping[str, str]
    step: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "due_at", self.due_at.astimezone(UTC).replace(microsecond=0))

    @property
    def id(self) -> str:
        """Another due day is another watch."""
        return f"{self.kind}:{self.thing}:{self.due_at:%Y-%m-%dT%H:%M:%SZ}"


def same_moment(one: datetime, other: datetime) -> bool:
    """To the second, as a watch keeps it."""
    return abs(one - other) < timedelta(seconds=1)


def may_be_due(due_at: datetime | None, at: datetime) -> bool:
    """It has an end, and that is still to come."""
    return due_at is not None and at < due_at < at + FARTHEST


def first_moment(watch: Watch, calendar: Calendar, at: datetime) -> datetime | None:
    """When to tell of it, planted at `at`; None: no more.

    Whoever has just been told of the thing itself needs no reminder that is late already. Nobody was told of a licence: it is made up for at once.
    """
    if not may_be_due(watch.due_at, at):
        return None
    ahead = next_moment(watch, calendar, at)
    return _soon(at) if ahead is None and watch.kind == LICENCE else ahead


def next_moment(watch: Watch, calendar: Calendar, at: datetime) -> datetime | None:
    """The next one after `at`; those that passed while nobody looked are one."""
    return min((one for one in moments(watch.kind, watch.due_at, calendar) if at < one < watch.due_at), default=None)


def moments(kind: str, due_at: datetime, calendar: Calendar) -> tuple[datetime, ...]:
    """The earliest first; aware UTC. Raises KeyError for a kind nobody is reminded of."""
    day = day_of(due_at)
    found = {
        CORRECTION: lambda: [_on(_workdays_before(day, days, calendar), FROM) for days in CORRECTION_WORKDAYS],
        BILL: lambda: [due_at - timedelta(days=days) for days in BILL_DAYS],
        LICENCE: lambda: [due_at - timedelta(days=days) for days in LICENCE_DAYS],
        APPOINTMENT: lambda: [_on(day - timedelta(days=1), EVENING)],
    }[kind]()
    return tuple(sorted(by_day(one) for one in found))


def by_day(moment: datetime) -> datetime:
    """The same Beijing day at an hour at which people are up."""
    local = moment.astimezone(BEIJING)
    if local.time() < FROM:
        return _on(local.date(), FROM)
    return _on(local.date(), LAST) if local.time() >= UNTIL else moment.astimezone(UTC)


def is_day(at: datetime) -> bool:
    return FROM <= at.astimezone(BEIJING).time() < UNTIL


def workdays_left(due_at: datetime, at: datetime, calendar: Calendar) -> int:
    """Working days after today up to and with the last one; 0 on the last."""
    return max(0, calendar.between(day_of(at), day_of(due_at)).days)


def _soon(at: datetime) -> datetime:
    """Now, or when it is day."""
    if is_day(at):
        return at
    local = at.astimezone(BEIJING)
    return _on(local.date() + timedelta(days=local.time() >= UNTIL), FROM)


def _workdays_before(day: date, days: int, calendar: Calendar) -> date:
    """The latest working day after which so many remain, the due day among them (it counts if it is one)."""
    left, back = 0, day
    for _ in range(_LONGEST):
        left += calendar.is_workday(back)
        back -= timedelta(days=1)
        if left >= days and calendar.is_workday(back):
            break
    return back


def _on(day: date, hour: time) -> datetime:
    return datetime.combine(day, hour, BEIJING).astimezone(UTC)
