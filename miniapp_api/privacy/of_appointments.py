"""What is held of appointments: who came to a hall, when, for what. After an account is gone it stays that somebody did, not who."""

from collections.abc import Mapping

from miniapp_api.privacy.held import Held, Kept, Part, Row, Stays, Whose, of_person, shown
from miniapp_api.privacy.of_matters import owned

A_YEAR = 366
_MOMENTS = ("created_at", "starts_at", "ends_at", "arrived_at", "excused_at", "ended_at")
_APPOINTMENT = ("item_name", "case_no", "hall", "number", "state", "note", *_MOMENTS)
_KEPT = (
    *("item_code", "item_name", "slot_id", "hall", "number", "state", "version", "problem", "replaces", "moved_to", "off_at", "tried_at"),
    *("excused_by", "denied_at", "department", "region", *_MOMENTS),
)
_WAIT = ("item_name", "first", "last", "state", "offer", "created_at")
_IDS = ("person_id", "visitor_id", "resident_id", "subject_key")
_ACTED = Kept(fields=None, ids=("person_id", "visitor_id", "resident_id"), mine=False)  # for an enterprise they were to come themselves


def _for_others(whose: Whose) -> Row | None:
    """Of another subject, where the person acted, or was to come and a colleague moved it."""
    if whose.person_id is None:
        return None
    either = [{"person_id": whose.person_id}, {"visitor_id": whose.person_id}]
    return {"$or": either, "subject_key": {"$nin": [None, whose.subject_key]}}


def _turn(whose: Whose) -> Row | None:
    return {"_id": whose.person_id} if whose.person_id is not None else None


OF_APPOINTMENTS: Mapping[str, Held] = {
    "appointments": Held(
        "case",
        "预约：时间、大厅和是否到场",
        Stays("job", "预约时间之后一年，供核对未到记录和异议", A_YEAR, "starts_at", "created_at"),
        (
            Part(owned(of_person()), shown("_id", *_APPOINTMENT, excuse="appointments/excuse/{}"), Kept(fields=_KEPT, ids=_IDS)),
            Part(_for_others, shown("_id", "item_name", "state", "starts_at"), _ACTED),
        ),
    ),
    "appointment_waits": Held(
        "case",
        "预约候补",
        Stays("job", "排队之后半年（个人信息保护法第十九条）", 180, "created_at"),
        (
            Part(owned(of_person()), shown("_id", *_WAIT), "delete"),
            Part(_for_others, shown("_id", "item_name", "state", "created_at"), _ACTED),
        ),
    ),
    "appointment_turns": Held(
        "technical",
        "同一个人的预约先后进行",
        Stays("job", "预约之后半年", 180, "at"),
        (Part(_turn, None, "delete"),),
        why="只有预约过几次，预约本身另行列出",
    ),
    "slots": Held("public", "大厅的号源", Stays("index", "时间过后 7 天", 7, "ends_at"), why="没有个人信息：占用只记预约编号"),
}
