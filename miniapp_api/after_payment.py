"""Story: a gateway says that an order is paid, or that a refund is done. Told by a notice, a query or a statement, always this one story.

What changes and what must follow (book it at the core, tell the resident) are one write; the second telling changes nothing.
"""

import logging
from dataclasses import dataclass

from delivery import asking
from delivery.shipping import Shipping
from kit.mongo import DuplicateKeyError, Mongo, Tx
from kit.outbox import Outbox
from payments import refunding, settlement
from payments.gateways import Payment, Refund
from payments.order_store import Orders
from payments.paying import FoundBy, Outcome
from payments.refund_store import Refunds
from payments.refunds import send_back
from payments.settle import Mismatch, check, check_refund
from payments.states import OrderState, RefundState

log = logging.getLogger(__name__)

TELL = "pay.tell"  # the row that miniapp_api/payment_told.py carries out


@dataclass(frozen=True, slots=True)
class AfterPayment:
    mongo: Mongo
    orders: Orders
    refunds: Refunds
    outbox: Outbox
    shipping: Shipping | None = None  # None: nothing that is paid for is a parcel

    async def paid(self, payment: Payment, found_by: FoundBy) -> Outcome:
        """Raises Mismatch when it is not a payment of that order; nothing is changed then."""
        order = await self.orders.order(payment.order_no)
        check(order, self.orders.payer(order) if order is not None else "", payment)
        if order is not None and order["transaction_id"] == payment.transaction_id:
            return "already_paid"

        async def all_of_it(tx: Tx) -> Outcome:
            if (moved := await self.orders.mark_paid(tx, payment, found_by, OrderState.PAID)) is None:
                return await self._late(tx, payment, found_by)
            if self.shipping is not None:
                await asking.paid(self.shipping, tx, moved["bill_id"])  # its freight: the courier is asked from here on
            own = {"order_no": payment.order_no}
            await self.outbox.put(tx, settlement.KIND, settlement.row_key(payment.order_no), own)
            await self.outbox.put(tx, TELL, f"tell:paid:{payment.order_no}", {"what": "paid", **own})
            return "paid_now"

        try:
            return await self.mongo.transaction(all_of_it)
        except DuplicateKeyError as exc:
            raise Mismatch("transaction_of_another_order", payment.order_no) from exc

    async def _late(self, tx: Tx, payment: Payment, found_by: FoundBy) -> Outcome:
        """It was paid meanwhile, or nobody was to pay it any more: then the money goes back by itself."""
        order = await self.orders.order(payment.order_no, tx)
        if order is not None and order["transaction_id"] == payment.transaction_id:
            return "already_paid"
        if order is None or order["state"] != OrderState.CLOSED:
            raise Mismatch("second_transaction", payment.order_no)
        moved = await self.orders.mark_paid(tx, payment, found_by, OrderState.RETURNING, returning_because="paid_after_close")
        if moved is None:
            raise Mismatch("second_transaction", payment.order_no)
        await send_back(self.orders, self.refunds, self.outbox, tx, moved)
        return "came_too_late"

    async def refunded(self, refund: Refund) -> None:
        """Only a refund that is done changes anything here; what is still under way is asked for by the worker."""
        known, order = await self.refunds.refund(refund.refund_no), await self.orders.order(refund.order_no)
        check_refund(order, known, refund)
        if refund.state != "done" or refund.refunded_at is None or known is None or known["state"] == RefundState.DONE:
            return
        at = refund.refunded_at

        async def all_of_it(tx: Tx) -> None:
            before = (RefundState.APPROVED, RefundState.SENDING, RefundState.ABNORMAL)
            facts = {"refunded_at": at, "refund_id": refund.refund_id}
            moved = await self.refunds.move(tx, refund.refund_no, before, RefundState.DONE, **facts)
            own = await self.orders.order(refund.order_no, tx)
            if moved is None or own is None:
                await self._done_already(tx, refund)
                return
            await self.orders.mark_refunded(tx, own, refund.refund_no, refund.amount_fen, at)
            if own["state"] == OrderState.SETTLED:
                await self.outbox.put(tx, refunding.REVERSE, refunding.reverse_key(refund.refund_no), {"refund_no": refund.refund_no})
            told = {"what": "refunded", "order_no": refund.order_no, "refund_no": refund.refund_no}
            await self.outbox.put(tx, TELL, f"tell:refunded:{refund.refund_no}", told)

        await self.mongo.transaction(all_of_it)

    async def _done_already(self, tx: Tx, refund: Refund) -> None:
        known = await self.refunds.refund(refund.refund_no, tx)
        if known is None or known["state"] != RefundState.DONE:
            raise Mismatch("refund_not_under_way", refund.order_no)
