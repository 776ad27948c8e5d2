"""Service items: search and list, the whole item, the guide."""

import orjson

from content.search import Filters
from miniapp_api.gate import Call, Raw, Routes
from miniapp_api.shapes import Guide, ItemEntry, Items, ItemsQuery
from miniapp_api.shapes_content import GuideQuery, ShortGuide

routes = Routes()


@routes.add("GET", "/v1/items", who="anyone", summary="查找事项", query=ItemsQuery, reply=Items)
async def list_items(call: Call) -> Items:
    query: ItemsQuery = call.query
    filters = Filters(query.theme, query.audience, query.region, query.department)
    offset = min(int(query.cursor), 1000) if query.cursor.isdecimal() else 0
    found, total = call.deps.catalogue.find(query.q, filters, offset, query.limit)
    after = offset + len(found)
    return Items(
        items=[ItemEntry(code=one.code, name=one.name, department=one.department, score=one.score) for one in found],
        next_cursor=str(after) if found and after < min(total, 1000) else None,
        total=total,
        as_of=call.deps.catalogue.as_of,
    )


@routes.add("GET", "/v1/items/<code:str>", who="anyone", summary="事项全部要素")
async def item(call: Call, code: str) -> Raw:
    return Raw(orjson.dumps(await call.deps.catalogue.item(code)))


@routes.add(
    "GET", "/v1/items/<code:str>/guide", who="anyone", summary="办事指南，可按情形；form=short 是适老短版", query=GuideQuery, reply=Guide | ShortGuide
)
async def guide(call: Call, code: str) -> Raw:
    if call.query.form == "short":
        return Raw(orjson.dumps(await call.deps.catalogue.short(code, call.query.situation)))
    return Raw(await call.deps.catalogue.guide(code, call.query.situation))
