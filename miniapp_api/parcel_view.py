"""A parcel as its people and as the window see it. Names and phones are masked; a door's number is nobody's business but the courier's."""

from delivery import words
from delivery.couriers import Party
from delivery.label import place
from delivery.parcels import CHANGEABLE, Parcel, State
from kit.clock import at_edge, at_edge_or_none
from miniapp_api.shapes_parcels import ParcelEntry, ParcelPlace, ScanLine, StaffParcel
from residents.masks import masked_name, masked_phone

_CANCELLABLE = CHANGEABLE | {State.BOOKING, State.BOOKED, State.WAITING_AT_HALL}
_SHOWN = 4  # characters of what stands below the county


def entry(parcel: Parcel) -> ParcelEntry:
    return ParcelEntry(
        id=parcel.id,
        case_no=parcel.case_no,
        direction=parcel.direction,
        direction_text=words.DIRECTIONS[parcel.direction],
        method=parcel.method,
        method_text=words.METHODS[parcel.method],
        courier=parcel.courier,
        courier_text=words.COURIERS[parcel.courier] if parcel.courier else None,
        payer=parcel.payer,
        payer_text=words.PAYERS[parcel.payer],
        bill_id=parcel.bill_id,
        state=parcel.state.value,
        state_text=_state_text(parcel),
        problem=words.problem(parcel.problem),
        items=list(parcel.items),
        waybill=parcel.waybill,
        recipient="agent" if parcel.grant_id else "holder",
        checks_id=parcel.checks_id,
        receiver=_party(parcel.receiver, is_hall=parcel.direction == "to_hall"),
        sender=_party(parcel.sender, is_hall=parcel.direction == "to_resident"),
        scans=[ScanLine(at=at_edge(one.at), kind=one.kind.value, text=one.text, place=one.place) for one in parcel.scans],
        can_change_address=parcel.method == "courier" and not parcel.is_frozen,
        can_cancel=parcel.state in _CANCELLABLE and not parcel.is_cancelling,
        revision=parcel.revision,
        created_at=at_edge(parcel.created_at),
        finished_at=at_edge_or_none(parcel.finished_at),
    )


def for_staff(parcel: Parcel) -> StaffParcel:
    return StaffParcel(
        id=parcel.id,
        case_no=parcel.case_no,
        direction=parcel.direction,
        direction_text=words.DIRECTIONS[parcel.direction],
        method=parcel.method,
        method_text=words.METHODS[parcel.method],
        courier_text=words.COURIERS[parcel.courier] if parcel.courier else None,
        payer_text=words.PAYERS[parcel.payer],
        state=parcel.state.value,
        state_text=_state_text(parcel),
        problem=words.problem(parcel.problem),
        items=list(parcel.items),
        waybill=parcel.waybill,
        recipient="agent" if parcel.grant_id else "holder",
        receiver_name=masked_name(parcel.receiver.name) if parcel.receiver is not None and parcel.direction == "to_resident" else None,
        created_at=at_edge(parcel.created_at),
        packed_at=at_edge_or_none(parcel.packed_at),
        handed_over_at=at_edge_or_none(parcel.handed_over_at),
        finished_at=at_edge_or_none(parcel.finished_at),
    )


def _state_text(parcel: Parcel) -> str:
    return words.CANCELLING if parcel.is_cancelling else words.STATES[parcel.state]


def _party(party: Party | None, *, is_hall: bool) -> ParcelPlace | None:
    if party is None:
        return None
    whole = place(party)
    if is_hall:
        return ParcelPlace(name=party.name, phone=party.phone, address=whole)
    shown = len(whole) - len(party.address) + _SHOWN
    return ParcelPlace(name=masked_name(party.name), phone=masked_phone(party.phone), address=f"{whole[:shown]}****")
