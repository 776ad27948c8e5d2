"""Story: somebody asks that a licence come to their door, or that papers go to the hall. Residents' rules and the item's, before the parcel is written."""

import hashlib
from dataclasses import dataclass
from typing import Any

from core.deliveries import FreightAsk
from core.types import CaseState
from delivery import addresses, asking, words
from delivery.addresses import Address
from delivery.couriers import Courier, CourierName, Party
from delivery.parcels import Parcel, Place, WhoPays, Wish
from kit.clock import now
from kit.errors import Conflict, FieldError, Forbidden, Invalid
from kit.ids import new_nonce
from kit.mongo import Tx
from miniapp_api import freight, parcel_changed
from miniapp_api.gate import Call
from miniapp_api.item_place import place_of
from miniapp_api.may import may_do
from miniapp_api.routes.cases import item_as_filed, own_case
from miniapp_api.shapes_parcels import NewParcel, ParcelAddress
from residents import consents, cooling, subjects
from residents.consents import Given
from residents.sessions import Subject
from residents.step_up import require_step_up

_LICENCE = frozenset({CaseState.APPROVED, CaseState.ISSUED})
_PAPERS = frozenset(
    {CaseState.SUBMITTED, CaseState.ACCEPTED, CaseState.CORRECTIONS, CaseState.SUPPLEMENTED, CaseState.SPECIAL_PROCEDURE, CaseState.OTHER}
)
_PREFERRED: tuple[CourierName, ...] = ("sf", "ems")
GOODS = {"to_resident": "证照文件", "to_hall": "申请材料"}
_TOLD_AFTER = 60.0  # seconds, should this process die right after an address was changed


@dataclass(frozen=True, slots=True)
class _Ends:
    """Who stands at either end, and which courier goes between them. None: nobody carries it, or the resident found one themselves."""

    courier: Courier | None
    sender: Party | None
    receiver: Party | None
    grant_id: str | None


async def may_deliver(call: Call) -> Subject:
    """Raises Forbidden: before real name, for a child, outside of a grant, while a changed phone is not trusted yet."""
    subject = await may_call_off(call)
    await cooling.check(call.deps.residents, call.resident.resident_id, "delivery")
    return subject


async def may_call_off(call: Call) -> Subject:
    """Without the cooling time: nobody gets hold of anything by it."""
    return await may_do(call, "delivery")


async def ask(call: Call, case_no: str) -> Parcel:
    """The parcel; the same Idempotency-Key is the same one. Raises what the rules say, everything wrong with the address at once."""
    subject, case, asked = await may_deliver(call), await own_case(call, case_no), call.body
    own = _parcel_id(call, case_no)
    if (kept := await call.deps.delivering.shipping.store.parcel(own)) is not None:
        return kept  # the answer was lost, nothing else
    item = await item_as_filed(call.deps.content, case)
    items = _what_is_in_it(case, item, asked)
    ends = await _ends(call, subject, asked)
    if asked.method != "pickup":
        given = Given(asked.consent.version, asked.consent.text_hash) if asked.consent is not None else None
        await consents.ensure(call.deps.residents, call.resident, "courier", given, asked=True)
    payer = freight.who_pays(item, asked.direction, asked.method)
    bill_id = await _bill(call, subject, (own, case_no), ends, asked) if payer == "prepaid" else None
    wish = _wish(call, (own, case, item), asked, ends, (items, payer, bill_id))
    return await asking.ask(call.deps.delivering.shipping, wish)


async def change_address(call: Call, parcel: Parcel, seen_revision: int) -> Parcel:
    """Only right after the person confirmed once more, and the holder is told of it. Raises Conflict once a courier may have it."""
    await may_deliver(call)
    require_step_up(call.resident)
    delivering, side = call.deps.delivering, parcel.resident_side
    if side is None or delivering.hall is None:
        raise Conflict("address_frozen", "这个寄递件没有可以修改的地址")
    changed = addresses.party(side.name, _address(call.body.address), delivering.hall)
    own = f"parcel:address:{parcel.id}:{new_nonce()}"
    what = {"what": "address", "parcel_id": parcel.id, "revision": seen_revision + 1, "at": now()}

    async def to_be_told(tx: Tx) -> None:
        await call.deps.outbox.put(tx, parcel_changed.TELL, own, what, delay=_TOLD_AFTER)

    await call.deps.mongo.transaction(to_be_told)  # before the change: it is never made without being told
    done = await asking.change_address(delivering.shipping, parcel.id, changed, seen_revision)
    await call.deps.outbox.hurry(own)
    return done


def _parcel_id(call: Call, case_no: str) -> str:
    """The same for the same request, in whatever process. It stands in couriers' books: nothing of a person can be read from it."""
    about = "\n".join((call.resident.resident_id, case_no, call.request.headers.get("idempotency-key", "")))
    return f"d_{hashlib.sha256(about.encode()).hexdigest()[:26]}"


def _what_is_in_it(case: dict[str, Any], item: dict[str, Any] | None, asked: NewParcel) -> tuple[str, ...]:
    """Names. Raises Conflict where the case or its item does not allow such a parcel, Invalid for materials it does not have."""
    state, item = CaseState(case["state"]), item or {}
    if asked.direction == "to_resident":
        if state not in _LICENCE:
            raise Conflict("licence_not_ready", "证照还没有制作完成，办结以后才能申请寄递或领取")
        if asked.method == "courier" and item.get("delivery") is not True:
            raise Conflict("not_deliverable", "这个事项的办理结果不支持快递，请选择到窗口领取")
        return tuple(one["name"] for one in item.get("results") or ()) or (case["item_name"],)
    if state not in _PAPERS:
        raise Conflict("papers_not_wanted", "这件办件现在不需要寄送材料")
    if item.get("materials_by_courier") is False:
        raise Conflict("papers_not_by_courier", "这个事项的材料不能寄送，请到窗口提交")
    known = {one["name"] for one in item.get("materials") or ()}
    strange = [n for n, name in enumerate(asked.materials) if known and name not in known]
    if strange or not asked.materials:
        told = [FieldError(f"materials.{n}", "这个事项没有这份材料，请用办事指南里的材料名称") for n in strange]
        raise Invalid("input_invalid", "请说明寄了哪些材料", errors=tuple(told) or (FieldError("materials", "请至少选择一份材料"),))
    return tuple(dict.fromkeys(asked.materials))


async def _ends(call: Call, subject: Subject, asked: NewParcel) -> _Ends:
    name, grant_id = await _recipient(call, subject, asked)
    if asked.method == "pickup":
        return _Ends(None, None, None, grant_id)
    hall = call.deps.delivering.hall
    if hall is None:
        raise _not_offered()
    own = addresses.party(name, _address(asked.address), hall) if asked.address is not None else None
    courier = _courier(call, asked.courier) if asked.method == "courier" else None
    sender, receiver = (hall, own) if asked.direction == "to_resident" else (own, hall)
    return _Ends(courier, sender, receiver, grant_id)


async def _recipient(call: Call, subject: Subject, asked: NewParcel) -> tuple[str, str | None]:
    """(name, grant of the agent). The holder is the person it is for; of a child their guardian, of an enterprise whoever acts for it."""
    residents, own = call.deps.residents, subjects.bound(call.resident)
    named = subject.key.removeprefix("person:") if subject.role in ("self", "agent") else own
    grant_id = asked.recipient.grant_id
    if grant_id is None:
        person = await residents.person(named)
        if person is None:
            raise Forbidden("real_name_needed", "请先完成实名认证")
        return person.name, None
    grant = await residents.grants.grant(grant_id)
    fits = grant is not None and grant.giver_person_id == named and grant.state == "accepted" and grant.is_live(now())
    if grant is None or not fits or (grant.purposes is not None and "delivery" not in grant.purposes):
        raise Forbidden("recipient_not_registered", "只能由本人或您登记的、授权范围包含寄递的代办人签收，请先在“授权代办”里登记")
    return grant.agent_name, grant_id


def _courier(call: Call, wanted: CourierName | None) -> Courier:
    offered = call.deps.delivering.shipping.couriers
    found = next((offered[name] for name in ([wanted] if wanted else _PREFERRED) if name in offered and offered[name].books), None)
    if found is None:
        raise _not_offered()
    return found


def _not_offered() -> Conflict:
    return Conflict("courier_not_offered", "目前不能由这家快递寄递，请换一家，或选择到窗口领取或提交")


async def _bill(call: Call, subject: Subject, about: tuple[str, str], ends: _Ends, asked: NewParcel) -> str:
    own, case_no = about
    if ends.courier is None or ends.sender is None or ends.receiver is None:
        raise LookupError("a parcel that is paid for goes by courier")
    quote = await freight.quoted(ends.courier, ends.sender, ends.receiver)
    payer = subject.key.removeprefix("person:") if subject.key.startswith("person:") else subjects.bound(call.resident)
    title = f"{freight.TITLES[asked.direction]}（{words.COURIERS[ends.courier.name]}）"
    wish = FreightAsk(delivery_id=own, person_id=payer, case_no=case_no, amount_fen=quote.amount_fen, title=title)
    return await freight.bill(call.deps.delivering.core, wish)


def _wish(
    call: Call,
    about: tuple[str, dict[str, Any], dict[str, Any] | None],
    asked: NewParcel,
    ends: _Ends,
    more: tuple[tuple[str, ...], WhoPays, str | None],
) -> Wish:
    (own, case, item), (items, payer, bill_id) = about, more
    return Wish(
        id=own,
        case_no=case["case_no"],
        request_id=case["_id"],
        subject_key=case["subject_key"],
        person_id=subjects.bound(call.resident),
        resident_id=call.resident.resident_id,
        direction=asked.direction,
        method=asked.method,
        payer=payer,
        items=items,
        goods=GOODS[asked.direction],
        courier=ends.courier.name if ends.courier is not None else None,
        receiver=ends.receiver,
        sender=ends.sender,
        grant_id=ends.grant_id,
        bill_id=bill_id,
        waybill=asked.waybill if asked.method == "own_courier" else None,
        place=Place(*place_of(item)),
    )


def _address(given: ParcelAddress) -> Address:
    return Address(given.province, given.city, given.county, given.detail, given.phone)
