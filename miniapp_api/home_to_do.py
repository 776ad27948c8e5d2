"""What waits for the resident now, the soonest first; what has no day comes last. Pure."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from delivery import words
from delivery.parcels import State as ParcelState
from kit.clock import at_edge_or_none, in_words
from kit.money import yuan
from miniapp_api.home_looks import AWAY, MOST, Looks, OwnBills
from miniapp_api.shapes_home import Part, ToDo
from payments.states import bill_state
from ratings.values import STAGE_WORDS

NEAR = timedelta(days=7)  # before which an appointment does not wait for anybody
_WAITING = frozenset({ParcelState.AWAITING_PAYMENT, ParcelState.AT_PICKUP_POINT, ParcelState.WAITING_AT_HALL})
_OF = ("corrections", "bills", "appointments", "parcels", "ratings", "complaints")

Dated = tuple[datetime | None, ToDo]


def to_do(seen: Looks) -> Part[ToDo]:
    """`unavailable` when a source is away: what it knows may wait too."""
    found = [one for look in (_corrections, _bills, _appointments, _parcels, _ratings, _complaints) for one in look(seen)]
    found.sort(key=lambda one: (one[0] is None, one[0] or seen.at))
    away = any(seen.got[name].away for name in _OF)
    whole = [one for _, one in found]
    withheld = seen.got["corrections"].why if all(seen.got[name].why for name in _OF) else None
    return Part[ToDo](items=whole[:MOST], total=len(whole), more=None, unavailable=AWAY if away else None, withheld=withheld)


def _corrections(seen: Looks) -> Iterator[Dated]:
    for row in seen.of("corrections") or ():
        last: Mapping[str, Any] = max(row["timeline"], key=lambda move: int(move["version"]), default={})
        due = (last.get("notice") or {}).get("due_at")
        yield _dated("correction", f"“{row['item_name']}”要补正，请查看补正通知", due, f"/v1/cases/{row['case_no']}")


def _bills(seen: Looks) -> Iterator[Dated]:
    own: OwnBills | None = seen.of("bills")
    for bill in own.bills if own is not None else ():
        payable = bill.expires_at is None or bill.expires_at > seen.at
        if own is not None and payable and bill_state(bill, own.live.get(bill.bill_id)) == "unpaid":
            yield _dated("bill", f"请缴“{bill.title}”{yuan(bill.amount_fen)} 元", bill.expires_at, "/v1/bills")


def _appointments(seen: Looks) -> Iterator[Dated]:
    for one in seen.of("appointments") or ():
        if one.starts_at - seen.at <= NEAR:
            text = f"{in_words(one.starts_at)}到{one.hall.name}办理“{one.item_name}”"
            yield _dated("appointment", text, one.starts_at, f"/v1/appointments/{one.id}")


def _parcels(seen: Looks) -> Iterator[Dated]:
    for one in seen.of("parcels") or ():
        if one.state in _WAITING:
            yield _dated("parcel", f"寄递件{words.STATES[one.state]}：{'、'.join(one.items)}", None, f"/v1/parcels/{one.id}")


def _ratings(seen: Looks) -> Iterator[Dated]:
    for row, stage, opening in seen.of("ratings") or ():
        yield _dated("rating", f"可以评价“{row['item_name']}”的{STAGE_WORDS[stage]}环节", opening.until, f"/v1/cases/{row['case_no']}/rating")


def _complaints(seen: Looks) -> Iterator[Dated]:
    for one in seen.of("complaints") or ():
        if one.can_rate:
            yield _dated("complaint", f"“{one.said.title}”已有答复，请查看并评价", None, f"/v1/complaints/{one.id}")


def _dated(kind: str, text: str, due: datetime | None, path: str) -> Dated:
    return due, ToDo.model_validate({"kind": kind, "text": text, "due_at": at_edge_or_none(due), "path": path})
