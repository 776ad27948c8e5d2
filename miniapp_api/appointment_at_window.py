"""Story: the window's part in appointments: whose they are by department and region of the item, as they were when it was booked."""

from datetime import datetime

from appointments import arriving
from appointments.values import Appointment, Place
from kit.errors import NotFound
from miniapp_api.appointment_changed import work_of
from miniapp_api.gate import Call
from miniapp_api.item_place import place_of
from miniapp_api.staff_places import own_rows
from miniapp_api.wiring import Deps
from staff.roles import within


async def own(call: Call, appointment_id: str) -> Appointment:
    """One of another department is not told from one that is not there."""
    one = await call.deps.appointing.store.appointment(appointment_id)
    if one is None or not await _is_mine(call, one):
        raise NotFound("appointment_unknown", "没有找到这个预约，请核对编号")
    return one


async def of_code(call: Call, code: str) -> Appointment:
    """As `own`, by what its code says."""
    one = await arriving.of_code(work_of(call.deps), call.deps.keys, code)
    if one is None or not await _is_mine(call, one):
        raise NotFound("appointment_code_unknown", "这个二维码不是本平台的预约码，或不属于您的部门和区划，请核对后重新扫描")
    return one


async def listed(
    call: Call, span: tuple[datetime, datetime], hall_id: str, last: tuple[datetime, str] | None, limit: int
) -> tuple[list[Appointment], Appointment | None]:
    """(the window's own, the soonest first; the last one looked at, where there may be more)."""
    store, places = call.deps.appointing.store, dict[str, Place]()

    async def mine(one: Appointment) -> bool:
        if one.place is None and one.item_code not in places:
            places[one.item_code] = await place_now(call.deps, one.item_code)
        return _covers(call, one.place or places[one.item_code])

    return await own_rows(lambda after: store.of_day(span, hall_id, after, limit), mine, lambda one: (one.starts_at, one.id), last, limit)


async def place_now(deps: Deps, item_code: str) -> Place:
    """What is in no catalogue any more is for those who may see everything."""
    try:
        return Place(*place_of(await deps.catalogue.item(item_code)))
    except NotFound:
        return Place(None, None)


async def place_kept(deps: Deps, one: Appointment) -> Place:
    """As it was booked; of a row that is older than that, as the item stands now."""
    return one.place or await place_now(deps, one.item_code)


async def _is_mine(call: Call, one: Appointment) -> bool:
    return _covers(call, await place_kept(call.deps, one))


def _covers(call: Call, place: Place) -> bool:
    return within(call.staff.scope, place.department, place.region)
