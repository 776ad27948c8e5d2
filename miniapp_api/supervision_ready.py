"""Story: whether a month that is over can be kept: the core's totals stand, and what the core told of the month has been heard. What is missing is said in words."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from core.events import read_event
from core.types import CoreEvent
from kit.errors import Outside
from miniapp_api.supervision_inputs import PATIENCE, bounds
from miniapp_api.wiring import Deps
from supervision.report import Inputs

_NOT_ASKED = "核心平台没有回应，不知道它的事件是不是都收到了"


async def what_is_missing(deps: Deps, month: str, inputs: Inputs) -> tuple[str, ...]:
    """In an operator's words; empty: nothing. `inputs`: what the month is going to be kept with."""
    told = [one.why or f"核心平台的 {one.month} 各渠道总数还在变" for one in inputs.core if one.departments is None or not one.whole]
    return (*told, *await _events(deps, month))


async def _events(deps: Deps, month: str) -> list[str]:
    """By what the core would tell after the place up to which its feed was read."""
    try:
        async with asyncio.timeout(PATIENCE):
            page = await deps.core.events_page(await deps.cases.feed_cursor())
    except (Outside, TimeoutError):
        return [_NOT_ASKED]
    known = await deps.cases.known_events([str(raw.get("event_id")) for raw in page.events])
    left = [raw for raw in page.events if raw.get("event_id") not in known]
    return [] if is_read_past(left, bounds(month)[1], page.has_more) else [f"核心平台 {month} 的事件还没有收齐"]


def is_read_past(left: Sequence[dict[str, Any]], until: datetime, has_more: bool) -> bool:
    """Whether none of what is still to be read is from before `until`. `left`: the next of them, in the core's order; `has_more`: and others after these."""
    moments = [event.move.at for raw in left if (event := _move(raw)) is not None]
    return all(at >= until for at in moments) and (bool(moments) or not has_more)


def _move(raw: dict[str, Any]) -> CoreEvent | None:
    """None: of something else, or it cannot be read and is put aside by whoever reads the feed."""
    try:
        event = read_event(raw)
    except ValidationError:
        return None
    return event if isinstance(event, CoreEvent) else None
