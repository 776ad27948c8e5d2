"""Money at the core: what a person owes, that it is settled, that it is given back, and the core's own book of a day.

Reads are repeated a few times. Booking never is: after Unknown ask `find_settlement` or `find_reversal` before booking again.
"""

from datetime import date
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from core.answers import agreeing, find, read, same
from core.bills import Bill, BillList, BookPage, Fen, Id, PayChannel, Reversal, Settlement
from core.client import Core, parsed, segment
from core.frozen import Frozen, Text


class SettlementAsk(Frozen):
    """Book this payment against its bill. The same values every time it is asked; `paid_at` is the gateway's word."""

    settlement_id: Id
    bill_id: Id
    bill_version: int = Field(ge=1)  # the one whose amount the order froze
    order_no: Id
    channel: PayChannel
    transaction_id: Annotated[str, Field(min_length=1, max_length=64)]
    amount_fen: Fen
    paid_at: AwareDatetime


class ReversalAsk(Frozen):
    """Take a settlement back, wholly or in part, after the gateway gave the money back."""

    reversal_id: Id
    settlement_id: Id
    amount_fen: Fen
    reason: Text = ""
    refunded_at: AwareDatetime


class CoreMoney:
    """The money part of contract v1. Raises NotReached, Unknown and Refused as `Core` does.

    An answer that cannot be read, or is about something else than was asked (wrong_content), proves nothing: Unknown for a booking,
    NotReached for a read, which changes nothing there and may be asked again.
    """

    def __init__(self, core: Core) -> None:
        self._core = core

    async def bills(self, person_id: str, state: Literal["unpaid", "all"] = "unpaid") -> tuple[Bill, ...]:
        """The newest first, at most 200. A bill of somebody else among them refuses them all."""
        found = await read(self._core, "/bills", BillList, {"person_id": person_id, "state": state})
        return agreeing(found, all(bill.person_id == person_id for bill in found.bills)).bills

    async def bill(self, bill_id: str) -> Bill | None:
        found = await find(self._core, f"/bills/{segment(bill_id)}", Bill, "unknown_bill")
        return agreeing(found, found is None or found.bill_id == bill_id)

    async def settle(self, ask: SettlementAsk) -> Settlement:
        """One attempt, 6 s. Refused: unknown_bill, bill_already_paid (another settlement stands), amount_mismatch, bill_cancelled."""
        reply = await self._core.post("/settlements", ask.model_dump_json().encode(), ask.settlement_id, seconds=6)
        return same(parsed(reply, Settlement), ask, ("settlement_id", "bill_id", "order_no", "amount_fen"))

    async def find_settlement(self, settlement_id: str) -> Settlement | None:
        """What became of a settlement whose reply was lost. None is the core's clear word, never a 404 of somebody in between."""
        found = await find(self._core, f"/settlements/{segment(settlement_id)}", Settlement, "unknown_settlement")
        return agreeing(found, found is None or found.settlement_id == settlement_id)

    async def reverse(self, ask: ReversalAsk) -> Reversal:
        """One attempt, 6 s. Refused: unknown_settlement, more_than_settled."""
        reply = await self._core.post("/reversals", ask.model_dump_json().encode(), ask.reversal_id, seconds=6)
        return same(parsed(reply, Reversal), ask, ("reversal_id", "settlement_id", "amount_fen"))

    async def find_reversal(self, reversal_id: str) -> Reversal | None:
        """Like `find_settlement`."""
        found = await find(self._core, f"/reversals/{segment(reversal_id)}", Reversal, "unknown_reversal")
        return agreeing(found, found is None or found.reversal_id == reversal_id)

    async def book_page(self, day: date, cursor: str = "", limit: int = 500) -> BookPage:
        """What the core booked for money that moved on this Beijing day, in the order it was booked; "" is the beginning."""
        asked = {"date": day.isoformat(), "cursor": cursor, "limit": str(limit)}
        return await read(self._core, "/book", BookPage, asked)
