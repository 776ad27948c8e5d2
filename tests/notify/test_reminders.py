"""When residents are reminded, in which words, and that a watch is one however often it is planted and by however many it is taken."""

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.bills import Bill, BillState, IssuedBill
from kit.clock import BEIJING
from kit.mongo import Mongo
from kit.workdays import Calendar, Special, built_in, calendar, day_of
from notify import reminder_messages, reminder_store, reminders
from notify.kinds import KINDS
from notify.reminder_store import LEASE, SWEEP_LEASE, Reminders, due
from notify.reminders import APPOINTMENT, BILL, CORRECTION, LICENCE, Watch, by_day, first_moment, is_day, moments, next_moment, workdays_left
from notify.told import Told
from notify.values import in_full, wechat_data

KINDS_WATCHED = (CORRECTION, BILL, LICENCE, APPOINTMENT)
NOON = datetime(2026, 3, 2, 12, tzinfo=BEIJING)  # a Monday


def at(text: str) -> datetime:
    """A Beijing moment of 2026: "03-02 09:00"."""
    return datetime.strptime(f"2026-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=BEIJING)


def make_watch(kind: str = BILL, due_at: datetime | None = None, thing: str = "B1", person_id: str = "p_1") -> Watch:
    return Watch(kind, thing, person_id, due_at or NOON + timedelta(days=10), {"bill_id": thing})


# the rules


@pytest.mark.parametrize(
    ("due_at", "told"),
    [
        ("03-06 18:00", ["03-04 09:00", "03-05 09:00"]),  # Friday
        ("03-09 18:00", ["03-05 09:00", "03-06 09:00"]),  # Monday: the weekend does not count
        ("03-08 18:00", ["03-04 09:00", "03-05 09:00"]),  # a Sunday, if the core says so: Friday is the last working day
        ("02-24 18:00", ["02-13 09:00", "02-14 09:00"]),  # after 春节; the Saturday before it is worked
        ("03-06 00:30", ["03-04 09:00", "03-05 09:00"]),
    ],
)
def test_corrections_are_reminded_of_two_and_one_working_days_before(due_at: str, told: list[str]) -> None:
    assert list(moments(CORRECTION, at(due_at), built_in())) == [at(one) for one in told]


def test_a_holiday_announced_later_moves_what_is_still_to_come() -> None:
    extra = calendar({**built_in().specials, date(2026, 3, 5): Special("holiday", "试")}, built_in().announced)
    watch = make_watch(CORRECTION, at("03-06 18:00"))
    assert next_moment(watch, built_in(), at("03-04 10:00")) == at("03-05 09:00")
    assert next_moment(watch, extra, at("03-03 10:00")) == at("03-04 09:00")
    assert workdays_left(at("03-06 18:00"), at("03-04 09:00"), built_in()) == 2
    assert workdays_left(at("03-06 18:00"), at("03-04 09:00"), extra) == 1
    assert workdays_left(at("03-06 18:00"), at("03-06 09:00"), extra) == 0 == workdays_left(at("03-06 18:00"), at("03-09 09:00"), extra)


@pytest.mark.parametrize(
    ("kind", "due_at", "told"),
    [
        (BILL, "03-10 18:00", ["03-07 18:00"]),
        (BILL, "03-10 23:59", ["03-07 19:00"]),
        (LICENCE, "05-31 00:00", ["04-01 09:00", "05-01 09:00"]),
        (APPOINTMENT, "03-10 09:30", ["03-09 18:00"]),
        (APPOINTMENT, "03-10 00:10", ["03-09 18:00"]),
    ],
)
def test_the_others_are_reminded_of_by_days_and_the_evening_before(kind: str, due_at: str, told: list[str]) -> None:
    assert list(moments(kind, at(due_at), built_in())) == [at(one) for one in told]


@pytest.mark.parametrize(
    ("given_at", "told"),
    [
        ("03-02 00:00", "03-02 09:00"),
        ("03-02 08:59", "03-02 09:00"),
        ("03-02 09:00", "03-02 09:00"),
        ("03-02 19:59", "03-02 19:59"),
        ("03-02 20:00", "03-02 19:00"),
        ("03-02 23:59", "03-02 19:00"),
    ],
)
def test_nobody_is_reminded_at_night(given_at: str, told: str) -> None:
    assert by_day(at(given_at)) == at(told)
    assert is_day(at(given_at)) == (given_at == told)


@given(st.sampled_from(KINDS_WATCHED), st.integers(0, 30 * 365 * 24 * 60), st.integers(0, 200 * 24 * 60))
def test_every_moment_is_by_day_before_the_end_and_not_before_it_was_known(kind: str, later: int, minutes: int) -> None:
    end = datetime(2008, 1, 1, tzinfo=UTC) + timedelta(minutes=later)
    planted = end - timedelta(minutes=minutes)
    watch = make_watch(kind, end)
    assert all(is_day(one) and one < end for one in moments(kind, end, built_in()))
    told, moment = [], first_moment(watch, built_in(), planted)
    while moment is not None:
        told.append(moment)
        assert len(told) <= 2
        moment = next_moment(watch, built_in(), moment)
    assert told == sorted(set(told)) and all(planted <= one for one in told)
    assert all(is_day(one) for one in told)


def test_what_passed_while_nobody_looked_is_one_reminder() -> None:
    watch = make_watch(CORRECTION, at("03-06 18:00"))
    assert first_moment(watch, built_in(), at("03-02 12:00")) == at("03-04 09:00")
    assert next_moment(watch, built_in(), at("03-05 15:00")) is None, "told late, on the day of the second: the second is told with it"


@pytest.mark.parametrize("kind", [CORRECTION, BILL, APPOINTMENT])
def test_whoever_was_just_told_of_the_thing_itself_is_not_told_again_at_once(kind: str) -> None:
    assert first_moment(make_watch(kind, at("03-05 12:00")), built_in(), at("03-04 20:30")) is None


@pytest.mark.parametrize(("read_at", "told"), [("03-02 12:00", "03-02 12:00"), ("03-02 03:00", "03-02 09:00"), ("03-02 21:00", "03-03 09:00")])
def test_a_licence_found_late_is_told_of_as_soon_as_it_is_day(read_at: str, told: str) -> None:
    assert first_moment(make_watch(LICENCE, at("03-20 00:00")), built_in(), at(read_at)) == at(told)


@pytest.mark.parametrize("gone", [timedelta(), timedelta(days=-1), timedelta(days=3661)])
def test_what_is_over_or_never_ends_is_not_watched(gone: timedelta) -> None:
    for kind in KINDS_WATCHED:
        assert first_moment(make_watch(kind, NOON + gone), built_in(), NOON) is None


def test_a_watch_is_known_by_its_thing_and_due_day() -> None:
    watch = make_watch(due_at=datetime(2026, 3, 10, 18, 0, 0, 250_000, tzinfo=BEIJING))
    assert watch.id == "bill_due:B1:2026-03-10T10:00:00Z"
    assert watch.id == make_watch(due_at=at("03-10 18:00").astimezone(UTC), person_id="p_2").id
    assert watch.id != make_watch(due_at=at("03-11 18:00")).id
    assert reminders.same_moment(watch.due_at, at("03-10 18:00")) and not reminders.same_moment(watch.due_at, at("03-10 18:01"))


# the words


def make_bill(title: str = "居民身份证工本费", payee: str = "某局", bill_id: str = "B1") -> Bill:
    own = {"bill_id": bill_id, "version": 1, "person_id": "p_1", "case_no": "C1", "item_name": "身份证", "title": title, "payee": payee}
    return Bill.model_validate({**own, "amount_fen": 2050, "state": BillState.UNPAID, "issued_at": NOON, "expires_at": NOON})


def every(words: str, number: str) -> list[Told]:
    bill = make_bill(words, words, "B|1:*x")
    issued = IssuedBill.model_validate(bill.model_dump(exclude={"version", "case_no", "item_name", "state", "currency"}))
    return [
        reminder_messages.correction_due(words, number, NOON, 2),
        reminder_messages.bill_issued(issued, number),
        reminder_messages.bill_due(bill, NOON),
        reminder_messages.licence_expiring(words, NOON),
        reminder_messages.appointment_tomorrow("ap_1", words, NOON, words, number),
    ]


@given(st.text(min_size=1, max_size=500), st.text(min_size=1, max_size=60))
def test_every_kind_has_its_fields_and_fits_wechat_whatever_the_core_says(words: str, number: str) -> None:
    told = every(words, number)
    assert {one.kind for one in told} == {*KINDS_WATCHED, "bill_issued"}
    for one in told:
        kind = KINDS[one.kind]
        data = wechat_data(kind, kind.wechat, one.fields)
        assert all(value["value"] for value in data.values()) and set(data) == set(kind.wechat)
        assert all(len(value["value"]) <= 20 for key, value in data.items() if key.startswith("thing"))
        assert 0 < len(one.text) <= 2000 and not any(sign in one.text for sign in "\r\n\0")
        assert one.page.count("?") <= 1 and one.page.count("=") <= 1 and "&" not in one.page


def test_the_words_say_what_to_do_and_until_when() -> None:
    correction, issued, bill, licence, appointment = every("食品经营许可", "C1")
    assert "还剩 2 个工作日" in correction.text and "2026年3月2日 12:00 前补正" in correction.text and correction.page == "pages/case/detail?no=C1"
    assert "今天是最后一天" in reminder_messages.correction_due("甲", "C1", NOON, 0).text
    assert "20.50 元" in issued.text and "前缴费" in issued.text and issued.page == "pages/bill/detail?id=B%7C1%3A%2Ax"
    assert "还没有缴费" in bill.text and bill.case_no == "C1" and in_full("money", bill.fields["amount"]) == "20.50元"
    assert "2026年3月2日 到期" in licence.text and "2026年3月2日 12:00 到食品经营许可办理" in appointment.text


def test_a_bill_without_an_end_says_none() -> None:
    bill = IssuedBill(bill_id="B1", person_id="p_1", title="费", payee="局", amount_fen=1, issued_at=NOON)
    assert "前缴费" not in reminder_messages.bill_issued(bill, None).text


# the watches


@pytest.fixture
async def watches(mongo: Mongo) -> Reminders:
    await mongo.create_indexes(reminder_store.INDEXES)
    return Reminders(mongo)


async def rows(mongo: Mongo, **about: object) -> int:
    return int(await mongo["reminders"].count_documents(about))


async def test_a_watch_planted_again_stays_as_it_is(mongo: Mongo, watches: Reminders) -> None:
    watch = make_watch()
    await asyncio.gather(*(watches.plant(None, [(watch, NOON), (make_watch(thing="B2"), NOON)]) for _ in range(8)))
    assert await rows(mongo) == 2
    assert await watches.moot(watch)
    await watches.plant(None, [(watch, NOON)])
    await mongo.transaction(lambda tx: watches.plant(tx, [(watch, NOON)]))
    assert (await rows(mongo, state="moot"), await rows(mongo, state="waiting")) == (1, 1)


async def test_two_transactions_plant_one_watch(mongo: Mongo, watches: Reminders) -> None:
    await asyncio.gather(*(mongo.transaction(lambda tx: watches.plant(tx, [(make_watch(), NOON)])) for _ in range(6)))
    assert await rows(mongo) == 1


async def test_each_watch_is_taken_by_one_and_the_longest_waiting_first(watches: Reminders) -> None:
    await watches.plant(None, [(make_watch(thing=f"B{n}"), NOON - timedelta(minutes=n)) for n in range(20)])
    taken = await asyncio.gather(*(watches.take(NOON) for _ in range(30)))
    things = [one.thing for one in taken if one is not None]
    assert sorted(things) == sorted({f"B{n}" for n in range(20)})
    await watches.plant(None, [(make_watch(thing="late"), NOON - timedelta(days=1)), (make_watch(thing="later"), NOON + timedelta(hours=1))])
    first = await watches.take(NOON)
    assert first is not None and first.thing == "late" and await watches.take(NOON) is None


async def test_what_a_dead_scheduler_held_comes_back_and_is_told_once(mongo: Mongo, watches: Reminders) -> None:
    await watches.plant(None, [(make_watch(), NOON)])
    dead = await watches.take(NOON)
    assert await watches.take(NOON + LEASE - timedelta(seconds=1)) is None
    again = await watches.take(NOON + LEASE)
    assert dead is not None and again == dead
    assert await watches.told(None, again, None) and not await watches.told(None, dead, None)
    assert not await watches.moot(dead) and await rows(mongo, state="told", step=1) == 1
    assert await watches.take(NOON + timedelta(days=9)) is None


async def test_a_watch_of_several_moments_waits_for_the_next(watches: Reminders) -> None:
    await watches.plant(None, [(make_watch(), NOON)])
    first = await watches.take(NOON)
    assert first is not None and await watches.told(None, first, NOON + timedelta(days=1))
    assert await watches.take(NOON + timedelta(hours=1)) is None
    second = await watches.take(NOON + timedelta(days=1))
    assert second is not None and second.step == 1 and not await watches.told(None, first, None)


async def test_what_is_given_up_is_that_thing_alone(mongo: Mongo, watches: Reminders) -> None:
    of_both = [make_watch(APPOINTMENT, thing=thing) for thing in ("ap_1", "ap_10", "ap_2")] + [make_watch(BILL, thing="ap_1")]
    await watches.plant(None, [(one, NOON) for one in of_both])
    assert await mongo.transaction(lambda tx: watches.give_up(tx, APPOINTMENT, "ap_1")) == 1
    assert [row["_id"] async for row in mongo["reminders"].find({"state": "moot"})] == [of_both[0].id]
    assert await watches.give_up(None, APPOINTMENT, "ap_1") == 0


async def test_a_sweep_runs_once_at_a_time_and_goes_on_where_it_stopped(watches: Reminders) -> None:
    begun = [one for one in await asyncio.gather(*(watches.begin_sweep("licences", NOON) for _ in range(6))) if one is not None]
    assert len(begun) == 1 and begun[0][1] == ""
    assert await watches.move_sweep("licences", begun[0][0], "p_5", NOON)
    assert await watches.begin_sweep("licences", NOON + timedelta(seconds=1)) is None
    dead_for_long = NOON + SWEEP_LEASE
    taken_over = await watches.begin_sweep("licences", dead_for_long)
    assert taken_over is not None and taken_over[1] == "p_5"
    assert not await watches.move_sweep("licences", begun[0][0], "p_6", dead_for_long)
    await watches.end_sweep("licences", taken_over[0], dead_for_long, dead_for_long + timedelta(days=1))
    assert await watches.begin_sweep("licences", dead_for_long + timedelta(hours=23)) is None
    anew = await watches.begin_sweep("licences", dead_for_long + timedelta(days=1))
    assert anew is not None and anew[1] == ""


Query = Callable[[], dict[str, object]]


@pytest.mark.parametrize(
    "query",
    [
        lambda: due(NOON),
        lambda: {"person_id": {"$in": ["p_1"]}},
        lambda: {"_id": {"$gte": "bill_due:B1:", "$lt": "bill_due:B1;"}, "state": "waiting"},
    ],
)
async def test_no_question_reads_everybodys_watches(mongo: Mongo, watches: Reminders, query: Query) -> None:
    await watches.plant(None, [(make_watch(thing=f"B{n}", person_id=f"p_{n}"), NOON + timedelta(days=n)) for n in range(50)])
    plan = await mongo["reminders"].find(query()).sort("remind_at" if "remind_at" in query() else "_id", 1).explain()
    assert "COLLSCAN" not in repr(plan["queryPlanner"]["winningPlan"])
    assert plan["executionStats"]["totalDocsExamined"] <= 2


def test_the_calendar_is_asked_in_beijing() -> None:
    late = datetime.combine(date(2026, 3, 6), time(1), BEIJING)  # still Thursday in UTC
    assert day_of(late) == date(2026, 3, 6)
    assert moments(CORRECTION, late, built_in())[-1] == at("03-05 09:00")
    weekdays: Calendar = calendar({}, {2026})
    assert moments(CORRECTION, at("02-24 18:00"), weekdays)[-1] == at("02-23 09:00")
