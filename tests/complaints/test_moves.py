"""A complaint is what its moves tell, in whatever order and however often they come."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from complaints.moves import told
from complaints.values import Complaint, Move, Said
from core.complaints import ComplaintState as S
from kit.workdays import built_in

MONDAY = datetime(2026, 11, 23, 2, tzinfo=UTC)
CALENDAR = built_in()


def make_complaint(kind: str = "complaint") -> Complaint:
    said = Said(kind, "窗口排队太久", "上午等了三个小时没有叫号")  # type: ignore[arg-type]
    return Complaint("co_1", said, "p_1", "r_1", "wechat", MONDAY, "waiting", None, S.RECEIVED, 0, None, None, (), (), 1)


def move(version: int, state: S, **more: object) -> Move:
    return Move(version, state, MONDAY + timedelta(hours=version), **more)  # type: ignore[arg-type]


STORY = (
    move(1, S.RECEIVED),
    move(2, S.ASSIGNED, department="临江市公安局", due_at=MONDAY + timedelta(days=9)),
    move(3, S.TRANSFERRED, department="临江市人社局"),
    move(4, S.REPLIED, text="已增开窗口"),
)


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_any_order_with_every_move_twice_tells_the_same(order: tuple[int, ...]) -> None:
    one = make_complaint()
    for n in (*order, *order):
        one = told(one, "12345-1", [STORY[n]], CALENDAR)
    assert (one.state, one.version, one.department, one.number, one.at_core) == (S.REPLIED, 4, "临江市人社局", "12345-1", "told")
    assert one.moves == STORY


def test_an_older_move_never_takes_it_back() -> None:
    one = told(told(make_complaint(), "N", [STORY[3]], CALENDAR), "N", [STORY[1]], CALENDAR)
    assert one.state is S.REPLIED and one.can_follow_up(MONDAY) and not one.is_overdue(MONDAY + timedelta(days=90))


def test_what_was_told_of_a_version_stands() -> None:
    other = move(4, S.CLOSED, text="别的话")
    assert told(told(make_complaint(), "N", [STORY[3]], CALENDAR), "N", [other], CALENDAR).state is S.REPLIED


def test_the_cores_day_counts_and_without_one_working_days_do() -> None:
    set_there = told(make_complaint(), "N", STORY[:2], CALENDAR)
    assert set_there.due_at == MONDAY + timedelta(days=9)
    asked = told(make_complaint("consultation"), "N", STORY[:1], CALENDAR)
    assert asked.due_at is not None and asked.due_at.date().isoformat() == "2026-11-30"  # five working days over a weekend
    assert not asked.is_overdue(asked.due_at) and asked.is_overdue(asked.due_at + timedelta(seconds=1))


def test_a_question_after_the_reply_begins_a_new_wait() -> None:
    one = told(make_complaint("consultation"), "N", [*STORY, move(5, S.REOPENED)], CALENDAR)
    assert one.state is S.REOPENED and not one.can_follow_up(MONDAY) and not one.can_rate
    assert one.due_at is not None and one.due_at.date().isoformat() == "2026-11-30"


def test_a_closed_one_is_asked_about_for_fifteen_days_and_one_closed_without_a_reply_never() -> None:
    closed = told(make_complaint(), "N", [*STORY, move(5, S.CLOSED)], CALENDAR)
    last = MONDAY + timedelta(hours=5, days=15)
    assert closed.can_rate and closed.can_follow_up(last) and not closed.can_follow_up(last + timedelta(milliseconds=1))
    silent = told(make_complaint(), "N", [*STORY, move(5, S.REOPENED), move(6, S.CLOSED)], CALENDAR)
    assert not silent.can_follow_up(MONDAY) and not silent.can_rate


@pytest.mark.parametrize(("after", "late"), [(timedelta(days=9), False), (timedelta(days=9, milliseconds=1), True)])
def test_a_reply_after_its_day_was_late_for_good(after: timedelta, late: bool) -> None:
    reply = Move(3, S.REPLIED, MONDAY + after, text="迟到的答复")
    one = told(make_complaint(), "N", [*STORY[:2], reply, Move(4, S.CLOSED, MONDAY + timedelta(days=30))], CALENDAR)
    assert (one.late, one.is_overdue(MONDAY + timedelta(days=60))) == (late, False)
