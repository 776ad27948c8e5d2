"""The message templates this city has registered: one table for WeChat, Alipay and the SMS gateway."""

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Template:
    """`fields`: WeChat's key -> what stands there, in the order of Alipay's keywords. `sms`: ${variable} in it; empty: not registered there."""

    title: str
    fields: Mapping[str, str]
    sms: str = ""


def variables(text: str) -> tuple[str, ...]:
    """Of an SMS text."""
    return tuple(re.findall(r"\$\{(\w+)\}", text))


_PAID = {"thing1": "缴费项目", "amount2": "金额", "time3": "时间", "character_string4": "订单编号"}
_NOTICE = {"thing1": "通知标题", "time2": "发布时间", "thing3": "通知内容"}

TEMPLATES: Mapping[str, Template] = {
    "case_moved": Template(
        "办件进度提醒",
        {"thing1": "事项名称", "phrase2": "办件状态", "time3": "更新时间", "thing4": "备注", "character_string5": "办件编号"},
    ),
    "case_corrections": Template(
        "补正材料提醒",
        {"thing1": "事项名称", "character_string5": "办件编号", "number6": "补正数量", "time3": "通知时间"},
        sms="您申请的${item}需要补正${count}处，请到小程序“我的办件”查看并补正。",
    ),
    "correction_due": Template(
        "补正期限提醒",
        {"thing1": "事项名称", "character_string2": "办件编号", "time3": "截止时间", "number4": "剩余工作日"},
        sms="您申请的${item}还剩${left}个工作日可以补正，逾期可能按撤回处理，请到小程序“我的办件”补正。",
    ),
    "bill_issued": Template("缴费通知", {"thing1": "缴费项目", "amount2": "应缴金额", "thing3": "收款单位", "time4": "开单时间"}),
    "bill_due": Template("缴费到期提醒", {"thing1": "缴费项目", "amount2": "应缴金额", "thing3": "收款单位", "time4": "截止时间"}),
    "bill_paid": Template("缴费成功通知", _PAID),
    "bill_refunded": Template("退款通知", _PAID),
    "licence_expiring": Template("证照到期提醒", {"thing1": "证照名称", "date2": "到期日期", "thing3": "办理建议"}),
    "appointment_tomorrow": Template(
        "预约提醒",
        {"thing1": "预约事项", "time2": "预约时间", "thing3": "办理地点", "character_string4": "预约号"},
        sms="您预约了${at}到${place}办理${item}，请带齐材料准时前往；不能前往请提前取消。",
    ),
    "account_changed": Template(
        "账号变动提醒",
        {"thing1": "变动内容", "time2": "变动时间", "thing3": "温馨提示"},
        sms="您的政务服务账号有变动：${what}。如非本人操作，请致电12345。",
    ),
    "parcel_moved": Template(
        "寄递进度提醒",
        {"thing1": "寄递内容", "phrase2": "寄递状态", "time3": "更新时间", "thing4": "备注", "character_string5": "运单编号"},
    ),
    "parcel_problem": Template(
        "寄递异常提醒",
        {"thing1": "寄递内容", "phrase2": "寄递状态", "time3": "更新时间", "thing4": "处理办法"},
        sms="您的${what}寄递件${state}，请到小程序“我的寄递”查看处理办法。",
    ),
    "papers_arrived": Template("材料送达提醒", {"thing1": "事项名称", "time2": "送达时间", "thing3": "收件地点", "character_string4": "办件编号"}),
    "appointment_moved": Template(
        "预约变动提醒",
        {"thing1": "预约事项", "phrase2": "预约状态", "time3": "预约时间", "thing4": "办理地点", "character_string5": "预约号"},
        sms="您预约的${item}${state}，时间${at}，请到小程序“我的预约”查看。",
    ),
    "complaint_moved": Template("诉求办理提醒", {"thing1": "诉求标题", "phrase2": "办理状态", "time3": "更新时间", "character_string4": "诉求编号"}),
    "rating_moved": Template("评价整改提醒", {"thing1": "评价事项", "phrase2": "整改状态", "time3": "更新时间", "thing4": "备注"}),
    "notice": Template("政务服务通知", _NOTICE),
}
LONG_TERM = ("notice",)  # a person allows these once for good, at WeChat and at Alipay; the others once for each message
