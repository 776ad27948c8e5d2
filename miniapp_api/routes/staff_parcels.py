"""Parcels at the window: packed, labelled, scanned out; papers received; licences given to whom they are for; what went wrong is seen to."""

from delivery import asking, at_the_window
from delivery.parcels import State, Task
from kit.clock import at_edge, at_edge_or_none
from kit.errors import Conflict, FieldError, Invalid, NotFound
from miniapp_api import parcel_at_window
from miniapp_api.gate import Call, Raw, Routes
from miniapp_api.page_place import cursor, place
from miniapp_api.parcel_view import for_staff
from miniapp_api.shapes import NoBody
from miniapp_api.shapes_parcels import (
    IdChecked,
    ParcelTaskEntry,
    ParcelTaskQuery,
    ParcelTasksPage,
    ScanOut,
    StaffParcel,
    StaffParcelQuery,
    StaffParcels,
    TaskDone,
)

routes = Routes()
_PATH, _TASK = "/staff/v1/parcels/<parcel_id:str>", "/staff/v1/parcel-tasks/<task_id:str>"
_KINDS = {
    "rejected": "收件人拒收",
    "returned": "已退回窗口",
    "lost": "快递遗失",
    "stuck": "多日没有轨迹",
    "booking_refused": "快递不接单",
    "cancelled_by_courier": "快递取消",
}


@routes.add(
    "GET",
    "/staff/v1/parcels",
    who="staff",
    may="parcels.read",
    summary="寄递件：要处理的，或按状态、快递单号",
    query=StaffParcelQuery,
    reply=StaffParcels,
)
async def listed(call: Call) -> StaffParcels:
    query: StaffParcelQuery = call.query
    if query.waybill:
        return StaffParcels(items=[for_staff(one) for one in await parcel_at_window.of_waybill(call, query.waybill)], next_cursor=None)
    found, last = await parcel_at_window.listed(call, _states(query.state), place(query.cursor), query.limit)
    return StaffParcels(items=[for_staff(one) for one in found], next_cursor=cursor(last.created_at, last.id) if last else None)


@routes.add("GET", _PATH, who="staff", may="parcels.read", summary="一个寄递件", reply=StaffParcel)
async def look(call: Call, parcel_id: str) -> StaffParcel:
    return for_staff(await parcel_at_window.own(call, parcel_id))


@routes.add("POST", f"{_PATH}/label", who="staff", may="parcels.handle", summary="打印面单（PDF）", media={"application/pdf": bytes})
async def label(call: Call, parcel_id: str) -> Raw:
    body = await parcel_at_window.label(call, await parcel_at_window.own(call, parcel_id))
    return Raw(body, "application/pdf", headers={"Cache-Control": "private, no-store", "Content-Disposition": 'inline; filename="label.pdf"'})


@routes.add("POST", f"{_PATH}/packed", who="staff", may="parcels.handle", summary="已装封；自取的从此可以领取", body=NoBody, reply=StaffParcel)
async def packed(call: Call, parcel_id: str) -> StaffParcel:
    parcel = await parcel_at_window.own(call, parcel_id)
    return for_staff(await at_the_window.packed(call.deps.delivering.shipping, parcel.id))


@routes.add("POST", f"{_PATH}/hand-over", who="staff", may="parcels.handle", summary="扫面单，交给快递", body=ScanOut, reply=StaffParcel)
async def hand_over(call: Call, parcel_id: str) -> StaffParcel:
    return for_staff(await parcel_at_window.hand_over(call, await parcel_at_window.own(call, parcel_id), call.body.waybill))


@routes.add("POST", f"{_PATH}/pick-up", who="staff", may="parcels.handle", summary="核验证件后交给领取人", body=IdChecked, reply=StaffParcel)
async def pick_up(call: Call, parcel_id: str) -> StaffParcel:
    parcel = await parcel_at_window.own(call, parcel_id)
    call.acted_on(f"{parcel.id} by {call.body.by}")
    return for_staff(await parcel_at_window.give(call, parcel, call.body.by))


@routes.add("POST", f"{_PATH}/receive", who="staff", may="parcels.handle", summary="收到寄来的材料", body=NoBody, reply=StaffParcel)
async def receive(call: Call, parcel_id: str) -> StaffParcel:
    parcel = await parcel_at_window.own(call, parcel_id)
    return for_staff(await at_the_window.arrived_at_hall(call.deps.delivering.shipping, parcel.id))


@routes.add(
    "POST", f"{_PATH}/book-again", who="staff", may="parcels.handle", summary="重新寄出（退回的、快递取消的）", body=NoBody, reply=StaffParcel
)
async def book_again(call: Call, parcel_id: str) -> StaffParcel:
    parcel = await parcel_at_window.own(call, parcel_id)
    return for_staff(await asking.book_again(call.deps.delivering.shipping, parcel.id))


@routes.add("GET", "/staff/v1/parcel-tasks", who="staff", may="parcels.read", summary="寄递异常", query=ParcelTaskQuery, reply=ParcelTasksPage)
async def tasks(call: Call) -> ParcelTasksPage:
    query: ParcelTaskQuery = call.query
    rows = await call.deps.delivering.shipping.store.tasks.listed([query.state], place(query.cursor), query.limit)
    after = cursor(rows[-1].opened_at, rows[-1].id) if len(rows) == query.limit else None
    return ParcelTasksPage(items=[_task(call, one) for one in rows if parcel_at_window.is_mine(call, one.place)], next_cursor=after)


@routes.add("POST", f"{_TASK}/take", who="staff", may="parcels.handle", summary="领一件异常", body=NoBody, reply=ParcelTaskEntry)
async def take(call: Call, task_id: str) -> ParcelTaskEntry:
    own = await _own_task(call, task_id)
    taken = await call.deps.delivering.shipping.store.tasks.take(own.id, call.staff.id)
    if taken is None:
        raise Conflict("task_taken", "这件异常已由别人领取或已经办结，请刷新列表")
    return _task(call, taken)


@routes.add("POST", f"{_TASK}/close", who="staff", may="parcels.handle", summary="办结一件异常（先领取）", body=TaskDone, reply=ParcelTaskEntry)
async def close(call: Call, task_id: str) -> ParcelTaskEntry:
    own = await _own_task(call, task_id)
    closed = await call.deps.delivering.shipping.store.tasks.close(own.id, call.staff.id, call.body.note)
    if closed is None:
        raise Conflict("task_not_yours", "请先领取这件异常；别人领取的由领取人办结")
    return _task(call, closed)


async def _own_task(call: Call, task_id: str) -> Task:
    found = await call.deps.delivering.shipping.store.tasks.task(task_id)
    if found is None or not parcel_at_window.is_mine(call, found.place):
        raise NotFound("task_unknown", "没有找到这件异常，请刷新列表")
    return found


def _task(call: Call, one: Task) -> ParcelTaskEntry:
    return ParcelTaskEntry(
        id=one.id,
        kind=one.kind,
        kind_text=_KINDS[one.kind],
        parcel_id=one.parcel_id,
        case_no=one.case_no,
        state=one.state,
        mine=one.taken_by == call.staff.id,
        opened_at=at_edge(one.opened_at),
        closed_at=at_edge_or_none(one.closed_at),
        note=one.note,
    )


def _states(asked: str) -> tuple[State, ...]:
    if not asked:
        return parcel_at_window.TO_DO
    if asked not in set(State):
        raise Invalid("input_invalid", "没有这种状态", errors=(FieldError("state", f"只能是 {'、'.join(State)}"),))
    return (State(asked),)
