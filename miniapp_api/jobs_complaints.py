"""What the worker does for complaints: kinds of outbox rows, and what is looked at again and again."""

import logging
from collections.abc import Awaitable, Callable, Sequence

from kit.clock import now
from kit.outbox import Handler
from miniapp_api import complaint_told
from miniapp_api.wiring import Deps

log = logging.getLogger(__name__)

OVERDUE_SECONDS = 600.0


def handlers(deps: Deps) -> dict[str, Handler]:
    return {
        complaint_told.FILE: lambda row: complaint_told.file(deps, row),
        complaint_told.ACT: lambda row: complaint_told.act(deps, row),
    }


def repeated(deps: Deps) -> Sequence[tuple[float, Callable[[], Awaitable[object]], str]]:
    """(seconds between two looks, what is done, what the log says when it fails)"""
    return ((OVERDUE_SECONDS, lambda: look_for_overdue(deps), "overdue complaints not counted"),)


async def look_for_overdue(deps: Deps) -> int:
    """Which they are, /staff/v1/complaints?overdue=true tells at any moment; here whoever watches the log hears of it."""
    if late := await deps.complaining.store.count_overdue(now()):
        log.warning("complaints not answered in time", extra={"complaints": late})
    return late
