"""What people are told when something changed about who they are: who can see and do their matters."""

from datetime import datetime

from notify.kinds import Value
from notify.told import Told
from notify.values import plain

KIND = "account_changed"
PAGE = "pages/me/security"
_CHANNELS = {"wechat": "微信", "alipay": "支付宝", "kiosk": "自助终端"}
_NOT_ME = "如果不是您本人操作，请马上在“账号与安全”中处理，或致电 12345"

# kind of change -> (what happened, in a few words; the whole sentence, with {what} for a channel, a hall or a name)
_WORDS = {
    "bound": ("账号已实名", "您的{what}账号已完成实名认证，可以查看和办理您本人的事项"),
    "linked": ("新增关联账号", "您的{what}账号已与您名下的其他账号合并，可以查看和办理您本人的事项"),
    "unbound": ("账号已解除关联", "您的{what}账号已解除关联，不能再查看和办理您的事项"),
    "phone_changed": ("联系手机已更换", "您的联系手机已更换。{what}之前，使用证照、寄递和申请退款会暂停"),
    "kiosk_login": ("自助终端登录", "您刚刚在{what}的自助终端登录"),
    "address_changed": ("寄递地址已更改", "您的寄递件（办件编号 {what}）的收寄地址已更改"),
    "grant_offered": ("代办授权待接受", "有一项代办授权已经发出，期限到{what}；接受之后才生效"),
    "grant_accepted": ("代办授权已生效", "一项代办授权已被接受并生效，期限到{what}"),
    "grant_ended": ("代办授权已结束", "一项代办授权已经解除，不能再据此办理"),
}


def told(kind: str, what: str, at: datetime) -> Told:
    """`what`: a channel's word ("wechat"), the name of a hall, or a time."""
    sentence = _WORDS[kind][1].format(what=plain(_CHANNELS.get(what, what))[:60])
    fields: dict[str, Value] = {"what": _WORDS[kind][0], "at": at, "advice": "如非本人操作请致电 12345"}
    return Told(KIND, f"{sentence}。{_NOT_ME}。", fields, PAGE)
