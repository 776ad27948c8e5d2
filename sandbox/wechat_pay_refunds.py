"""Refunds of a wallet at WeChat Pay: taken at once, done a little later, in part or in whole, never more than was paid."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.book import Book
from sandbox.clock import WorldClock
from sandbox.deliveries import Deliveries
from sandbox.faults import Faults
from sandbox.wechat_pay_orders import Json, Orders, Refusal, Version, number

MOST = 50  # refunds of one order
OLDEST = 365 * 86400  # seconds after the payment
TAKES = 0.3  # seconds of the world's clock that a refund is under way


@dataclass(frozen=True, slots=True)
class RefundAsk:
    """`order`: what the caller found by either of its numbers."""

    order: Json | None
    refund_no: str
    amount_fen: int
    total_fen: int
    reason: str
    notify_url: str
    via: Version


class Refunds(Deliveries):
    """Documents "wxpay_refund" by out_refund_no. `tell` is called with the order and a refund that is done, inside its transaction."""

    def __init__(self, book: Book, orders: Orders, clock: WorldClock, faults: Faults, tell: Callable[[Json, Json], None]) -> None:
        super().__init__()
        self._book = book
        self._orders = orders
        self._clock = clock
        self._faults = faults
        self._tell = tell

    def find(self, refund_no: str) -> Json | None:
        return self._book.get("wxpay_refund", refund_no)

    def of(self, order: Json) -> list[Json]:
        """The oldest first."""
        return [refund for number in order["refunds"] if (refund := self.find(number)) is not None]

    def every(self) -> list[Json]:
        return [refund for _, refund in self._book.every("wxpay_refund")]

    def start(self, ask: RefundAsk) -> Json:
        """PROCESSING, or as it stands when asked again. Refusal: order_absent, not_paid, refund_differs, total_differs, too_much, too_many_refunds,
        too_old, not_enough (the merchant's balance)."""
        order = ask.order
        if order is None:
            raise Refusal("order_absent")
        known = self.find(ask.refund_no)
        if known is not None:
            if (known["order_no"], known["amount_fen"], known["total_fen"]) != (order["order_no"], ask.amount_fen, ask.total_fen):
                raise Refusal("refund_differs")
            return known
        self._check(order, ask)
        now = self._clock.seconds()
        made = {
            "refund_no": ask.refund_no,
            "refund_id": number("5030", now),
            "order_no": order["order_no"],
            "transaction_id": order["transaction_id"],
            "amount_fen": ask.amount_fen,
            "total_fen": ask.total_fen,
            "reason": ask.reason,
            "notify_url": ask.notify_url,
            "via": ask.via,
            "made": now,
            "done": None,
            "status": "PROCESSING",
        }
        with self._book.together():
            self._book.put("wxpay_refund", ask.refund_no, made)
            more = {"refunded_fen": order["refunded_fen"] + ask.amount_fen, "refunds": [*order["refunds"], ask.refund_no]}
            self._orders.keep(order | {"state": "REFUND", **more})
        self.spawn(self._finish(ask.refund_no))
        return made

    def _check(self, order: Json, ask: RefundAsk) -> None:
        if order["state"] not in ("SUCCESS", "REFUND"):
            raise Refusal("not_paid")
        if ask.total_fen != order["amount_fen"]:
            raise Refusal("total_differs")
        if order["refunded_fen"] + ask.amount_fen > order["amount_fen"]:
            raise Refusal("too_much")
        if len(order["refunds"]) >= MOST:
            raise Refusal("too_many_refunds")
        if self._clock.seconds() - order["paid"] > OLDEST:
            raise Refusal("too_old")
        if self._faults.now["wechat_pay"]["not_enough"]:
            raise Refusal("not_enough")

    def resume(self) -> None:
        """After a restart: what was under way goes on."""
        for refund in self.every():
            if refund["status"] == "PROCESSING":
                self.spawn(self._finish(refund["refund_no"]))

    async def _finish(self, refund_no: str) -> None:
        await self._clock.wait(TAKES)
        while self._faults.now["wechat_pay"]["refund_processing"]:  # noqa: ASYNC110 - a switch, and nobody waits for it closely
            await asyncio.sleep(0.1)
        with self._book.together():
            refund = self.find(refund_no)
            order = None if refund is None else self._orders.find(refund["order_no"])
            if refund is None or order is None:  # the world was reset meanwhile
                return
            status = "ABNORMAL" if self._faults.now["wechat_pay"]["refund_abnormal"] else "SUCCESS"
            done: dict[str, Any] = refund | {"status": status, "done": self._clock.seconds() if status == "SUCCESS" else None}
            self._book.put("wxpay_refund", refund_no, done)
            if status == "SUCCESS":
                fields = {name: refund[name] for name in ("order_no", "refund_no", "transaction_id", "amount_fen")}
                self._book.write("wechat", "pay.refunded", **fields, person=order["person"])
            self._tell(order, done)
