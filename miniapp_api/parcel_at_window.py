"""Story: the window's part in parcels: whose they are, their label, who may take one away."""

from datetime import datetime

from delivery import at_the_window, words
from delivery.label import Label, draw_aside
from delivery.parcels import Parcel, Place, State
from kit.clock import now
from kit.errors import Conflict, NotFound
from miniapp_api.gate import Call
from miniapp_api.staff_places import own_rows
from staff.roles import within

TO_DO = (State.ASKED, State.READY, State.BOOKING, State.BOOKED, State.WAITING_AT_HALL, State.RETURNED)
_LABELLED = frozenset({State.BOOKED, State.COLLECTED})


def is_mine(call: Call, place: Place) -> bool:
    """By department and region of the item; what has neither is for those who see everything."""
    return within(call.staff.scope, place.department, place.region)


async def own(call: Call, parcel_id: str) -> Parcel:
    """One of another department is not told from one that is not there."""
    found = await call.deps.delivering.shipping.store.parcel(parcel_id)
    if found is None or not is_mine(call, found.place):
        raise NotFound("parcel_unknown", "没有找到这个寄递件，请核对编号或快递单号")
    return found


async def of_waybill(call: Call, waybill: str) -> list[Parcel]:
    """What the gun found on an envelope."""
    store = call.deps.delivering.shipping.store
    found = [await store.parcel(one.id) for one in await store.tracks.tracked(None, [], [waybill])]
    return [one for one in found if one is not None and is_mine(call, one.place)]


async def listed(call: Call, states: tuple[State, ...], last: tuple[datetime, str] | None, limit: int) -> tuple[list[Parcel], Parcel | None]:
    """(the window's own, the newest first; the last one looked at, where there may be more)."""
    store = call.deps.delivering.shipping.store

    async def mine(parcel: Parcel) -> bool:
        return is_mine(call, parcel.place)

    return await own_rows(lambda after: store.listed(states, after, limit), mine, lambda parcel: (parcel.created_at, parcel.id), last, limit)


async def label(call: Call, parcel: Parcel) -> bytes:
    """The PDF. Raises Conflict before there is a waybill, and once the parcel is on its way."""
    if parcel.direction != "to_resident" or parcel.state not in _LABELLED or parcel.waybill is None:
        raise Conflict("no_label", "快递下单成功以后才有面单；已经寄出的不能再打印")
    if parcel.receiver is None or parcel.sender is None or parcel.courier is None:
        raise LookupError("a parcel with a waybill has two ends")
    about = (words.COURIERS[parcel.courier], words.LABEL_PAYERS[parcel.payer], parcel.goods)
    return await draw_aside(Label(parcel.id, parcel.waybill, *about, parcel.receiver, parcel.sender, now()))


async def hand_over(call: Call, parcel: Parcel, waybill: str) -> Parcel:
    """The gun's word against ours: the envelope of somebody else's licence does not leave under this number."""
    if parcel.waybill != waybill:
        raise Conflict("other_waybill", "面单和这个寄递件对不上，请核对信封后重新扫描")
    return await at_the_window.handed_over(call.deps.delivering.shipping, parcel.id)


async def give(call: Call, parcel: Parcel, by: str) -> Parcel:
    """To the holder, or to the agent named for this parcel as long as their grant holds. An ID document was seen; its number stays with its owner."""
    if by == "agent":
        grant = await call.deps.residents.grants.grant(parcel.grant_id) if parcel.grant_id else None
        if grant is None or grant.state != "accepted" or not grant.is_live(now()):
            raise Conflict("recipient_not_registered", "这个寄递件没有登记代办人，或授权已解除、到期，只能由本人领取")
    return await at_the_window.picked_up(call.deps.delivering.shipping, parcel.id)
