"""What must come to its end before an account can be deleted. All of it is told at once."""

from collections.abc import AsyncIterator
from datetime import timedelta

from appointments.rules import Rules, cancel_until
from appointments.values import LIVE, State
from cases.states import TEXTS
from complaints.values import KINDS
from core.client import AWAY_AT_MOST
from core.types import CaseState
from delivery.parcels import OVER
from delivery.words import STATES
from kit.clock import at_edge, in_words, now
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


async def in_the_way(store: Privacy, whose: Whose, rules: Rules) -> list[FieldError]:
    """Empty: nothing. `rules`: until when an appointment can be called off."""
    matters = [*await _cases(store, whose), *await _orders(store, whose), *await _refunds(store, whose), *await _parcels(store, whose)]
    return [*matters, *await _appointments(store, whose, rules), *await _on_their_way(store, whose)]


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


async def _appointments(store: Privacy, whose: Whose, rules: Rules) -> list[FieldError]:
    """They are expected at a hall, or somebody is whom nobody could call off any more."""
    if whose.person_id is None:
        return []
    theirs = [{"person_id": whose.person_id}, {"visitor_id": whose.person_id}]
    wanted: Row = {"$or": theirs, "state": {"$in": [one.value for one in LIVE]}, "ends_at": {"$gt": now()}}
    return [_appointment(row, whose, rules) async for row in _some(store, "appointments", wanted)]


def _appointment(row: Row, whose: Whose, rules: Rules) -> FieldError:
    told = f"预约“{row['item_name']}”（{in_words(row['starts_at'])}，{row['hall']['name']}）"
    return FieldError(f"appointments.{row['_id']}", told + _to_do(row, whose, rules))


def _to_do(row: Row, whose: Whose, rules: Rules) -> str:
    is_asking, later = row["state"] == State.ASKING.value, f"请等到 {in_words(row['ends_at'])} 之后再来"
    if is_asking and row.get("is_cancelling"):
        return "正在取消，请稍候再来"
    if not is_asking and now() > cancel_until(row["starts_at"], rules):
        return f"已过取消的截止时间，{later}"
    if row["subject_key"] != whose.subject_key:
        return f"是代别人或单位约的，请先换成当时的身份取消；换不成的，{later}"
    return "还没有到时间，请先取消"


async def _on_their_way(store: Privacy, whose: Whose) -> list[FieldError]:
    """Words that the core does not have yet: sent later, they would be empty and nobody's."""
    if whose.person_id is None:
        return []
    waiting: Row = {"person_id": whose.person_id, "at_core": "waiting"}
    since = {"$gt": now() - AWAY_AT_MOST}
    complaints = [row async for row in _some(store, "complaints", {**waiting, "told_at": since})]
    ratings = [row async for row in _some(store, "ratings", {**waiting, "rated_at": since})]
    return [
        *(
            FieldError(f"complaints.{row['_id']}", f"{KINDS[row['kind']]}（{in_words(row['told_at'])}提交）还在登记，请稍候再来")
            for row in complaints
        ),
        *(FieldError(f"ratings.{row['_id']}", f"对办件 {row['case_no']} 的评价还在登记，请稍候再来") for row in ratings),
    ]


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
