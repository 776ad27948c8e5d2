"""How each item does online, and closing it for online handling."""

from typing import Any

from content import closures
from content.closures import Closure, Wish
from content.standing import standing, unknown_item
from kit.clock import at_edge
from kit.errors import FieldError, Invalid
from miniapp_api import item_health_view
from miniapp_api.gate import Call, Routes
from miniapp_api.item_health_view import is_mine
from miniapp_api.shapes_staff_items import CloseItem, HealthListQuery, HealthQuery, ItemClosure, ItemClosures, ItemHealth, ItemsHealth, ReopenItem

routes = Routes()
_CLOSURE = "/staff/v1/items/<code:str>/closure"


@routes.add("GET", "/staff/v1/closures", who="staff", may="items.close", summary="暂停网上办理的事项", reply=ItemClosures)
async def listed(call: Call) -> ItemClosures:
    in_force = await call.deps.content.closures.in_force()
    rows = await call.deps.content.rows(list(in_force))
    items = [(rows.get(code, {}).get("item"), one) for code, one in reversed(in_force.items())]
    return ItemClosures(items=[_told(one.code, item, one) for item, one in items if is_mine(call, item)])


@routes.add("GET", _CLOSURE, who="staff", may="items.close", summary="一个事项是否暂停网上办理", reply=ItemClosure)
async def look(call: Call, code: str) -> ItemClosure:
    return _told(code, await own(call, code), await call.deps.content.closures.of(code))


@routes.add("PUT", _CLOSURE, who="staff", may="items.close", summary="立即暂停一个事项的网上办理，各渠道同时生效", body=CloseItem, reply=ItemClosure)
async def close(call: Call, code: str) -> ItemClosure:
    asked: CloseItem = call.body
    item = await own(call, code)
    if asked.until is not None and asked.until.tzinfo is None:
        raise Invalid("input_invalid", "关停没有生效，请按提示修改", errors=(FieldError("until", "时间应带时区，例如 2026-12-01T08:00:00+08:00"),))
    done = await closures.close(call.deps.content.closures, Wish(code, asked.message.strip(), asked.until, call.staff.id, asked.revision))
    call.acted_on(f"{code} {done.outcome} revision {done.closure.revision}")
    return _told(code, item, done.closure)


@routes.add("DELETE", _CLOSURE, who="staff", may="items.close", summary="重新开通网上办理", query=ReopenItem, reply=ItemClosure)
async def reopen(call: Call, code: str) -> ItemClosure:
    item = await own(call, code)
    call.acted_on(f"{code} {await closures.reopen(call.deps.content.closures, code, call.staff.id, call.query.revision)}")
    return _told(code, item, None)


@routes.add(
    "GET",
    "/staff/v1/items/health",
    who="staff",
    may="supervision.read",
    summary="运行监控：各事项网上办理的出错、流失和用时",
    query=HealthListQuery,
    reply=ItemsHealth,
)
async def every_health(call: Call) -> ItemsHealth:
    return await item_health_view.listed(call, call.query)


@routes.add(
    "GET",
    "/staff/v1/items/<code:str>/health",
    who="staff",
    may="supervision.read",
    summary="运行监控：一个事项",
    query=HealthQuery,
    reply=ItemHealth,
)
async def one_health(call: Call, code: str) -> ItemHealth:
    return await item_health_view.of_one(call, await own(call, code), call.query.days)


async def own(call: Call, code: str) -> dict[str, Any]:
    """The item, where the caller's scope covers it. Raises NotFound otherwise."""
    item = (await standing(call.deps.content, code)).item
    if not is_mine(call, item):
        raise unknown_item()
    return item


def _told(code: str, item: dict[str, Any] | None, closure: Closure | None) -> ItemClosure:
    return ItemClosure(
        code=code,
        name=item["name"] if item else code,
        department=item["department"]["name"] if item else "",
        closed=closure is not None,
        message=closure.message if closure else None,
        since=at_edge(closure.since) if closure else None,
        until=at_edge(closure.until) if closure and closure.until else None,
        by=closure.by if closure else None,
        revision=closure.revision if closure else None,
    )
