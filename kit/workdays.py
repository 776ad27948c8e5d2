"""Working days in China: weekends, the State Council's holidays and the weekends worked in exchange for them (调休), as the operator may correct them.

Days are Beijing days. A year nobody has announced yet (the next one, until November) counts Monday to Friday and is called provisional; it is
never an error. The library knows the announced years; the collection `calendar_days` holds what operators set or imported, which wins.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Literal

from chinese_calendar.constants import holidays, workdays

from kit.clock import BEIJING
from kit.mongo import IndexModel, Mongo, Tx, UpdateOne

COLLECTION = "calendar_days"
INDEXES: dict[str, list[IndexModel]] = {COLLECTION: []}  # a few hundred rows, always read whole

Kind = Literal["holiday", "workday"]
_NAMES = {
    "New Year's Day": "元旦",
    "Spring Festival": "春节",
    "Tomb-sweeping Day": "清明节",
    "Labour Day": "劳动节",
    "Dragon Boat Festival": "端午节",
    "National Day": "国庆节",
    "Mid-autumn Festival": "中秋节",
    "Anti-Fascist 70th Day": "抗战胜利纪念日",
}
WHOLE = 10  # holidays: 全国年节及纪念日放假办法 names 13 days
_LONGEST = 20_000  # days looked at for one limit: 3,660 working days are about 5,400


@dataclass(frozen=True, slots=True)
class Special:
    """A day that is not what its weekday says."""

    kind: Kind
    name: str


@dataclass(frozen=True, slots=True)
class Due:
    """A day found by counting; provisional when a year that is not announced yet was counted through."""

    day: date
    provisional: bool


@dataclass(frozen=True, slots=True)
class Span:
    days: int
    provisional: bool


@dataclass(frozen=True, slots=True)
class Calendar:
    """What is known of the days. `announced` are the years whose arrangement is known."""

    specials: Mapping[date, Special]
    announced: frozenset[int]
    edition: str = field(default="")  # another text for other contents

    def is_workday(self, day: date) -> bool:
        special = self.specials.get(day)
        return day.weekday() < 5 if special is None else special.kind == "workday"

    def is_provisional(self, day: date) -> bool:
        return day.year not in self.announced

    def add_workdays(self, start: date, days: int) -> Due:
        """The last of `days` working days counted from the day after `start` (期限开始之日不计算在内, 行政许可法 and 民法典 §201). 0 days: `start` itself."""
        day, provisional = start, False
        for _ in range(_LONGEST):
            if days <= 0 or day == date.max:
                break
            day += timedelta(days=1)
            provisional = provisional or self.is_provisional(day)
            days -= self.is_workday(day)
        return Due(day, provisional or days > 0)

    def on_or_after(self, day: date) -> Due:
        """The first working day from `day` on: a period that ends on a day off ends on the next working day (民法典 §203)."""
        start = day
        while not self.is_workday(day) and (day - start).days < 60 and day < date.max:
            day += timedelta(days=1)
        return Due(day, self.is_provisional(start) or self.is_provisional(day))

    def between(self, start: date, end: date) -> Span:
        """Working days after `start` up to and with `end`; negative when `end` is earlier. The inverse of add_workdays."""
        sign, first, last = (1, start, end) if start <= end else (-1, end, start)
        each = [first + timedelta(days=one) for one in range(1, min((last - first).days, _LONGEST) + 1)]
        return Span(sign * sum(map(self.is_workday, each)), any(map(self.is_provisional, each)))

    def year(self, year: int) -> list[tuple[date, Special]]:
        """The days of a year that are not what their weekday says, in order."""
        return sorted((item for item in self.specials.items() if item[0].year == year), key=lambda item: item[0])


def day_of(moment: datetime) -> date:
    """The Beijing day of a moment. At the ends of time, where a zone would leave them, the day as given."""
    try:
        return moment.astimezone(BEIJING).date()
    except OverflowError:
        return moment.date()


def end_of(day: date) -> datetime:
    """The last millisecond of a Beijing day: what happens at that moment is in time."""
    if day in (date.min, date.max):
        return datetime(day.year, day.month, day.day, tzinfo=UTC)
    midnight = datetime(day.year, day.month, day.day, tzinfo=BEIJING)
    return (midnight + timedelta(days=1, milliseconds=-1)).astimezone(UTC)


@cache
def built_in() -> Calendar:
    """What the library knows. A year counts as announced when its whole list is there: the last holiday of a year is in autumn."""
    known = {day: Special("holiday", _NAMES.get(name, name)) for day, name in holidays.items()}
    known |= {day: Special("workday", _NAMES.get(name, name)) for day, name in workdays.items()}
    return calendar(known, {day.year for day in holidays if day.month >= 9})


def calendar(specials: Mapping[date, Special], announced: Iterable[int]) -> Calendar:
    years = frozenset(announced)
    told = repr([(day.isoformat(), one.kind) for day, one in sorted(specials.items())]) + repr(sorted(years))
    return Calendar(dict(specials), years, sha256(told.encode()).hexdigest()[:16])


class Workdays:
    """The calendar in use: the library's days under the operator's. Load it once, refresh it now and then; while Mongo is away the last one stays."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._rows = mongo[COLLECTION]
        self.current = built_in()

    async def refresh(self) -> None:
        """Raises PyMongoError and leaves the calendar as it was."""
        self.current = await self.load()

    async def load(self) -> Calendar:
        seed = built_in()
        own = [row async for row in self._rows.find({})]
        announced = {int(row["_id"][:4]) for row in own if row.get("announced")}
        kept = {day: special for day, special in seed.specials.items() if day.year not in announced}
        kept |= {date.fromisoformat(row["_id"]): Special(row["kind"], row["name"]) for row in own}
        return calendar(kept, seed.announced | announced)

    async def set_day(self, day: date, special: Special) -> None:
        """One day, by hand; it does not make its year an announced one."""
        await self._rows.update_one({"_id": day.isoformat()}, {"$set": {"kind": special.kind, "name": special.name}}, upsert=True)

    async def take_over(self, days: Mapping[date, Special]) -> frozenset[int]:
        """An announcement: the years it tells whole, which it replaces. Days of a neighbouring year (worked for 元旦) are set one by one.

        A year is told whole when it has at least WHOLE holidays; what was set there by hand goes. Returns those years, which may be none.
        """
        holidays_of = Counter(day.year for day, one in days.items() if one.kind == "holiday")
        years = frozenset(year for year, told in holidays_of.items() if told >= WHOLE)
        if not years:
            return years
        writes = [
            UpdateOne(
                {"_id": day.isoformat()},
                {"$set": {"kind": one.kind, "name": one.name} | ({"announced": True} if day.year in years else {})},
                upsert=True,
            )
            for day, one in days.items()
        ]

        async def all_of_it(tx: Tx) -> None:
            for year in years:
                await self._rows.delete_many({"_id": {"$gte": f"{year:04d}-", "$lt": f"{year:04d}."}}, session=tx)
            await self._rows.bulk_write(writes, session=tx)

        await self._mongo.transaction(all_of_it)
        return years
