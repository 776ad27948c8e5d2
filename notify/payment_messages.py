"""What residents are told about money, in words."""

from datetime import datetime

from kit.money import yuan
from notify.kinds import Value
from notify.told import Told
from notify.values import plain

PAID, REFUNDED = "bill_paid", "bill_refunded"


def paid(title: str, payee: str, amount_fen: int, at: datetime, order_no: str, case_no: str | None) -> Told:
    text = f"您已支付“{title}”{yuan(amount_fen)} 元（收款单位：{payee}，订单编号 {order_no}），缴费凭证可在订单详情查看。"
    return _told(PAID, text, (title, amount_fen, at, order_no), case_no)


def refunded(title: str, amount_fen: int, at: datetime, order_no: str, case_no: str | None, *, by_itself: bool) -> Told:
    why = "这笔款项没有入账，" if by_itself else ""
    text = f"“{title}”{why}已原路退回 {yuan(amount_fen)} 元（订单编号 {order_no}），到账时间以您的支付账户为准。"
    return _told(REFUNDED, text, (title, amount_fen, at, order_no), case_no)


def _told(kind: str, text: str, facts: tuple[str, int, datetime, str], case_no: str | None) -> Told:
    title, amount_fen, at, order_no = facts
    fields: dict[str, Value] = {"title": title, "amount": amount_fen, "at": at, "order_no": order_no}
    return Told(kind, plain(text)[:2000], fields, f"pages/order/detail?no={order_no}", case_no)
