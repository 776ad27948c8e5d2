"""Once more, that it is really them: needed before what could let somebody else in."""

from kit.clock import at_edge
from miniapp_api.gate import Call, Routes
from miniapp_api.shapes import NoBody
from miniapp_api.shapes_residents import Confirmed, Confirming
from residents import step_up

routes = Routes()


@routes.add("POST", "/v1/me/step-up", who="resident", summary="请本人再确认一次", body=NoBody, reply=Confirming, status=202)
async def start(call: Call) -> Confirming:
    started = await step_up.start(call.deps.residents, call.deps.core, call.resident)
    told = "请本人在政务平台登记的手机上确认，确认后返回这里继续"
    return Confirming(challenge=started.challenge, method=started.method, expires_at=at_edge(started.expires_at), text=told)


@routes.add("POST", "/v1/me/step-up/<challenge:str>", who="resident", summary="查看本人是否已确认", body=NoBody, reply=Confirmed)
async def finish(call: Call, challenge: str) -> Confirmed:
    deps = call.deps
    if await step_up.finish(deps.residents, deps.core, deps.redis, call.resident, challenge):
        return Confirmed(state="confirmed", text="本人已确认，十分钟内有效")
    return still_waiting()


def still_waiting() -> Confirmed:
    return Confirmed(state="pending", text="还在等待本人确认，请在登记的手机上确认后再试", http_status=202)
