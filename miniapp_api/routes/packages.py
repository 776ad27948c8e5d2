"""Ways into the catalogue: theme packages (一件事), themes, and the published lists."""

import orjson

from content.lists import LISTS
from miniapp_api.gate import Call, Raw, Routes
from miniapp_api.shapes_content import (
    Lists,
    ListTotal,
    PackageEntry,
    PackageGuide,
    PackageList,
    PackageQuery,
    PackagesQuery,
    Themes,
    ThemeTotal,
)

routes = Routes()


@routes.add("GET", "/v1/packages", who="anyone", summary="一件事：主题集成套餐", query=PackagesQuery, reply=PackageList)
async def packages(call: Call) -> PackageList:
    found = await call.deps.packages.listed(call.query.audience)
    return PackageList(items=[PackageEntry(**one) for one in found], as_of=call.deps.catalogue.as_of)


@routes.add(
    "GET", "/v1/packages/<package_id:str>", who="anyone", summary="一件事指南：步骤和一份合并的材料清单", query=PackageQuery, reply=PackageGuide
)
async def package(call: Call, package_id: str) -> Raw:
    told = await call.deps.packages.guide(package_id, call.query.situation, call.query.region)
    for one in [one for step in told["steps"] for one in step["items"]]:
        closure = call.deps.catalogue.closure(one["code"]) if one["code"] else None
        one["closed"] = closure.told if closure is not None else None
    return Raw(orjson.dumps({**told, "as_of": call.deps.catalogue.as_of}))


@routes.add("GET", "/v1/themes", who="anyone", summary="主题及其事项数", reply=Themes)
async def themes(call: Call) -> Themes:
    counted = call.deps.catalogue.finder.counts(None, "theme")
    return Themes(items=[ThemeTotal(name=name, total=total) for name, total in counted], as_of=call.deps.catalogue.as_of)


@routes.add("GET", "/v1/lists", who="anyone", summary="马上办、网上办、一次办清单", reply=Lists)
async def lists(call: Call) -> Lists:
    counted = dict(call.deps.catalogue.finder.counts(None, "list"))
    told = [ListTotal(id=one.id, name=one.name, definition=one.definition, total=counted.get(one.id, 0)) for one in LISTS]
    return Lists(items=told, as_of=call.deps.catalogue.as_of)
