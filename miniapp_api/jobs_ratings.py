"""What the worker does for ratings: kinds of outbox rows, and what is looked at again and again."""

import logging
from collections.abc import Awaitable, Callable, Sequence

from kit.outbox import Handler
from miniapp_api import rating_told, rectifying
from miniapp_api.wiring import Deps

log = logging.getLogger(__name__)

LIMITS_SECONDS = 60.0


def handlers(deps: Deps) -> dict[str, Handler]:
    return {
        rating_told.RATE: lambda row: rating_told.tell_core(deps, row),
        rating_told.OUTCOME: lambda row: rating_told.tell_outcome(deps, row),
    }


def repeated(deps: Deps) -> Sequence[tuple[float, Callable[[], Awaitable[object]], str]]:
    """(seconds between two looks, what is done, what the log says when it fails)"""

    async def look_at_limits() -> None:
        if late := await rectifying.escalate(deps):
            log.warning("bad ratings not put right in time", extra={"rectifications": late})

    return ((LIMITS_SECONDS, look_at_limits, "limits of bad ratings not looked at"),)
