"""What the worker does for supervision: kinds of outbox rows, and what is looked at again and again."""

import logging
from collections.abc import Awaitable, Callable, Sequence

from kit import kill_points
from kit.clock import now
from kit.outbox import Handler
from miniapp_api import item_days, item_steps
from miniapp_api.supervised import count_anew, rebuild
from miniapp_api.supervision_snapshot import keep_by_itself
from miniapp_api.wiring import Deps
from supervision.build_store import LostBuild
from supervision.facts import SHAPE
from supervision.warnings import warn

log = logging.getLogger(__name__)

WARN_SECONDS = 60.0
BUILD_SECONDS = 2.0  # between two looks whether facts have to be made
TELL_EVERY = 5_000  # cases between two lines of the log
SNAPSHOT_SECONDS = 3600.0


def handlers(deps: Deps) -> dict[str, Handler]:
    return {}


def repeated(deps: Deps) -> Sequence[tuple[float, Callable[[], Awaitable[None]], str]]:
    """(seconds between two looks, what is done, what the log says when it fails)"""
    return (
        (BUILD_SECONDS, lambda: build_facts(deps), "facts of cases not made"),
        (WARN_SECONDS, lambda: look_for_warnings(deps), "cases near their due day not looked for"),
        (item_days.COUNT_SECONDS, lambda: item_days.count_days(deps), "days of items not counted"),
        (item_steps.WATCH_SECONDS, lambda: item_steps.watch(deps), "items over their limits not looked for"),
        (SNAPSHOT_SECONDS, lambda: keep_by_itself(deps), "figures of the month not kept"),
    )


async def build_facts(deps: Deps) -> None:
    """Where the facts are of another shape, or of none yet: one worker makes them, from where the last one stopped. Until then the figures say so."""
    builds = deps.supervising.builds
    build = await builds.take()
    if build is None:
        return
    await deps.workdays.refresh()  # a worker that has just begun knows the built-in days only
    told = build.cases
    try:
        async for reached in rebuild(deps.mongo, deps.cases, deps.supervising.supervised, builds, build):
            build = reached
            kill_points.reached("supervision.after_step")
            if build.cases - told >= TELL_EVERY:
                log.info("facts of cases are being made", extra={"cases": build.cases, "round": build.rounds + 1, "shape": SHAPE})
                told = build.cases
        whole = await builds.end_round(build)
    except LostBuild:
        log.info("facts of cases are made by another process")
        return
    log.info("facts of cases made", extra={"cases": build.cases, "round": build.rounds + 1, "shape": SHAPE, "whole": whole})


async def look_for_warnings(deps: Deps) -> None:
    """Days that an operator has changed are counted anew first: nobody is warned by the old ones."""
    await deps.workdays.refresh()
    supervising, calendar = deps.supervising, deps.workdays.current
    if anew := await count_anew(deps.mongo, deps.cases, supervising.supervised, calendar):
        log.info("due days counted anew", extra={"cases": anew})
    if new := await warn(supervising.facts, supervising.warnings, calendar, now()):
        log.warning("cases near their due day or past it", extra={"warnings": new})
