"""Bills are told of once, and what ends soon is reminded of while it is still so: real stores, and the core as the sandbox plays it."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from core.subjects import person_key
from core.types import BillIssued, IssuedBill
from kit.clock import now
from kit.mongo import DuplicateKeyError, Tx
from kit.outbox import Outbox
from miniapp_api import bill_issued, reminding
from miniapp_api.bill_issued import Outcome
from miniapp_api.core_events import take_feed
from miniapp_api.reminding import Booked, remind
from miniapp_api.wiring import Deps
from notify import reminders
from notify.reminder_store import LEASE
from notify.reminders import APPOINTMENT, BILL, CORRECTION, LICENCE, moments
from tests.api.applying import licence
from tests.api.house import House, Json, Resident, make_resident, until
from tests.api.planted import inside
from tests.api.purse import Payer, make_payer

IN_TWO_WEEKS = timedelta(days=14)


@pytest.fixture
async def deps(house: House) -> AsyncIterator[Deps]:
    async with inside(house.stack) as own:
        yield own


class Dying:
    """The outbox of a process that is killed in the middle of a write."""

    async def put_many(self, *_: Any) -> None:
        raise SystemError("killed")


def dying(deps: Deps) -> Deps:
    return replace(deps, outbox=cast("Outbox", Dying()))


def own(resident: Resident) -> str:
    return str(resident.person["person"])


async def told(resident: Resident, kind: str) -> list[str]:
    return [one["text"] for one in await resident.inbox() if one["kind"] == kind]


async def rows(deps: Deps, **about: Any) -> list[Json]:
    return [row async for row in deps.mongo["reminders"].find(about).sort("due_at", 1)]


def last_moment(deps: Deps, kind: str, due_at: datetime) -> datetime:
    return moments(kind, due_at, deps.workdays.current)[-1]


# a bill was issued


def make_event(person_id: str, **change: Any) -> BillIssued:
    bill = {"bill_id": f"B{uuid.uuid4().hex}", "person_id": person_id, "title": "居民身份证工本费", "payee": "某局", "amount_fen": 2000}
    bill |= {"issued_at": now(), "expires_at": now() + IN_TWO_WEEKS} | change.pop("bill", {})
    known = {"event_id": uuid.uuid4().hex, "seq": 1, "type": "bill.issued", "case_no": "C1", "bill": IssuedBill.model_validate(bill)}
    return BillIssued.model_validate(known | change)


async def hear(deps: Deps, event: BillIssued) -> Outcome:
    """As whoever takes events does: the event's id in the same write."""

    async def both(tx: Tx) -> Outcome:
        await deps.cases.first_time(tx, [(event.event_id, event.case_no)])
        return await bill_issued.apply(deps, tx, event)

    try:
        return await deps.mongo.transaction(both)
    except DuplicateKeyError:
        return "repeated"


async def test_a_bill_is_told_of_once_however_often_the_core_says_so(house: House, deps: Deps) -> None:
    resident = await make_resident(house)
    event = make_event(own(resident))
    outcomes = await asyncio.gather(*(hear(deps, event) for _ in range(5)))
    assert sorted(outcomes) == ["applied", *["repeated"] * 4]
    assert await hear(deps, event) == "repeated"
    another = event.model_copy(update={"event_id": uuid.uuid4().hex})
    assert await hear(deps, another) == "repeated"
    assert await deps.cases.known_events([another.event_id]) == {another.event_id}, "and is done with"
    (text,) = await told(resident, "bill_issued")
    assert "20.00 元" in text and "前缴费" in text
    (message,) = await resident.inbox()
    assert message["case_no"] == "C1"
    assert await deps.mongo["outbox"].count_documents({"_id": {"$regex": f"^push:{message['id']}"}}) == 1
    (watch,) = await rows(deps, person_id=own(resident))
    assert (watch["kind"], watch["state"], watch["about"]) == (BILL, "waiting", {"bill_id": event.bill.bill_id})


@pytest.mark.parametrize("webhook", [{"duplicate": 3}, {"down": True}, {"late_ms": 50, "shuffle": True}])
async def test_a_bill_the_clerk_makes_is_told_of_once_by_whichever_way_it_comes(house: House, deps: Deps, webhook: Json) -> None:
    payer = await make_payer(house)
    await house.faults(core_webhook=webhook)
    made = [await payer.bill(expires_at=(now() + IN_TWO_WEEKS).isoformat()) for _ in range(3)]

    async def all_told() -> bool:
        return len(await told(payer.resident, "bill_issued")) >= len(made)

    await until(all_told)
    await take_feed(deps)  # what came by the webhook stands there too
    assert len(await told(payer.resident, "bill_issued")) == len(made)
    watched = await rows(deps, person_id=own(payer.resident))
    assert sorted(row["thing"] for row in watched) == sorted(made) and {row["state"] for row in watched} == {"waiting"}
    assert await deps.mongo["core_events_parked"].count_documents({}) == 0


async def test_a_bill_of_somebody_who_was_never_here_is_not_ours(house: House, deps: Deps) -> None:
    stranger = (await house.world("POST", "/world/people", {}))["person"]
    assert await hear(deps, make_event(stranger)) == "not_ours"
    assert await hear(deps, make_event(stranger, request_id="q_unknown")) == "not_ours"
    assert await deps.mongo["messages"].count_documents({"person_id": stranger}) == 0 and await rows(deps, person_id=stranger) == []


async def test_of_a_childs_bill_whoever_filed_the_case_is_told(house: House, deps: Deps) -> None:
    guardian = await make_resident(house)
    case_no = await guardian.case()
    request_id = next(one["request_id"] for one in await house.ledger("core") if one.get("case_no") == case_no)
    child = (await house.world("POST", "/world/people", {}))["person"]
    assert await hear(deps, make_event(child, case_no=case_no, request_id=request_id)) == "applied"
    assert len(await told(guardian, "bill_issued")) == 1
    assert [row["person_id"] for row in await rows(deps, person_id=own(guardian))] == [own(guardian)]


async def test_a_bill_heard_of_by_somebody_who_died_half_way_is_told_of_once(house: House, deps: Deps) -> None:
    resident = await make_resident(house)
    event = make_event(own(resident))
    with pytest.raises(SystemError):
        await hear(dying(deps), event)
    assert await resident.inbox() == [] and await rows(deps, person_id=own(resident)) == []
    assert await deps.cases.known_events([event.event_id]) == set()
    assert await hear(deps, event) == "applied" and len(await told(resident, "bill_issued")) == 1


async def test_a_bill_that_never_ends_is_told_of_and_not_watched(house: House, deps: Deps) -> None:
    resident = await make_resident(house)
    for expires_at in (None, now() + timedelta(hours=5), now() - timedelta(days=1)):
        assert await hear(deps, make_event(own(resident), bill={"expires_at": expires_at})) == "applied"
    assert len(await told(resident, "bill_issued")) == 3 and await rows(deps, person_id=own(resident)) == []


# a bill is due


async def owing(house: House, deps: Deps) -> tuple[Payer, str, datetime]:
    """A bill at the core that is watched, and its moment."""
    payer = await make_payer(house)
    expires_at = now() + IN_TWO_WEEKS
    bill_id = await payer.bill(expires_at=expires_at.isoformat())
    await reminding.plant_for_bill(deps, None, own(payer.resident), bill_id, expires_at)
    return payer, bill_id, last_moment(deps, BILL, expires_at)


async def state_of(deps: Deps, bill_id: str) -> list[str]:
    return [row["state"] for row in await rows(deps, kind=BILL, thing=bill_id)]


async def test_an_unpaid_bill_is_reminded_of_once_by_however_many_schedulers(house: House, deps: Deps) -> None:
    payer, bill_id, moment = await owing(house, deps)
    await remind(deps, moment - timedelta(seconds=1))
    assert await told(payer.resident, "bill_due") == []
    await asyncio.gather(*(remind(deps, moment) for _ in range(4)))
    await remind(deps, moment + timedelta(days=1))
    (text,) = await told(payer.resident, "bill_due")
    assert "还没有缴费" in text and await state_of(deps, bill_id) == ["told"]
    await reminding.plant_for_bill(deps, None, own(payer.resident), bill_id, (await rows(deps, thing=bill_id))[0]["due_at"])
    await remind(deps, moment + timedelta(days=1))
    assert len(await told(payer.resident, "bill_due")) == 1, "planted again, and not told again"


async def test_what_a_scheduler_that_died_half_way_had_taken_is_told_once(house: House, deps: Deps) -> None:
    payer, bill_id, moment = await owing(house, deps)
    with pytest.raises(SystemError):
        await remind(dying(deps), moment)
    assert await told(payer.resident, "bill_due") == [] and await state_of(deps, bill_id) == ["waiting"]
    await remind(deps, moment + LEASE)
    await remind(deps, moment + 2 * LEASE)
    assert len(await told(payer.resident, "bill_due")) == 1 and await state_of(deps, bill_id) == ["told"]


async def test_a_paid_bill_is_not_reminded_of(house: House, deps: Deps) -> None:
    payer, bill_id, moment = await owing(house, deps)
    order_no = str((await payer.order(bill_id)).json["order_no"])
    await payer.thumb(order_no)
    await payer.until(order_no, "settled")
    await remind(deps, moment)
    assert await state_of(deps, bill_id) == ["moot"] and await told(payer.resident, "bill_due") == []


@pytest.mark.parametrize(("order_is", "watch_is"), [("paid", "moot"), ("closing", "waiting"), ("awaiting", "told")])
async def test_what_we_know_of_a_payment_counts_before_the_core_has_booked_it(house: House, deps: Deps, order_is: str, watch_is: str) -> None:
    payer, bill_id, moment = await owing(house, deps)
    order_no = str((await payer.order(bill_id)).json["order_no"])
    await deps.mongo["orders"].update_one({"_id": order_no}, {"$set": {"state": order_is}})
    await remind(deps, moment)
    assert await state_of(deps, bill_id) == [watch_is]
    assert len(await told(payer.resident, "bill_due")) == (watch_is == "told")


async def test_a_cancelled_bill_is_moot_and_one_that_ends_later_is_watched_anew(house: House, deps: Deps) -> None:
    cancelled, bill_id, moment = await owing(house, deps)
    await house.world("PUT", f"/world/core/bills/{bill_id}", {"state": "cancelled"})
    longer, other_id, _ = await owing(house, deps)
    until_when = now() + timedelta(days=30)
    await house.world("PUT", f"/world/core/bills/{other_id}", {"expires_at": until_when.isoformat()})
    await remind(deps, moment + timedelta(minutes=1))
    assert await state_of(deps, bill_id) == ["moot"] and await told(cancelled.resident, "bill_due") == []
    assert await state_of(deps, other_id) == ["moot", "waiting"] and await told(longer.resident, "bill_due") == []
    await remind(deps, last_moment(deps, BILL, until_when))
    assert len(await told(longer.resident, "bill_due")) == 1


async def test_while_the_core_is_away_a_reminder_is_put_off_and_given_up_only_when_its_day_is_over(house: House, deps: Deps) -> None:
    payer, bill_id, moment = await owing(house, deps)
    other, other_id, _ = await owing(house, deps)
    await house.faults(core={"down": True})
    await remind(deps, moment + timedelta(minutes=1))
    assert await state_of(deps, bill_id) == await state_of(deps, other_id) == ["waiting"]
    await remind(deps, moment + timedelta(minutes=2))
    await house.faults(core={})
    await house.world("PUT", f"/world/core/bills/{other_id}", {"state": "cancelled"})
    async with inside(house.stack) as later:  # its own breaker is closed
        await remind(later, moment + timedelta(minutes=2) + LEASE)
        assert len(await told(payer.resident, "bill_due")) == 1 and await state_of(later, other_id) == ["moot"]
    third, third_id, _ = await owing(house, deps)
    await remind(deps, reminders.by_day(now() + IN_TWO_WEEKS + timedelta(days=1)))
    assert await state_of(deps, third_id) == ["moot"] and await told(third.resident, "bill_due") == []
    assert await told(other.resident, "bill_due") == []


async def test_nobody_is_reminded_at_night(house: House, deps: Deps) -> None:
    payer, bill_id, moment = await owing(house, deps)
    night = moment.replace(hour=19) + timedelta(days=1)  # 03:00 in Beijing
    assert await remind(deps, night) == 0 and await state_of(deps, bill_id) == ["waiting"]
    await remind(deps, night + timedelta(hours=6))
    assert len(await told(payer.resident, "bill_due")) == 1


# corrections


async def asked_to_correct(house: House, deps: Deps) -> tuple[Resident, str, tuple[datetime, ...]]:
    resident = await make_resident(house)
    case_no = await resident.case()
    due_at = now() + IN_TWO_WEEKS
    await house.move(case_no, "corrections", findings=[{"problem": "缺少签字页", "fix": "请补上"}], due_at=due_at.isoformat())
    await until(lambda: _case(deps, case_no, "corrections"))
    row = await _case(deps, case_no, "corrections")
    for _ in range(2):
        await deps.mongo.transaction(lambda tx: reminding.plant_for_case(deps, tx, row))
    return resident, case_no, moments(CORRECTION, due_at, deps.workdays.current)


async def _case(deps: Deps, case_no: str, state: str) -> Json:
    row = await deps.cases.by_number(case_no)
    return await deps.cases.by_request(row["_id"]) if row is not None and row["state"] == state else None


async def test_corrections_are_reminded_of_twice_and_no_more_once_they_are_made(house: House, deps: Deps) -> None:
    resident, _, (first, second) = await asked_to_correct(house, deps)
    prompt, case_no, (_, last) = await asked_to_correct(house, deps)
    for moment in (first, first + LEASE):
        await remind(deps, moment)
    (text,) = await told(resident, CORRECTION)
    assert "还剩 2 个工作日" in text and len(await told(prompt, CORRECTION)) == 1
    await house.move(case_no, "accepted")
    await until(lambda: _case(deps, case_no, "accepted"))
    for moment in (max(second, last), max(second, last) + LEASE):
        await remind(deps, moment)
    assert ["还剩 1 个工作日" in one for one in await told(resident, CORRECTION)] == [True, False]
    assert len(await told(prompt, CORRECTION)) == 1
    assert [row["state"] for row in await rows(deps, person_id=own(resident))] == ["told"]
    assert [row["state"] for row in await rows(deps, person_id=own(prompt))] == ["moot"]


async def test_a_second_notice_has_a_watch_of_its_own_and_the_first_is_over(house: House, deps: Deps) -> None:
    resident, case_no, (first, _) = await asked_to_correct(house, deps)
    await house.move(case_no, "accepted")
    await until(lambda: _case(deps, case_no, "accepted"))
    again = now() + timedelta(days=21)
    await house.move(case_no, "corrections", findings=["还缺一页"], due_at=again.isoformat())
    await until(lambda: _case(deps, case_no, "corrections"))
    row = await _case(deps, case_no, "corrections")
    await deps.mongo.transaction(lambda tx: reminding.plant_for_case(deps, tx, row))
    await remind(deps, first)
    assert [one["state"] for one in await rows(deps, person_id=own(resident))] == ["moot", "waiting"] and await told(resident, CORRECTION) == []


async def test_a_case_without_a_due_day_or_without_corrections_is_not_watched(house: House, deps: Deps) -> None:
    resident = await make_resident(house)
    case_no = await resident.case()
    for to in ("corrections", "accepted"):
        await house.move(case_no, to)
        row = await until(lambda to=to: _case(deps, case_no, to))  # type: ignore[misc]  # mypy has no type for the default
        await deps.mongo.transaction(lambda tx, row=row: reminding.plant_for_case(deps, tx, row))  # type: ignore[misc]  # the same
    assert await rows(deps, person_id=own(resident)) == []


# licences


async def test_a_licence_somebody_looked_at_is_reminded_of_until_it_is_renewed(house: House, deps: Deps) -> None:
    resident, other = await make_resident(house), await make_resident(house)
    ends = now() + timedelta(days=80)
    kept = await licence(house, own(resident), "机动车驾驶证", number="D1", expires_at=ends.isoformat())
    await licence(house, own(resident), "居民身份证")
    await licence(house, own(resident), "社会保障卡", expires_at=(now() + timedelta(days=400)).isoformat())
    renewed = await licence(house, own(other), "机动车行驶证", number="X1", expires_at=ends.isoformat())
    for who in (resident, resident, other):
        assert (await who.api("GET", "/v1/licences")).json["known"] is True
    assert [row["thing"] for row in await rows(deps, person_id=own(resident))] == [kept["licence_id"]]
    await licence(house, own(resident), "机动车驾驶证", number="D2", expires_at=None)  # of another car, as it were
    await licence(house, own(other), "机动车行驶证", number="X1", expires_at=(ends + timedelta(days=900)).isoformat())
    for moment in moments(LICENCE, ends, deps.workdays.current):
        await remind(deps, moment + timedelta(seconds=2))
        await remind(deps, moment + timedelta(seconds=2) + LEASE)
    texts = await told(resident, LICENCE)
    assert len(texts) == 2 and all("机动车驾驶证" in one and "D1" not in one for one in texts)
    assert await told(other, LICENCE) == []
    assert [row["state"] for row in await rows(deps, thing=renewed["licence_id"])] == ["moot"]


async def test_a_revoked_licence_is_not_reminded_of(house: House, deps: Deps) -> None:
    resident = await make_resident(house)
    ends = now() + timedelta(days=80)
    held = await licence(house, own(resident), "居住证", expires_at=ends.isoformat())
    await reminding.plant_for_licences(deps, own(resident), await deps.applying.licensing.core.licences(person_key(own(resident))))
    await house.world("PUT", f"/world/core/licences/{held['licence_id']}", {"state": "revoked"})
    await remind(deps, last_moment(deps, LICENCE, ends) + timedelta(seconds=2))
    assert [row["state"] for row in await rows(deps, person_id=own(resident))] == ["moot"] and await told(resident, LICENCE) == []


async def test_nobody_is_reminded_of_licences_of_whom_they_only_act_for(house: House, deps: Deps) -> None:
    resident = await make_resident(house)
    await licence(house, own(resident), "居住证", expires_at=(now() + timedelta(days=80)).isoformat())
    held = await deps.applying.licensing.core.licences(person_key(own(resident)))
    await reminding.licences_read(deps, "p_agent", person_key(own(resident)), held)
    assert await rows(deps, thing=held[0].licence_id) == []


# appointments


async def test_an_appointment_is_reminded_of_the_evening_before_unless_it_was_given_up(house: House, deps: Deps) -> None:
    resident, other = await make_resident(house), await make_resident(house)
    at = now() + timedelta(days=5)
    for who in (resident, other):
        booked = Booked(f"ap_{own(who)}", own(who), "居住证申领", at, "政务服务大厅", "A012")
        for _ in range(2):
            await deps.mongo.transaction(lambda tx, booked=booked: reminding.plant_for_appointment(deps, tx, booked))  # type: ignore[misc]  # a default
    await deps.mongo.transaction(lambda tx: reminding.give_up_appointment(deps, tx, f"ap_{own(other)}"))
    evening = last_moment(deps, APPOINTMENT, at)
    for moment in (evening - timedelta(minutes=1), evening, evening + timedelta(minutes=30)):
        await remind(deps, moment)
    (text,) = await told(resident, APPOINTMENT)
    assert "政务服务大厅" in text and "A012" in text and await told(other, APPOINTMENT) == []


async def test_an_appointment_made_after_the_evening_before_has_no_reminder(house: House, deps: Deps) -> None:
    resident = await make_resident(house)
    booked = Booked("ap_late", own(resident), "居住证申领", now() + timedelta(hours=2), "大厅", "A1")
    await deps.mongo.transaction(lambda tx: reminding.plant_for_appointment(deps, tx, booked))
    assert await rows(deps, person_id=own(resident)) == []


async def test_nothing_in_a_watch_says_who_it_is(house: House, deps: Deps) -> None:
    payer, bill_id, _ = await owing(house, deps)
    (row,) = await rows(deps, thing=bill_id)
    person = payer.resident.person
    assert [name for name in ("name", "id_number", "phone") if str(person[name]) in repr(row)] == []
    assert await deps.mongo["reminders"].count_documents({"person_id": own(payer.resident)}) == 1
