"""Story: how an item does online: what routes count, what staff are told of it, and the warning when it is over a limit. Closing is theirs alone."""

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from cases.submit import Filed
from kit.clock import now
from kit.errors import AppError
from kit.mongo import PyMongoError
from kit.workdays import day_of
from miniapp_api import item_days
from miniapp_api.item_days import LIMITS
from miniapp_api.wiring import Deps
from supervision.health_store import ItemSteps
from supervision.item_health import FAILED, GIVEN_UP, NO_ERRORS, REFUSED, Health, Over, Sums, Tally, health, over_limits

log = logging.getLogger(__name__)

WATCH_SECONDS = 600.0
_CORE_REFUSES = frozenset({"core_refused"})  # the resident filled in what we asked for, and the core will not have it


@dataclass(frozen=True, slots=True)
class Told:
    """One item's health, the same before, and what it is over."""

    now: Health
    before: Health
    over: list[Over]


@dataclass(frozen=True, slots=True)
class Found:
    """`told`: without seconds and reasons. `as_of`: drafts begun before today are as they were then. The rest is for `in_full`."""

    told: Mapping[str, Told]
    as_of: datetime
    sums: Mapping[str, Sums]
    fresh: Mapping[str, Tally]  # today's
    days: Sequence[date]  # of the period, without today


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


async def of_items(deps: Deps, days: int, code: str | None = None) -> Found:
    """Of the last `days` Beijing days, today among them, beside the `days` before. Items nobody used are not there."""
    today, steps = day_of(now()), deps.item_steps
    middle = today - timedelta(days=days - 1)
    past = [today - timedelta(days=age) for age in range(1, 2 * days)]
    there = await item_days.counted(steps, past)
    before_today, early = await (steps.days.all_sums(there, middle) if code is None else steps.days.sums(past, middle, code))
    late = dict(before_today)
    fresh = await item_days.tallies(steps, today, today + timedelta(days=1), code)
    for own, tally in fresh.items():
        late[own] = late.get(own, Sums()) + tally.sums()
    codes = late.keys() | early.keys() | ({code} if code is not None else set())
    told = {own: _told(own, late.get(own, Sums()), health(own, early.get(own, Sums()))) for own in codes}
    return Found(told, min(there.values(), default=now()), late, fresh, [day for day in past if day >= middle])


async def in_full(deps: Deps, found: Found, codes: Sequence[str]) -> dict[str, Told]:
    """These of them with how long each step took, and with the reasons of errors."""
    every = await deps.item_steps.days.every(found.days, codes) if codes and found.days else {}
    told = {}
    for own in codes:
        tally = every.get(own) or Tally()
        if fresh := found.fresh.get(own):
            tally.more(fresh.seconds, fresh.counts)
        told[own] = _told(own, found.sums.get(own, Sums()), found.told[own].before, tally)
    return told


async def watch(deps: Deps) -> None:
    """Worker: what is over a limit is logged, once per item and day: errors of today, and drafts that were given up. Closed items are known."""
    found, over = await of_items(deps, 1), await _given_up(deps.item_steps)
    for code, one in found.told.items():
        over[code] = [*one.over, *over.get(code, [])]
    closed = await deps.content.closures.in_force()
    wanted = [code for code, passed in over.items() if passed and code not in closed]
    told = await in_full(deps, found, [code for code in wanted if code in found.told])
    for code in wanted:
        if await deps.item_steps.warn_once(code, day_of(now())):
            errors = told[code].now.errors if code in told else NO_ERRORS  # nobody has used it today
            numbers = {"attempts": errors.attempts, "errors": errors.errors, "reasons": dict(errors.reasons)}
            passed = [{"step": each.step, "share": round(each.value, 4), "limit": each.limit, "of": each.of} for each in over[code]]
            log.warning("item over its limits", extra={"item": code, "over": passed} | numbers)


async def _given_up(steps: ItemSteps) -> dict[str, list[Over]]:
    """What is over a limit of giving up, by item. Of the last day of drafts that are old enough: beside newer ones, which nobody can have
    given up yet, a limit of six in ten would never be passed."""
    until = now() - LIMITS.given_up_after
    tallies = await item_days.begun(steps, until - timedelta(days=1), until)
    over = {code: over_limits(health(code, tally.sums()), LIMITS) for code, tally in tallies.items()}
    return {code: [one for one in passed if one.step in GIVEN_UP] for code, passed in over.items()}


def _told(code: str, sums: Sums, before: Health, every: Tally | None = None) -> Told:
    current = health(code, sums, every)
    return Told(current, before, over_limits(current, LIMITS))


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
