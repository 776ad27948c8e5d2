"""Working days: counted from the next day, by the State Council's arrangement, by the operator's, and provisionally where nothing is announced."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.mongo import Mongo
from kit.workdays import Calendar, Special, Workdays, built_in, calendar, day_of, end_of
from miniapp_api import calendar_commands as commands

DAYS = st.dates(date(2004, 1, 1), date(2031, 12, 31))


def made(**days: str) -> Calendar:
    """2026 with these days beside its weekends, e.g. d0105="holiday"."""
    told = {date(2026, int(name[1:3]), int(name[3:])): Special(kind, "试") for name, kind in days.items()}  # type: ignore[arg-type]  # words of the test
    return calendar(told, {2026})


@pytest.mark.parametrize(
    ("start", "days", "due"),
    [
        (date(2026, 3, 2), 5, date(2026, 3, 9)),  # Monday: the day itself does not count
        (date(2026, 3, 6), 1, date(2026, 3, 9)),  # Friday
        (date(2026, 2, 13), 1, date(2026, 2, 14)),  # the Saturday before 春节 is worked
        (date(2026, 2, 14), 1, date(2026, 2, 24)),  # over the nine days of 春节 2026
        (date(2026, 9, 30), 2, date(2026, 10, 9)),
        (date(2026, 10, 9), 1, date(2026, 10, 10)),  # a worked Saturday
        (date(2025, 12, 31), 3, date(2026, 1, 6)),  # 元旦 to 3 January, the 4th is worked: 4, 5, 6
        (date(2026, 3, 2), 0, date(2026, 3, 2)),
    ],
)
def test_a_period_begins_on_the_next_day_and_passes_over_days_off(start: date, days: int, due: date) -> None:
    found = built_in().add_workdays(start, days)
    assert (found.day, found.provisional) == (due, False)
    assert built_in().between(start, due).days == days


def test_a_year_nobody_announced_is_counted_monday_to_friday_and_says_so() -> None:
    known = built_in()
    assert known.add_workdays(date(2026, 12, 28), 3).provisional is False
    found = known.add_workdays(date(2026, 12, 29), 3)
    assert (found.day, found.provisional) == (date(2027, 1, 1), True)
    assert known.between(date(2026, 12, 1), date(2027, 1, 4)).provisional is True
    assert known.add_workdays(date(2090, 5, 4), 5).day == date(2090, 5, 11)


@pytest.mark.parametrize("start", [date.max, date.max - timedelta(days=3), date.min])
def test_the_ends_of_the_calendar_are_no_error(start: date) -> None:
    assert built_in().add_workdays(start, 3660).provisional is True
    assert built_in().between(start, date(2026, 1, 1)).provisional is True
    assert built_in().on_or_after(start).day >= start
    assert end_of(start) <= datetime.max.replace(tzinfo=UTC)


def test_a_period_that_ends_on_a_day_off_ends_on_the_next_working_day() -> None:
    assert built_in().on_or_after(date(2026, 10, 1)).day == date(2026, 10, 8)
    assert built_in().on_or_after(date(2026, 10, 8)).day == date(2026, 10, 8)


def test_days_are_beijing_days() -> None:
    assert day_of(datetime(2026, 3, 1, 16, 0, tzinfo=UTC)) == date(2026, 3, 2)
    assert end_of(date(2026, 3, 2)) == datetime(2026, 3, 2, 15, 59, 59, 999000, tzinfo=UTC)
    assert day_of(end_of(date(2026, 3, 2))) == date(2026, 3, 2)


@given(DAYS, st.integers(0, 400))
def test_adding_and_counting_are_each_others_inverse(start: date, days: int) -> None:
    due = built_in().add_workdays(start, days)
    assert built_in().between(start, due.day).days == days
    assert built_in().between(due.day, start).days == -days
    assert days == 0 or built_in().is_workday(due.day)


@given(DAYS, st.integers(0, 200), st.integers(0, 200))
def test_a_longer_period_never_ends_earlier(start: date, one: int, more: int) -> None:
    assert built_in().add_workdays(start, one).day <= built_in().add_workdays(start, one + more).day


async def test_what_the_operator_sets_wins_and_does_not_announce_a_year(mongo: Mongo) -> None:
    days = Workdays(mongo)
    before = days.current
    await days.set_day(date(2027, 3, 1), Special("holiday", "台风停工"))
    await days.set_day(date(2026, 10, 1), Special("workday", "试"))
    assert days.current.is_workday(date(2027, 3, 1))
    await days.refresh()
    assert not days.current.is_workday(date(2027, 3, 1)) and days.current.is_provisional(date(2027, 3, 1))
    assert days.current.is_workday(date(2026, 10, 1)) and not days.current.is_workday(date(2026, 10, 2))
    assert days.current.edition != before.edition
    await days.set_day(date(2026, 10, 1), Special("holiday", "国庆节"))
    await days.set_day(date(2027, 3, 1), Special("workday", "恢复"))
    await days.refresh()
    assert days.current.is_workday(date(2027, 3, 1)) and not days.current.is_workday(date(2026, 10, 1))


def whole_year(year: int) -> dict[date, Special]:
    return {date(year, 10, one): Special("holiday", "国庆节") for one in range(1, 12)}


async def test_an_imported_year_is_announced_and_replaced_whole(mongo: Mongo) -> None:
    days = Workdays(mongo)
    await days.set_day(date(2027, 3, 1), Special("holiday", "误"))
    assert await days.take_over({**whole_year(2027), date(2026, 12, 26): Special("workday", "元旦")}) == {2027}
    await days.refresh()
    assert days.current.is_workday(date(2027, 3, 1)) and not days.current.is_workday(date(2027, 10, 1))
    assert not days.current.is_provisional(date(2027, 10, 1)) and days.current.is_workday(date(2026, 12, 26))
    assert not days.current.is_workday(date(2026, 10, 1)), "a neighbouring year keeps what it had"
    await days.take_over({**whole_year(2027), date(2027, 10, 1): Special("workday", "改")})
    await days.refresh()
    assert days.current.is_workday(date(2027, 10, 1)) and len(days.current.year(2027)) == 11


async def test_a_few_days_are_no_year(mongo: Mongo) -> None:
    days = Workdays(mongo)
    assert await days.take_over({date(2027, 10, 1): Special("holiday", "国庆节")}) == frozenset()
    await days.refresh()
    assert days.current.is_provisional(date(2027, 10, 1)) and days.current.is_workday(date(2027, 10, 1))


def test_the_command_shows_sets_and_imports(
    mongo: Mongo, mongo_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MONGO_URL", mongo_url)
    monkeypatch.setenv("ZHANGBAN_MONGO_DATABASE", mongo.database.name)
    assert commands.show(2027) == 0 and "还没有公布" in capsys.readouterr().err
    assert commands.set_day("2027-02-08", "holiday", "春节") == 0
    assert commands.show(2027) == 0 and "2027-02-08  周一  放假  春节" in capsys.readouterr().out
    for wrong in (("2027-02-30", "holiday", "x"), ("2027-02-08", "off", "x"), ("2027-02-08", "holiday", "")):
        assert commands.set_day(*wrong) == 1
    file = tmp_path / "2027.csv"
    file.write_text("# 国务院\n" + "\n".join(f"{day},{one.kind},{one.name}" for day, one in whole_year(2027).items()))
    assert commands.import_file(file) == 0
    assert commands.show(2027) == 0 and "已经公布" in capsys.readouterr().err
    file.write_text("2027-13-01,holiday,x\n2027-10-01,rest,x\n2027-10-02\n")
    assert commands.import_file(file) == 1
    told = capsys.readouterr().err
    assert all(f"第 {number} 行" in told for number in (1, 2, 3))
    assert commands.import_file(tmp_path / "none.csv") == 1


def test_the_command_says_which_setting_is_missing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("MONGO_URL", raising=False)
    assert commands.show(2027) == 2 and "MONGO_URL" in capsys.readouterr().err
