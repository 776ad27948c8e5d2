"""一次性告知: one document with everything, what could have been told the first time, everything unanswered, and the five days of §32."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases import clock_store
from cases import store as store_module
from cases.clock_store import CaseClocks
from cases.deeming import PERMIT, deem_accepted, first_reply_due
from cases.handed_in import Content, Round, fingerprints
from cases.moves import project
from cases.notices import NOTHING_CORRECTED, STILL_MISSING, UNCHANGED, Notice, notices_of, unanswered
from cases.store import Cases
from core.types import CaseMove, CaseState, CorrectionNotice, Finding
from kit.clock import BEIJING
from kit.crypto import Keyring
from kit.mongo import Mongo
from kit.workdays import Special, Workdays, built_in, calendar
from tests.cases.sendings import make_sending, record

ANSWERS = {"phone": "1", "address": {"street": "甲"}}
MATERIALS = [{"name": "身份证", "hand_in": "online", "files": [{"sha256": "a"}]}]
FIRST: Content = fingerprints(ANSWERS, MATERIALS, str)


def at(month: int, day: int, hour: int = 10) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=BEIJING).astimezone(UTC)


def field(name: str, problem: str = "不对") -> Finding:
    return Finding(target="field", name=name, problem=problem)


def material(name: str, problem: str = "看不清") -> Finding:
    return Finding(target="material", name=name, problem=problem)


def corrections(version: int, *findings: Finding, notice: CorrectionNotice | None = None) -> CaseMove:
    return CaseMove(version=version, state=CaseState.CORRECTIONS, at=at(3, version), findings=findings, notice=notice)


def again(
    second: Finding, told: tuple[Finding, ...] = (field("phone"),), rounds: tuple[Round, ...] = (), first: Content | None = FIRST
) -> str | None:
    """Why the only finding of a second notice could have been told with the first, which told `told`."""
    notices = notices_of("C1", [corrections(2, *told), corrections(4, second)], first, rounds)
    assert not notices[0].again, "a first notice never comes again"
    return notices[1].findings[0].again


def corrected(answers: dict[str, Any], materials: tuple[dict[str, Any], ...] = ()) -> tuple[Round, ...]:
    return (Round(2, fingerprints(answers, materials, str)),)


def test_a_notice_is_one_document_with_every_finding_materials_first() -> None:
    number = CorrectionNotice(notice_no="BZ7", ordinal=1, due_at=at(3, 20))
    found = notices_of("C1", [corrections(2, field("phone"), Finding(problem="整体"), material("身份证"), notice=number)], None, ())[0]
    assert (found.notice_no, found.ordinal, found.issued_at, found.due_at) == ("BZ7", 1, at(3, 2), at(3, 20))
    assert [(one.target, one.name) for one in found.findings] == [("material", "身份证"), ("field", "phone"), ("case", "")]


def test_a_core_that_does_not_number_its_notices_is_numbered_here() -> None:
    found = notices_of("C1", [corrections(2, field("a")), corrections(5, field("b"))], None, ())
    assert [(one.notice_no, one.ordinal) for one in found] == [("C1-2", 1), ("C1-5", 2)]


def test_what_stayed_as_first_submitted_could_have_been_told_then() -> None:
    assert again(field("address")) == UNCHANGED
    assert again(field("address.street")) == UNCHANGED
    assert again(field("answers.address")) == UNCHANGED
    assert again(material("身份证")) == UNCHANGED
    assert again(field("phone", "另有不对")) == UNCHANGED, "another fault of the same unchanged answer"
    assert again(field("address"), rounds=corrected({"phone": "2"})) == UNCHANGED, "another thing was corrected"


def test_what_was_corrected_may_be_wrong_anew() -> None:
    assert again(field("phone", "少一位"), rounds=corrected({"phone": "2"})) is None
    brought = ({"name": "身份证", "hand_in": "online", "files": [{"sha256": "b"}]},)
    assert again(material("身份证", "过期"), (material("身份证"),), corrected({}, brought)) is None


def test_handing_the_same_in_again_corrects_nothing() -> None:
    assert again(field("address"), rounds=corrected({"address": {"street": "甲"}})) == UNCHANGED
    assert again(material("身份证", "过期"), (material("身份证"),), corrected({}, tuple(MATERIALS))) == UNCHANGED


def test_the_same_finding_unanswered_is_a_reminder() -> None:
    assert again(field("phone")) is None
    assert again(Finding(problem="整体"), (Finding(problem="整体"),)) is None


def test_a_paper_missing_from_the_start_could_have_been_told_unless_something_changed() -> None:
    assert again(material("户口簿", "缺少")) == STILL_MISSING
    assert again(material("户口簿", "缺少"), rounds=corrected({"phone": "2"})) is None, "the correction may have made it necessary"


def test_a_finding_about_the_whole_is_judged_by_whether_anything_changed() -> None:
    assert again(Finding(problem="整体")) == NOTHING_CORRECTED
    assert again(Finding(target="material", problem="无名")) == NOTHING_CORRECTED
    assert again(Finding(target="seal", name="章", problem="新词")) == NOTHING_CORRECTED
    assert again(Finding(problem="整体"), rounds=corrected({"phone": "2"})) is None


def test_where_the_first_submission_is_not_on_record_nothing_is_marked() -> None:
    assert again(field("address"), first=None) is None


def test_a_round_that_answers_a_later_notice_does_not_count_for_an_earlier_one() -> None:
    moves = [corrections(2, field("phone")), corrections(4, field("address")), corrections(6, field("address", "再看"))]
    rounds = [Round(4, fingerprints({"address": "乙"}, [], str))]
    assert [one.findings[0].again for one in notices_of("C1", moves, FIRST, rounds)] == [None, UNCHANGED, None]


def test_a_first_notice_heard_of_last_makes_the_second_a_second() -> None:
    first, second = corrections(2, field("phone")), corrections(4, field("address"))
    assert [one.again for one in project([second], "C1", FIRST).notices] == [False]
    assert [one.again for one in project([second, first], "C1", FIRST).notices] == [False, True]


NAMES = st.sampled_from(("phone", "address", "new"))


@given(st.lists(NAMES, min_size=1, unique=True), st.dictionaries(NAMES, st.sampled_from("123")), st.lists(NAMES, min_size=1, unique=True))
def test_nothing_that_was_changed_is_ever_marked(told: list[str], answers: dict[str, str], second: list[str]) -> None:
    moves = [corrections(2, *map(field, told)), corrections(4, *(field(name, "二") for name in second))]
    for one in notices_of("C1", moves, FIRST, corrected(answers))[1].findings:
        changed = one.name in answers and answers[one.name] != ANSWERS.get(one.name)
        assert not (one.again and changed)
        assert changed or one.again or one.name not in ANSWERS


def make_notice(*findings: Finding) -> Notice:
    return notices_of("C1", [corrections(2, *findings)], None, ())[0]


def test_everything_unanswered_is_told_before_sending() -> None:
    notice = make_notice(field("phone"), field("address.street"), material("身份证"), material("户口簿", "缺少"), Finding(problem="整体"))
    assert [one.field for one in unanswered(notice, {}, [])] == ["materials.户口簿", "materials.身份证", "answers.address", "answers.phone"]
    some: list[dict[str, Any]] = [{"name": "身份证", "hand_in": "online", "files": []}, {"name": "户口簿", "hand_in": "window"}]
    left = unanswered(notice, {"phone": "2", "address": ""}, some)
    assert [one.field for one in left] == ["materials.身份证", "answers.address"]
    all_of_it: list[dict[str, Any]] = [{"name": "身份证", "presentation": {"licence_id": "L"}}, {"name": "户口簿", "files": [{"sha256": "a"}]}]
    assert unanswered(notice, {"phone": "2", "address": {"street": "乙"}}, all_of_it) == []


def test_a_notice_about_the_whole_case_wants_something() -> None:
    notice = make_notice(Finding(problem="整体"))
    assert [one.field for one in unanswered(notice, {}, [])] == ["answers"]
    assert unanswered(notice, {"note": "已改"}, []) == []
    assert unanswered(make_notice(field("agree")), {"agree": False}, []) == [], "no is an answer"


# 行政许可法 §32

CALENDAR = built_in()
RECEIVED = at(3, 2)  # a Monday
LAST = at(3, 9, 23)  # the fifth working day
OVER = at(3, 10, 0)


@pytest.fixture
async def cases(mongo: Mongo, keys: Keyring) -> Cases:
    for module in (store_module, clock_store):
        await mongo.create_indexes(module.INDEXES)
    return Cases(mongo, keys)


async def make_case(mongo: Mongo, cases: Cases, kind: str = PERMIT, answers: dict[str, Any] | None = None) -> str:
    request_id = await record(mongo, cases, make_sending(ANSWERS if answers is None else answers, kind))
    await tell(cases, request_id, 1, CaseState.SUBMITTED, RECEIVED)
    return request_id


async def tell(cases: Cases, request_id: str, version: int, state: CaseState, moment: datetime) -> dict[str, Any]:
    row = await cases.apply_move(None, request_id, f"C{request_id}", CaseMove(version=version, state=state, at=moment))
    assert row is not None
    return row


async def annotation(mongo: Mongo, request_id: str) -> tuple[datetime | None, str]:
    row = await mongo["cases"].find_one({"_id": request_id})
    assert row is not None
    return row.get("deemed_accepted_at"), row["state"]


def test_the_five_days_are_working_days_from_the_day_after_receipt() -> None:
    assert first_reply_due(RECEIVED, CALENDAR) == (at(3, 10, 0) - timedelta(milliseconds=1), False)
    assert first_reply_due(at(9, 30), CALENDAR)[0] == at(10, 14, 0) - timedelta(milliseconds=1)


async def test_five_days_of_silence_are_annotated_once_and_the_state_stays(mongo: Mongo, cases: Cases) -> None:
    request_id, clocks = await make_case(mongo, cases), CaseClocks(mongo)
    assert await deem_accepted(clocks, CALENDAR, LAST) == 0
    assert await annotation(mongo, request_id) == (None, "submitted")
    assert await deem_accepted(clocks, CALENDAR, OVER) == 1
    assert await annotation(mongo, request_id) == (RECEIVED, "submitted")
    assert await deem_accepted(clocks, CALENDAR, OVER + timedelta(days=3)) == 0


async def test_only_permits_have_the_five_days(mongo: Mongo, cases: Cases) -> None:
    await make_case(mongo, cases, "公共服务")
    assert await deem_accepted(CaseClocks(mongo), CALENDAR, at(6, 1)) == 0


@pytest.mark.parametrize("state", [CaseState.ACCEPTED, CaseState.REJECTED, CaseState.CORRECTIONS, CaseState.APPROVED, CaseState.WITHDRAWN])
async def test_a_reply_in_time_meets_them(mongo: Mongo, cases: Cases, state: CaseState) -> None:
    request_id, clocks = await make_case(mongo, cases), CaseClocks(mongo)
    await deem_accepted(clocks, CALENDAR, RECEIVED)
    await tell(cases, request_id, 2, state, LAST)
    assert await deem_accepted(clocks, CALENDAR, at(6, 1)) == 0
    assert await annotation(mongo, request_id) == (None, state.value)


@pytest.mark.parametrize("state", [CaseState.SUPPLEMENTED, CaseState.OTHER])
async def test_what_says_nothing_about_acceptance_is_no_reply(mongo: Mongo, cases: Cases, state: CaseState) -> None:
    request_id = await make_case(mongo, cases)
    await tell(cases, request_id, 2, state, LAST)
    assert await deem_accepted(CaseClocks(mongo), CALENDAR, OVER) == 1


async def test_a_late_word_of_a_reply_in_time_takes_it_back_at_once(mongo: Mongo, cases: Cases) -> None:
    request_id, clocks = await make_case(mongo, cases), CaseClocks(mongo)
    await deem_accepted(clocks, CALENDAR, OVER)
    row = await tell(cases, request_id, 2, CaseState.CORRECTIONS, LAST)
    assert row["deemed_accepted_at"] is None and row["deemed_taken_back_at"] is not None
    assert await deem_accepted(clocks, CALENDAR, at(6, 1)) == 0
    assert await annotation(mongo, request_id) == (None, "corrections")


async def test_a_reply_after_the_lapse_confirms_it(mongo: Mongo, cases: Cases) -> None:
    request_id, clocks = await make_case(mongo, cases), CaseClocks(mongo)
    await deem_accepted(clocks, CALENDAR, OVER)
    await tell(cases, request_id, 2, CaseState.CORRECTIONS, OVER)
    assert await deem_accepted(clocks, CALENDAR, at(6, 1)) == 0
    assert await annotation(mongo, request_id) == (RECEIVED, "corrections")


async def test_a_reply_after_the_lapse_that_we_hear_of_first_is_annotated_too(mongo: Mongo, cases: Cases) -> None:
    request_id = await make_case(mongo, cases)
    await tell(cases, request_id, 2, CaseState.ACCEPTED, OVER)
    assert await deem_accepted(CaseClocks(mongo), CALENDAR, at(3, 12)) == 1
    assert await annotation(mongo, request_id) == (RECEIVED, "accepted")


async def test_while_a_move_is_missing_the_annotation_waits_a_day(mongo: Mongo, cases: Cases) -> None:
    request_id, clocks = await make_case(mongo, cases), CaseClocks(mongo)
    await tell(cases, request_id, 3, CaseState.OTHER, at(3, 9))
    assert await deem_accepted(clocks, CALENDAR, OVER + timedelta(hours=23)) == 0
    assert await deem_accepted(clocks, CALENDAR, OVER + timedelta(hours=25)) == 1
    await tell(cases, request_id, 2, CaseState.ACCEPTED, at(3, 5))
    assert await annotation(mongo, request_id) == (None, "other")


async def test_a_corrected_calendar_is_applied_in_both_directions(mongo: Mongo, cases: Cases) -> None:
    request_id, clocks = await make_case(mongo, cases), CaseClocks(mongo)
    closed = calendar({**CALENDAR.specials, at(3, 9).date(): Special("holiday", "停工")}, CALENDAR.announced)
    assert await deem_accepted(clocks, CALENDAR, OVER) == 1
    assert await deem_accepted(clocks, closed, OVER) == 1, "taken back"
    assert await annotation(mongo, request_id) == (None, "submitted")
    assert await deem_accepted(clocks, CALENDAR, OVER) == 1
    assert await annotation(mongo, request_id) == (RECEIVED, "submitted")


async def test_two_workers_annotate_once(mongo: Mongo, cases: Cases) -> None:
    for _ in range(12):
        await make_case(mongo, cases)
    done = await asyncio.gather(*(deem_accepted(CaseClocks(mongo), CALENDAR, OVER, batch=5) for _ in range(3)))
    assert sum(done) == 12


async def test_a_move_between_looking_and_writing_is_not_written_over(mongo: Mongo, cases: Cases) -> None:
    request_id = await make_case(mongo, cases)

    class Slow(CaseClocks):
        async def run_out(self, now: datetime, limit: int) -> list[dict[str, Any]]:
            rows = await super().run_out(now, limit)
            if rows:
                await tell(cases, request_id, 2, CaseState.ACCEPTED, LAST)
            return rows

    clocks = Slow(mongo)
    await deem_accepted(clocks, CALENDAR, RECEIVED)
    assert await deem_accepted(clocks, CALENDAR, OVER) == 0
    assert await annotation(mongo, request_id) == (None, "accepted")


async def test_second_notices_are_counted_by_item_and_since_when(mongo: Mongo, cases: Cases) -> None:
    request_id, clocks = await make_case(mongo, cases), CaseClocks(mongo)
    for move in (corrections(4, field("address")), corrections(2, field("phone"))):
        row = await cases.apply_move(None, request_id, "C1", move)
    assert row is not None and [one["notice_no"] for one in row["notices_again"]] == [f"C{request_id}-4"]
    assert (await clocks.second_notices()).by_item == {"I1": 1}
    assert (await clocks.second_notices(at(3, 5))).notices == 0
    await cases.record_round(None, request_id, 2, cases.fingerprints(request_id, {"address": "乙"}, []))
    assert (await clocks.second_notices()).notices == 0, "it was corrected in between"


async def test_the_queries_of_the_job_use_their_indexes(mongo: Mongo, cases: Cases) -> None:
    """hint() refuses an index that is not there; and the refreshed calendar of an empty database is the built-in one."""
    assert await CaseClocks(mongo).without_due("x", 10) == [] and await CaseClocks(mongo).run_out(OVER, 10) == []
    days = Workdays(mongo)
    await days.refresh()
    assert days.current.edition == CALENDAR.edition
