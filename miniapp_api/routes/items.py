"""Service items: search and list, the whole item, the guide."""

from dataclasses import asdict
from typing import Any

import orjson

from content.catalogue import Catalogue
from content.finder import Finder
from content.listing import Filters, Listing
from content.search import Answer
from content.versions import changes, versions_of
from miniapp_api.gate import Call, Raw, Routes
from miniapp_api.shapes import ClosedOnline
from miniapp_api.shapes_content import GuideQuery, ShortGuide
from miniapp_api.shapes_items import (
    DiffQuery,
    Facet,
    Guide,
    ItemDiff,
    ItemEntry,
    Items,
    ItemsQuery,
    ItemVersion,
    ItemVersions,
    Suggested,
    SuggestQuery,
    VersionQuery,
)

routes = Routes()


@routes.add("GET", "/v1/items", who="anyone", summary="查找事项", query=ItemsQuery, reply=Items)
async def list_items(call: Call) -> Items:
    query: ItemsQuery = call.query
    finder = call.deps.catalogue.finder
    filters = Filters(query.theme, query.audience, query.region, query.department, query.list)
    offset = int(query.cursor[:9]) if query.cursor.isdecimal() else 0
    answer = finder.find(query.q, filters, offset, query.limit)
    after = offset + len(answer.hits)
    return Items(
        items=[ItemEntry(**asdict(one), **_closed(call.deps.catalogue, one.code)) for one in answer.hits],
        next_cursor=str(after) if answer.hits and after < answer.total else None,
        total=answer.total,
        sure=answer.sure,
        understood_as=answer.mended,
        facets=facets(finder, answer) if query.facets else None,
        as_of=call.deps.catalogue.as_of,
    )


def _closed(catalogue: Catalogue, code: str) -> dict[str, Any]:
    """Nothing where it is open."""
    closure = catalogue.closure(code)
    return {} if closure is None else {"can_apply": False, "closed": ClosedOnline(**closure.told)}


def facets(finder: Finder, answer: Answer) -> dict[str, list[Facet]]:
    """At most 50 values of each."""
    return {field: [Facet(value=value, total=total) for value, total in finder.counts(answer, field)[:50]] for field in Listing.FIELDS}


@routes.add("GET", "/v1/search/suggest", who="anyone", summary="边输入边提示", query=SuggestQuery, reply=Suggested)
async def suggest(call: Call) -> Suggested:
    return Suggested(items=call.deps.catalogue.finder.suggest(call.query.q, call.query.limit))


@routes.add("GET", "/v1/items/<code:str>", who="anyone", summary="事项全部要素，可看旧版", query=VersionQuery)
async def item(call: Call, code: str) -> Raw:
    return Raw(orjson.dumps(await call.deps.catalogue.item(code, call.query.version)))


@routes.add("GET", "/v1/items/<code:str>/versions", who="anyone", summary="事项的各个版本", reply=ItemVersions)
async def versions(call: Call, code: str) -> ItemVersions:
    return ItemVersions(items=[ItemVersion(**one) for one in await versions_of(call.deps.content, code)])


@routes.add("GET", "/v1/items/<code:str>/diff", who="anyone", summary="两个版本的不同，默认最近一次变更", query=DiffQuery, reply=ItemDiff)
async def difference(call: Call, code: str) -> Raw:
    return Raw(orjson.dumps(await changes(call.deps.content, code, call.query.since, call.query.to)))


@routes.add(
    "GET", "/v1/items/<code:str>/guide", who="anyone", summary="办事指南，可按情形；form=short 是适老短版", query=GuideQuery, reply=Guide | ShortGuide
)
async def guide(call: Call, code: str) -> Raw:
    if call.query.form == "short":
        body = orjson.dumps(await call.deps.catalogue.short(code, call.query.situation))
    else:
        body = await call.deps.catalogue.guide(code, call.query.situation)
    call.deps.item_steps.add(code, "read", "read")
    return Raw(body)
