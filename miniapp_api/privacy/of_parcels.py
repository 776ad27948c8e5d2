"""What is held of parcels: where a licence went, where papers came from. After an account is gone it stays that there was one, not for whom or where."""

from collections.abc import Mapping

import orjson

from delivery.parcels import OVER
from kit.crypto import Keyring
from miniapp_api.privacy.held import Held, Kept, Part, Row, Stays, Whose, of_person, shown
from miniapp_api.privacy.of_matters import acted, owned
from miniapp_api.privacy.of_people import CIVIL, THREE_YEARS

_MOMENTS = ("created_at", "booked_at", "packed_at", "handed_over_at", "finished_at", "moved_at", "heard_at", "polled_at")
_PARCEL = ("case_no", "direction", "method", "courier", "payer", "state", "bill_id", "waybill", "items", *_MOMENTS)
_KEPT = (
    *("case_no", "request_id", "direction", "method", "courier", "payer", "goods", "checks_id", "state", "problem"),
    *("shipments", "revision", "turn", "standing", "place", *_MOMENTS),
)
_NUMBERS = "只有寄递件、办件和快递单的编号；谁的，要经过寄递件才知道"


def _parcel(row: Row, keys: Keyring, whose: Whose) -> Row:
    told = shown("_id", *_PARCEL)(row, keys, whose)
    ends = {name: orjson.loads(keys.open(row[name], f"parcels/{name}/{row['_id']}")) for name in ("receiver", "sender") if row.get(name)}
    return told | ends | {"scans": [_scan(row, one, keys) for one in row.get("scans") or ()]}


def _scan(row: Row, one: Row, keys: Keyring) -> Row:
    text, place = orjson.loads(keys.open(one["text"], f"parcels/scans/{row['_id']}"))
    return {"kind": one["kind"], "at": one["at"], "text": text, "place": place}


def _emptied(_: Row) -> Row:
    """What readers look for is there and says nothing."""
    return {"receiver": None, "sender": None, "scans": [], "items": [], "digest": "", "waybill": None, "bill_id": None, "grant_id": None}


OF_PARCELS: Mapping[str, Held] = {
    "parcels": Held(
        "contact",
        "寄递件：收寄件人、地址和轨迹（加密）",
        Stays("job", f"寄递结束之后，{CIVIL}", THREE_YEARS, "finished_at", "created_at", {"state": {"$in": [one.value for one in OVER]}}),
        (
            Part(owned(of_person()), _parcel, Kept(fields=_KEPT, ids=("person_id", "resident_id", "subject_key"), then=_emptied)),
            Part(
                acted,
                shown("case_no", "direction", "method", "state", "created_at"),
                Kept(fields=None, ids=("person_id", "resident_id"), mine=False, then=_emptied),  # whoever acts for a firm or a child receives, too
            ),
        ),
    ),
    "shipments": Held("technical", "快递单", Stays("job", CIVIL, THREE_YEARS, "begun_at"), why=_NUMBERS),
    "parcel_tasks": Held("technical", "寄递异常", Stays("job", CIVIL, THREE_YEARS, "opened_at"), why=f"{_NUMBERS}；处理说明不写人"),
}
