"""What a member of staff sees: department and region, as staff/roles.py has it, for the database and for one row."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from typing import Literal, TypeVar

from miniapp_api.gate import Call
from staff.roles import ALL, Permission, within

T = TypeVar("T")
Last = tuple[datetime, str]
PAGES = 10  # of the store's rows are looked through for one page of somebody's own


def places(call: Call, sees_all: Collection[Permission]) -> dict[Literal["department", "region"], frozenset[str]]:
    """What each may be; one that is not named may be anything, also nothing. `sees_all`: who holds one of these sees the whole city."""
    if call.staff.permissions & frozenset(sees_all):
        return {}
    found: dict[Literal["department", "region"], frozenset[str]] = {}
    if ALL not in call.staff.scope.departments:
        found["department"] = call.staff.scope.departments
    if ALL not in call.staff.scope.regions:
        found["region"] = call.staff.scope.regions
    return found


def covers(call: Call, sees_all: Collection[Permission], department: str | None, region: str | None) -> bool:
    return bool(call.staff.permissions & frozenset(sees_all)) or within(call.staff.scope, department, region)


async def own_rows(
    after: Callable[[Last | None], Awaitable[Sequence[T]]],
    is_mine: Callable[[T], Awaitable[bool]],
    at: Callable[[T], Last],
    last: Last | None,
    limit: int,
) -> tuple[list[T], T | None]:
    """(what is theirs, in the store's order; the last row looked at, where there may be more). `after` gives at most `limit` rows that come after `last`."""
    found = list[T]()
    for _ in range(PAGES):
        rows = await after(last)
        for row in rows:
            last = at(row)
            if await is_mine(row):
                found.append(row)
            if len(found) == limit:
                return found, row
        if len(rows) < limit:
            return found, None
    return found, rows[-1]
