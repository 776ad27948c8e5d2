"""The accounts of one person: seen, joined, taken apart."""

from kit.clock import at_edge
from miniapp_api.gate import Call, Raw, Routes
from miniapp_api.routes.me_step_up import still_waiting
from miniapp_api.shapes import NoBody
from miniapp_api.shapes_residents import Confirmed, LinkCode, LinkConfirming, LinkEntry, LinkList, LinkRedeem
from residents import links
from residents.links import Link

routes = Routes()


@routes.add("GET", "/v1/me/links", who="resident", summary="我的关联账号", reply=LinkList)
async def listed(call: Call) -> LinkList:
    mine, hints = await links.listed(call.deps.residents, call.resident)
    return LinkList(items=[_shape(one) for one in mine], hints=[_shape(one) for one in hints])


@routes.add("POST", "/v1/me/links", who="resident", summary="取一个关联码，到另一个渠道输入", body=NoBody, reply=LinkCode, status=201)
async def start(call: Call) -> LinkCode:
    code, expires_at = await links.start(call.deps.residents, call.resident)
    return LinkCode(code=code, expires_at=at_edge(expires_at), text="十分钟内在另一个渠道输入；不要告诉别人")


@routes.add("POST", "/v1/me/links/redeem", who="resident", summary="输入关联码，由本人确认", body=LinkRedeem, reply=LinkConfirming, status=202)
async def redeem(call: Call) -> LinkConfirming:
    joined = await links.redeem(call.deps.residents, call.deps.core, call.resident, call.body.code)
    told = "请本人在政务平台登记的手机上确认把这两个账号关联起来，确认后返回这里继续"
    started = joined.started
    asked = {"challenge": started.challenge, "method": started.method, "expires_at": at_edge(started.expires_at)}
    return LinkConfirming(text=told, other=_shape(joined.other), **asked)


@routes.add("POST", "/v1/me/links/redeem/<challenge:str>", who="resident", summary="查看并完成关联", body=NoBody, reply=Confirmed)
async def finish(call: Call, challenge: str) -> Confirmed:
    deps = call.deps
    if await links.finish(deps.joining, deps.core, deps.redis, call.resident, challenge):
        return Confirmed(state="confirmed", text="两个账号已关联，办件和草稿在两边都能看到")
    return still_waiting()


@routes.add("DELETE", "/v1/me/links/<resident_id:str>", who="resident", summary="解除一个关联账号（先由本人再确认一次）", status=204)
async def unbind(call: Call, resident_id: str) -> Raw:
    await links.unbind(call.deps.joining, call.deps.redis, call.resident, resident_id)
    return Raw(b"", status=204)


def _shape(one: Link) -> LinkEntry:
    return LinkEntry(resident_id=one.resident_id, channel=one.channel, account=one.account, seen_at=at_edge(one.seen_at), mine=one.mine)
