"""Booking at the core exactly once, whether or not it deduplicates, and whether or not it shows at once what it booked.

When we last asked is written before we ask. After an answer that proves nothing the core is asked what it has; it is asked to book
again only when it has said "nothing" for QUIET seconds.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

from kit.clock import now
from kit.errors import NotReached, Refused, Unknown

T = TypeVar("T")
QUIET = 45.0  # seconds; a core that shows its bookings later than this is asked twice
LOOK_AGAIN = 3.0
LONGEST = 20.0

Find = Callable[[], Awaitable[T | None]]
Remember = Callable[[datetime | None, datetime | None], Awaitable[bool]]  # (seen, at) -> False when somebody else was faster


class Later(Exception):
    """Not now: again in so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"{seconds:.1f} s")
        self.seconds = seconds


async def booked(tried_at: datetime | None, find: Find[T], book: Callable[[], Awaitable[T]], remember: Remember) -> T:
    """The booking, found or made now. Raises Later, NotReached (nothing was done there) or Refused."""
    if tried_at is not None:
        found = await find()
        if found is not None:
            return found
        quiet = (now() - tried_at).total_seconds()
        if quiet < QUIET:
            raise Later(min(LOOK_AGAIN, QUIET - quiet))
    asking = now()
    if not await remember(tried_at, asking):
        raise Later(LOOK_AGAIN)
    try:
        return await book()
    except (NotReached, Refused):  # it did nothing: what is not known is what was not known before
        await remember(asking, tried_at)
        raise
    except Unknown as exc:
        raise Later(1.0) from exc


def patience(since: datetime) -> float:
    """Seconds until a party that is away is asked again: a quarter of the time it took so far, between 1 and 20."""
    return max(1.0, min(LONGEST, (now() - since).total_seconds() / 4))
