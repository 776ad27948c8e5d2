"""Parcels at the core: that one was handed over, what became of it, and the bill for its freight. Who receives it, and where, the core never hears.

Each of them is the same act however often it is asked, by delivery_id: after Unknown it may be asked again as it was.
"""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from core.answers import agreeing, find, made_as_asked
from core.bills import Bill, Fen, Id
from core.client import Core, parsed, segment
from core.frozen import Frozen, Name
from core.subjects import PersonId

Direction = Literal["to_resident", "to_hall"]
OutcomeState = Literal["delivered", "returned", "lost", "arrived", "picked_up"]
CaseNo = Annotated[str, Field(min_length=1, max_length=50)]


class DeliveryAsk(Frozen):
    """A parcel of this case is on its way. `courier` and `waybill` None: nobody carries it, it waits at the hall (自取)."""

    delivery_id: Id
    case_no: CaseNo
    direction: Direction
    courier: Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[a-z0-9_]+$")] | None = None
    waybill: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    handed_over_at: AwareDatetime


class DeliveryOutcome(Frozen):
    """Where it ended. `arrived`: papers are at the hall; `picked_up`: fetched there by whoever it is for."""

    state: OutcomeState
    at: AwareDatetime


class Delivery(DeliveryAsk):
    """As the core holds it. `outcome` None: under way."""

    outcome: DeliveryOutcome | None = None


class FreightAsk(Frozen):
    """Charge this person for the freight of a parcel that is paid for before it goes. `amount_fen`: the courier's quote."""

    delivery_id: Id
    person_id: PersonId
    case_no: CaseNo
    amount_fen: Fen
    title: Name


class CoreDeliveries:
    """The delivery part of contract v1. Raises NotReached, Unknown and Refused as `Core` does."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def hand_over(self, ask: DeliveryAsk) -> Delivery:
        """One attempt, 6 s. Refused: unknown_case, delivery_id_reused."""
        made = parsed(await self._core.post("/deliveries", ask.model_dump_json().encode(), ask.delivery_id, seconds=6), Delivery)
        return made_as_asked(made, (made.delivery_id, made.case_no) == (ask.delivery_id, ask.case_no))

    async def find_delivery(self, delivery_id: str) -> Delivery | None:
        """None is the core's clear word that it was told of no such parcel."""
        found = await find(self._core, f"/deliveries/{segment(delivery_id)}", Delivery, "unknown_delivery")
        return agreeing(found, found is None or found.delivery_id == delivery_id)

    async def tell_outcome(self, delivery_id: str, outcome: DeliveryOutcome) -> Delivery:
        """One attempt, 6 s. Refused: unknown_delivery, outcome_known (another one stands)."""
        path = f"/deliveries/{segment(delivery_id)}/outcomes"
        made = parsed(await self._core.post(path, outcome.model_dump_json().encode(), delivery_id, seconds=6), Delivery)
        told = made.outcome.state if made.outcome is not None else None
        return made_as_asked(made, (made.delivery_id, told) == (delivery_id, outcome.state))

    async def bill_freight(self, ask: FreightAsk) -> Bill:
        """The bill to pay, issued now or the first time it was asked. One attempt, 6 s. Refused: unknown_case, unknown_person, delivery_id_reused."""
        made = parsed(await self._core.post("/freight-bills", ask.model_dump_json().encode(), ask.delivery_id, seconds=6), Bill)
        return made_as_asked(made, (made.person_id, made.case_no, made.amount_fen) == (ask.person_id, ask.case_no, ask.amount_fen))
