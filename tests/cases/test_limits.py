"""Limits of a case: working days from the acceptance, standing still while it waits for the resident, green, amber and red."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cases.deeming import first_reply_due
from cases.limits import Limits, shape
from kit.clock import BEIJING
from kit.workdays import built_in

CALENDAR = built_in()


def at(month: int, day: int, hour: int = 10, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, tzinfo=BEIJING).astimezone(UTC)


def make_row(*moves: tuple[str, datetime], **more: Any) -> dict[str, Any]:
    timeline = [{"version": number, "state": state, "at": moment} for number, (state, moment) in enumerate(moves, 1)]
    return {"timeline": timeline, **more}


def make_item(promised: int | None = 5, statutory: int | None = 20, unit: str = "working_days") -> dict[str, Any]:
    return {
        "promised_limit": None if promised is None else {"days": promised, "unit": unit, "text": "", "explanation": None},
        "statutory_limit": None if statutory is None else {"days": statutory, "unit": unit},
    }


ACCEPTED = make_row(("submitted", at(2, 27)), ("accepted", at(3, 2)))  # a Monday


@pytest.mark.parametrize(
    ("today", "left", "colour"),
    [
        (at(3, 2), 5, "green"),
        (at(3, 4, 23), 3, "green"),
        (at(3, 5, 0), 2, "amber"),
        (at(3, 7), 1, "amber"),  # Saturday
        (at(3, 9, 23), 0, "amber"),
        (at(3, 10, 0), -1, "red"),
        (at(3, 16), -5, "red"),
    ],
)
def test_five_working_days_from_a_monday(today: datetime, left: int, colour: str) -> None:
    found = shape(ACCEPTED, make_item(), CALENDAR, today)
    assert (found.promised_due, found.statutory_due) == (date(2026, 3, 9), date(2026, 3, 30))
    assert (found.days_left, found.colour, found.unit, found.provisional) == (left, colour, "working_days", False)


def test_of_a_long_limit_the_last_fifth_is_amber() -> None:
    item = make_item(None, 30)
    due = CALENDAR.add_workdays(date(2026, 3, 2), 30).day
    colours = {shape(ACCEPTED, item, CALENDAR, at(3, 2) + timedelta(days=day)).days_left: "" for day in range(0, 50)}
    for day in range(0, 50):
        found = shape(ACCEPTED, item, CALENDAR, at(3, 2) + timedelta(days=day))
        colours[found.days_left] = str(found.colour)
    assert (colours[7], colours[6], colours[0], colours[-1]) == ("green", "amber", "amber", "red")
    assert shape(ACCEPTED, item, CALENDAR, at(3, 2)).statutory_due == due


def test_nothing_is_due_before_acceptance_or_without_a_limit() -> None:
    submitted = make_row(("submitted", at(3, 2)))
    assert shape(submitted, make_item(), CALENDAR, at(3, 20)) == Limits()
    assert shape(ACCEPTED, None, CALENDAR, at(3, 20)) == Limits()
    assert shape(ACCEPTED, make_item(None, None), CALENDAR, at(3, 20)) == Limits()


@pytest.mark.parametrize("odd", [{"days": 5, "unit": "lunar_months"}, {"days": -1}, {"days": "soon"}, "5", [], {}])
def test_a_limit_nobody_can_read_is_no_date_and_no_error(odd: Any) -> None:
    assert shape(ACCEPTED, {"promised_limit": odd}, CALENDAR, at(3, 3)) == Limits()


def test_the_receipt_of_acceptance_says_from_when() -> None:
    row = make_row(("submitted", at(2, 27)), ("accepted", at(3, 4)))
    row["timeline"][1]["receipt"] = {"receipt_no": "SL1", "received_at": at(3, 2)}
    assert shape(row, make_item(), CALENDAR, at(3, 4)).promised_due == date(2026, 3, 9)


def test_what_the_law_deems_accepted_counts_from_its_receipt() -> None:
    """§32 (4): 自收到申请材料之日起即为受理."""
    row = make_row(("submitted", at(3, 2)), deemed_accepted_at=at(3, 2))
    assert shape(row, make_item(), CALENDAR, at(3, 11)).statutory_due == date(2026, 3, 30)
    late = make_row(("submitted", at(3, 2)), ("accepted", at(3, 12)), deemed_accepted_at=at(3, 2))
    assert shape(late, make_item(), CALENDAR, at(3, 12)).statutory_due == date(2026, 3, 30)


def test_the_days_stand_still_while_corrections_are_open() -> None:
    """Told on Wednesday (which counts), brought the Wednesday after (which does not): 3 of 5 days are left."""
    waiting = make_row(("accepted", at(3, 2)), ("corrections", at(3, 4)))
    for day in (5, 6, 9, 10, 11):
        found = shape(waiting, make_item(), CALENDAR, at(3, day))
        assert (found.days_left, found.paused, found.colour) == (3, True, "green"), day
    assert shape(waiting, make_item(), CALENDAR, at(3, 11)).promised_due == date(2026, 3, 16)
    brought = make_row(("accepted", at(3, 2)), ("corrections", at(3, 4)), ("supplemented", at(3, 11)))
    for today in (at(3, 11), at(3, 12), at(4, 20)):
        found = shape(brought, make_item(), CALENDAR, today)
        assert (found.promised_due, found.paused) == (date(2026, 3, 16), False)


def test_the_days_stand_still_during_a_special_procedure() -> None:
    row = make_row(("accepted", at(3, 2)), ("special_procedure", at(3, 3)), ("accepted", at(3, 17)))
    assert shape(row, make_item(), CALENDAR, at(3, 18)).promised_due == date(2026, 3, 23)


def test_two_notices_in_a_row_are_one_long_wait() -> None:
    row = make_row(("accepted", at(3, 2)), ("corrections", at(3, 4)), ("corrections", at(3, 6)), ("supplemented", at(3, 11)))
    assert shape(row, make_item(), CALENDAR, at(3, 12)).promised_due == date(2026, 3, 16)


@pytest.mark.parametrize(
    ("state", "moment", "colour"),
    [("approved", at(3, 9, 23), "green"), ("rejected", at(3, 10), "red"), ("issued", at(3, 3), "green"), ("withdrawn", at(3, 20), None)],
)
def test_a_decision_ends_the_days_and_was_in_time_or_not(state: str, moment: datetime, colour: str | None) -> None:
    row = make_row(("accepted", at(3, 2)), (state, moment))
    found = shape(row, make_item(), CALENDAR, at(6, 1))
    assert (found.promised_due, found.days_left, found.colour) == (date(2026, 3, 9), None, colour)


def test_calendar_days_that_end_on_a_day_off_end_on_the_next_working_day() -> None:
    found = shape(make_row(("accepted", at(9, 27))), make_item(5, None, "calendar_days"), CALENDAR, at(9, 27))
    assert found.promised_due == date(2026, 10, 8)
    assert shape(ACCEPTED, make_item(5, None, "calendar_days"), CALENDAR, at(3, 2)).promised_due == date(2026, 3, 9)  # the 7th is a Saturday


def test_a_limit_that_runs_into_a_year_nobody_announced_is_provisional() -> None:
    row = make_row(("accepted", at(12, 28)))
    assert shape(row, make_item(3, None), CALENDAR, at(12, 28)).provisional is False
    assert shape(row, make_item(5, None), CALENDAR, at(12, 28)).provisional is True


def test_on_the_spot_is_due_today() -> None:
    found = shape(ACCEPTED, make_item(0, None), CALENDAR, at(3, 2, 9))
    assert (found.promised_due, found.days_left, found.colour) == (date(2026, 3, 2), 0, "amber")


def test_the_colour_is_of_the_limit_that_ends_first() -> None:
    assert shape(ACCEPTED, make_item(30, 5), CALENDAR, at(3, 10)).colour == "red"


@given(st.integers(0, 60), st.integers(0, 120), st.integers(0, 30), st.integers(0, 30))
def test_days_left_never_grow_and_red_follows_amber_follows_green(days: int, today: int, before: int, long: int) -> None:
    moves = [("accepted", at(3, 2)), ("corrections", at(3, 2) + timedelta(days=before)), ("supplemented", at(3, 2) + timedelta(days=before + long))]
    row = make_row(*moves)
    now = at(3, 2) + timedelta(days=before + long + today)
    one, next_day = (shape(row, make_item(days), CALENDAR, moment) for moment in (now, now + timedelta(days=1)))
    assert one.days_left is not None and next_day.days_left is not None
    assert next_day.days_left <= one.days_left and one.promised_due == next_day.promised_due
    order = ("green", "amber", "red")
    assert order.index(str(one.colour)) <= order.index(str(next_day.colour))


@given(st.datetimes(timezones=st.just(UTC)), st.integers(0, 3660))
@example(datetime.max.replace(tzinfo=UTC), 5)
@example(datetime.min.replace(tzinfo=UTC), 5)
def test_no_moment_a_core_may_send_is_an_error(moment: datetime, days: int) -> None:
    shape(make_row(("accepted", moment), ("corrections", moment)), make_item(days), CALENDAR, at(3, 2))
    assert first_reply_due(moment, CALENDAR)[0].tzinfo is UTC
