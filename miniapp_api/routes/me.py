"""The signed-in resident: who they are, real-name binding, contact phone."""

from kit.clock import at_edge
from kit.errors import FieldError, Invalid, Unauthorized
from miniapp_api.gate import Call, Raw, Routes
from miniapp_api.settings import secret, unbase64
from miniapp_api.shapes import NoBody, Phone, RealName, RealNameStarted, RealNameState, Resident
from miniapp_api.wiring import Deps
from residents import consents, phone, real_name, sessions
from residents.consents import Given

routes = Routes()


@routes.add("GET", "/v1/me", who="resident", summary="我的信息", reply=Resident)
async def me(call: Call) -> Resident:
    return await resident_shape(call.deps, call.resident.resident_id, call.resident.channel)


@routes.add("POST", "/v1/me/real-name", who="resident", summary="发起实名认证，由本人确认", body=RealName, reply=RealNameStarted, status=202)
async def start_real_name(call: Call) -> RealNameStarted:
    caller, deps = call.resident, call.deps
    given = None if call.body.consent is None else Given(call.body.consent.version, call.body.consent.text_hash)
    await consents.ensure(deps.residents, caller, "sensitive", given, asked=deps.settings.asks_consent)
    started = await real_name.start(deps.residents, deps.core, caller, call.body.name, call.body.id_number)
    told = "请本人在政务平台登记的手机上确认这次认证，确认后返回这里继续"
    return RealNameStarted(challenge=started.challenge, method=started.method, expires_at=at_edge(started.expires_at), text=told)


@routes.add("POST", "/v1/me/real-name/<challenge:str>", who="resident", summary="查看并完成实名认证", body=NoBody, reply=RealNameState)
async def finish_real_name(call: Call, challenge: str) -> RealNameState:
    caller, deps = call.resident, call.deps
    bound = await real_name.finish(deps.joining, deps.core, deps.redis, caller, challenge)
    resident = await resident_shape(deps, caller.resident_id, caller.channel)
    if bound:
        return RealNameState(state="bound", text="实名认证完成", resident=resident)
    return RealNameState(state="pending", text="还在等待本人确认，请在登记的手机上确认后再试", resident=resident, http_status=202)


@routes.add("POST", "/v1/me/phone", who="resident", summary="登记联系手机（微信、支付宝授权）", body=Phone, reply=Resident)
async def set_phone(call: Call) -> Resident:
    caller, deps, given = call.resident, call.deps, call.body
    if given.channel == "wechat":
        await phone.set_from_wechat(deps.joining, deps.wechat, caller, needed("code", given.code))
    else:
        key = unbase64(secret(deps.settings.alipay_aes_key))
        await phone.set_from_alipay(deps.joining, deps.alipay, key, caller, needed("response", given.response))
    return await resident_shape(deps, caller.resident_id, caller.channel)


@routes.add("POST", "/v1/logout", who="resident", summary="退出登录", status=204)
async def logout(call: Call) -> Raw:
    await sessions.close_session(call.deps.residents, call.deps.redis, call.resident)
    return Raw(b"", status=204)


async def resident_shape(deps: Deps, resident_id: str, channel: str) -> Resident:
    """Masked; the whole name and number never leave."""
    resident = await deps.residents.resident(resident_id)
    if resident is None:
        raise Unauthorized("session_unknown", "登录已失效，请重新进入小程序登录")
    person = await deps.residents.person(resident.person_id) if resident.person_id else None
    return Resident(
        id=resident_id,
        channel=channel,
        real_name=person is not None,
        name=real_name.masked_name(person.name) if person else None,
        id_number=real_name.masked_id(person.id_number) if person else None,
        phone=real_name.masked_phone(resident.phone) if resident.phone else None,
    )


def needed(field: str, given: str | None) -> str:
    """Raises Invalid."""
    if given is None:
        raise Invalid("input_invalid", "填写的内容有误，请按提示修改", errors=(FieldError(field, "请填写此项"),))
    return given
