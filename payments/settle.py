"""Is this payment the payment of that order? Everything a gateway says is held against what was frozen when the order was made."""

from collections.abc import Mapping
from typing import Any

from payments.gateways import Payment, Refund


class Mismatch(Exception):
    """What a gateway says does not fit what we know. Nothing is changed for it; an operator is told. `reason`: a short word of ours."""

    def __init__(self, reason: str, order_no: str) -> None:
        super().__init__(f"{reason}: {order_no}")
        self.reason = reason
        self.order_no = order_no


def check(order: Mapping[str, Any] | None, payer: str, payment: Payment) -> None:
    """Gateway, currency, amount and payer. Raises Mismatch. (Merchant and app were checked where the notice was read.)"""
    if order is None:
        raise Mismatch("unknown_order", payment.order_no)
    if order["gateway"] != payment.gateway:
        raise Mismatch("wrong_gateway", payment.order_no)
    if order["currency"] != payment.currency:
        raise Mismatch("wrong_currency", payment.order_no)
    if order["amount_fen"] != payment.amount_fen:
        raise Mismatch("wrong_amount", payment.order_no)
    comparable = [one for one in payment.payers if is_alipay_user(one) == is_alipay_user(payer)]
    if comparable and payer not in comparable:
        raise Mismatch("wrong_payer", payment.order_no)


def check_refund(order: Mapping[str, Any] | None, known: Mapping[str, Any] | None, refund: Refund) -> None:
    """It is one we asked for, of that order and that amount. Raises Mismatch."""
    if order is None or known is None or known["order_no"] != refund.order_no:
        raise Mismatch("unknown_refund", refund.order_no)
    if order["gateway"] != refund.gateway:
        raise Mismatch("wrong_gateway", refund.order_no)
    if known["amount_fen"] != refund.amount_fen:
        raise Mismatch("wrong_amount", refund.order_no)


def is_alipay_user(account: str) -> bool:
    """A user id (2088 and 12 digits) is never equal to an open id of the same person, so the two are not compared."""
    return len(account) == 16 and account.startswith("2088") and account.isdecimal()
