"""The wallet in a person's WeChat: pays what a merchant ordered, as the cashier of the world says."""

from typing import Any

from sandbox.book import Book
from sandbox.clock import WorldClock
from sandbox.wallets import NotPayable
from sandbox.wechat_pay_notices import Notices
from sandbox.wechat_pay_orders import Json, Orders, number, utc


class WeChatWallet:
    """A wallets.Wallet."""

    def __init__(self, book: Book, orders: Orders, notices: Notices, clock: WorldClock) -> None:
        self._book = book
        self._orders = orders
        self._notices = notices
        self._clock = clock

    def pay(self, order_no: str, how: str, even_closed: bool) -> dict[str, Any] | NotPayable:
        order = self._orders.find(order_no)
        if order is None:
            return NotPayable(404, "没有这笔订单")
        if order["state"] in ("SUCCESS", "REFUND"):
            return NotPayable(409, "这笔订单已经支付")
        if not even_closed and (order["state"] == "CLOSED" or self._orders.is_expired(order)):
            return NotPayable(409, "这笔订单已经关闭" if order["state"] == "CLOSED" else "这笔订单已经过期")
        if how in ("forged", "wrong_amount"):
            self._pretend(order, how)
            return {"order_no": order_no, "paid": False, "transaction_id": None}
        with self._book.together():
            paid = self._orders.paid(order)
            self._notices.tell(paid, way=how)
        return {"order_no": order_no, "paid": True, "transaction_id": paid["transaction_id"]}

    def _pretend(self, order: Json, how: str) -> None:
        """A notice of a payment that never was."""
        now = self._clock.seconds()
        told = order | {"state": "SUCCESS", "transaction_id": number("4200", now), "paid": now}
        if how == "wrong_amount":
            told["amount_fen"] += 1
        self._notices.tell(told, way=how)

    def orders(self) -> list[dict[str, Any]]:
        return [self._shown(order) for order in self._orders.every()]

    def _shown(self, order: Json) -> Json:
        state = {"NOTPAY": "unpaid", "CLOSED": "closed"}.get(order["state"], "paid")
        return {
            "wallet": "wechat",
            "order_no": order["order_no"],
            "title": order["title"],
            "amount_fen": order["amount_fen"],
            "state": "expired" if self._orders.is_expired(order) else state,
            "person": order["person"],
            "made_at": utc(order["made"]),
            "expires_at": utc(order["expires"]),
            "refunded_fen": order["refunded_fen"],
        }
