"""What the worker does for supervision: kinds of outbox rows, and what is looked at again and again."""

import logging
from collections.abc import Awaitable, Callable, Sequence

from kit.clock import now
from kit.outbox import Handler
from miniapp_api import item_steps
from miniapp_api.supervised import count_anew
from miniapp_api.supervision_snapshot import keep_by_itself
from miniapp_api.wiring import Deps
from supervision.warnings import warn

log = logging.getLogger(__name__)

WARN_SECONDS = 60.0
SNAPSHOT_SECONDS = 3600.0


def handlers(deps: Deps) -> dict[str, Handler]:
    return {}


def repeated(deps: Deps) -> Sequence[tuple[float, Callable[[], Awaitable[None]], str]]:
    """(seconds between two looks, what is done, what the log says when it fails)"""
    return (
        (WARN_SECONDS, lambda: look_for_warnings(deps), "cases near their due day not looked for"),
        (item_steps.WATCH_SECONDS, lambda: item_steps.watch(deps), "items over their limits not looked for"),
        (SNAPSHOT_SECONDS, lambda: keep_by_itself(deps), "figures of the month not kept"),
    )


async def look_for_warnings(deps: Deps) -> None:
    """Days that an operator has changed are counted anew first: nobody is warned by the old ones."""
    supervising, calendar = deps.supervising, deps.workdays.current
    if anew := await count_anew(deps.mongo, deps.cases, supervising.supervised, calendar.edition):
        log.info("due days counted anew", extra={"cases": anew})
    if new := await warn(supervising.facts, supervising.warnings, calendar, now()):
        log.warning("cases near their due day or past it", extra={"warnings": new})
