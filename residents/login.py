"""Login by the channel's own single-use code. The WeChat session_key is not kept: nothing here needs it."""

from dataclasses import dataclass

from kit.alipay import Alipay
from kit.errors import NotReached, Outside, Refused, Unauthorized, Unavailable
from kit.wechat import WeChat
from residents.store import Residents

# WeChat's code2Session (miniprogram login, api_code2session): our fault or theirs, not the resident's
_OUR_FAULT = {"errcode_40013", "errcode_40125", "errcode_41002", "errcode_41004"}
_BLOCKED = {"errcode_40226"}


@dataclass(frozen=True, slots=True)
class ChannelAccount:
    """What a channel says about the person holding the phone. `account` is an openid or user id: sealed at rest, never logged."""

    channel: str
    account: str
    union: str | None


async def wechat_account(wechat: WeChat, code: str) -> ChannelAccount:
    """Raises Unauthorized for a wrong, used or expired code, Unavailable when WeChat does not answer."""
    try:
        answer = await wechat.code_to_session(code)
    except Refused as exc:
        raise _refused(exc, "微信") from exc
    except Outside as exc:
        raise _away(exc, "微信") from exc
    openid, union = answer.get("openid"), answer.get("unionid")
    if not isinstance(openid, str) or not openid:
        raise Unavailable("channel_unavailable", "微信登录暂时没有回应，请稍后再试", retry_after=2)
    return ChannelAccount("wechat", openid, union if isinstance(union, str) else None)


async def alipay_account(alipay: Alipay, auth_code: str) -> ChannelAccount:
    """alipay.system.oauth.token; new apps return open_id only, old ones user_id: the open_id is preferred where both come."""
    try:
        answer = await alipay.call("alipay.system.oauth.token", grant_type="authorization_code", code=auth_code)
    except Refused as exc:
        raise _refused(exc, "支付宝") from exc
    except Outside as exc:
        raise _away(exc, "支付宝") from exc
    account = answer.get("open_id") or answer.get("user_id")
    if not isinstance(account, str):
        raise Unavailable("channel_unavailable", "支付宝登录暂时没有回应，请稍后再试", retry_after=2)
    return ChannelAccount("alipay", account, None)


async def sign_in(store: Residents, account: ChannelAccount) -> str:
    """The resident id behind a channel account."""
    return await store.sign_in(account.channel, account.account, account.union)


def _refused(exc: Refused, channel: str) -> Unauthorized | Unavailable:
    if exc.reason in _BLOCKED:
        return Unauthorized("login_blocked", f"{channel}认为此账号有风险，暂不能登录，请联系{channel}客服")
    if exc.reason in _OUR_FAULT or exc.reason.startswith(("isv.invalid-app-id", "isv.invalid-signature")):
        return Unavailable("channel_unavailable", f"{channel}登录暂时不可用，我们正在处理，请稍后再试", retry_after=60)
    return Unauthorized("login_code_refused", "登录凭证无效、已用过或已过期，请重新进入小程序登录")


def _away(exc: Outside, channel: str) -> Unavailable:
    return Unavailable("channel_unavailable", f"{channel}登录暂时没有回应，请稍后再试", retry_after=2 if isinstance(exc, NotReached) else 5)
