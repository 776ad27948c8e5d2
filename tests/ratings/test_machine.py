"""How a bad rating is put right: no wrong state can be reached, every step has its limit, nothing goes on for ever."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.workdays import built_in, day_of
from ratings.machine import MOVES, ROUNDS, Act, due, opening, step
from ratings.values import OPEN, Appeal, Rectification, State, Terms

CALENDAR, TERMS = built_in(), Terms()
ACTS: tuple[Act, ...] = get_args(Act)
MONDAY = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)
AFTER: dict[Act, set[State]] = {
    "triage": {State.TRIAGE, State.WITH_DEPARTMENT},
    "reply": {State.WITH_DEPARTMENT},
    "appeal": {State.WITH_DEPARTMENT},
    "uphold": {State.APPEALED},
    "dismiss": {State.APPEALED},
    "satisfied": {State.CALL_BACK},
    "unsatisfied": {State.CALL_BACK},
    "unreached": {State.CALL_BACK},
}


def make_one(state: State = State.TRIAGE, at: datetime = MONDAY, **more: object) -> Rectification:
    due_at, total = opening(CALENDAR, TERMS, at)
    facts = {"revision": 1, "round": 1, "opened_at": at, "due_at": due_at, "total_due_at": total, **more}
    return Rectification("rt_1", "人社局", state, **facts)  # type: ignore[arg-type]  # of the dataclass, by name


def done(one: Rectification, act: Act, at: datetime) -> Rectification | None:
    """As the store writes it."""
    to = step(one, act, CALENDAR, TERMS, at)
    if to is None:
        return None
    appeal = Appeal("mistaken", "理由", "s1", at) if act == "appeal" else one.appeal
    facts: dict[str, Any] = {"round": to.round, "due_at": to.due_at or one.due_at, "total_due_at": one.total_due_at, "opened_at": one.opened_at}
    return make_one(to.state, revision=one.revision + 1, appeal=appeal, closed_at=at if to.closes else None, **facts)


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("state", list(State))
def test_an_act_leads_somewhere_only_from_where_it_belongs(state: State, act: Act) -> None:
    much_later = MONDAY + timedelta(days=60)
    assert (step(make_one(state), act, CALENDAR, TERMS, much_later) is not None) == (state in AFTER[act])


def test_every_state_is_reached_and_every_open_one_can_be_left() -> None:
    assert {*MOVES.values(), State.TRIAGE, State.CLOSED_UNSATISFIED} == set(State)
    assert {state for state, _ in MOVES} == set(OPEN)


@given(st.lists(st.tuples(st.sampled_from(ACTS), st.floats(0, 20)), max_size=40), st.integers(0, 500))
def test_whatever_is_tried_it_stays_in_order_and_ends(tries: list[tuple[Act, float]], start: int) -> None:
    at = MONDAY - timedelta(days=start)
    one = make_one(at=at)
    for act, days in tries:
        at += timedelta(days=days)
        moved = done(one, act, at)
        if one.state not in OPEN:
            assert moved is None
        if moved is None:
            continue
        assert one.state in AFTER[act]
        assert 1 <= moved.round <= ROUNDS and moved.round >= one.round
        assert moved.total_due_at == one.total_due_at
        if moved.state is State.CALL_BACK:
            assert moved.due_at == due(CALENDAR, at, TERMS.call_back_days), "whole, whatever the total"
        elif moved.state in OPEN:
            assert moved.due_at <= moved.total_due_at
        assert (moved.closed_at is None) == (moved.state in OPEN)
        assert act != "unreached" or at > one.due_at
        assert act not in ("appeal", "dismiss") or moved.due_at == one.due_at
        assert act != "appeal" or one.appeal is None
        one = moved


@given(st.dates(date(2024, 1, 1), date(2026, 12, 31)), st.integers(1, 20))
def test_a_limit_is_the_end_of_a_working_day_so_many_working_days_on(day: date, days: int) -> None:
    at = datetime(day.year, day.month, day.day, 4, tzinfo=UTC)
    first, total = opening(CALENDAR, Terms(triage_days=days), at)
    assert CALENDAR.is_workday(day_of(first)) and CALENDAR.between(day, day_of(first)).days == min(days, 15)
    assert first <= total and CALENDAR.between(day, day_of(total)).days == 15


def test_days_off_do_not_count() -> None:
    """30 September 2026 is a Wednesday, 1 to 7 October are a holiday; 10 October is worked in exchange."""
    due_at, _ = opening(CALENDAR, TERMS, datetime(2026, 9, 30, 1, 0, tzinfo=UTC))
    assert day_of(due_at) == date(2026, 10, 8)
    with_department = make_one(State.TRIAGE, datetime(2026, 9, 30, 1, 0, tzinfo=UTC))
    to = step(with_department, "triage", CALENDAR, TERMS, datetime(2026, 9, 30, 2, 0, tzinfo=UTC))
    assert to is not None and to.due_at is not None and CALENDAR.between(date(2026, 9, 30), day_of(to.due_at)).days == 5


def test_the_second_unsatisfied_word_closes_it() -> None:
    later = MONDAY + timedelta(days=1)
    first = step(make_one(State.CALL_BACK), "unsatisfied", CALENDAR, TERMS, later)
    assert first is not None and (first.state, first.round, first.closes) == (State.WITH_DEPARTMENT, 2, False)
    last = step(make_one(State.CALL_BACK, round=2), "unsatisfied", CALENDAR, TERMS, later)
    assert last is not None and (last.state, last.due_at) == (State.CLOSED_UNSATISFIED, None)


@pytest.mark.parametrize("after", [timedelta(seconds=-1), timedelta(days=9)])
def test_a_reply_on_the_last_evening_or_after_it_takes_no_day_of_the_call_back(after: timedelta) -> None:
    one = make_one(State.WITH_DEPARTMENT)
    at = one.total_due_at + after
    answered = done(one, "reply", at)
    assert answered is not None and answered.state is State.CALL_BACK
    assert CALENDAR.between(day_of(at), day_of(answered.due_at)).days == TERMS.call_back_days and answered.due_at > one.total_due_at
    assert done(answered, "unreached", at + timedelta(seconds=2)) is None and done(answered, "unreached", answered.due_at) is None
    ended = done(answered, "unreached", answered.due_at + timedelta(milliseconds=1))
    assert ended is not None and ended.state is State.CLOSED_UNREACHED


def test_what_goes_back_after_the_whole_time_is_late_at_once() -> None:
    one = make_one(State.CALL_BACK)
    again = done(one, "unsatisfied", one.total_due_at + timedelta(days=1))
    assert again is not None and again.due_at == one.total_due_at and again.is_overdue(one.total_due_at + timedelta(days=1))


def test_another_department_gets_no_new_days() -> None:
    one = make_one(State.WITH_DEPARTMENT)
    to = step(one, "triage", CALENDAR, TERMS, MONDAY + timedelta(days=3))
    assert to is not None and to.due_at == one.due_at
