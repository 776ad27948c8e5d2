"""Signing in: both factors, each code once, five tries, and sessions that end by themselves."""

import asyncio
import time
from datetime import timedelta

import pytest

from kit.clock import now
from kit.errors import AppError, Forbidden, Invalid, Unauthorized
from kit.mongo import Mongo
from staff import accounts, passwords, sessions, totp
from staff.audit import Audit
from staff.roles import EVERYWHERE, GRANTED
from staff.sessions import StaffCaller, caller_of
from staff.store import Staff
from tests.staff.people import GOOD, Person, make_person

IDLE = timedelta(minutes=30)


async def refusal(person: Person, password: str | None = None, code: str | None = None) -> str:
    with pytest.raises(AppError) as caught:
        await person.sign_in(password, code)
    return caught.value.code


def wrong(person: Person) -> str:
    """Six digits that are no code of these minutes."""
    taken = {totp.code_of(person.secret, totp.step_at(now()) + off) for off in range(-3, 4)}
    return next(code for n in range(10) if (code := f"{n}{n}{n}{n}{n}0") not in taken)


async def test_password_and_code_open_a_session_with_the_rights_of_its_roles(staff: Staff, audit: Audit) -> None:
    person = await make_person(staff, audit, "cashier")
    done = await person.sign_in()
    caller = await caller_of(staff, done.token, IDLE)
    assert (caller.id, caller.username, caller.scope) == (person.id, "lin.cashier", EVERYWHERE)
    assert caller.permissions == {"refund.request", "orders.read", "reconcile.read", "discrepancy.note"}
    assert done.must_change_password and timedelta(hours=11, minutes=59) < done.expires_at - now() <= timedelta(hours=12)


async def test_a_code_opens_one_session_however_many_use_it_at_once(staff: Staff, audit: Audit) -> None:
    person = await make_person(staff, audit, "cashier")
    code = person.code()
    tried = await asyncio.gather(*(person.sign_in(code=code) for _ in range(4)), return_exceptions=True)
    assert sum(isinstance(one, sessions.SignedIn) for one in tried) == 1
    assert [one.code for one in tried if isinstance(one, AppError)] == ["staff_login_refused"] * 3
    assert await refusal(person, code=code) == "staff_login_refused"
    assert (await person.sign_in()).token


async def test_a_code_of_an_earlier_step_than_the_last_used_is_refused(staff: Staff, audit: Audit) -> None:
    person = await make_person(staff, audit, "cashier")
    here = totp.step_at(now())
    await person.sign_in(code=totp.code_of(person.secret, here))
    assert await refusal(person, code=totp.code_of(person.secret, here - 1)) == "staff_login_refused"


async def test_wrong_password_wrong_code_and_nobodys_name_are_refused_alike(staff: Staff, audit: Audit) -> None:
    person = await make_person(staff, audit, "cashier")
    nobody = Person(staff, audit, "", "no.such", GOOD, person.secret)
    told = []
    for one, password, code in ((person, GOOD, None), (person, None, wrong(person)), (nobody, GOOD, None)):
        with pytest.raises(Unauthorized) as caught:
            await one.sign_in(password, code)
        told.append((caught.value.code, caught.value.title, caught.value.retry_after))
    assert len(set(told)) == 1


async def test_a_wrong_password_does_not_use_the_code_up(staff: Staff, audit: Audit) -> None:
    person = await make_person(staff, audit, "cashier")
    code = person.code()
    assert await refusal(person, GOOD, code) == "staff_login_refused"
    assert (await person.sign_in(code=code)).token


async def test_nobodys_name_takes_as_much_work_as_a_wrong_password(staff: Staff, audit: Audit) -> None:
    """Hashing is nine tenths of it. CPU seconds of this process: a busy machine changes nothing about them."""
    person = await make_person(staff, audit, "cashier")

    async def spent(username: str) -> float:
        other = Person(staff, audit, "", username, GOOD, person.secret)
        started = time.process_time()
        await refusal(other, GOOD)
        return time.process_time() - started

    known, unknown = [min([await spent(name) for _ in range(4)]) for name in ("lin.cashier", "no.such")]
    assert unknown > known / 2 and known > unknown / 2


@pytest.mark.parametrize("known", [True, False])
async def test_five_failures_lock_the_name_whether_it_exists_or_not(staff: Staff, audit: Audit, known: bool) -> None:
    person = await make_person(staff, audit, "cashier")
    tried = person if known else Person(staff, audit, "", "no.such", GOOD, person.secret)
    assert [await refusal(tried, GOOD) for _ in range(6)] == ["staff_login_refused"] * 5 + ["staff_locked"]
    assert await refusal(tried) == "staff_locked"
    assert await staff.tries.is_locked(tried.username)


async def test_a_hundred_guesses_at_once_are_five(staff: Staff, audit: Audit) -> None:
    await make_person(staff, audit, "cashier")

    async def one() -> str:
        try:
            await staff.tries.begin("lin.cashier")
        except Forbidden as exc:
            return exc.code
        return "looked at"

    told = await asyncio.gather(*(one() for _ in range(100)))
    assert told.count("looked at") == 5 and told.count("staff_locked") == 95


async def test_a_lock_ends_after_a_quarter_of_an_hour_and_old_failures_do_not_count(staff: Staff, audit: Audit, mongo: Mongo) -> None:
    person = await make_person(staff, audit, "cashier")
    for _ in range(6):
        await refusal(person, GOOD)
    row = await mongo["staff_tries"].find_one({})
    assert row is not None and timedelta(minutes=14) < row["locked_until"] - now() <= timedelta(minutes=15)
    ago = timedelta(minutes=15, seconds=1)
    aged = {"locked_until": row["locked_until"] - ago, "times": [at - ago for at in row["times"]]}
    await mongo["staff_tries"].update_one({"_id": row["_id"]}, {"$set": aged})
    assert await refusal(person, GOOD) == "staff_login_refused"
    assert (await person.sign_in()).token


async def test_signing_in_forgets_the_failures(staff: Staff, audit: Audit) -> None:
    person = await make_person(staff, audit, "cashier")
    for _ in range(2):
        assert [await refusal(person, GOOD) for _ in range(4)] == ["staff_login_refused"] * 4
        await person.sign_in()


async def test_a_session_unused_for_half_an_hour_is_over_and_a_used_one_is_not(staff: Staff, audit: Audit, mongo: Mongo) -> None:
    token = (await (await make_person(staff, audit, "cashier")).sign_in()).token
    await age(mongo, minutes=29)
    await caller_of(staff, token, IDLE)
    row = await mongo["staff_sessions"].find_one({})
    assert row is not None and now() - row["seen_at"] < timedelta(minutes=1)
    await age(mongo, minutes=29)
    await caller_of(staff, token, IDLE)
    await age(mongo, minutes=30)
    with pytest.raises(Unauthorized):
        await caller_of(staff, token, IDLE)


async def test_use_is_written_down_at_most_once_a_minute(staff: Staff, audit: Audit, mongo: Mongo) -> None:
    token = (await (await make_person(staff, audit, "cashier")).sign_in()).token
    before = await mongo["staff_sessions"].find_one({})
    await caller_of(staff, token, IDLE)
    assert await mongo["staff_sessions"].find_one({}) == before


async def test_no_use_keeps_a_session_beyond_twelve_hours(staff: Staff, audit: Audit, mongo: Mongo) -> None:
    token = (await (await make_person(staff, audit, "cashier")).sign_in()).token
    await mongo["staff_sessions"].update_one({}, {"$set": {"expires_at": now() - timedelta(seconds=1)}})
    with pytest.raises(Unauthorized):
        await caller_of(staff, token, IDLE)


async def test_a_new_process_knows_the_session(staff: Staff, audit: Audit, mongo: Mongo) -> None:
    token = (await (await make_person(staff, audit, "cashier")).sign_in()).token
    assert (await caller_of(Staff(mongo, staff._keys), token, IDLE)).username == "lin.cashier"


async def test_disabling_and_resetting_end_every_session_at_once(staff: Staff, audit: Audit) -> None:
    person = await make_person(staff, audit, "cashier")
    admin = await admin_of(staff, audit)
    tokens = [(await person.sign_in()).token for _ in range(2)]
    handed = await accounts.reset(staff, admin, person.id)
    for token in tokens:
        with pytest.raises(Unauthorized):
            await caller_of(staff, token, IDLE)
    assert await refusal(person) == "staff_login_refused", "the old secrets are void"
    person.password, person.secret = handed.password, handed.totp_secret
    token = (await person.sign_in()).token
    await accounts.disable(staff, admin, person.id)
    with pytest.raises(Unauthorized):
        await caller_of(staff, token, IDLE)
    assert await refusal(person) == "staff_login_refused"


async def test_rights_taken_away_are_gone_in_the_next_call(staff: Staff, audit: Audit) -> None:
    person = await make_person(staff, audit, "cashier")
    token = (await person.sign_in()).token
    await accounts.grant(staff, await admin_of(staff, audit), person.id, frozenset({"window"}), EVERYWHERE)
    assert (await caller_of(staff, token, IDLE)).permissions == GRANTED["window"]


async def test_a_new_password_keeps_this_session_and_ends_the_others(staff: Staff, audit: Audit) -> None:
    person = await make_person(staff, audit, "cashier")
    here, there = [(await person.sign_in()).token for _ in range(2)]
    await accounts.change_password(staff, await caller_of(staff, here, IDLE), person.password, GOOD)
    caller = await caller_of(staff, here, IDLE)
    assert not caller.must_change_password
    with pytest.raises(Unauthorized):
        await caller_of(staff, there, IDLE)
    assert await refusal(person) == "staff_login_refused"
    assert not (await person.sign_in(GOOD)).must_change_password


async def test_the_last_five_passwords_may_not_come_back(staff: Staff, audit: Audit, mongo: Mongo) -> None:
    person = await make_person(staff, audit, "cashier")
    token, chosen = (await person.sign_in()).token, [f"{GOOD}-{n}" for n in range(6)]
    past = [await passwords.hashed(one) for one in chosen[:5]]
    await mongo["staff_accounts"].update_one({}, {"$set": {"past": past, "password": past[4]}})
    caller = await caller_of(staff, token, IDLE)
    for used in (chosen[4], chosen[0]):
        with pytest.raises(Invalid, match="staff_password_used"):
            await accounts.change_password(staff, caller, chosen[4], used)
    await accounts.change_password(staff, caller, chosen[4], chosen[5])
    with pytest.raises(Invalid, match="staff_password_used"):
        await accounts.change_password(staff, caller, chosen[5], chosen[1])
    await accounts.change_password(staff, caller, chosen[5], chosen[0])


async def test_a_stolen_session_cannot_guess_the_old_password(staff: Staff, audit: Audit) -> None:
    person = await make_person(staff, audit, "cashier")
    caller = await caller_of(staff, (await person.sign_in()).token, IDLE)
    for _ in range(5):
        with pytest.raises(Invalid, match="staff_password_wrong"):
            await accounts.change_password(staff, caller, "Wrong-guess-1234", GOOD)
    with pytest.raises(Forbidden, match="staff_locked"):
        await accounts.change_password(staff, caller, person.password, GOOD)


async def test_a_password_is_to_be_changed_after_ninety_days_and_a_one_time_one_ends_after_three(staff: Staff, audit: Audit, mongo: Mongo) -> None:
    person = await make_person(staff, audit, "cashier")
    token = (await person.sign_in()).token
    await accounts.change_password(staff, await caller_of(staff, token, IDLE), person.password, GOOD)
    await mongo["staff_accounts"].update_one({}, {"$set": {"password_at": now() - timedelta(days=90)}})
    assert (await person.sign_in(GOOD)).must_change_password
    await mongo["staff_accounts"].update_one({}, {"$set": {"one_time_until": now()}})
    assert await refusal(person, GOOD) == "staff_login_refused"


async def test_nothing_that_opens_an_account_is_stored_as_it_is(staff: Staff, audit: Audit, mongo: Mongo) -> None:
    person = await make_person(staff, audit, "cashier")
    token = (await person.sign_in()).token
    await refusal(person, GOOD)
    dump = ""
    for name in await mongo.database.list_collection_names():
        dump += repr([row async for row in mongo[name].find({})])
    assert "$argon2id$" in dump
    assert not [one for one in (person.password, person.secret, token, GOOD) if one in dump]


async def admin_of(staff: Staff, audit: Audit) -> StaffCaller:
    admin = await make_person(staff, audit, "security_admin", username="sec.admin")
    return await caller_of(staff, (await admin.sign_in()).token, IDLE)


async def age(mongo: Mongo, minutes: int) -> None:
    """As if nobody had used the session for so long."""
    await mongo["staff_sessions"].update_one({}, {"$set": {"seen_at": now() - timedelta(minutes=minutes)}})
