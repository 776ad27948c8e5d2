"""Early warning (预警): an open case that is near its due moment or past it is written down once for each level. The case itself is never touched."""

from datetime import datetime
from typing import Protocol

from kit.workdays import Calendar
from supervision.due import level_of, levels_up_to
from supervision.facts import Row

BATCH = 500


class Near(Protocol):
    async def near(self, moment: datetime, after: tuple[datetime, str] | None, limit: int) -> list[Row]: ...


class Book(Protocol):
    async def known(self, own: list[str]) -> set[str]: ...

    async def open(self, rows: list[Row]) -> int: ...


async def warn(facts: Near, book: Book, calendar: Calendar, moment: datetime) -> int:
    """Job, any number of processes. Returns how many warnings are new. A case found late gets the levels it has passed as well, so that none is missing.

    A warning stays: whose days another calendar counted just now, by a process that does not know this one yet, is not warned of before they are counted anew.
    """
    new, place = 0, None
    while rows := await facts.near(moment, place, BATCH):
        wanted = {one["_id"]: one for row in rows if row["edition"] == calendar.edition for one in warnings_of(row, moment, calendar)}
        missing = set(wanted) - await book.known(list(wanted))
        if missing:
            new += await book.open([wanted[own] for own in sorted(missing)])
        place = (rows[-1]["near_at"], rows[-1]["_id"])
    return new


def warnings_of(row: Row, moment: datetime, calendar: Calendar) -> list[Row]:
    """One for each level up to today's. `due_kind`: a case has two clocks, the first word and the decision, and is warned of for each."""
    kept = {name: row[name] for name in ("case_no", "item_code", "department", "region", "step", "due_at", "due_kind")}
    levels = levels_up_to(level_of(row["due_at"], moment, calendar))
    return [
        {"_id": f"{row['_id']}.{row['due_kind']}.{level}", "request_id": row["_id"], **kept, "level": level, "at": moment, "seen": []}
        for level in levels
    ]
