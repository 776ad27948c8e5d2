"""What is held of complaints. After an account is gone it still counts that there was one, without whose it was and without a word of it."""

from collections.abc import Mapping

import orjson

from complaints.values import NOT_THERE
from core.complaints import ComplaintState
from kit.crypto import Keyring
from miniapp_api.privacy.held import Held, Kept, Part, Row, Stays, Whose, of_person, shown
from miniapp_api.privacy.of_people import CIVIL, THREE_YEARS

_SHOWN = ("_id", "number", "kind", "item_code", "case_no", "channel", "told_at", "state", "department", "due_at", "grade")
_KEPT = (
    "number",
    "kind",
    "item_code",
    "region",
    "channel",
    "told_at",
    "at_core",
    "state",
    "version",
    "department",
    "due_at",
    "late",
    "grade",
    "revision",
)
_OVER = [ComplaintState.CLOSED.value, ComplaintState.NOT_ACCEPTED.value, ComplaintState.REPLIED.value]
_ENDED = {"$or": [{"state": {"$in": _OVER}}, {"at_core": {"$in": sorted(NOT_THERE)}}]}


def _complaint(row: Row, keys: Keyring, whose: Whose) -> Row:
    told = shown(*_SHOWN)(row, keys, whose)
    return told | {name: orjson.loads(keys.open(row[name], f"complaints/{name}/{row['_id']}")) for name in ("said", "history")}


def _without_words(history: str) -> str:
    """What moved when, and what the resident did when: an event that comes late finds its step known, and nothing goes back to an older state."""
    told = orjson.loads(history)
    return orjson.dumps({name: [{**one, "text": ""} for one in told.get(name) or ()] for name in ("moves", "acts")}).decode()


OF_COMPLAINTS: Mapping[str, Held] = {
    "complaints": Held(
        "case",
        "投诉、建议、咨询：写了什么、怎么答复的、带来的对话（加密）",
        Stays("job", f"办结或没有登记成之后，{CIVIL}", THREE_YEARS, "told_at", which=_ENDED),
        (
            Part(
                of_person(),
                _complaint,
                Kept(
                    fields=_KEPT,
                    ids=("person_id", "resident_id"),
                    sealed={"said": ("complaints/said/{}", "{}"), "history": ("complaints/history/{}", _without_words)},
                    then=lambda _: {"files": [], "case_no": None},
                ),
            ),
        ),
    ),
}
