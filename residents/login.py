"""Login by the channel's own single-use code. The WeChat session_key is not kept: nothing here needs it."""

import logging
from dataclasses import dataclass
from typing import Any

from kit.alipay import Alipay
from kit.errors import NotReached, Outside, Refused, Unauthorized, Unavailable
from kit.mongo import DuplicateKeyError, Tx
from kit.wechat import WeChat
from residents.changes import Change, Told
from residents.store import Residents

log = logging.getLogger(__name__)

# WeChat's code2Session (miniprogram login, api_code2session): our fault or theirs, not the resident's
_OUR_FAULT = {"errcode_40013", "errcode_40125", "errcode_41002", "errcode_41004"}
_BLOCKED = {"errcode_40226"}
_TRIES = 3  # two first visits at once


@dataclass(frozen=True, slots=True)
class ChannelAccount:
    """What a channel says about the person holding the phone: openids and user ids, sealed at rest, never logged.

    `accounts` are all ids of one account, the first being the one to use. `union`: WeChat's unionid.
    """

    channel: str
    accounts: tuple[str, ...]
    union: str | None = None


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
    return ChannelAccount("wechat", (openid,), union if isinstance(union, str) and union else None)


async def alipay_account(alipay: Alipay, auth_code: str) -> ChannelAccount:
    """alipay.system.oauth.token; new apps return open_id only, old ones user_id: both are kept, the open_id is used where both come."""
    try:
        answer = await alipay.call("alipay.system.oauth.token", grant_type="authorization_code", code=auth_code)
    except Refused as exc:
        raise _refused(exc, "支付宝") from exc
    except Outside as exc:
        raise _away(exc, "支付宝") from exc
    accounts = tuple(one for one in (answer.get("open_id"), answer.get("user_id")) if isinstance(one, str) and one)
    if not accounts:
        raise Unavailable("channel_unavailable", "支付宝登录暂时没有回应，请稍后再试", retry_after=2)
    return ChannelAccount("alipay", accounts)


async def sign_in(store: Residents, told: Told, account: ChannelAccount) -> str:
    """The resident behind a channel account, made on the first visit. Each of its ids finds the same one."""
    for left in reversed(range(_TRIES)):
        rows = await store.identities(account.channel, account.accounts)
        try:
            if not rows:
                return await store.add_resident(account.channel, account.accounts, account.union)
            return await _found(store, told, account, rows)
        except DuplicateKeyError:
            if not left:
                raise
    raise AssertionError("the last try returns or raises")


async def _found(store: Residents, told: Told, account: ChannelAccount, rows: list[dict[str, Any]]) -> str:
    """A second id seen for the first time joins; two residents that turn out to be one account become one, unless two persons stand behind them."""
    found = [row for one in {str(row["resident_id"]) for row in rows} if (row := await store.resident_row(one)) is not None]
    if len({row["person_id"] for row in found if row.get("person_id")}) > 1:
        log.warning("one account, two persons", extra={"residents": sorted(row["_id"] for row in found)})
        first = store.identity_id(account.channel, account.accounts[0])
        return next(str(row["resident_id"]) for row in sorted(rows, key=lambda row: row["_id"] != first))
    found.sort(key=lambda row: (row.get("person_id") is None, row["created_at"]))  # whoever has a person behind them, else the oldest
    kept, others = found[0]["_id"], [row["_id"] for row in found[1:]]
    if not others and len(rows) == len(account.accounts):
        await store.seen(None, account.channel, account.accounts, kept, account.union)
        return str(kept)

    async def all_of_it(tx: Tx) -> None:
        there = {row["_id"] for row in rows}
        for one in account.accounts:
            if store.identity_id(account.channel, one) not in there:
                await store.add_identity(tx, account.channel, one, kept, union=account.union, alias=False)
        await store.seen(tx, account.channel, account.accounts, kept, account.union)
        for other in others:
            await store.sessions.close_all(tx, other)
            await told(tx, Change(f"joined/{other}", "joined", found[0].get("person_id"), kept, other))

    await store.mongo.transaction(all_of_it)
    return str(kept)


def _refused(exc: Refused, channel: str) -> Unauthorized | Unavailable:
    if exc.reason in _BLOCKED:
        return Unauthorized("login_blocked", f"{channel}认为此账号有风险，暂不能登录，请联系{channel}客服")
    if exc.reason in _OUR_FAULT or exc.reason.startswith(("isv.invalid-app-id", "isv.invalid-signature")):
        return Unavailable("channel_unavailable", f"{channel}登录暂时不可用，我们正在处理，请稍后再试", retry_after=60)
    return Unauthorized("login_code_refused", "登录凭证无效、已用过或已过期，请重新进入小程序登录")


def _away(exc: Outside, channel: str) -> Unavailable:
    return Unavailable("channel_unavailable", f"{channel}登录暂时没有回应，请稍后再试", retry_after=2 if isinstance(exc, NotReached) else 5)
