"""The contact phone, from the channel's own word. A contact only: it never binds or finds an account. Changing it starts a cooling time."""

import re
from typing import Any

from kit.alipay import Alipay
from kit.alipay_sealed import opened
from kit.clock import in_words, now
from kit.errors import Invalid, Outside, Refused, Unavailable
from kit.ids import new_id
from kit.mongo import Tx
from kit.wechat import WeChat
from residents.binding import Joining
from residents.changes import Change
from residents.sessions import Caller


async def set_from_wechat(joining: Joining, wechat: WeChat, caller: Caller, code: str) -> None:
    """getuserphonenumber. Raises Invalid for a wrong or used code, Unavailable."""
    try:
        answer = await wechat.call("/wxa/business/getuserphonenumber", {"code": code})
    except Refused as exc:
        raise Invalid("phone_code_refused", "手机号授权已失效，请重新点击“获取手机号”") from exc
    except Outside as exc:
        raise Unavailable("channel_unavailable", "微信暂时没有回应，请稍后再试", retry_after=2) from exc
    info = answer.get("phone_info")
    phone = tidy(info.get("phoneNumber")) if isinstance(info, dict) else None
    if phone is None:
        raise Unavailable("channel_unavailable", "微信没有给出手机号，请稍后再试", retry_after=2)
    await _keep(joining, caller, phone)


async def set_from_alipay(joining: Joining, alipay: Alipay, aes_key: bytes, caller: Caller, response: str) -> None:
    """`response`: what my.getPhoneNumber gave, signed and sealed by Alipay. Raises Invalid for anything Alipay did not make for this app."""
    if not aes_key:
        raise Unavailable("channel_unavailable", "暂不能从支付宝取得手机号，请稍后再试", retry_after=60)
    answer = opened(alipay, aes_key, response)
    phone = tidy(answer.get("mobile")) if answer is not None and answer.get("code") == "10000" else None
    if phone is None:
        raise Invalid("phone_code_refused", "手机号授权已失效，请重新点击“获取手机号”")
    await _keep(joining, caller, phone)


def tidy(given: Any) -> str | None:
    """Digits as kept: without the +86 or 0086 of a mainland number; a foreign one keeps its country's code. None: no phone number."""
    if not isinstance(given, str) or not given.isascii():
        return None
    digits = re.sub(r"[\s()-]", "", given)
    digits = re.sub(r"^(?:\+|00)86(?=1[3-9][0-9]{9}$)", "", digits)
    return digits if re.fullmatch(r"\+?[0-9]{7,19}", digits) else None


async def _keep(joining: Joining, caller: Caller, phone: str) -> None:
    """The first phone is no change, and neither is one the person is known by already."""
    store, change_id = joining.store, new_id("chg")

    async def all_of_it(tx: Tx) -> None:
        resident = await store.resident(caller.resident_id)
        person_id = resident.person_id if resident is not None else None
        known = await store.phones(tx, person_id, caller.resident_id)
        await store.set_phone(tx, caller.resident_id, phone)
        if not known or phone in known:
            return
        until = now() + joining.cooling
        await store.cool_until(tx, caller.resident_id, until)
        await joining.told(tx, Change(change_id, "phone_changed", person_id, caller.resident_id, in_words(until)))

    await store.mongo.transaction(all_of_it)
