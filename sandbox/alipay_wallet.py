"""Everything of Alipay's that moves money, put together, and what a person does with it at the till."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sandbox.alipay_bills import Statements
from sandbox.alipay_gate import Call, Gate
from sandbox.alipay_notices import Notices
from sandbox.alipay_refunds import Refunds
from sandbox.alipay_trade import Trades
from sandbox.book import Book, Json
from sandbox.clock import WorldClock
from sandbox.faults import Faults
from sandbox.wallets import LATE, NotPayable


class AlipayWallet:
    """Fulfils wallets.Wallet."""

    def __init__(self, book: Book, account: dict[str, Any], gate: Gate, parts: tuple[WorldClock, Faults]) -> None:
        self.notices = Notices(book, account["app_id"], gate, parts)
        self._trades = Trades(book, account, parts[0], self.notices)
        self._refunds = Refunds(book, self._trades, self.notices, parts)
        self.statements = Statements(book, self._trades, account["seller_id"], parts[0])

    def methods(self) -> dict[str, Callable[[Call], dict[str, Any]]]:
        """What the gateway answers with."""
        return {
            "alipay.trade.create": self._trades.create,
            "alipay.trade.query": self._trades.query,
            "alipay.trade.close": self._trades.close,
            "alipay.trade.refund": self._refunds.refund,
            "alipay.trade.fastpay.refund.query": self._refunds.query,
            "alipay.data.dataservice.bill.downloadurl.query": self.statements.address,
        }

    def pay(self, order_no: str, how: str, even_closed: bool) -> dict[str, Any] | NotPayable:
        trade = self._trades.find(order_no)
        if trade is None:
            return NotPayable(404, "支付宝没有这笔订单")
        if trade["paid_at"] is not None:
            return NotPayable(409, "这笔订单已经付过了")
        if trade["state"] == "TRADE_CLOSED" and not even_closed:
            return NotPayable(409, f"这笔订单{'已过期' if _state(trade) == 'expired' else '已关闭'}，不能支付")
        told = {"order_no": order_no, "paid": how not in ("forged", "wrong_amount"), "transaction_id": trade["trade_no"]}
        if told["paid"]:
            self.notices.send(self._trades.paid(trade, first_gap=LATE if how == "late" else 0, silent=how == "never"), twice=how == "twice")
            return told
        as_if = {**trade, "state": "TRADE_SUCCESS", "closed_at": None}
        if how == "forged":
            self.notices.forge(self._trades.news(as_if))
        else:
            self.notices.send(self.notices.add(self._trades.news(as_if, amount_fen=trade["content"]["amount_fen"] + 1)))
        return told

    def orders(self) -> list[dict[str, Any]]:
        return [_shown(trade) for trade in self._trades.every()]


def _state(trade: Json) -> str:
    if trade["paid_at"] is not None:
        return "paid"
    if trade["state"] == "WAIT_BUYER_PAY":
        return "unpaid"
    return "expired" if trade["closed_at"] == trade["expires"] else "closed"


def _shown(trade: Json) -> dict[str, Any]:
    content = trade["content"]
    about = {"wallet": "alipay", "order_no": trade["order_no"], "title": content["subject"], "amount_fen": content["amount_fen"]}
    times = {"made_at": _iso(trade["made"]), "expires_at": _iso(trade["expires"])}
    return {**about, "state": _state(trade), "person": content["person"], **times, "refunded_fen": trade["refunded_fen"]}


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
