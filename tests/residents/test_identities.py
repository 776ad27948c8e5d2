"""Channel accounts: every id of an account finds the same resident, a union id binds nothing, old rows keep working."""

import asyncio
from datetime import timedelta

import pytest

from kit.clock import now
from kit.errors import Unauthorized
from residents import links, login, sessions
from residents.login import ChannelAccount
from tests.residents.town import Died, Town

OPEN, USER = "074a1CcTG1LelxKe4xQC0zgNdId0nxi95b5lsNpazWYoCo5", "2088000000000001"


async def test_either_id_of_an_alipay_account_finds_the_same_resident(town: Town) -> None:
    both = await town.sign_in(OPEN, USER, channel="alipay")
    for one in (OPEN, USER):
        assert (await town.sign_in(one, channel="alipay")).resident_id == both.resident_id
    assert len(await town.store.identities_of([both.resident_id])) == 1, "one account, two ids"


async def test_an_account_of_an_earlier_version_gets_its_second_id(town: Town) -> None:
    old = await town.sign_in(USER, channel="alipay")
    await town.store.mongo["identities"].update_many({}, {"$unset": {"alias": ""}})
    assert (await town.sign_in(OPEN, USER, channel="alipay")).resident_id == old.resident_id
    assert (await town.sign_in(OPEN, channel="alipay")).resident_id == old.resident_id
    bound = await town.bind(old, citizen := town.make_citizen())
    assert await town.store.accounts_of(citizen.id, "alipay") == [(bound.resident_id, OPEN)], "the open id is the one to use"


async def test_two_residents_that_turn_out_to_be_one_account_become_one(town: Town) -> None:
    by_user = await town.bind(await town.sign_in(USER, channel="alipay"), town.make_citizen())
    by_open = await town.sign_in(OPEN, channel="alipay")
    assert by_user.resident_id != by_open.resident_id
    joined = await town.sign_in(OPEN, USER, channel="alipay")
    assert joined.resident_id == by_user.resident_id and joined.person_id == by_user.person_id
    assert [(one.kind, one.detail) for one in town.diary.changes if one.kind == "joined"] == [("joined", by_open.resident_id)]
    with pytest.raises(LookupError):
        await town.again(by_open)
    assert (await town.sign_in(OPEN, USER, channel="alipay")).resident_id == by_user.resident_id
    assert town.diary.kinds().count("joined") == 1


async def test_two_persons_behind_one_account_stay_apart(town: Town) -> None:
    one = await town.bind(await town.sign_in(USER, channel="alipay"), town.make_citizen("王一"))
    other = await town.bind(await town.sign_in(OPEN, channel="alipay"), town.make_citizen("王二"))
    assert (await town.sign_in(OPEN, USER, channel="alipay")).resident_id == other.resident_id
    assert (await town.sign_in(USER, channel="alipay")).resident_id == one.resident_id


async def test_a_joining_that_dies_half_way_changes_nothing(town: Town) -> None:
    old, new = await town.sign_in(USER, channel="alipay"), await town.sign_in(OPEN, channel="alipay")
    town.diary.dies = True
    with pytest.raises(Died):
        await town.sign_in(OPEN, USER, channel="alipay")
    town.diary.dies = False
    assert (await town.sign_in(OPEN, channel="alipay")).resident_id == new.resident_id
    assert (await town.again(new)).resident_id == new.resident_id
    assert (await town.sign_in(OPEN, USER, channel="alipay")).resident_id == old.resident_id


async def test_first_visits_at_once_make_one_resident_whichever_ids_they_bring(town: Town) -> None:
    tries = [(OPEN, USER), (USER,), (OPEN,)] * 4
    found = await asyncio.gather(*(login.sign_in(town.store, town.diary, ChannelAccount("alipay", one)) for one in tries))
    settled = {(await town.sign_in(*one, channel="alipay")).resident_id for one in tries}
    assert len(settled) == 1 and settled <= set(found)


async def test_a_union_id_hints_at_another_account_and_binds_nothing(town: Town) -> None:
    one = await town.bind(await town.sign_in("oFirst", union="oUsame"), town.make_citizen())
    other = await town.sign_in("oSecond", union="oUsame")
    stranger = await town.sign_in("oThird", union="oUother")
    assert other.person_id is None and other.resident_id != one.resident_id
    mine, hints = await links.listed(town.store, one)
    assert [link.resident_id for link in mine] == [one.resident_id]
    assert [link.resident_id for link in hints] == [other.resident_id]
    assert (await links.listed(town.store, stranger))[1] == []


async def test_a_union_id_that_comes_later_is_kept(town: Town) -> None:
    await town.sign_in("oFirst")
    one = await town.sign_in("oFirst", union="oUsame")
    other = await town.sign_in("oSecond", union="oUsame")
    await town.sign_in("oSecond")
    assert [link.resident_id for link in (await links.listed(town.store, one))[1]] == [other.resident_id]


async def test_alipay_without_any_id_opens_no_session() -> None:
    class Silent:
        async def call(self, *_: object, **__: object) -> dict[str, object]:
            return {"access_token": "x"}

    with pytest.raises(Exception, match="channel_unavailable"):
        await login.alipay_account(Silent(), "code")  # type: ignore[arg-type]  # a pretend gateway


async def test_a_session_lives_without_redis_and_is_gone_once_closed(town: Town) -> None:
    token, _ = await sessions.open_session(town.store, (await town.sign_in()).resident_id, "wechat")
    caller = await sessions.caller_of(town.store, town.redis, token)
    await town.redis.forget(f"caller:{caller.token_digest}")
    assert await sessions.caller_of(town.store, town.redis, token) == caller
    await sessions.close_session(town.store, town.redis, caller)
    with pytest.raises(Unauthorized):
        await sessions.caller_of(town.store, town.redis, token)


async def test_whoever_read_a_session_before_it_changed_does_not_bring_it_back(town: Town) -> None:
    token, _ = await sessions.open_session(town.store, (await town.sign_in()).resident_id, "wechat")
    caller = await sessions.caller_of(town.store, town.redis, token)
    await town.redis.forget(f"caller:{caller.token_digest}")
    await town.bind(caller, citizen := town.make_citizen())
    await town.redis.add(f"caller:{caller.token_digest}", "what was read before", 300)
    found = await sessions.caller_of(town.store, town.redis, token)
    assert found.person_id == citizen.id and found.subject is not None and found.subject.key == f"person:{citizen.id}"


async def test_a_session_is_the_same_from_mongo_and_from_redis(town: Town) -> None:
    caller, citizen = await town.make_bound()
    token, _ = await sessions.open_session(town.store, caller.resident_id, "wechat")
    cold = await sessions.caller_of(town.store, town.redis, token)
    at = now() - timedelta(minutes=3)
    subject = {"key": "enterprise:91110000101623741K", "as": "enterprise", "until": at, "grant_id": None, "purposes": None}
    await town.store.sessions.act_for(cold.token_digest, subject)
    await town.store.mongo["sessions"].update_one({"_id": cold.token_digest}, {"$set": {"stepped_up_at": at}})
    await town.redis.forget(f"caller:{cold.token_digest}")
    first = await sessions.caller_of(town.store, town.redis, token)
    hot = await sessions.caller_of(town.store, town.redis, token)
    assert first == hot and hot.stepped_up_at == at and hot.person_id == citizen.id
    assert hot.subject is not None and (hot.subject.role, hot.subject.until) == ("enterprise", at)
