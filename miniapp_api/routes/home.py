"""The personal page and the enterprise page."""

from miniapp_api import home
from miniapp_api.gate import Call, Raw, Routes
from miniapp_api.shapes_home import Home
from residents.subjects import bound

routes = Routes()


@routes.add("GET", "/v1/home", who="resident", summary="个人网页、企业网页：待办、办件、证照、缴费、预约、推荐，谁看过我的信息", reply=Home)
async def look(call: Call) -> Home:
    return await home.page(call)


@routes.add("DELETE", "/v1/home/recommended/<rule:str>", who="resident", summary="不再推荐这一条", status=204)
async def dismiss(call: Call, rule: str) -> Raw:
    await call.deps.homing.recommending.known(rule)
    await call.deps.residents.preferences.not_again(bound(call.resident), rule)
    return Raw(b"", status=204)
