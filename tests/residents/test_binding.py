"""Binding, linking, unbinding: nothing by a pair alone, everything told, all or nothing."""

import asyncio
import time
from datetime import date, timedelta

import pytest

from core.types import ChallengeState
from kit.clock import now
from kit.errors import AppError, Conflict, Forbidden, Invalid, NotFound, TooMany, Unavailable
from residents import links, real_name, step_up
from residents.sessions import Caller
from tests.residents.town import Citizen, Died, Town, make_id_number


async def linked(town: Town, shown_on: Caller, entered_on: Caller, citizen: Citizen) -> None:
    code, _ = await links.start(town.store, shown_on)
    joined = await links.redeem(town.store, town.core, entered_on, code)
    assert not await links.finish(town.joining, town.core, town.redis, entered_on, joined.started.challenge)
    town.pretend.answer(citizen)
    assert await links.finish(town.joining, town.core, town.redis, entered_on, joined.started.challenge)


async def test_a_person_is_bound_once_they_confirmed_and_the_second_look_changes_nothing(town: Town) -> None:
    citizen, caller = town.make_citizen(), await town.sign_in()
    started = await real_name.start(town.store, town.core, caller, citizen.name, citizen.id_number)
    assert not await real_name.finish(town.joining, town.core, town.redis, caller, started.challenge)
    town.pretend.answer(citizen)
    for _ in range(2):
        assert await real_name.finish(town.joining, town.core, town.redis, caller, started.challenge)
    assert (await town.again(caller)).person_id == citizen.id and town.diary.kinds() == ["bound"]
    with pytest.raises(Conflict):
        await real_name.start(town.store, town.core, caller, citizen.name, citizen.id_number)


async def test_a_stranger_who_knows_the_pair_gets_nowhere(town: Town) -> None:
    """Abuse 9: the owner is asked, and says no, or says nothing."""
    owner, thief = town.make_citizen(), await town.sign_in()
    started = await real_name.start(town.store, town.core, thief, owner.name, owner.id_number)
    assert not await real_name.finish(town.joining, town.core, town.redis, thief, started.challenge)
    town.pretend.answer(owner, ChallengeState.REFUSED)
    with pytest.raises(Forbidden, match="identity_not_confirmed"):
        await real_name.finish(town.joining, town.core, town.redis, thief, started.challenge)
    assert (await town.again(thief)).person_id is None


async def test_a_confirmation_that_came_too_late_binds_nobody(town: Town) -> None:
    citizen, caller = town.make_citizen(), await town.sign_in()
    started = await real_name.start(town.store, town.core, caller, citizen.name, citizen.id_number)
    town.pretend.answer(citizen)
    await town.store.mongo["challenges"].update_many({}, {"$set": {"expires_at": now() - timedelta(seconds=1)}})
    with pytest.raises(Forbidden, match="identity_not_confirmed"):
        await real_name.finish(town.joining, town.core, town.redis, caller, started.challenge)


async def test_binding_that_dies_half_way_changes_nothing_and_can_be_finished(town: Town) -> None:
    citizen, caller = town.make_citizen(), await town.sign_in()
    started = await real_name.start(town.store, town.core, caller, citizen.name, citizen.id_number)
    town.pretend.answer(citizen)
    town.diary.dies = True
    with pytest.raises(Died):
        await real_name.finish(town.joining, town.core, town.redis, caller, started.challenge)
    assert (await town.again(caller)).person_id is None and await town.store.person(citizen.id) is None
    town.diary.dies = False
    assert await real_name.finish(town.joining, town.core, town.redis, caller, started.challenge)


async def test_two_confirmed_pairs_never_stand_behind_one_account(town: Town) -> None:
    one, other, caller = town.make_citizen("王一"), town.make_citizen("王二"), await town.sign_in()
    started = [await real_name.start(town.store, town.core, caller, who.name, who.id_number) for who in (one, other)]
    town.pretend.answer(one)
    town.pretend.answer(other)
    assert await real_name.finish(town.joining, town.core, town.redis, caller, started[0].challenge)
    with pytest.raises(Conflict, match="already_real_name"):
        await real_name.finish(town.joining, town.core, town.redis, caller, started[1].challenge)
    assert (await town.again(caller)).person_id == one.id


async def test_a_code_and_the_persons_word_make_two_accounts_one_person_from_either_side(town: Town) -> None:
    for bound_shows in (True, False):
        bound, citizen = await town.make_bound()
        fresh = await town.sign_in(channel="alipay")
        await linked(town, *((bound, fresh) if bound_shows else (fresh, bound)), citizen)
        assert (await town.again(fresh)).person_id == citizen.id
        assert town.diary.changes[-1].kind == "linked" and town.diary.changes[-1].resident_id == fresh.resident_id
        mine, _ = await links.listed(town.store, await town.again(fresh))
        assert {(one.channel, one.mine) for one in mine} == {("wechat", False), ("alipay", True)}


async def test_a_code_works_once_in_ten_minutes_and_not_on_the_account_that_shows_it(town: Town) -> None:
    bound, _ = await town.make_bound()
    fresh, late = await town.sign_in(channel="alipay"), await town.sign_in(channel="alipay")
    code, _ = await links.start(town.store, bound)
    for wrong, who in ((code, bound), ("AAAAAA", fresh), ("", fresh)):
        with pytest.raises(Invalid, match="link_code_refused"):
            await links.redeem(town.store, town.core, who, wrong)
    await links.redeem(town.store, town.core, fresh, f" {code[:3].lower()}-{code[3:]} ")
    with pytest.raises(Invalid, match="link_code_refused"):
        await links.redeem(town.store, town.core, late, code)
    old, _ = await links.start(town.store, bound)
    newer, _ = await links.start(town.store, bound)
    with pytest.raises(Invalid, match="link_code_refused"):
        await links.redeem(town.store, town.core, late, old)
    await town.store.mongo["link_codes"].update_many({}, {"$set": {"expires_at": now() - timedelta(seconds=1)}})
    with pytest.raises(Invalid, match="link_code_refused"):
        await links.redeem(town.store, town.core, late, newer)


async def test_a_code_entered_by_many_at_once_is_used_by_one(town: Town) -> None:
    bound, _ = await town.make_bound()
    code, _ = await links.start(town.store, bound)
    crowd = [await town.sign_in(channel="alipay") for _ in range(8)]
    done = await asyncio.gather(*(links.redeem(town.store, town.core, one, code) for one in crowd), return_exceptions=True)
    assert sum(not isinstance(one, BaseException) for one in done) == 1
    assert all(isinstance(one, Invalid) for one in done if isinstance(one, BaseException))


async def test_guessing_codes_ends_after_ten_an_hour(town: Town) -> None:
    caller = await town.sign_in()
    for _ in range(links.GUESSES):
        with pytest.raises(Invalid):
            await links.redeem(town.store, town.core, caller, "ABCDEF")
    with pytest.raises(TooMany):
        await links.redeem(town.store, town.core, caller, "ABCDEF")


async def test_a_code_is_not_lost_while_the_core_is_away(town: Town) -> None:
    bound, citizen = await town.make_bound()
    fresh = await town.sign_in(channel="alipay")
    code, _ = await links.start(town.store, bound)
    town.pretend.away = True
    with pytest.raises(Unavailable):
        await links.redeem(town.store, town.core, fresh, code)
    town.pretend.away = False
    joined = await links.redeem(town.store, town.core, fresh, code)
    town.pretend.answer(citizen)
    assert await links.finish(town.joining, town.core, town.redis, fresh, joined.started.challenge)


async def test_what_cannot_be_linked_says_why(town: Town) -> None:
    one, citizen = await town.make_bound()
    other, _ = await town.make_bound(town.make_citizen("李四"), "alipay")
    same, _ = await town.make_bound(citizen, "alipay")
    nobody, neither = await town.sign_in(), await town.sign_in(channel="alipay")
    cases: list[tuple[Caller, Caller, str]] = [
        (one, other, "linked_to_another"),
        (one, same, "already_linked"),
        (nobody, neither, "real_name_needed"),
    ]
    for shown_on, entered_on, why in cases:
        code, _ = await links.start(town.store, shown_on)
        with pytest.raises(AppError, match=why):
            await links.redeem(town.store, town.core, entered_on, code)


async def test_nobody_but_the_person_behind_the_account_can_confirm_a_link(town: Town) -> None:
    bound, _ = await town.make_bound()
    other, fresh = town.make_citizen("李四"), await town.sign_in(channel="alipay")
    code, _ = await links.start(town.store, bound)
    joined = await links.redeem(town.store, town.core, fresh, code)
    town.pretend.answer(other)
    assert not await links.finish(town.joining, town.core, town.redis, fresh, joined.started.challenge)
    with pytest.raises(NotFound):
        await links.finish(town.joining, town.core, town.redis, await town.sign_in(), joined.started.challenge)
    with pytest.raises(NotFound):
        await real_name.finish(town.joining, town.core, town.redis, fresh, joined.started.challenge)


async def test_an_account_is_unbound_by_its_person_after_a_step_up_and_its_sessions_end(town: Town) -> None:
    mine, citizen = await town.make_bound()
    old, _ = await town.make_bound(citizen, "alipay")
    stranger, _ = await town.make_bound(town.make_citizen("李四"))
    with pytest.raises(Forbidden, match="step_up_needed"):
        await links.unbind(town.joining, town.redis, mine, old.resident_id)
    sure = await town.step_up(mine, citizen)
    with pytest.raises(NotFound, match="link_unknown"):
        await links.unbind(town.joining, town.redis, sure, stranger.resident_id)
    town.diary.dies = True
    with pytest.raises(Died):
        await links.unbind(town.joining, town.redis, sure, old.resident_id)
    assert (await town.again(old)).person_id == citizen.id, "half-way is not at all"
    town.diary.dies = False
    await links.unbind(town.joining, town.redis, sure, old.resident_id)
    with pytest.raises(LookupError):
        await town.again(old)
    assert (town.diary.changes[-1].kind, town.diary.changes[-1].resident_id) == ("unbound", old.resident_id)
    with pytest.raises(NotFound, match="link_unknown"):
        await links.unbind(town.joining, town.redis, sure, old.resident_id)


async def test_a_step_up_is_of_one_session_ten_minutes_and_the_person_themselves(town: Town) -> None:
    caller, citizen = await town.make_bound()
    with pytest.raises(Forbidden):
        step_up.require_step_up(caller)
    started = await step_up.start(town.store, town.core, caller)
    assert not await step_up.finish(town.store, town.core, town.redis, caller, started.challenge)
    town.pretend.answer(citizen)
    elsewhere, _ = await town.make_bound(citizen, "alipay")
    with pytest.raises(NotFound):
        await step_up.finish(town.store, town.core, town.redis, elsewhere, started.challenge)
    for _ in range(2):
        assert await step_up.finish(town.store, town.core, town.redis, caller, started.challenge)
    step_up.require_step_up(await town.again(caller))
    with pytest.raises(Forbidden):
        step_up.require_step_up(await town.again(elsewhere))
    await town.store.mongo["sessions"].update_one({"_id": caller.token_digest}, {"$set": {"stepped_up_at": now() - step_up.FRESH}})
    with pytest.raises(Forbidden):
        step_up.require_step_up(await town.again(caller))


async def test_five_checks_an_hour_for_an_account_and_for_a_number_whoever_asks(town: Town) -> None:
    caller, nobodys = await town.sign_in(), [make_id_number_of(n) for n in range(6)]
    for number in nobodys[:5]:
        await real_name.start(town.store, town.core, caller, "查无此人", number)
    with pytest.raises(TooMany, match="too_many_tries"):
        await real_name.start(town.store, town.core, caller, "查无此人", nobodys[5])
    owner = town.make_citizen()
    for number, name in ((owner.id_number, owner.name), (nobodys[5], "查无此人")):
        refused = []
        for _ in range(7):
            try:
                await real_name.start(town.store, town.core, await town.sign_in(), name, number)
            except TooMany as exc:
                refused.append((exc.code, exc.title))
        assert refused == [("too_many_tries", "认证发起得太频繁，请一小时后再试；不是本人操作请致电 12345")] * (2 if number == owner.id_number else 3)


async def test_a_hundred_checks_at_once_are_five(town: Town) -> None:
    owner, crowd = town.make_citizen(), [await town.sign_in() for _ in range(20)]
    done = await asyncio.gather(*(real_name.start(town.store, town.core, one, owner.name, owner.id_number) for one in crowd), return_exceptions=True)
    assert sum(not isinstance(one, BaseException) for one in done) == 5


async def test_an_hour_later_there_are_five_more_and_an_absent_core_costs_none(town: Town) -> None:
    caller, owner = await town.sign_in(), town.make_citizen()
    town.pretend.away = True
    for _ in range(6):
        with pytest.raises(Unavailable):
            await real_name.start(town.store, town.core, caller, owner.name, owner.id_number)
    town.pretend.away = False
    for _ in range(5):
        await real_name.start(town.store, town.core, caller, owner.name, owner.id_number)
    with pytest.raises(TooMany):
        await real_name.start(town.store, town.core, caller, owner.name, owner.id_number)
    rows = town.store.mongo["identity_tries"]
    earlier = {"$map": {"input": "$times", "in": {"$subtract": ["$$this", 3_600_000]}}}
    await rows.update_many({}, [{"$set": {"times": earlier}}])
    await real_name.start(town.store, town.core, caller, owner.name, owner.id_number)


async def test_a_pair_that_exists_takes_no_longer_than_one_that_does_not(town: Town) -> None:
    """Abuse 11: the medians of 40 tries each, taken in turn; nothing of ours looks the pair up."""
    owner = town.make_citizen()
    await town.make_bound(owner)
    spent: dict[bool, list[float]] = {True: [], False: []}
    for n in range(40):
        for exists in (True, False):
            caller = await town.sign_in()
            await town.store.mongo["identity_tries"].delete_many({})
            name, number = (owner.name, owner.id_number) if exists else ("查无此人", make_id_number_of(n))
            started = time.perf_counter()
            await real_name.start(town.store, town.core, caller, name, number)
            spent[exists].append(time.perf_counter() - started)
    medians = {exists: sorted(values)[20] for exists, values in spent.items()}
    assert abs(medians[True] - medians[False]) < 0.5 * max(medians.values()), medians


def make_id_number_of(n: int) -> str:
    return make_id_number(date(1970, 1, 1) + timedelta(days=n), 999)
