"""The same key: the same answer, or a clear refusal; a crashed attempt may be taken over."""

import asyncio
from datetime import timedelta

import pytest

from kit import idempotency
from kit.clock import now
from kit.crypto import Keyring
from kit.errors import InFlight, Invalid
from kit.idempotency import Answer, Keys
from kit.mongo import Mongo


@pytest.fixture
async def keys_of(mongo: Mongo, keys: Keyring) -> Keys:
    await mongo.create_indexes(idempotency.INDEXES)
    return Keys(mongo, keys)


async def test_the_first_answer_is_kept_byte_for_byte(keys_of: Keys) -> None:
    assert await keys_of.begin("r1", "key", b"{}") is None
    await keys_of.finish("r1", "key", Answer(201, b'{"case_no":"1"}'))
    assert await keys_of.begin("r1", "key", b"{}") == Answer(201, b'{"case_no":"1"}')
    assert await keys_of.begin("r2", "key", b"{}") is None  # somebody else's key is another key


async def test_what_was_answered_lies_sealed_and_an_earlier_release_s_answers_are_still_given(keys_of: Keys, mongo: Mongo) -> None:
    for key in ("new", "old"):
        await keys_of.begin("r1", key, b"{}")
        await keys_of.finish("r1", key, Answer(201, b'{"progress_secret":"CANARY7"}'))
    rows = [row async for row in mongo["idempotency"].find()]
    assert len(rows) == 2 and "CANARY7" not in repr(rows)
    await mongo["idempotency"].update_many({}, {"$set": {"body": b"as it was"}})
    assert await keys_of.begin("r1", "old", b"{}") == Answer(201, b"as it was")


async def test_another_body_is_refused_and_a_running_one_is_told_to_wait(keys_of: Keys) -> None:
    await keys_of.begin("r", "key", b"{}")
    with pytest.raises(InFlight):
        await keys_of.begin("r", "key", b"{}")
    with pytest.raises(Invalid):
        await keys_of.begin("r", "key", b'{"a":1}')


async def test_of_many_at_once_one_goes_on(keys_of: Keys) -> None:
    tries = await asyncio.gather(*(keys_of.begin("r", "key", b"{}") for _ in range(20)), return_exceptions=True)
    assert tries.count(None) == 1 and sum(isinstance(one, InFlight) for one in tries) == 19


async def test_a_freed_key_may_be_used_again_and_a_finished_one_is_not_freed(keys_of: Keys) -> None:
    await keys_of.begin("r", "key", b"{}")
    await keys_of.free("r", "key")
    assert await keys_of.begin("r", "key", b"{}") is None
    await keys_of.finish("r", "key", Answer(201, b"x"))
    await keys_of.free("r", "key")
    assert await keys_of.begin("r", "key", b"{}") == Answer(201, b"x")


async def test_a_crashed_attempt_is_taken_over_by_one(keys_of: Keys, mongo: Mongo) -> None:
    await keys_of.begin("r", "key", b"{}")
    await mongo["idempotency"].update_many({}, {"$set": {"until": now() - timedelta(seconds=1)}})
    tries = await asyncio.gather(*(keys_of.begin("r", "key", b"{}") for _ in range(5)), return_exceptions=True)
    assert tries.count(None) == 1


async def test_money_keys_are_kept_for_ever(keys_of: Keys, mongo: Mongo) -> None:
    await keys_of.begin("r", "key", b"{}")
    await keys_of.finish("r", "key", Answer(201, b"x"), keep_days=None)
    row = await mongo["idempotency"].find_one({})
    assert row is not None and "forget_at" not in row
