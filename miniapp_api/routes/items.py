"""Service items: search and list, the whole item, the guide."""

import orjson

from content.search import Filters
from content.versions import changes, versions_of
from miniapp_api.gate import Call, Raw, Routes
from miniapp_api.item_shapes import DiffQuery, Guide, ItemDiff, ItemVersion, ItemVersions, VersionQuery
from miniapp_api.shapes import ItemEntry, Items, ItemsQuery, SituationQuery

routes = Routes()


@routes.add("GET", "/v1/items", who="anyone", summary="查找事项", query=ItemsQuery, reply=Items)
async def list_items(call: Call) -> Items:
    query: ItemsQuery = call.query
    filters = Filters(query.theme, query.audience, query.region, query.department)
    offset = int(query.cursor) if query.cursor.isdecimal() else 0
    found, total = call.deps.catalogue.find(query.q, filters, offset, query.limit)
    after = offset + len(found)
    return Items(
        items=[ItemEntry(code=one.code, name=one.name, department=one.department, score=one.score) for one in found],
        next_cursor=str(after) if found and after < min(total, 1000) else None,
        total=total,
        as_of=call.deps.catalogue.as_of,
    )


@routes.add("GET", "/v1/items/<code:str>", who="anyone", summary="事项全部要素，可看旧版", query=VersionQuery)
async def item(call: Call, code: str) -> Raw:
    return Raw(orjson.dumps(await call.deps.catalogue.item(code, call.query.version)))


@routes.add("GET", "/v1/items/<code:str>/versions", who="anyone", summary="事项的各个版本", reply=ItemVersions)
async def versions(call: Call, code: str) -> ItemVersions:
    return ItemVersions(items=[ItemVersion(**one) for one in await versions_of(call.deps.content, code)])


@routes.add("GET", "/v1/items/<code:str>/diff", who="anyone", summary="两个版本的不同，默认最近一次变更", query=DiffQuery, reply=ItemDiff)
async def difference(call: Call, code: str) -> Raw:
    return Raw(orjson.dumps(await changes(call.deps.content, code, call.query.since, call.query.to)))


@routes.add("GET", "/v1/items/<code:str>/guide", who="anyone", summary="办事指南，可按情形", query=SituationQuery, reply=Guide)
async def guide(call: Call, code: str) -> Raw:
    return Raw(await call.deps.catalogue.guide(code, call.query.situation))
