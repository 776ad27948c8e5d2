"""What is held of ratings. After an account is gone its grades still count, without whose they were and without what was written."""

from collections.abc import Mapping
from typing import Any

import orjson

from kit.crypto import Keyring
from miniapp_api.privacy.held import Held, Kept, Part, Row, Stays, Whose, of_person, shown
from miniapp_api.privacy.of_matters import acted, owned
from miniapp_api.privacy.of_people import CIVIL, THREE_YEARS

_RATING = ("_id", "case_no", "item_name", "stage", "grade", "indicators", "by_agent", "channel", "rated_at", "excluded")
_KEPT = (
    *("case_no", "request_id", "item_code", "item_name", "department", "region", "stage", "grade", "indicators"),
    *("by_agent", "channel", "rated_at", "at_core", "core_reason", "excluded"),
)
_IDS = ("person_id", "resident_id", "subject_key")
_PUT_RIGHT = ("_id", "department", "state", "opened_at", "due_at", "closed_at")
_EMPTIED = {name: (f"rectifications/{name}/{{}}", "[]") for name in ("replies", "words")}
_LAST = {"state": {"$in": ["closed_satisfied", "closed_unsatisfied", "closed_unreached", "upheld"]}}


def _of_cases(whose: Whose) -> Row | None:
    return {"request_id": {"$in": list(whose.cases)}} if whose.cases else None


def _rectification(row: Row, keys: Keyring, whose: Whose) -> Row:
    said: dict[str, Any] = {}
    for name in ("replies", "words"):
        if row.get(name):
            said[name] = orjson.loads(keys.open(row[name], f"rectifications/{name}/{row['_id']}"))
    replies = [{one: reply[one] for one in ("round", "text", "at")} for reply in said.get("replies") or ()]
    words = [{"word": word, "text": text, "at": at} for word, text, at, _ in said.get("words") or ()]
    return shown(*_PUT_RIGHT)(row, keys, whose) | {"replies": replies, "words": words}


OF_RATINGS: Mapping[str, Held] = {
    "ratings": Held(
        "case",
        "好差评：等级、指标和文字（文字加密）",
        Stays("job", CIVIL, THREE_YEARS, "rated_at"),
        (
            Part(owned(of_person()), shown(*_RATING, text="ratings/text/{}"), Kept(fields=_KEPT, ids=_IDS, sealed={"text": ("ratings/text/{}", "")})),
            Part(acted, shown("case_no", "stage", "grade", "rated_at"), Kept(fields=None, ids=("person_id", "resident_id"), mine=False)),
        ),
    ),
    "rating_refusals": Held(
        "case",
        "谢绝评价的记录",
        Stays("index", "一年，只为不再打扰", 365, "at"),
        (Part(of_person(), shown("stage", "at"), "delete"),),
    ),
    "rectifications": Held(
        "case",
        "差评整改：部门答复、申诉和回访（加密）",
        Stays("job", CIVIL, THREE_YEARS, "closed_at", "opened_at", _LAST),
        (Part(_of_cases, _rectification, Kept(fields=None, ids=("person_id",), sealed=_EMPTIED)),),
        why="只有评价和办件的编号；谁的，要经过评价才知道",
    ),
}
