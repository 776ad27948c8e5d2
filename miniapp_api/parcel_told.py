"""Story, the second half of parcel_changed.py: the resident is told once and the core is told once, each by a row of its own: neither waits for the other."""

import logging
from typing import Any

from core.deliveries import CoreDeliveries, DeliveryAsk, DeliveryOutcome
from delivery import words
from delivery.parcels import Parcel, State
from kit.errors import Refused
from kit.mongo import DuplicateKeyError, Tx
from kit.outbox import Row
from miniapp_api import telling
from miniapp_api.parcel_changed import ENDS
from miniapp_api.wiring import Deps
from notify import account_messages, parcel_messages
from notify.parcel_messages import About

log = logging.getLogger(__name__)


async def tell(deps: Deps, row: Row) -> None:
    """Worker; payload {what: a ChangeKind | address, parcel_id, at, …}. Whoever asked and whoever it is for."""
    parcel = await deps.delivering.shipping.store.parcel(row.payload["parcel_id"])
    if parcel is None:
        await deps.outbox.done(row.key)
        return
    if row.payload["what"] == "address":
        await _tell_of_address(deps, row, parcel)
        return
    kind = row.payload["what"]
    if kind == "cancelled" and parcel.state is not State.CANCELLED:
        kind = "called_off"  # not by the resident
    told = parcel_messages.told(kind, await _about(deps, parcel), row.payload["at"])
    if told is None:
        await deps.outbox.done(row.key)
        return
    await telling.of_row(deps, row, await _concerned(deps, parcel), told)


async def tell_core(deps: Deps, row: Row) -> None:
    """Worker. Telling twice is harmless there; a parcel is made known before its end is, in whatever order the rows come."""
    parcel, kind = await deps.delivering.shipping.store.parcel(row.payload["parcel_id"]), row.payload["what"]
    outcome = ENDS.get(kind)
    if parcel is not None and not (parcel.direction == "to_hall" and kind == "delivered"):  # the hall's own word ends papers
        await _made_known(deps.delivering.core, parcel)
        if outcome is not None:
            await _ended(deps.delivering.core, parcel, DeliveryOutcome(state=outcome, at=row.payload["at"]))
    await deps.outbox.done(row.key)


async def _made_known(core: CoreDeliveries, parcel: Parcel) -> None:
    if await core.find_delivery(parcel.id) is not None:
        return
    at = parcel.handed_over_at or parcel.packed_at or parcel.booked_at or parcel.created_at
    courier = parcel.courier or ("own" if parcel.method == "own_courier" else None)
    ask = DeliveryAsk(
        delivery_id=parcel.id, case_no=parcel.case_no, direction=parcel.direction, courier=courier, waybill=parcel.waybill, handed_over_at=at
    )
    try:
        await core.hand_over(ask)
    except Refused as exc:
        if exc.reason != "delivery_id_reused":  # another row was faster, with what it knew then
            raise


async def _ended(core: CoreDeliveries, parcel: Parcel, outcome: DeliveryOutcome) -> None:
    try:
        await core.tell_outcome(parcel.id, outcome)
    except Refused as exc:
        if exc.reason != "outcome_known":
            raise
        log.error("the core holds another end of a parcel", extra={"parcel_id": parcel.id, "outcome": outcome.state})


async def _tell_of_address(deps: Deps, row: Row, parcel: Parcel) -> None:
    """Written down before the change; nothing is told of one that was refused."""
    if parcel.revision < row.payload["revision"]:
        await deps.outbox.done(row.key)
        return
    told = account_messages.told("address_changed", parcel.case_no, row.payload["at"])
    key = f"parcel:address:{parcel.id}:{row.payload['revision']}"

    async def all_of_it(tx: Tx) -> None:
        await telling.put_many(deps, tx, [(key, person_id, told) for person_id in await _concerned(deps, parcel)])
        await deps.outbox.done(row.key, tx)

    try:
        await deps.mongo.transaction(all_of_it)
    except DuplicateKeyError:
        await deps.outbox.done(row.key)


async def _concerned(deps: Deps, parcel: Parcel) -> list[str]:
    """Whoever asked for it, and the person it is for if they are known here: an agent does nothing behind a holder's back."""
    holder = parcel.subject_key.removeprefix("person:") if parcel.subject_key.startswith("person:") else parcel.person_id
    known = holder != parcel.person_id and await deps.residents.person(holder) is not None
    return [parcel.person_id, holder] if known else [parcel.person_id]


async def _about(deps: Deps, parcel: Parcel) -> About:
    case = await deps.cases.by_request(parcel.request_id)
    what: Any = case["item_name"] if case is not None else "、".join(parcel.items)
    hall, carrier = deps.delivering.hall, words.COURIERS[parcel.courier] if parcel.courier else ""
    place = hall.name if hall is not None else "窗口"
    return About(parcel.id, parcel.case_no, str(what), carrier, parcel.waybill, place, is_papers=parcel.direction == "to_hall")
