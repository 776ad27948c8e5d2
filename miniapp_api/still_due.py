"""Whether what somebody would be reminded of is still so, by whoever knows: our own cases, the core's bills and licences."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Literal

from cases.licences import is_valid
from cases.moves import projection_of
from core.licences import Licence
from core.subjects import person_key
from miniapp_api.appointment_whom import is_concerned
from miniapp_api.wiring import Deps
from notify import reminder_messages, reminders
from notify.reminders import Watch
from notify.told import Told
from payments.states import bill_state

# The words to tell; "over": nothing to remind of; "later": it cannot be said now; a moment: it ends then, not when the watch says.
Found = Told | datetime | Literal["over", "later"]


async def look(deps: Deps, watch: Watch, at: datetime) -> Found:
    """Raises Outside while the core does not say."""
    return await _LOOKS[watch.kind](deps, watch, at)


async def _correction(deps: Deps, watch: Watch, at: datetime) -> Found:
    """A new notice has a watch of its own."""
    case = await deps.cases.by_request(watch.about["request_id"])
    notice = projection_of(case).open_notice if case is not None else None
    if case is None or notice is None or f"{case['_id']}/{notice.version}" != watch.thing:
        return "over"
    left = reminders.workdays_left(watch.due_at, at, deps.workdays.current)
    told = reminder_messages.correction_due(case["item_name"], case["case_no"], watch.due_at, left)
    return _dated(watch, notice.due_at, told)


async def _bill(deps: Deps, watch: Watch, at: datetime) -> Found:
    """Paid here counts before the core has booked it."""
    bill = await deps.paying.core.bill(watch.about["bill_id"])
    if bill is None:
        return "over"
    state = bill_state(bill, await deps.paying.orders.live(bill.bill_id))
    if state != "unpaid":
        return "later" if state == "confirming" else "over"
    return _dated(watch, bill.expires_at, reminder_messages.bill_due(bill, watch.due_at))


async def _licence(deps: Deps, watch: Watch, at: datetime) -> Found:
    held = await deps.applying.licensing.core.licences(person_key(watch.person_id))
    licence = next((one for one in held if one.licence_id == watch.about["licence_id"]), None)
    if licence is None or not is_valid(licence, at) or _renewed(licence, held, at):
        return "over"
    return _dated(watch, licence.expires_at, reminder_messages.licence_expiring(licence.name, watch.due_at))


async def _appointment(deps: Deps, watch: Watch, _: datetime) -> Found:
    """The watch itself says so: whoever cancels an appointment gives it up in the same write. Whoever may act for the visitor no more is told nothing."""
    about = watch.about
    one = await deps.appointing.store.appointment(about["appointment_id"])
    if one is not None and not await is_concerned(deps, one.who, watch.person_id):
        return "over"
    return reminder_messages.appointment_tomorrow(about["appointment_id"], about["item"], watch.due_at, about["place"], about["number"])


_LOOKS: Mapping[str, Callable[[Deps, Watch, datetime], Awaitable[Found]]] = {
    reminders.CORRECTION: _correction,
    reminders.BILL: _bill,
    reminders.LICENCE: _licence,
    reminders.APPOINTMENT: _appointment,
}


def _renewed(licence: Licence, held: Sequence[Licence], at: datetime) -> bool:
    """Another one of the same type and number that lasts longer: two cars have two licences, one car's next licence has its number."""
    others = [one for one in held if one.licence_id != licence.licence_id and (one.type, one.number) == (licence.type, licence.number)]
    ends = licence.expires_at
    return any(is_valid(one, at) and (one.expires_at is None or (ends is not None and one.expires_at > ends)) for one in others)


def _dated(watch: Watch, due_at: datetime | None, told: Told) -> Found:
    """`told`, if the thing still ends when the watch says."""
    if due_at is None:
        return "over"
    return told if reminders.same_moment(watch.due_at, due_at) else due_at
