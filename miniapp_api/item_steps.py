"""Story: how an item does online: what routes count, what staff are told of it, and the warning when it is over a limit. Closing is theirs alone."""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from cases.submit import Filed
from kit.clock import BEIJING, now
from kit.errors import AppError
from kit.mongo import PyMongoError
from kit.workdays import day_of
from miniapp_api.wiring import Deps
from supervision.health_store import ItemSteps
from supervision.item_health import FAILED, REFUSED, Health, Limits, Over, Tally, fold, health, over_limits

log = logging.getLogger(__name__)

LIMITS = Limits()
WATCH_SECONDS = 600.0
_CORE_REFUSES = frozenset({"core_refused"})  # the resident filled in what we asked for, and the core will not have it


@dataclass(frozen=True, slots=True)
class Told:
    """One item's health, the same before, and what it is over."""

    now: Health
    before: Health
    over: list[Over]


@asynccontextmanager
async def counted(steps: ItemSteps, codes: Sequence[str], act: str) -> AsyncIterator[None]:
    """Whatever goes wrong inside is counted for each of the items, and goes on its way. No codes: nothing is."""
    try:
        yield
    except Exception as exc:
        for code in codes:
            steps.add(code, act, _outcome(exc))
        raise


def pre_checked(steps: ItemSteps, codes: Sequence[str], *, blocked: bool, core_silent: bool) -> None:
    outcome = "core_silent" if core_silent else "blocked" if blocked else "passed"
    for code in codes:
        steps.add(code, "check", outcome)


def submitted(steps: ItemSteps, codes: Sequence[str], filed: Sequence[Filed]) -> None:
    """Each by itself: of several together some may be taken and others not."""
    for one in filed:
        if one.item_code in codes:
            steps.add(one.item_code, "submit", f"{FAILED}core_refused" if one.refused else "late" if one.case_no is None else "filed")


async def of_items(deps: Deps, days: int, code: str | None = None) -> dict[str, Told]:
    """Of the last `days` Beijing days, today among them, beside the `days` before. Items nobody used are not there."""
    today = day_of(now())
    middle, end = today - timedelta(days=days - 1), today + timedelta(days=1)
    found, before = await _period(deps, (middle, end), code), await _period(deps, (middle - timedelta(days=days), middle), code)
    told = {}
    for own in found.keys() | before.keys() | ({code} if code is not None else set()):
        current = found.get(own) or health(own, Tally(), {})
        told[own] = Told(current, before.get(own) or health(own, Tally(), {}), over_limits(current, LIMITS))
    return told


async def watch(deps: Deps) -> None:
    """Worker: what is over a limit today is logged, once per item and day. Closed items are known."""
    found = await of_items(deps, 1)
    closed = await deps.content.closures.in_force()
    for code, one in found.items():
        if one.over and code not in closed and await deps.item_steps.warn_once(code, day_of(now())):
            errors = one.now.errors
            numbers = {"attempts": errors.attempts, "errors": errors.errors, "reasons": dict(errors.reasons)}
            passed = [{"step": over.step, "share": round(over.value, 4), "limit": over.limit, "of": over.of} for over in one.over]
            log.warning("item over its limits", extra={"item": code, "over": passed} | numbers)


async def _period(deps: Deps, days: tuple[date, date], code: str | None) -> dict[str, Health]:
    tallies: dict[str, Tally] = {}
    moment = now()
    async for ways in deps.item_steps.ways(begin_of(days[0]), begin_of(days[1]), code):
        fold(tallies, ways, moment, LIMITS)
    counts = await deps.item_steps.counts(*days, code)
    return {own: health(own, tallies.get(own) or Tally(), counts.get(own, {})) for own in tallies.keys() | counts.keys()}


def begin_of(day: date) -> datetime:
    return datetime.combine(day, time(), BEIJING)


def _outcome(exc: Exception) -> str:
    if isinstance(exc, AppError):
        kind = FAILED if exc.status >= 500 or exc.code in _CORE_REFUSES else REFUSED
        return f"{kind}{exc.code}"
    if isinstance(exc, PyMongoError):
        return f"{FAILED}store_away"
    return f"{FAILED}{'time_out' if isinstance(exc, TimeoutError) else 'error'}"


def codes_of(draft: dict[str, Any], codes: Sequence[str]) -> Sequence[str]:
    """Those an act on this draft is counted for: none once it was handed in, a repetition says nothing new."""
    return codes if draft["state"] == "open" else ()
