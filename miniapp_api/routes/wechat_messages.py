"""WeChat's message push. Verified before anything is parsed, acknowledged after the message and the intent to answer it are durable.

There is no window on the timestamp: WeChat repeats a push with the one it first had. What a replay could do is bounded by the
message's own number and time, which are under the signature (bot/wechat_reply.py).
"""

from sanic.exceptions import PayloadTooLarge

from bot import wechat, wechat_reply
from bot.wechat import Account, Signed
from kit.errors import Invalid, NotFound, Unauthorized
from kit.wechat_crypto import MAX_BODY, ForgedPush, UnreadablePush
from miniapp_api import consent_events
from miniapp_api.gate import Call, Raw, Routes

routes = Routes()


@routes.add("GET", "/callbacks/wechat/messages", who="wechat", summary="微信消息推送的地址校验", hidden=True)
@routes.add("GET", "/callbacks/wechat/messages/<account:str>", who="wechat", summary="微信消息推送的地址校验", hidden=True)
async def url_check(call: Call, account: str = "") -> Raw:
    found, query = _account(call, account), _signed(call)
    if not wechat.is_genuine(found, query):
        raise _forged()
    return Raw(_text(call, "echostr").encode(), "text/plain; charset=utf-8")


@routes.add("POST", "/callbacks/wechat/messages", who="wechat", summary="微信客服消息和事件", hidden=True)
@routes.add("POST", "/callbacks/wechat/messages/<account:str>", who="wechat", summary="微信客服消息和事件", hidden=True)
async def pushed(call: Call, account: str = "") -> Raw:
    found, query, body = _account(call, account), _signed(call), call.request.body
    if len(body) > MAX_BODY:
        raise PayloadTooLarge("a customer message is small")
    try:
        message = wechat.read(found, query, body)
    except ForgedPush as exc:
        raise _forged() from exc
    except UnreadablePush as exc:
        raise Invalid("message_invalid", "消息内容不符合约定") from exc
    if message.entries:
        await consent_events.take(call.deps, found.name, message)
    else:
        await wechat_reply.take(call.deps.replying, found.name, message)
    if message.kind == "transfer":
        return Raw(*wechat.transfer_reply(found, message))
    return Raw(wechat.SUCCESS, "text/plain; charset=utf-8")


def _account(call: Call, name: str) -> Account:
    """The one named, or the first."""
    accounts = call.deps.wechat_accounts
    found = accounts.get(name) if name else next(iter(accounts.values()), None)
    if found is None:
        raise NotFound("closed", "此入口未开放")
    return found


def _signed(call: Call) -> Signed:
    return Signed(*(_text(call, name) for name in ("signature", "timestamp", "nonce", "msg_signature")))


def _text(call: Call, name: str) -> str:
    return str(call.request.args.get(name) or "")


def _forged() -> Unauthorized:
    return Unauthorized("bad_signature", "签名校验未通过")
