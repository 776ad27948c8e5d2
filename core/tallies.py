"""How many cases there were, whatever the channel: window, kiosk and post are known to the core alone. What it does not tell is unknown, never zero."""

from typing import Annotated

from pydantic import AwareDatetime, Field

from core.answers import agreeing, find
from core.client import Core, segment
from core.frozen import Frozen, Name


class DepartmentTally(Frozen):
    """Of one department in a month, Beijing time. None: the core has not counted it."""

    department: Name
    received: int | None = Field(default=None, ge=0, le=10**9)  # applications received, by every channel
    finished: int | None = Field(default=None, ge=0, le=10**9)  # with a result: approved, rejected or issued, each case once


class MonthTally(Frozen):
    """`whole`: the month is over and the figures stand."""

    month: Annotated[str, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]
    as_of: AwareDatetime
    whole: bool
    departments: Annotated[tuple[DepartmentTally, ...], Field(max_length=5_000)]


class CoreTallies:
    """The supervision part of contract v1. Raises NotReached, Unknown and Refused as `Core` does."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def month(self, month: str) -> MonthTally | None:
        """`month` YYYY-MM. None: the core counts no such month."""
        found = await find(self._core, f"/tallies/{segment(month)}", MonthTally, "unknown_month")
        return agreeing(found, found is None or found.month == month)
