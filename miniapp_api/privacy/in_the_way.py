"""What must come to its end before an account can be deleted. All of it is told at once."""

from collections.abc import AsyncIterator
from datetime import timedelta

from cases.states import TEXTS
from core.types import CaseState
from delivery.parcels import OVER
from delivery.words import STATES
from kit.clock import at_edge, now
from kit.errors import FieldError
from miniapp_api.privacy.held import Row, Whose
from miniapp_api.privacy.of_matters import ENDED
from miniapp_api.privacy.store import Privacy
from payments.states import OPEN_REFUNDS, REFUND_TEXTS, OrderState, RefundState
from payments.states import TEXTS as ORDER_TEXTS

COLLECTED = timedelta(days=60)  # an approved case that nobody follows up: 行政复议法 §20, sixty days to object
LATE = timedelta(hours=48)  # money may still come for an order that was just closed; by then its day is reconciled
MOST = 100
_MOVING = (OrderState.CREATED, OrderState.AWAITING, OrderState.CLOSING, OrderState.PAID, OrderState.RETURNING)


async def in_the_way(store: Privacy, whose: Whose) -> list[FieldError]:
    """Empty: nothing."""
    return [*await _cases(store, whose), *await _orders(store, whose), *await _refunds(store, whose), *await _parcels(store, whose)]


async def _cases(store: Privacy, whose: Whose) -> list[FieldError]:
    if whose.person_id is None:
        return []
    theirs = [{"person_id": whose.person_id}, {"subject_key": whose.subject_key}]
    over = {"state": CaseState.APPROVED.value, "moved_at": {"$lt": now() - COLLECTED}}
    wanted: Row = {"$or": theirs, "state": {"$nin": list(ENDED)}, "$nor": [over]}
    return [_case(row) async for row in _some(store, "cases", wanted)]


def _case(row: Row) -> FieldError:
    state = TEXTS.get(row["state"], row["state"])
    number = row["case_no"] or row["_id"]
    return FieldError(f"cases.{number}", f"办件“{row['item_name']}”（{number}）{state}，请等它办结，或先撤回")


async def _orders(store: Privacy, whose: Whose) -> list[FieldError]:
    just_closed = {"state": OrderState.CLOSED.value, "closed_at": {"$gt": now() - LATE}}
    moving = {"state": {"$in": [one.value for one in _MOVING]}}
    wanted: Row = {"$and": [_theirs(whose, "resident_id"), {"$or": [moving, just_closed]}]}
    return [_order(row) async for row in _some(store, "orders", wanted)]


def _order(row: Row) -> FieldError:
    name = f"缴费“{row['title']}”（{row['_id']}）"
    if row["state"] == OrderState.CLOSED.value:
        return FieldError(f"orders.{row['_id']}", f"{name}刚刚关闭，可能还有款项到账要退给您，请在 {at_edge(row['closed_at'] + LATE)} 以后再来")
    return FieldError(f"orders.{row['_id']}", f"{name}{ORDER_TEXTS[OrderState(row['state'])]}，请等它完成或关闭")


async def _refunds(store: Privacy, whose: Whose) -> list[FieldError]:
    wanted: Row = {**_theirs(whose, "requested_by"), "state": {"$in": [one.value for one in OPEN_REFUNDS]}}
    found = [row async for row in _some(store, "refunds", wanted)]
    return [FieldError(f"refunds.{row['_id']}", f"{REFUND_TEXTS[RefundState(row['state'])]}（{row['_id']}），请等退款完成") for row in found]


async def _parcels(store: Privacy, whose: Whose) -> list[FieldError]:
    if whose.person_id is None:
        return []
    theirs = [{"person_id": whose.person_id}, {"subject_key": whose.subject_key}]
    wanted: Row = {"$or": theirs, "state": {"$nin": [one.value for one in OVER]}}
    return [_parcel(row) async for row in _some(store, "parcels", wanted)]


def _parcel(row: Row) -> FieldError:
    text = STATES.get(row["state"], row["state"])
    return FieldError(f"parcels.{row['_id']}", f"寄递件（办件编号 {row['case_no']}）{text}，请等它结束，或先取消")


def _theirs(whose: Whose, by: str) -> Row:
    """Their own, and what they paid or asked back for somebody else."""
    acted = {by: {"$in": list(whose.resident_ids)}}
    return {"$or": [acted, {"person_id": whose.person_id}]} if whose.person_id is not None else acted


async def _some(store: Privacy, collection: str, wanted: Row) -> AsyncIterator[Row]:
    taken = 0
    async for row in store.rows(collection, wanted):
        yield row
        taken += 1
        if taken == MOST:
            return
