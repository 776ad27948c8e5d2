"""行政许可法 §32 (4): who does not say within five working days what is missing has accepted the application on the day it was received.

An annotation beside the core's state, never over it. The rule, whatever order the core's moves reach us in:

- The days count from the day after the core received the case, and end with the fifth working day in Beijing.
- They are met by the earliest of acceptance, refusal, notice of corrections (or a decision, or the resident's withdrawal), by the moment the
  core gives it, not by when we hear of it.
- They lapse when they are over and no such moment in time is known. While a move is missing before one we have seen, that waits one day more.
- A move heard of later whose moment lies in time takes the annotation back, at once; one that lies after the lapse confirms it: nothing changes.
- A calendar corrected by an operator is applied to every case anew, in both directions.
- Only an item of the kind 行政许可; the days run once, from the first receipt.
"""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

from kit.workdays import Calendar, day_of, end_of

log = logging.getLogger(__name__)

PERMIT = "行政许可"
DAYS = 5  # working days: 行政许可法 §32, §82
MISSING_MOVE = timedelta(days=1)  # the pull feed brings what a webhook lost within seconds; a core away for long, within the day

Standing = Literal["open", "met", "lapsed"]


class Clocks(Protocol):
    """The cases whose days run; cases/clock_store.py."""

    async def without_due(self, edition: str, limit: int) -> list[dict[str, Any]]: ...

    async def run_out(self, now: datetime, limit: int) -> list[dict[str, Any]]: ...

    async def write(self, row: Mapping[str, Any], change: Mapping[str, Any]) -> bool: ...


def settled(row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """How a case stands with its five days, as fields of the case. Empty while the days are not known or nothing changes."""
    due, received, replied = row.get("first_reply_due_at"), row.get("received_at"), row.get("first_reply_at")
    if due is None or received is None:
        return {}
    standing = _standing(due, replied, bool(row.get("gap")), now)
    noted = row.get("deemed_accepted_at")
    change: dict[str, Any] = {"first_reply": standing}
    if standing == "lapsed":
        change |= {"deemed_accepted_at": received, "deemed_lapsed_at": due, "deemed_noted_at": (row.get("deemed_noted_at") if noted else None) or now}
    elif noted is not None:
        change |= {"deemed_accepted_at": None, "deemed_lapsed_at": None, "deemed_noted_at": None, "deemed_taken_back_at": now}
    return {key: value for key, value in change.items() if row.get(key) != value}


def first_reply_due(received_at: datetime, calendar: Calendar) -> tuple[datetime, bool]:
    """The last moment in time, and whether it is provisional."""
    due = calendar.add_workdays(day_of(received_at), DAYS)
    return end_of(due.day), due.provisional


async def deem_accepted(store: Clocks, calendar: Calendar, now: datetime, batch: int = 500) -> int:
    """Job, any number of processes: sets the days of new cases and of those counted by another calendar, then notes what lapsed.

    Returns how many annotations it wrote or took back. A case that moves meanwhile is left for the next time.
    """
    changed = 0
    while rows := await store.without_due(calendar.edition, batch):
        written = 0
        for row in rows:
            due_at, provisional = first_reply_due(row["received_at"], calendar)
            counted = {"first_reply_due_at": due_at, "first_reply_provisional": provisional, "first_reply_edition": calendar.edition}
            after = settled({**row, **counted}, now)
            if await store.write(row, counted | after):
                written += 1
                changed += _noted(row, after)
        if not written:  # every one of them moves right now
            break
    while rows := await store.run_out(now, batch):
        written = 0
        for row in rows:
            after = settled(row, now)
            if after and await store.write(row, after):
                written += 1
                changed += _noted(row, after)
        if not written:
            break
    return changed


def _noted(row: Mapping[str, Any], after: Mapping[str, Any]) -> int:
    """1 when the annotation was written or taken back, and the log tells."""
    if "deemed_accepted_at" not in after:
        return 0
    log.warning("deemed accepted" if after["deemed_accepted_at"] else "deemed acceptance taken back", extra={"case_no": row["case_no"]})
    return 1


def _standing(due: datetime, replied: datetime | None, gap: bool, now: datetime) -> Standing:
    if replied is not None and replied <= due:
        return "met"
    return "lapsed" if now > due + (MISSING_MOVE if gap else timedelta()) else "open"
