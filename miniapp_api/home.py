"""Story: the page a resident opens first, of whom they act for: what waits for them, what is open, what is soon over, what may be of use."""

from collections.abc import Mapping, Sequence
from typing import Any

from cases.licences import is_valid
from cases.states import NEXT_STEPS, TEXTS
from content.recommend import Decided, Facts, Held, Recommendation
from core.types import CaseState
from delivery import words
from kit.clock import at_edge, at_edge_or_none
from kit.errors import AppError
from kit.workdays import day_of
from miniapp_api import complaint_view, home_looks
from miniapp_api.gate import Call
from miniapp_api.home_looks import AWAY, MOST, Looks, OwnBills, People
from miniapp_api.home_to_do import to_do
from miniapp_api.shapes_home import (
    DatedPart,
    Home,
    HomeAccess,
    HomeAppointment,
    HomeBill,
    HomeCase,
    HomeComplaint,
    HomeLicence,
    HomeMaterial,
    HomeParcel,
    HomeRecommendation,
    Missing,
    Part,
    Recommended,
)
from payments.states import bill_state, bill_text

SOON = 90  # days before its end a licence comes first
_GRANTED = frozenset({CaseState.APPROVED.value, CaseState.ISSUED.value})


async def page(call: Call) -> Home:
    """Before real name it says what is missing. Never fails for a source that is away."""
    seen, subject = await home_looks.look(call), call.resident.subject
    return Home(
        page="enterprise" if subject is not None and subject.key.startswith("enterprise:") else "person",
        acting_as=subject.role if subject is not None else None,
        missing=[]
        if subject is not None
        else [Missing(what="real_name", text="完成实名认证，就能在这里看到自己的办件、证照和缴费单", path="/v1/me/real-name")],
        to_do=to_do(seen),
        cases=_cases(seen),
        licences=_licences(seen),
        bills=_bills(seen),
        appointments=Part[HomeAppointment](items=[_appointment(one) for one in seen.of("appointments") or ()], **_head(seen, "appointments")),
        parcels=Part[HomeParcel](items=[_parcel(one) for one in seen.of("parcels") or ()], **_head(seen, "parcels")),
        complaints=Part[HomeComplaint](items=[_complaint(one) for one in seen.of("complaints") or ()], **_head(seen, "complaints")),
        unread=seen.of("unread"),
        materials=_materials(seen),
        recommended=await _recommended(call, seen),
        accesses=Part[HomeAccess](
            items=[HomeAccess(at=at_edge(row["at"]), by=row["by"], what=row["what"], reason=row["reason"]) for row in seen.of("accesses") or ()],
            **_head(seen, "accesses"),
        ),
    )


_MORE = {
    "cases": "/v1/cases",
    "licences": "/v1/licences",
    "bills": "/v1/bills",
    "appointments": "/v1/appointments",
    "parcels": None,
    "complaints": "/v1/complaints",
    "materials": None,
    "accesses": "/v1/me/access-log",
}


def _head(seen: Looks, name: str, total: int | None = None) -> dict[str, Any]:
    """All of a part but its items."""
    got = seen.got[name]
    count = len(got.value or ()) if total is None else total
    return {"total": count, "more": _MORE[name], "unavailable": AWAY if got.away else None, "withheld": got.why}


def _cases(seen: Looks) -> Part[HomeCase]:
    rows, total = seen.of("cases") or ((), 0)
    return Part[HomeCase](items=[_case(row) for row in rows], **_head(seen, "cases", total))


def _case(row: Mapping[str, Any]) -> HomeCase:
    state = CaseState(row["state"])
    return HomeCase(
        case_no=row["case_no"],
        receipt_no=row["_id"],
        item_name=row["item_name"],
        state=state.value,
        state_text=TEXTS[state],
        next_step=NEXT_STEPS[state],
        submitted_at=at_edge(row.get("submitted_at") or row["created_at"]),
    )


def _licences(seen: Looks) -> Part[HomeLicence]:
    """Those that are over soon first, then by name."""
    held = [one for one in seen.of("licences") or () if is_valid(one, seen.at)]
    told = []
    for one in held:
        left = (day_of(one.expires_at) - day_of(seen.at)).days if one.expires_at is not None else None
        ends = at_edge_or_none(one.expires_at)
        soon = left is not None and left <= SOON
        told.append(HomeLicence(id=one.licence_id, type=one.type, name=one.name, expires_at=ends, days_left=left, expiring=soon))
    told.sort(key=lambda one: (not one.expiring, one.days_left if one.expiring else 0, one.name))
    return Part[HomeLicence](items=told[:MOST], **_head(seen, "licences", len(told)))


def _bills(seen: Looks) -> DatedPart[HomeBill]:
    """Those that still can and must be paid."""
    own: OwnBills | None = seen.of("bills")
    told = []
    for bill in sorted(own.bills, key=lambda one: (one.expires_at is None, str(one.expires_at))) if own is not None else ():
        order = own.live.get(bill.bill_id) if own is not None else None
        if bill_state(bill, order) == "unpaid":
            ends = at_edge_or_none(bill.expires_at)
            text = bill_text(bill, order)
            told.append(HomeBill(bill_id=bill.bill_id, title=bill.title, amount_fen=bill.amount_fen, state_text=text, expires_at=ends))
    as_of = at_edge(own.as_of) if own is not None and own.as_of is not None else None
    return DatedPart[HomeBill](items=told[:MOST], as_of=as_of, **_head(seen, "bills", len(told)))


def _appointment(one: Any) -> HomeAppointment:
    return HomeAppointment(
        id=one.id,
        item_name=one.item_name,
        hall=one.hall.name,
        starts_at=at_edge(one.starts_at),
        number=one.number,
        state=one.state.value,
    )


def _complaint(one: Any) -> HomeComplaint:
    state, told = complaint_view.state_of(one)
    due = at_edge_or_none(one.due_at) if one.at_core == "told" else None
    return HomeComplaint(id=one.id, title=one.said.title, state=state, state_text=told, due_at=due)


def _parcel(one: Any) -> HomeParcel:
    text = words.CANCELLING if one.is_cancelling else words.STATES[one.state]
    return HomeParcel(id=one.id, case_no=one.case_no, direction_text=words.DIRECTIONS[one.direction], state=one.state.value, state_text=text)


def _materials(seen: Looks) -> Part[HomeMaterial]:
    """Files first, then the licences that stand for papers."""
    files = [
        HomeMaterial(kind="file", id=row["_id"], name=row["name"], at=at_edge(row["created_at"]), used=bool(row["used_by"]))
        for row in seen.of("materials") or ()
    ]
    licences = [
        HomeMaterial(kind="licence", id=one.licence_id, name=one.name, at=at_edge(one.issued_at), used=False)
        for one in seen.of("licences") or ()
        if is_valid(one, seen.at)
    ]
    both = [*files, *licences]
    return Part[HomeMaterial](items=both[: 2 * MOST], **_head(seen, "materials", len(both)))


async def _recommended(call: Call, seen: Looks) -> Recommended:
    wishes, people = seen.got["wishes"], seen.got["people"]
    off = (wishes.value or {}).get("recommendations") is False
    why, away = people.why, wishes.away  # without their wishes known nothing is recommended: it may be off
    found: Sequence[Recommendation] = ()
    if not (off or why or away):
        try:
            found = await call.deps.homing.recommending.of(_facts(seen), (wishes.value or {}).get("recommendations_off", ()))
        except AppError:
            away = True
    items = [
        HomeRecommendation(
            rule=one.rule,
            name=one.name,
            package=one.package,
            item_code=one.item_code,
            because=one.because,
            dismiss=f"/v1/home/recommended/{one.rule}",
        )
        for one in found
    ]
    return Recommended(items=items, total=len(items), more=None, unavailable=AWAY if away else None, withheld=why, off=off)


def _facts(seen: Looks) -> Facts:
    people: People = seen.of("people") or People()
    open_rows, _ = seen.of("cases") or ((), 0)
    return Facts(
        audience="enterprise" if people.is_enterprise else "person",
        at=seen.at,
        born=people.born,
        wards=people.wards,
        licences=tuple(Held(one.type, one.name, one.issued_at, one.expires_at) for one in seen.of("licences") or () if is_valid(one, seen.at)),
        decided=tuple(Decided(row["item_name"], row["moved_at"]) for row in seen.of("decided") or () if row["state"] in _GRANTED),
        under_way=frozenset(row["item_code"] for row in open_rows if row["state"] not in _GRANTED),
    )
