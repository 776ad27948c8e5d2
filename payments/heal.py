"""What reconciliation may put right by itself: only what the party that holds the money, asked again, says is so. The rest is a human's.

`Healer` is supplied by the wiring: it knows the stories. Every call of it must be harmless the second time.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, Protocol

from kit.errors import Outside
from payments.gateways import GatewayName
from payments.ledger import day_of
from payments.match import Difference

log = logging.getLogger(__name__)

MOST = 500  # questions to parties outside in one run; with more differences than that something large is wrong, and a human decides
GIVE_UP = 5  # unanswered questions in a row

Healing = Literal["healed", "under_way", "not_certain"]  # under_way: it has been set going; a later run sees whether it came about


@dataclass(frozen=True, slots=True)
class Seen:
    """What a gateway says, asked about one payment or refund that happened."""

    amount_fen: int
    at: datetime


class Healer(Protocol):
    """May raise kit.errors.Outside: then nothing is known. `not_certain` whenever amount, payer or order do not fit: nothing is changed then."""

    async def payment_seen(self, gateway: GatewayName, order_no: str) -> Healing:
        """The statement lists a payment that our ledger lacks: ask the gateway and, if it is paid, run the story of a callback."""

    async def refund_seen(self, gateway: GatewayName, order_no: str, refund_no: str) -> Healing:
        """Likewise for a refund. `under_way` while the gateway is still at it: WeChat lists refunds on the day they begin."""

    async def settle_again(self, order_no: str) -> Healing:
        """The core lacks a settlement, or has one that our ledger does not show: put the settling back on its way.

        `not_certain` for an order whose money is going back or went back.
        """

    async def reverse_again(self, refund_no: str) -> Healing:
        """Likewise for the reversal of a refund."""

    async def look(self, gateway: GatewayName, order_no: str, refund_no: str | None) -> Seen | None:
        """What the gateway says of a payment, or of a refund that is done; None: it knows no such thing. Changes nothing."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A difference and what is known of it. `why` is a word of payments.discrepancies.WHY."""

    difference: Difference
    why: str
    state: Literal["open", "healed", "explained"] = "open"
    evidence: dict[str, str | int] = field(default_factory=dict)


class Patient:
    """Heals the findings of one run, one after the other, and stops asking where nobody answers."""

    def __init__(self, healer: Healer, gateway: GatewayName, day: str, *, may_change: bool) -> None:
        self._healer = healer
        self._gateway = gateway
        self._day = day
        self._may_change = may_change
        self._asked = 0
        self._unanswered = 0

    async def treat(self, finding: Finding) -> Finding:
        """The finding after it. Open ones that nothing certain can be done about stay as they are."""
        remedy = self._remedy(finding) if finding.state == "open" else None
        if remedy is None:
            return finding
        if self._asked >= MOST or self._unanswered >= GIVE_UP:
            return replace(finding, why="too_many" if self._asked >= MOST else "no_answer")
        self._asked += 1
        try:
            treated = await remedy(finding)
        except Outside as exc:
            self._unanswered += 1
            log.warning("not healed", extra={"day": self._day, "gateway": self._gateway, "party": exc.party, "reason": exc.reason})
            return replace(finding, why="no_answer", evidence={**finding.evidence, "reason": exc.reason})
        self._unanswered = 0
        return treated

    def _remedy(self, finding: Finding) -> Callable[[Finding], Awaitable[Finding]] | None:
        kind, detail, joined = finding.difference.kind, finding.difference.detail, finding.difference.joined
        if kind == "only_in_ledger":
            return self._look
        if not self._may_change or finding.why == "other_account":
            return None
        if kind == "only_at_gateway":
            return self._seen
        lacking = detail == "unbooked" or (detail == "missing" and joined.booked is None)
        return self._book if kind == "core_differs" and lacking else None

    async def _look(self, finding: Finding) -> Finding:
        joined = finding.difference.joined
        seen = await self._healer.look(self._gateway, joined.order_no, _refund_no(finding))
        if seen is None:
            return replace(finding, why="not_at_gateway")
        evidence = {**finding.evidence, "gateway_day": day_of(seen.at), "gateway_fen": seen.amount_fen}
        if joined.ledger is not None and seen.amount_fen != joined.ledger.amount_fen:
            return replace(finding, why="gateway_amount", evidence=evidence)
        if day_of(seen.at) != self._day:
            return replace(finding, state="explained", why="other_day", evidence=evidence)
        return replace(finding, why="gateway_agrees", evidence=evidence)

    async def _seen(self, finding: Finding) -> Finding:
        joined = finding.difference.joined
        if joined.about == "paid":
            return _treated(finding, await self._healer.payment_seen(self._gateway, joined.order_no), "payment_seen")
        return _treated(finding, await self._healer.refund_seen(self._gateway, joined.order_no, joined.key), "refund_seen")

    async def _book(self, finding: Finding) -> Finding:
        joined = finding.difference.joined
        if joined.about == "paid":
            return _treated(finding, await self._healer.settle_again(joined.order_no), "settled_again")
        return _treated(finding, await self._healer.reverse_again(joined.key), "reversed_again")


def _treated(finding: Finding, healing: Healing, how: str) -> Finding:
    if healing == "healed":
        return replace(finding, state="healed", why=how)
    return replace(finding, why=healing)


def _refund_no(finding: Finding) -> str | None:
    joined = finding.difference.joined
    return joined.key if joined.about == "refunded" else None
