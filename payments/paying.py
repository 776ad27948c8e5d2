"""What paying needs: the stores, the gateways, the core's money, and what `wiring` supplies from other parts of the house."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from core.bills import PayChannel
from core.money import CoreMoney
from kit.errors import NotReached
from kit.mongo import Mongo
from kit.outbox import Outbox
from payments.gateways import Gateway, GatewayName, Payment, Refund
from payments.order_store import Orders
from payments.refund_store import Refunds

log = logging.getLogger(__name__)

Outcome = Literal["paid_now", "already_paid", "came_too_late"]
FoundBy = Literal["notice", "query", "statement"]


class Payers(Protocol):
    """Supplied by wiring: the id under which a resident's wallet on a channel is known, or None."""

    async def account(self, person_id: str, resident_id: str, channel: str) -> str | None: ...


class Seen(Protocol):
    """Supplied by wiring: the one story of a payment and of a refund, whoever found out."""

    async def paid(self, payment: Payment, found_by: FoundBy) -> Outcome:
        """Raises payments.settle.Mismatch when it is not a payment of that order."""

    async def refunded(self, refund: Refund) -> None:
        """Raises payments.settle.Mismatch when it is no refund of ours."""


@dataclass(frozen=True, slots=True)
class Paying:
    """`gateways` holds every one that may still be asked; `chosen` says which one a channel's new orders go to. `minutes`: how long an order may be paid."""

    mongo: Mongo
    orders: Orders
    refunds: Refunds
    outbox: Outbox
    core: CoreMoney
    gateways: Mapping[GatewayName, Gateway]
    chosen: Mapping[PayChannel, GatewayName]
    payers: Payers
    seen: Seen
    minutes: int = 30

    def gateway_of(self, order: Mapping[str, Any]) -> Gateway:
        """The one the order was made with, at the same merchant. Raises NotReached when that is not configured here any more: nothing else
        may be asked about its money."""
        found = self.gateways.get(order["gateway"])
        if found is None or found.merchant != order["merchant"]:
            log.error("merchant of an order is not configured", extra={"gateway": order["gateway"], "merchant": order["merchant"]})
            raise NotReached(order["gateway"], "merchant_not_configured")
        return found
