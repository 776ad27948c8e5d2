"""Story: how items do online, as the caller's scope lets them see it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from content.closures import Closure
from kit.clock import at_edge, now
from kit.workdays import day_of
from miniapp_api import item_steps
from miniapp_api.gate import Call
from miniapp_api.item_place import place_of
from miniapp_api.item_steps import Told
from miniapp_api.shapes import ClosedOnline
from miniapp_api.shapes_staff_items import HealthListQuery, ItemHealth, ItemsHealth, OverLimit, Reason, StepHealth
from staff.roles import within
from supervision.item_health import STEP_TEXTS, OfStep, reason_text, suggestion


async def listed(call: Call, query: HealthListQuery) -> ItemsHealth:
    """What is over a limit first, then what is used most."""
    found = await item_steps.of_items(call.deps, query.days)
    told = found.told
    named = await call.deps.item_steps.named(list(told))
    items = {code: named.get(code) for code in told}
    mine = [code for code, item in items.items() if is_mine(call, item) and query.department in (None, _department(item))]
    mine.sort(key=lambda code: (not told[code].over, -told[code].now.errors.attempts, -told[code].now.steps[0].total, code))
    shown = await item_steps.in_full(call.deps, found, mine[: query.limit])
    closures = await call.deps.content.closures.of_all(list(shown))
    today = day_of(now())
    return ItemsHealth(
        since=(today - timedelta(days=query.days - 1)).isoformat(),
        until=today.isoformat(),
        days=query.days,
        as_of=at_edge(found.as_of),
        total=len(mine),
        items=[shape(code, one, items[code], closures.get(code)) for code, one in shown.items()],
    )


async def of_one(call: Call, item: dict[str, Any], days: int) -> ItemHealth:
    code = item["code"]
    found = await item_steps.of_items(call.deps, days, code)
    told = (await item_steps.in_full(call.deps, found, [code]))[code]
    return shape(code, told, item, await call.deps.content.closures.of(code))


def shape(code: str, told: Told, item: dict[str, Any] | None, closure: Closure | None) -> ItemHealth:
    errors, before = told.now.errors, told.before
    return ItemHealth(
        code=code,
        name=item["name"] if item else code,
        department=_department(item),
        steps=[_step(one, other) for one, other in zip(told.now.steps, before.steps, strict=True)],
        attempts=errors.attempts,
        errors=errors.errors,
        error_rate=_share(errors.rate),
        reasons=_reasons(errors.reasons),
        refusals=_reasons(errors.refusals),
        previous_attempts=before.errors.attempts,
        previous_error_rate=_share(before.errors.rate),
        over=[OverLimit(step=one.step, value=round(one.value, 4), limit=one.limit, of=one.of, text=one.text) for one in told.over],
        suggestion=suggestion(told.over) if closure is None else None,
        closed=ClosedOnline(**closure.told) if closure is not None else None,
    )


def is_mine(call: Call, item: dict[str, Any] | None) -> bool:
    """What is in no catalogue any more is for those who may see everything."""
    return within(call.staff.scope, *place_of(item))


def _step(one: OfStep, before: OfStep) -> StepHealth:
    return StepHealth(
        step=one.step,
        text=STEP_TEXTS[one.step],
        total=one.total,
        under_way=one.under_way,
        dropped=one.dropped,
        drop_off=_share(one.drop_off),
        median_seconds=one.median,
        p90_seconds=one.p90,
        previous_total=before.total,
        previous_drop_off=_share(before.drop_off),
    )


def _reasons(counted: Mapping[str, int]) -> list[Reason]:
    return [Reason(reason=reason, text=reason_text(reason), total=total) for reason, total in counted.items()]


def _share(value: float | None) -> float | None:
    return round(value, 4) if value is not None else None


def _department(item: dict[str, Any] | None) -> str:
    return item["department"]["name"] if item else ""
