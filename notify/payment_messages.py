"""What residents are told about money, in words: one definition per kind, for the inbox and for WeChat's typed template values."""

from datetime import datetime

from kit.clock import in_words
from kit.money import yuan
from notify.messages import character_string, plain, thing

PAID, REFUNDED = "bill_paid", "bill_refunded"
Values = dict[str, dict[str, str]]


def paid_text(title: str, payee: str, amount_fen: int, order_no: str) -> str:
    return plain(f"您已支付“{title}”{yuan(amount_fen)} 元（收款单位：{payee}，订单编号 {order_no}），缴费凭证可在订单详情查看。")[:2000]


def refunded_text(title: str, amount_fen: int, order_no: str, *, by_itself: bool) -> str:
    why = "这笔款项没有入账，" if by_itself else ""
    return plain(f"“{title}”{why}已原路退回 {yuan(amount_fen)} 元（订单编号 {order_no}），到账时间以您的支付账户为准。")[:2000]


def values(title: str, amount_fen: int, at: datetime, order_no: str) -> Values:
    """Both templates have the same four fields."""
    return {
        "thing1": {"value": thing(title)},
        "amount2": {"value": f"{yuan(amount_fen)}元"},
        "time3": {"value": in_words(at)},
        "character_string4": {"value": character_string(order_no)},
    }
