"""Story: the figures of a month or a year, put together from the facts of cases and from what the core and other features counted."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from bot.store import MISS_LIFE
from kit.clock import at_edge, now
from kit.errors import FieldError, Invalid
from miniapp_api.supervision_inputs import bounds
from miniapp_api.wiring import Deps
from staff.roles import Scope
from supervision.facts import month_of
from supervision.places import EVERYWHERE, Places
from supervision.report import Inputs, Part, Report, report
from supervision.snapshots import to_groups, unpack

_FORGOTTEN = f"没有帮上忙的提问只保留 {MISS_LIFE.days} 天，这段时间的已经不全"
Tally = Callable[[datetime, datetime], Awaitable[Sequence[Mapping[str, Any]]]]


def places_of(scope: Scope, department: str | None = None) -> Places:
    return Places(scope.departments, scope.regions, department or None)


async def told(deps: Deps, months: Sequence[str], places: Places, moment: datetime) -> tuple[Report, str]:
    """(the report, when it was counted). `months` in order; what is due is due at `moment`. Parts that cannot be had say so, the rest is told."""
    inputs = await inputs_of(deps, months)
    whole = await deps.supervising.builds.is_whole()  # before what is due is counted
    counted = await deps.supervising.kept.months(months)
    counted.groups.due = await deps.supervising.facts.due(moment, places.department)
    return report(counted.groups, replace(inputs, facts_whole=whole and counted.facts_whole), places), at_edge(counted.at)


async def inputs_of(deps: Deps, months: Sequence[str]) -> Inputs:
    """One after the other: each is an index read, and the core's answer is kept for a moment."""
    return Inputs(await deps.supervising.items.counted(), await deps.supervising.months.of(months), await _parts(deps, months))


async def _parts(deps: Deps, months: Sequence[str]) -> dict[str, Part]:
    since, until = bounds(months[0])[0], bounds(months[-1])[1]
    asked: dict[str, Tally] = {
        "satisfaction": deps.rating.store.tally,
        "complaints": deps.complaining.store.tally,
        "delivery_failures": deps.delivering.shipping.store.tasks.tally,
    }
    parts = {name: Part(await tally(since, until)) for name, tally in asked.items()}
    forgotten = since < now() - MISS_LIFE
    return parts | {"assistant_misses": Part(None, _FORGOTTEN) if forgotten else Part(await deps.assistant.store.missed(months))}


def months_of(month: str, year: str, moment: datetime) -> tuple[str, list[str]]:
    """(the period, its months up to this one). Raises Invalid for what has not begun."""
    current = month_of(moment)
    if year:
        months = [one for number in range(1, 13) if (one := f"{year}-{number:02d}") <= current]
    else:
        months = [month or current] if (month or current) <= current else []
    if not months:
        wrong = FieldError("year" if year else "month", f"这段时间还没有开始，现在是 {current}")
        raise Invalid("input_invalid", "还没有这段时间的数", errors=(wrong,))
    return year or months[0], months


async def for_public(deps: Deps, period: str, months: Sequence[str]) -> tuple[Report, Mapping[str, Any]]:
    """A month that was kept is told as it was kept. (the report, about it)"""
    licence = deps.settings.open_data_licence
    kept = await deps.supervising.snapshots.of_month(period) if len(months) == 1 else None
    if kept is not None:
        found = report(to_groups(kept["groups"]), unpack(kept["inputs"]), EVERYWHERE)
        return found, {"period": period, "as_of": at_edge(kept["taken_at"]), "kept": True, "hash": kept["hash"], "licence": licence}
    found, as_of = await told(deps, months, EVERYWHERE, now())
    return found, {"period": period, "as_of": as_of, "kept": False, "hash": None, "licence": licence}
