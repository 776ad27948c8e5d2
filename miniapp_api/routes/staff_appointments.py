"""Appointments at the hall: who comes today, somebody shows their code, a no-show is excused."""

from datetime import date

from appointments import arriving
from appointments.slots import day_span
from appointments.values import Appointment
from kit.clock import BEIJING, at_edge, at_edge_or_none, in_words, now
from miniapp_api import appointment_at_window
from miniapp_api.appointment_changed import work_of
from miniapp_api.appointment_view import for_staff, hall_entry
from miniapp_api.gate import Call, Routes
from miniapp_api.page_place import cursor, place
from miniapp_api.shapes_appointments import CheckedIn, CheckIn, Excuse, StaffAppointment, StaffAppointments, StaffAppointmentsQuery
from residents.masks import masked_name

routes = Routes()


@routes.add("POST", "/staff/v1/appointments/check-in", who="staff", may="appointments.handle", summary="扫预约码签到", body=CheckIn, reply=CheckedIn)
async def check_in(call: Call) -> CheckedIn:
    shown = await appointment_at_window.of_code(call, call.body.code)
    arrival = await arriving.check_in(work_of(call.deps), shown, call.body.hall_id)
    one = arrival.appointment
    call.acted_on(one.id)
    came = in_words(one.arrived_at) if one.arrived_at else "此前"
    return CheckedIn(
        id=one.id,
        again=arrival.again,
        text=f"{came}已经签到过，请不要重复取号" if arrival.again else "签到成功",
        number=one.number,
        item_name=one.item_name,
        case_no=one.case_no,
        visitor=await _visitor(call, one),
        hall=hall_entry(one.hall),
        starts_at=at_edge(one.starts_at),
        arrived_at=at_edge_or_none(one.arrived_at),
    )


@routes.add(
    "GET",
    "/staff/v1/appointments",
    who="staff",
    may="appointments.read",
    summary="本部门本区划一天的预约，可按大厅",
    query=StaffAppointmentsQuery,
    reply=StaffAppointments,
)
async def listed(call: Call) -> StaffAppointments:
    query: StaffAppointmentsQuery = call.query
    day = date.fromisoformat(query.date) if query.date else now().astimezone(BEIJING).date()
    found, last = await appointment_at_window.listed(call, day_span(day, day), query.hall, place(query.cursor), query.limit)
    after = cursor(last.starts_at, last.id) if last is not None else None
    return StaffAppointments(items=[for_staff(one, await _visitor(call, one)) for one in found], next_cursor=after)


@routes.add(
    "POST",
    "/staff/v1/appointments/<appointment_id:str>/excuse",
    who="staff",
    may="appointments.handle",
    summary="谅解一次未到：不再计入",
    body=Excuse,
    reply=StaffAppointment,
)
async def excuse(call: Call, appointment_id: str) -> StaffAppointment:
    own = await appointment_at_window.own(call, appointment_id)
    one = await arriving.excuse(work_of(call.deps), own.id, call.body.reason, call.staff.id)
    return for_staff(one, await _visitor(call, one))


async def _visitor(call: Call, one: Appointment) -> str | None:
    """Masked; a child who never signed in has no name here."""
    person = await call.deps.residents.person(one.who.visitor_id)
    return masked_name(person.name) if person is not None else None
