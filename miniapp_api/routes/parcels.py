"""Parcels of a resident: asked for, looked at, readdressed, called off. Picking up at the hall is a choice like any other."""

import re

from delivery import asking, divisions
from delivery.parcels import Parcel
from kit.errors import FieldError, Invalid, NotFound
from miniapp_api import parcel_asked
from miniapp_api.gate import Call, Routes
from miniapp_api.parcel_view import entry
from miniapp_api.routes.cases import own_case
from miniapp_api.shapes_parcels import AddressChange, DivisionEntry, DivisionList, DivisionQuery, NewParcel, ParcelEntry, ParcelList

routes = Routes()
_REVISION = re.compile(r'"?([0-9]{1,9})"?')


@routes.add(
    "POST",
    "/v1/cases/<case_no:str>/parcels",
    who="resident",
    summary="申请寄递：证照寄到家、材料寄到窗口，或到窗口领取",
    body=NewParcel,
    reply=ParcelEntry,
    status=201,
    idempotent=True,
)
async def ask(call: Call, case_no: str) -> ParcelEntry:
    return entry(await parcel_asked.ask(call, case_no))


@routes.add("GET", "/v1/cases/<case_no:str>/parcels", who="resident", summary="一件办件的寄递", reply=ParcelList)
async def of_case(call: Call, case_no: str) -> ParcelList:
    case = await own_case(call, case_no)
    found = await call.deps.delivering.shipping.store.of_case(case["_id"])
    return ParcelList(items=[entry(one) for one in reversed(found)])


@routes.add("GET", "/v1/parcels/<parcel_id:str>", who="resident", summary="寄递件和轨迹", reply=ParcelEntry)
async def look(call: Call, parcel_id: str) -> ParcelEntry:
    return entry(await _own(call, parcel_id))


@routes.add(
    "PATCH",
    "/v1/parcels/<parcel_id:str>",
    who="resident",
    summary="改寄递地址（快递下单以前；要先再次确认本人，带 If-Match: revision）",
    body=AddressChange,
    reply=ParcelEntry,
)
async def change(call: Call, parcel_id: str) -> ParcelEntry:
    parcel = await _own(call, parcel_id)
    return entry(await parcel_asked.change_address(call, parcel, _seen(call)))


@routes.add("DELETE", "/v1/parcels/<parcel_id:str>", who="resident", summary="取消寄递（快递收件以前）", reply=ParcelEntry)
async def cancel(call: Call, parcel_id: str) -> ParcelEntry:
    parcel = await _own(call, parcel_id)
    await parcel_asked.may_call_off(call)
    return entry(await asking.cancel(call.deps.delivering.shipping, parcel.id))


@routes.add("GET", "/v1/divisions", who="anyone", summary="行政区划：填寄递地址时逐级选择", query=DivisionQuery, reply=DivisionList)
async def below(call: Call) -> DivisionList:
    return DivisionList(items=[DivisionEntry(code=code, name=name) for code, name in divisions.below(call.query.parent)])


async def _own(call: Call, parcel_id: str) -> Parcel:
    """Of whom the caller acts for. Somebody else's is not told from one that is not there."""
    subject = call.resident.subject
    found = await call.deps.delivering.shipping.store.parcel(parcel_id) if subject is not None else None
    if found is None or subject is None or found.subject_key != subject.key:
        raise NotFound("parcel_unknown", "没有找到这个寄递件，请从办件详情中打开")
    return found


def _seen(call: Call) -> int:
    match = _REVISION.fullmatch(call.request.headers.get("if-match", ""))
    if match is None:
        raise Invalid("input_invalid", "缺少寄递件的版本", errors=(FieldError("If-Match", "请在请求头里给出所见寄递件的 revision"),))
    return int(match[1])
