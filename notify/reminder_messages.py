"""What residents are told of bills that came and of what ends soon, in words. No number of a licence, and nothing else that says who it is."""

from datetime import datetime
from urllib.parse import quote

from core.types import Bill, IssuedBill
from kit.clock import BEIJING, in_words
from kit.money import yuan
from notify import reminders
from notify.kinds import Value
from notify.told import Told
from notify.values import plain

ISSUED = "bill_issued"
ADVICE = "请在到期前及时换领或延续"


def correction_due(item_name: str, case_no: str, due_at: datetime, left: int) -> Told:
    """`left`: working days after today, the last one among them."""
    when = f"还剩 {left} 个工作日" if left else "今天是最后一天"
    text = f"您申请的“{item_name}”（办件编号 {case_no}）请在 {in_words(due_at)} 前补正，{when}，逾期可能按撤回处理。请到“我的办件”查看补正通知并一次补正。"
    fields: dict[str, Value] = {"item": item_name, "case_no": case_no, "due": due_at, "left": left}
    return _told(reminders.CORRECTION, text, fields, f"pages/case/detail?no={_own(case_no)}", case_no)


def bill_issued(bill: IssuedBill, case_no: str | None) -> Told:
    until = f"，请在 {in_words(bill.expires_at)} 前缴费" if bill.expires_at is not None else ""
    text = f"您有一张新的缴费单：“{bill.title}”{yuan(bill.amount_fen)} 元（收款单位：{bill.payee}）{until}。可在“我的缴费”中查看和支付。"
    fields: dict[str, Value] = {"title": bill.title, "amount": bill.amount_fen, "payee": bill.payee, "at": bill.issued_at}
    return _told(ISSUED, text, fields, _bill_page(bill.bill_id), case_no)


def bill_due(bill: Bill, due_at: datetime) -> Told:
    """As it is owed now."""
    text = f"缴费单“{bill.title}”{yuan(bill.amount_fen)} 元（收款单位：{bill.payee}）将于 {in_words(due_at)} 到期，还没有缴费，请到“我的缴费”中支付。"
    fields: dict[str, Value] = {"title": bill.title, "amount": bill.amount_fen, "payee": bill.payee, "due": due_at}
    return _told(reminders.BILL, text, fields, _bill_page(bill.bill_id), bill.case_no)


def licence_expiring(name: str, due_at: datetime) -> Told:
    local = due_at.astimezone(BEIJING)
    text = f"您的“{name}”将于 {local.year}年{local.month}月{local.day}日 到期，{ADVICE}，以免影响使用；已经换领的请忽略。可在“我的证照”中查看。"
    return _told(reminders.LICENCE, text, {"licence": name, "due": due_at, "advice": ADVICE}, "pages/licence/list", None)


def appointment_tomorrow(appointment_id: str, item_name: str, at: datetime, place: str, number: str) -> Told:
    """`number`: the one that is called at the window."""
    text = f"您预约了 {in_words(at)} 到{place}办理“{item_name}”（预约号 {number}），请带齐材料准时前往；不能前往请提前取消。"
    fields: dict[str, Value] = {"item": item_name, "at": at, "place": place, "number": number}
    return _told(reminders.APPOINTMENT, text, fields, f"pages/appointment/detail?id={_own(appointment_id)}", None)


def _told(kind: str, text: str, fields: dict[str, Value], page: str, case_no: str | None) -> Told:
    return Told(kind, plain(text)[:2000], fields, page, case_no)


def _bill_page(bill_id: str) -> str:
    return f"pages/bill/detail?id={_own(bill_id)}"


def _own(value: str) -> str:
    """An id in the address of a page: no sign of it can end it or begin another part."""
    return quote(value, safe="")
