"""The contact phone, taken from the channel's own one-time code. A contact only: it never binds or finds an account."""

from kit.errors import Invalid, Outside, Refused, Unavailable
from kit.wechat import WeChat
from residents.store import Residents


async def set_from_wechat(store: Residents, wechat: WeChat, resident_id: str, code: str) -> str:
    """The phone now kept, digits only (getuserphonenumber). Raises Invalid for a wrong or used code, Unavailable."""
    try:
        answer = await wechat.call("/wxa/business/getuserphonenumber", {"code": code})
    except Refused as exc:
        raise Invalid("phone_code_refused", "手机号授权已失效，请重新点击“获取手机号”") from exc
    except Outside as exc:
        raise Unavailable("channel_unavailable", "微信暂时没有回应，请稍后再试", retry_after=2) from exc
    info = answer.get("phone_info")
    phone = info.get("phoneNumber") if isinstance(info, dict) else None
    if not isinstance(phone, str) or not phone.isascii() or not 7 <= len(phone) <= 20:
        raise Unavailable("channel_unavailable", "微信没有给出手机号，请稍后再试", retry_after=2)
    await store.set_phone(resident_id, phone)
    return phone
