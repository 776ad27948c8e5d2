"""Story: the core issued a bill. Its owner is told once, however often and by whichever way the core says so, and it is watched until it is due."""

from typing import Literal

from core.types import BillIssued
from kit.mongo import Tx
from miniapp_api import reminding, telling
from miniapp_api.wiring import Deps
from notify import reminder_messages
from notify.store import message_id
from notify.told import Told

Outcome = Literal["applied", "repeated", "not_ours"]


async def apply(deps: Deps, tx: Tx, event: BillIssued) -> Outcome:
    """In the transaction in which the event's id is written down. A bill that was told of is not told again under another event id."""
    whom = await whom_to_tell(deps, event)
    if whom is None:
        return "not_ours"
    key = f"bill_issued:{event.bill.bill_id}"
    if await deps.messages.message(message_id(key, whom)) is not None:
        return "repeated"
    await reminding.plant_for_bill(deps, tx, whom, event.bill.bill_id, event.bill.expires_at)
    await telling.put(deps, tx, key, whom, told_of(event))
    return "applied"


async def whom_to_tell(deps: Deps, event: BillIssued) -> str | None:
    """The owner, if they ever confirmed here who they are; of a minor's bill whoever filed the case. None: nobody we know."""
    if await deps.residents.person(event.bill.person_id) is not None:
        return event.bill.person_id
    case = await deps.cases.by_request(event.request_id) if event.request_id is not None else None
    filed_by = str(case["person_id"]) if case is not None else ""
    return filed_by if filed_by and await deps.residents.person(filed_by) is not None else None


def told_of(event: BillIssued) -> Told:
    return reminder_messages.bill_issued(event.bill, event.case_no)
