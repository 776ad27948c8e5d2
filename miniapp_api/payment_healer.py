"""Story: reconciliation found a difference, and the party that holds the money says how it is. What follows is what a notice would have done."""

from payments import refunding, settlement
from payments.gateways import GatewayName, Payment
from payments.heal import Healing, Seen
from payments.paying import Paying
from payments.settle import Mismatch
from payments.states import OrderState, RefundState


class PaymentHealer:
    """Fulfils payments.heal.Healer."""

    def __init__(self, paying: Paying) -> None:
        self._paying = paying

    async def payment_seen(self, gateway: GatewayName, order_no: str) -> Healing:
        order = await self._paying.orders.order(order_no)
        if order is None:
            return "not_certain"
        found = await self._paying.gateway_of(order).query(order_no)
        if not isinstance(found, Payment):
            return "not_certain"
        try:
            await self._paying.seen.paid(found, "statement")
        except Mismatch:
            return "not_certain"
        return "healed"

    async def refund_seen(self, gateway: GatewayName, order_no: str, refund_no: str) -> Healing:
        order, refund = await self._paying.orders.order(order_no), await self._paying.refunds.refund(refund_no)
        if order is None or refund is None or refund["order_no"] != order_no:
            return "not_certain"
        told = await self._paying.gateway_of(order).query_refund(refunding.ask_for(order, refund))
        if told is None:
            return "not_certain"
        if told.state == "processing":
            return "under_way"
        try:
            await self._paying.seen.refunded(told)
        except Mismatch:
            return "not_certain"
        return "healed" if told.state == "done" else "not_certain"

    async def settle_again(self, order_no: str) -> Healing:
        order = await self._paying.orders.order(order_no)
        if order is None or order["state"] != OrderState.PAID:
            return "not_certain"
        return await self._again(settlement.row_key(order_no))

    async def reverse_again(self, refund_no: str) -> Healing:
        refund = await self._paying.refunds.refund(refund_no)
        if refund is None or refund["state"] != RefundState.DONE or refund["reversed_at"] is not None:
            return "not_certain"
        return await self._again(refunding.reverse_key(refund_no))

    async def _again(self, key: str) -> Healing:
        """Its row was written with its cause, so it is there: parked ones go on, waiting ones are on their way."""
        if await self._paying.outbox.retry_parked(key):
            return "under_way"
        return "under_way" if await self._paying.outbox.state(key) == "waiting" else "not_certain"

    async def look(self, gateway: GatewayName, order_no: str, refund_no: str | None) -> Seen | None:
        order = await self._paying.orders.order(order_no)
        if order is None:
            return None
        if refund_no is None:
            found = await self._paying.gateway_of(order).query(order_no)
            return Seen(found.amount_fen, found.paid_at) if isinstance(found, Payment) else None
        refund = await self._paying.refunds.refund(refund_no)
        told = await self._paying.gateway_of(order).query_refund(refunding.ask_for(order, refund)) if refund is not None else None
        if told is None or told.state != "done" or told.refunded_at is None:
            return None
        return Seen(told.amount_fen, told.refunded_at)
