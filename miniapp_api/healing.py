"""Story: reconciliation found something missing, and whoever holds the money is asked. What is certain then takes the way of a callback."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from kit.mongo import DuplicateKeyError, Tx
from payments import refunding, settlement
from payments.gateways import Gateway, GatewayName
from payments.heal import Healing, Seen
from payments.paying import Paying
from payments.settle import Mismatch
from payments.states import OrderState, RefundState


@dataclass(frozen=True, slots=True)
class ByStory:
    """payments.heal.Healer with the real stories. An order is asked for at its own gateway, if that is of the account being reconciled."""

    paying: Paying

    async def payment_seen(self, gateway: GatewayName, order_no: str) -> Healing:
        order = await self.paying.orders.order(order_no)
        own = self._own(gateway, order)
        if order is None or own is None:
            return "not_certain"
        payment = await own.query(order_no)
        if isinstance(payment, str):
            return "not_certain"
        try:
            await self.paying.seen.paid(payment, "statement")
        except Mismatch as exc:
            await self.paying.orders.turned_away(payment.gateway, exc.reason, order_no)
            return "not_certain"
        return "healed"

    async def refund_seen(self, gateway: GatewayName, order_no: str, refund_no: str) -> Healing:
        order, refund = await self.paying.orders.order(order_no), await self.paying.refunds.refund(refund_no)
        own = self._own(gateway, order)
        if order is None or refund is None or own is None or refund["order_no"] != order_no:
            return "not_certain"
        told = await own.query_refund(refunding.ask_for(order, refund))
        if told is None or told.state not in ("done", "processing"):
            return "not_certain"
        if told.state == "processing":
            return "under_way"
        try:
            await self.paying.seen.refunded(told)
        except Mismatch as exc:
            await self.paying.orders.turned_away(told.gateway, exc.reason, order_no)
            return "not_certain"
        return "healed"

    async def settle_again(self, order_no: str) -> Healing:
        order = await self.paying.orders.order(order_no)
        if order is None or order["state"] != OrderState.PAID:
            return "not_certain"
        return await self._again(settlement.KIND, settlement.row_key(order_no), {"order_no": order_no})

    async def reverse_again(self, refund_no: str) -> Healing:
        refund = await self.paying.refunds.refund(refund_no)
        if refund is None or refund["state"] != RefundState.DONE or refund.get("reversed_at") is not None:
            return "not_certain"
        return await self._again(refunding.REVERSE, refunding.reverse_key(refund_no), {"refund_no": refund_no})

    async def look(self, gateway: GatewayName, order_no: str, refund_no: str | None) -> Seen | None:
        order = await self.paying.orders.order(order_no)
        own = self._own(gateway, order) or self.paying.gateways[gateway]
        if refund_no is None:
            payment = await own.query(order_no)
            return None if isinstance(payment, str) else Seen(payment.amount_fen, payment.paid_at)
        refund = await self.paying.refunds.refund(refund_no)
        if order is None or refund is None:
            return None
        told = await own.query_refund(refunding.ask_for(order, refund))
        return Seen(told.amount_fen, told.refunded_at) if told is not None and told.refunded_at is not None else None

    def _own(self, gateway: GatewayName, order: Mapping[str, Any] | None) -> Gateway | None:
        """The gateway the order was made with; None when it is of another merchant account than `gateway`."""
        account, own = self.paying.gateways[gateway], self.paying.gateways.get(order["gateway"]) if order is not None else None
        if own is None or order is None or (own.channel, order["merchant"]) != (account.channel, account.merchant):
            return None
        return own

    async def _again(self, kind: str, key: str, payload: dict[str, Any]) -> Healing:
        """A parked row goes on, a lost one is written anew, one that waits goes on waiting."""
        outbox = self.paying.outbox
        if await outbox.retry_parked(key):
            return "under_way"

        async def put(tx: Tx) -> None:
            await outbox.put(tx, kind, key, payload)

        with suppress(DuplicateKeyError):
            await self.paying.mongo.transaction(put)
        return "under_way"
