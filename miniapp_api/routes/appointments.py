"""Appointments of a resident: free times by day, a place taken, moved, called off, its code for the hall; and the waiting line."""

from appointments import calling_off, waiting
from appointments.code import code_of, png, svg
from appointments.making import check_movable
from appointments.values import Appointment, State, Wait
from kit.errors import Conflict, NotFound
from miniapp_api import appointment_made, appointment_view
from miniapp_api.appointment_changed import work_of
from miniapp_api.gate import Call, Raw, Routes
from miniapp_api.may import may_do
from miniapp_api.page_place import cursor, place
from miniapp_api.shapes import NoBody
from miniapp_api.shapes_appointments import (
    AppointmentEntry,
    AppointmentList,
    AppointmentsQuery,
    NewAppointment,
    NewWait,
    OtherSlot,
    QrQuery,
    SlotDays,
    SlotsQuery,
    WaitEntry,
    WaitList,
)

routes = Routes()
_PATH, _WAIT = "/v1/appointments/<appointment_id:str>", "/v1/appointments/waiting/<wait_id:str>"
_NOTE, _STALE = "余量会随时变化，以预约时为准", "大厅系统暂时没有答复，这是上次看到的余量，以预约时为准"


@routes.add("GET", "/v1/items/<code:str>/slots", who="anyone", summary="一个事项可约的时间，按天", query=SlotsQuery, reply=SlotDays)
async def slots(call: Call, code: str) -> SlotDays:
    query: SlotsQuery = call.query
    item = await call.deps.catalogue.item(code)
    first, last = appointment_made.span_asked(call, query.first, query.last)
    found = await appointment_made.seen(call, code, first, last)
    own = [one for one in found.slots if query.hall in ("", one.hall.hall_id)]
    return SlotDays(
        item_code=code,
        item_name=item["name"],
        days=appointment_view.days(own, first, last, call.deps.workdays.current),
        stale=found.as_of is not None,
        as_of=appointment_made.as_of(found),
        note=_NOTE if found.as_of is None else _STALE,
    )


@routes.add(
    "POST",
    "/v1/appointments",
    who="resident",
    summary="预约；大厅还没有答复时为 202，正在确认",
    body=NewAppointment,
    reply=AppointmentEntry,
    status=201,
    idempotent=True,
)
async def make(call: Call) -> AppointmentEntry:
    return _entry(call, await appointment_made.make(call), made=True)


@routes.add("GET", "/v1/appointments", who="resident", summary="我的预约", query=AppointmentsQuery, reply=AppointmentList)
async def mine(call: Call) -> AppointmentList:
    query: AppointmentsQuery = call.query
    subject = call.resident.subject
    found = [] if subject is None else await call.deps.appointing.store.mine(subject.key, place(query.cursor), query.limit)
    after = cursor(found[-1].starts_at, found[-1].id) if len(found) == query.limit else None
    return AppointmentList(items=[_entry(call, one) for one in found], next_cursor=after)


@routes.add("POST", "/v1/appointments/waiting", who="resident", summary="排候补", body=NewWait, reply=WaitEntry, status=201, idempotent=True)
async def wait(call: Call) -> WaitEntry:
    return await _waiting(call, await appointment_made.join(call))


@routes.add("GET", "/v1/appointments/waiting", who="resident", summary="我的候补", reply=WaitList)
async def waits(call: Call) -> WaitList:
    subject = call.resident.subject
    found = [] if subject is None else await call.deps.appointing.waits.mine(subject.key)
    return WaitList(items=[await _waiting(call, one) for one in found])


@routes.add("DELETE", _WAIT, who="resident", summary="退出候补", reply=WaitEntry)
async def leave(call: Call, wait_id: str) -> WaitEntry:
    own = await _own_wait(call, wait_id)
    await may_do(call, "apply")
    return await _waiting(call, await waiting.leave(work_of(call.deps), own))


@routes.add("POST", f"{_WAIT}/accept", who="resident", summary="确认候补到的号", body=NoBody, reply=AppointmentEntry, status=201, idempotent=True)
async def accept(call: Call, wait_id: str) -> AppointmentEntry:
    return _entry(call, await appointment_made.accept(call, await _own_wait(call, wait_id)), made=True)


@routes.add("GET", _PATH, who="resident", summary="一个预约", reply=AppointmentEntry)
async def look(call: Call, appointment_id: str) -> AppointmentEntry:
    return _entry(call, await _own(call, appointment_id))


@routes.add(
    "GET",
    f"{_PATH}/qr",
    who="resident",
    summary="预约二维码，到大厅出示",
    query=QrQuery,
    media={"image/png": bytes, "image/svg+xml": bytes},
)
async def qr(call: Call, appointment_id: str) -> Raw:
    own = await _own(call, appointment_id)
    if own.state not in (State.BOOKED, State.ARRIVED):
        raise Conflict("appointment_no_code", "这个预约现在没有二维码：还没有确认，或已经结束")
    code, is_png = code_of(call.deps.keys, own.id), call.query.form == "png"
    body = png(code) if is_png else svg(code)
    return Raw(body, "image/png" if is_png else "image/svg+xml", headers={"Cache-Control": "private, no-store"})


@routes.add("DELETE", _PATH, who="resident", summary="取消预约（截止时间以前）", reply=AppointmentEntry)
async def cancel(call: Call, appointment_id: str) -> AppointmentEntry:
    own = await _own(call, appointment_id)
    await may_do(call, "apply")
    work = work_of(call.deps)
    gone = await calling_off.cancel(work, own.id)
    if gone is None:
        own = await _own(call, appointment_id)
        check_movable(work, own, await appointment_made.aid_of(call, own.item_code))
        raise Conflict("appointment_over", "这个预约已经结束，不能取消")
    return _entry(call, gone)


@routes.add(
    "POST",
    f"{_PATH}/reschedule",
    who="resident",
    summary="改期：先约上新的，再退掉原来的；新的约不上，原来的不变",
    body=OtherSlot,
    reply=AppointmentEntry,
    status=201,
    idempotent=True,
)
async def reschedule(call: Call, appointment_id: str) -> AppointmentEntry:
    own = await _own(call, appointment_id)
    return _entry(call, await appointment_made.reschedule(call, own, call.body.slot_id), made=True)


async def _own(call: Call, appointment_id: str) -> Appointment:
    """Of whom the caller acts for. Somebody else's is not told from one that is not there."""
    subject = call.resident.subject
    found = await call.deps.appointing.store.appointment(appointment_id) if subject is not None else None
    if found is None or subject is None or found.who.subject_key != subject.key:
        raise NotFound("appointment_unknown", "没有找到这个预约，请从“我的预约”中打开")
    return found


async def _own_wait(call: Call, wait_id: str) -> Wait:
    subject = call.resident.subject
    found = await call.deps.appointing.waits.wait(wait_id) if subject is not None else None
    if found is None or subject is None or found.who.subject_key != subject.key:
        raise NotFound("waiting_unknown", "没有找到这个候补，请从“我的候补”中打开")
    return found


def _entry(call: Call, one: Appointment, *, made: bool = False) -> AppointmentEntry:
    return appointment_view.entry(one, call.deps.keys, call.deps.appointing.rules, made=made)


async def _waiting(call: Call, one: Wait) -> WaitEntry:
    return appointment_view.waiting(one, await call.deps.appointing.waits.before(one) if one.state == "waiting" else None)
