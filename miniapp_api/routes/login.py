"""Login with the channel's single-use code."""

from kit.clock import at_edge
from kit.errors import TooMany
from miniapp_api.gate import Call, Routes
from miniapp_api.routes.me import resident_shape
from miniapp_api.shapes import LoginAlipay, LoginWeChat, Session
from residents import login, sessions

routes = Routes()
MINUTE = 60


@routes.add("POST", "/v1/login/wechat", who="anyone", summary="微信登录", body=LoginWeChat, reply=Session)
async def wechat(call: Call) -> Session:
    await _not_too_often(call)
    return await _signed_in(call, await login.wechat_account(call.deps.wechat, call.body.code))


@routes.add("POST", "/v1/login/alipay", who="anyone", summary="支付宝登录", body=LoginAlipay, reply=Session)
async def alipay(call: Call) -> Session:
    await _not_too_often(call)
    return await _signed_in(call, await login.alipay_account(call.deps.alipay, call.body.auth_code))


async def _signed_in(call: Call, account: login.ChannelAccount) -> Session:
    deps = call.deps
    resident_id = await login.sign_in(deps.residents, deps.joining.told, account)
    token, expires_at = await sessions.open_session(deps.residents, resident_id, account.channel)
    return Session(token=token, expires_at=at_edge(expires_at), resident=await resident_shape(deps, resident_id, account.channel))


async def _not_too_often(call: Call) -> None:
    """Per address and minute, across processes; without Redis the gate's own limit still holds."""
    address = call.request.remote_addr or call.request.ip
    tries = await call.deps.redis.count(f"login:{address}", MINUTE)
    if tries is not None and tries > call.deps.settings.rate * MINUTE:
        raise TooMany("too_many_requests", "登录太频繁，请一分钟后再试", retry_after=MINUTE)
