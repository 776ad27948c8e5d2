"""What residents can be told: one definition per kind. Its fields, how urgent it is, and where each field stands on every channel.

WeChat's keys are `<type><n>` with WeChat's own numbering; a city whose template is numbered otherwise says so when it registers it
(notify/templates.py). An SMS is sent only of kinds that have a text for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

FieldType = Literal["words", "state", "count", "money", "moment", "day", "number"]
Value = str | int | datetime  # words, state, number: str; count: int; money: int fen; moment, day: aware UTC


@dataclass(frozen=True, slots=True)
class Kind:
    """`urgent` goes through quiet hours. `hours`: how long a push still helps. `sms`: the text registered with the SMS gateway, ${field} in it.
    `template`: the kind whose template and consents it shares; its own, as a rule."""

    key: str
    title: str
    fields: Mapping[str, FieldType]
    wechat: Mapping[str, str]
    alipay: tuple[str, ...]  # keyword1, keyword2, …
    urgent: bool = False
    sms: str = ""
    hours: int = 24
    template: str = ""
    sms_fields: tuple[str, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "template", self.template or self.key)
        object.__setattr__(self, "sms_fields", tuple(name for name in self.fields if f"${{{name}}}" in self.sms))


def _kind(key: str, title: str, fields: Mapping[str, tuple[FieldType, str]], *, urgent: bool = False, sms: str = "", hours: int = 24) -> Kind:
    """`fields`: our name -> (type, WeChat's key); Alipay's keywords are numbered in the same order."""
    places = {place: name for name, (_, place) in fields.items()}
    return Kind(key, title, {name: kind for name, (kind, _) in fields.items()}, places, tuple(fields), urgent, sms, hours)


_MONEY: Mapping[str, tuple[FieldType, str]] = {
    "title": ("words", "thing1"),
    "amount": ("money", "amount2"),
    "at": ("moment", "time3"),
    "order_no": ("number", "character_string4"),
}
_NOTICE: Mapping[str, tuple[FieldType, str]] = {"title": ("words", "thing1"), "at": ("moment", "time2"), "body": ("words", "thing3")}

KINDS: Mapping[str, Kind] = {
    one.key: one
    for one in (
        _kind(
            "case_moved",
            "办件进度提醒",
            {
                "item": ("words", "thing1"),
                "state": ("state", "phrase2"),
                "at": ("moment", "time3"),
                "remark": ("words", "thing4"),
                "case_no": ("number", "character_string5"),
            },
        ),
        _kind(
            "case_corrections",
            "补正材料提醒",
            {
                "item": ("words", "thing1"),
                "case_no": ("number", "character_string5"),
                "count": ("count", "number6"),
                "at": ("moment", "time3"),
            },
            sms="您申请的${item}需要补正${count}处，请到小程序“我的办件”查看并补正。",
            hours=72,
        ),
        _kind(
            "correction_due",
            "补正期限提醒",
            {
                "item": ("words", "thing1"),
                "case_no": ("number", "character_string2"),
                "due": ("moment", "time3"),
                "left": ("count", "number4"),
            },
            sms="您申请的${item}还剩${left}个工作日可以补正，逾期可能按撤回处理，请到小程序“我的办件”补正。",
        ),
        _kind(
            "bill_issued",
            "缴费通知",
            {"title": ("words", "thing1"), "amount": ("money", "amount2"), "payee": ("words", "thing3"), "at": ("moment", "time4")},
            hours=72,
        ),
        _kind(
            "bill_due",
            "缴费到期提醒",
            {"title": ("words", "thing1"), "amount": ("money", "amount2"), "payee": ("words", "thing3"), "due": ("moment", "time4")},
        ),
        _kind("bill_paid", "缴费成功通知", _MONEY),
        _kind("bill_refunded", "退款通知", _MONEY),
        _kind(
            "licence_expiring",
            "证照到期提醒",
            {"licence": ("words", "thing1"), "due": ("day", "date2"), "advice": ("words", "thing3")},
            hours=72,
        ),
        _kind(
            "appointment_tomorrow",
            "预约提醒",
            {
                "item": ("words", "thing1"),
                "at": ("moment", "time2"),
                "place": ("words", "thing3"),
                "number": ("number", "character_string4"),
            },
            sms="您预约了${at}到${place}办理${item}，请带齐材料准时前往；不能前往请提前取消。",
            hours=16,
        ),
        _kind(
            "account_changed",
            "账号变动提醒",
            {"what": ("words", "thing1"), "at": ("moment", "time2"), "advice": ("words", "thing3")},
            urgent=True,
            sms="您的政务服务账号有变动：${what}。如非本人操作，请致电12345。",
        ),
        _kind(
            "parcel_moved",
            "寄递进度提醒",
            {
                "what": ("words", "thing1"),
                "state": ("state", "phrase2"),
                "at": ("moment", "time3"),
                "remark": ("words", "thing4"),
                "waybill": ("number", "character_string5"),
            },
        ),
        _kind(
            "parcel_problem",
            "寄递异常提醒",
            {"what": ("words", "thing1"), "state": ("state", "phrase2"), "at": ("moment", "time3"), "advice": ("words", "thing4")},
            sms="您的${what}寄递件${state}，请到小程序“我的寄递”查看处理办法。",
            hours=72,
        ),
        _kind(
            "papers_arrived",
            "材料送达提醒",
            {
                "item": ("words", "thing1"),
                "at": ("moment", "time2"),
                "place": ("words", "thing3"),
                "case_no": ("number", "character_string4"),
            },
        ),
        _kind(
            "appointment_moved",
            "预约变动提醒",
            {
                "item": ("words", "thing1"),
                "state": ("state", "phrase2"),
                "at": ("moment", "time3"),
                "place": ("words", "thing4"),
                "number": ("number", "character_string5"),
            },
            sms="您预约的${item}${state}，时间${at}，请到小程序“我的预约”查看。",
        ),
        _kind(
            "complaint_moved",
            "诉求办理提醒",
            {
                "title": ("words", "thing1"),
                "state": ("state", "phrase2"),
                "at": ("moment", "time3"),
                "number": ("number", "character_string4"),
            },
            hours=72,
        ),
        _kind(
            "rating_moved",
            "评价整改提醒",
            {"item": ("words", "thing1"), "state": ("state", "phrase2"), "at": ("moment", "time3"), "remark": ("words", "thing4")},
            hours=72,
        ),
        _kind("file_refused", "文件未通过检查", {}),  # the inbox alone
        _kind("notice", "政务服务通知", _NOTICE),
    )
}
KINDS = {**KINDS, "notice_urgent": replace(KINDS["notice"], key="notice_urgent", title="紧急通知", urgent=True)}  # allowed as any notice is
REGISTERED = tuple(one.key for one in KINDS.values() if one.fields and one.template == one.key)  # with every platform, a template each
