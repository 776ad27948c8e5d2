"""How an appointment, a day of slots and a place in the line are shown: to whom they belong, and to the window."""

from collections.abc import Sequence
from datetime import date, timedelta

from appointments.code import code_of
from appointments.rules import Rules, cancel_until
from appointments.values import Appointment, Hall, Slot, State, Wait
from kit.clock import BEIJING, at_edge, at_edge_or_none, in_words, now
from kit.crypto import Keyring
from kit.workdays import Calendar
from miniapp_api.shapes_appointments import AppointmentEntry, HallEntry, OfferEntry, SlotDay, SlotEntry, StaffAppointment, WaitEntry

_STATES = {
    State.ASKING: "正在确认",
    State.BOOKED: "已预约",
    State.ARRIVED: "已到大厅",
    State.SERVED: "已办理",
    State.NO_SHOW: "未到",
    State.CANCELLED: "已取消",
    State.CLOSED: "大厅取消",
    State.REFUSED: "未约成",
    State.OTHER: "有变动，请联系大厅",
}
_DENIED = "{at} 已扫码签到，核心平台却记为未到：以签到为准，不计未到，请与大厅核对"
_WAITS = {"waiting": "排队中", "offered": "有号了，请确认", "booked": "已确认", "lapsed": "过时未确认", "left": "已退出", "over": "已结束"}


def entry(one: Appointment, keys: Keyring, rules: Rules, *, made: bool = False) -> AppointmentEntry:
    """`made`: the answer to who just asked for it; 202 while the core's word is not known."""
    until = cancel_until(one.starts_at, rules)
    changeable = one.state is State.BOOKED and now() <= until
    state = "confirming" if one.state is State.ASKING and not one.is_cancelling else "cancelling" if one.state is State.ASKING else one.state.value
    return AppointmentEntry(
        id=one.id,
        item_code=one.item_code,
        item_name=one.item_name,
        case_no=one.case_no,
        state=state,
        state_text="正在取消" if state == "cancelling" else "已改期" if one.moved_to else _STATES[one.state],
        number=one.number,
        hall=hall_entry(one.hall),
        starts_at=at_edge(one.starts_at),
        ends_at=at_edge(one.ends_at),
        cancel_until=at_edge(until),
        can_cancel=changeable or state == "confirming",
        can_reschedule=changeable,
        code=code_of(keys, one.id) if one.state in (State.BOOKED, State.ARRIVED) else None,
        replaces=one.replaces,
        moved_to=one.moved_to,
        note=one.note,
        created_at=at_edge(one.created_at),
        http_status=202 if made and one.state is State.ASKING else None,
    )


def days(slots: Sequence[Slot], first: date, last: date, calendar: Calendar) -> list[SlotDay]:
    """Every day, also those without a slot: the client draws a calendar."""
    at, found = now(), list[SlotDay]()
    for n in range((last - first).days + 1):
        day = first + timedelta(days=n)
        special = calendar.specials.get(day)
        own = [one for one in slots if one.starts_at.astimezone(BEIJING).date() == day and one.starts_at > at]
        found.append(
            SlotDay(
                date=day.isoformat(),
                working_day=None if calendar.is_provisional(day) else calendar.is_workday(day),
                holiday=special.name if special is not None else None,
                slots=[_slot(one) for one in own],
            )
        )
    return found


def _slot(one: Slot) -> SlotEntry:
    return SlotEntry(
        id=one.id, hall=hall_entry(one.hall), starts_at=at_edge(one.starts_at), ends_at=at_edge(one.ends_at), left=one.free, can_book=one.free > 0
    )


def waiting(one: Wait, before: int | None) -> WaitEntry:
    offer = None
    if one.offer is not None and one.state == "offered":
        place = one.offer
        times = (at_edge(place.starts_at), at_edge(place.ends_at), at_edge(place.until))
        offer = OfferEntry(slot_id=place.slot_id, hall=hall_entry(place.hall), starts_at=times[0], ends_at=times[1], until=times[2])
    return WaitEntry(
        id=one.id,
        item_code=one.line.item_code,
        item_name=one.line.item_name,
        hall_id=one.line.hall_id,
        first=one.line.first,
        last=one.line.last,
        state=one.state,
        state_text=_WAITS[one.state],
        before=before,
        offer=offer,
        created_at=at_edge(one.created_at),
    )


def for_staff(one: Appointment, visitor: str | None) -> StaffAppointment:
    """`visitor`: masked."""
    return StaffAppointment(
        id=one.id,
        number=one.number,
        visitor=visitor,
        item_code=one.item_code,
        item_name=one.item_name,
        case_no=one.case_no,
        state=one.state.value,
        state_text=_STATES[one.state],
        hall=hall_entry(one.hall),
        starts_at=at_edge(one.starts_at),
        ends_at=at_edge(one.ends_at),
        arrived_at=at_edge_or_none(one.arrived_at),
        excused=one.excused_at is not None,
        remark=_DENIED.format(at=in_words(one.arrived_at)) if one.denied_at is not None and one.arrived_at is not None else "",
    )


def hall_entry(one: Hall) -> HallEntry:
    return HallEntry(hall_id=one.hall_id, name=one.name, address=one.address)
