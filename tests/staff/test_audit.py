"""The chain: one unbroken line whoever writes at once, and every hand laid on it shows."""

import asyncio
import os
from typing import Any

import pytest

from kit.crypto import Keyring
from kit.errors import Unavailable
from kit.mongo import Mongo, Tx
from staff.audit import Audit, Entry, Kept

Row = dict[str, Any]


def make_entry(n: int = 0, result: str = "done") -> Entry:
    return Entry("lin.cashier", ("cashier",), "POST /staff/v1/refunds", f"RF{n}", result, f"req_{n}")


async def fill(audit: Audit, count: int) -> None:
    for n in range(count):
        await audit.append(None, make_entry(n))


async def all_of(audit: Audit, after: int = 0, limit: int = 0) -> list[Kept]:
    return [one async for one in audit.entries(after, limit)]


async def test_entries_are_numbered_chained_and_read_back_as_written(audit: Audit) -> None:
    await fill(audit, 3)
    kept = await all_of(audit)
    assert [(one.seq, one.object, one.roles, one.request_id) for one in kept] == [(n + 1, f"RF{n}", ("cashier",), f"req_{n}") for n in range(3)]
    assert [one.prev for one in kept] == ["", kept[0].hash, kept[1].hash]
    done = await audit.verify()
    assert (done.first_broken, done.checked, done.last_seq, done.last_hash) == (None, 3, 3, kept[-1].hash)
    assert [one.seq for one in await all_of(audit, after=1, limit=1)] == [2]


async def test_an_empty_chain_holds(audit: Audit) -> None:
    done = await audit.verify()
    assert (done.first_broken, done.checked) == (None, 0)


async def test_twenty_processes_at_once_write_one_unbroken_chain(mongo: Mongo, keys: Keyring, audit: Audit) -> None:
    """Each with a store of its own: nothing in the process keeps them apart."""
    others = [Audit(mongo, keys) for _ in range(20)]
    numbers = await asyncio.gather(*(other.append(None, make_entry(n)) for n, other in enumerate(others)))
    assert sorted(numbers) == list(range(1, 21))
    done = await audit.verify()
    assert (done.first_broken, done.checked) == (None, 20)
    assert {one.object for one in await all_of(audit)} == {f"RF{n}" for n in range(20)}


async def test_transactions_and_others_at_once_write_one_unbroken_chain(mongo: Mongo, keys: Keyring, audit: Audit) -> None:
    await mongo.create_indexes({"deeds": []})

    async def deed(n: int) -> None:
        own = Audit(mongo, keys)

        async def both(tx: Tx) -> None:
            await mongo["deeds"].insert_one({"_id": n}, session=tx)
            await own.append(tx, make_entry(n))

        await mongo.transaction(both)

    alone = (Audit(mongo, keys).append(None, make_entry(100 + n)) for n in range(8))
    await asyncio.gather(*(deed(n) for n in range(8)), *alone)
    assert (await audit.verify()).first_broken is None
    objects = [one.object for one in await all_of(audit)]
    assert sorted(objects) == sorted([f"RF{n}" for n in range(8)] + [f"RF{100 + n}" for n in range(8)])
    assert await mongo["deeds"].count_documents({}) == 8


async def test_an_entry_falls_with_its_transaction(mongo: Mongo, audit: Audit) -> None:
    await fill(audit, 1)

    async def both(tx: Tx) -> None:
        await audit.append(tx, make_entry(7))
        raise LookupError

    with pytest.raises(LookupError):
        await mongo.transaction(both)
    assert [one.object for one in await all_of(audit)] == ["RF0"]
    assert await audit.append(None, make_entry(1)) == 2 and (await audit.verify()).first_broken is None


async def rechained(mongo: Mongo, audit: Audit, row: Row) -> Row:
    """What somebody with the database, but another key, would write in its place."""
    stranger = Audit(mongo, Keyring({"k1": os.urandom(32)}, "k1", os.urandom(32)))
    return {**row, "hash": stranger._hash(row)}


FIELDS: Row = {
    "who": "somebody.else",
    "roles": ["approver"],
    "action": "login",
    "object": "RF9",
    "result": "refused staff_not_allowed",
    "request_id": "x",
    "prev": "",
    "hash": "A" * 43,
    "added": 1,
}


@pytest.mark.parametrize("field", FIELDS)
async def test_a_changed_entry_is_found(audit: Audit, mongo: Mongo, field: str) -> None:
    await fill(audit, 5)
    await mongo["staff_audit"].update_one({"_id": 3}, {"$set": {field: FIELDS[field]}})
    assert (await audit.verify()).first_broken == 3


async def test_a_changed_time_is_found(audit: Audit, mongo: Mongo) -> None:
    await fill(audit, 3)
    await mongo["staff_audit"].update_one({"_id": 2}, [{"$set": {"at": {"$add": ["$at", 1]}}}])
    assert (await audit.verify()).first_broken == 2


async def test_an_entry_chained_anew_without_the_key_is_found(audit: Audit, mongo: Mongo) -> None:
    await fill(audit, 5)
    row = await mongo["staff_audit"].find_one({"_id": 5})
    assert row is not None
    await mongo["staff_audit"].replace_one({"_id": 5}, await rechained(mongo, audit, {**row, "object": "RF9"}))
    assert (await audit.verify()).first_broken == 5


@pytest.mark.parametrize("gone", [[1], [3], [2, 3, 4], [1, 2]])
async def test_a_removed_entry_is_found(audit: Audit, mongo: Mongo, gone: list[int]) -> None:
    await fill(audit, 6)
    await mongo["staff_audit"].delete_many({"_id": {"$in": gone}})
    assert (await audit.verify()).first_broken == gone[0]


@pytest.mark.parametrize("number", [2.5, "2", 0, -1, True, 7])
async def test_an_inserted_entry_is_found(audit: Audit, mongo: Mongo, number: Any) -> None:
    await fill(audit, 6)
    row = await mongo["staff_audit"].find_one({"_id": 2})
    assert row is not None
    await mongo["staff_audit"].insert_one({**row, "_id": number})
    assert (await audit.verify()).first_broken is not None


async def test_entries_swapped_are_found(audit: Audit, mongo: Mongo) -> None:
    await fill(audit, 4)
    rows = {row["_id"]: row async for row in mongo["staff_audit"].find({})}
    await mongo["staff_audit"].replace_one({"_id": 2}, {**rows[3], "_id": 2})
    await mongo["staff_audit"].replace_one({"_id": 3}, {**rows[2], "_id": 3})
    assert (await audit.verify()).first_broken == 2


async def test_a_lost_end_shows_against_the_hash_kept_elsewhere(audit: Audit, mongo: Mongo) -> None:
    await fill(audit, 5)
    before = await audit.verify()
    await mongo["staff_audit"].delete_many({"_id": {"$gt": 3}})
    after = await audit.verify()
    assert after.first_broken is None, "a chain alone cannot tell"
    assert (before.last_seq, before.last_hash) != (after.last_seq, after.last_hash)
    await fill(audit, 2)
    refilled = await audit.verify()
    assert refilled.last_seq == before.last_seq and refilled.last_hash != before.last_hash


async def test_a_part_is_verified_against_the_entry_before_it(audit: Audit, mongo: Mongo) -> None:
    await fill(audit, 6)
    done = await audit.verify(3, 5)
    assert (done.first_broken, done.checked, done.last_seq) == (None, 3, 5)
    await mongo["staff_audit"].update_one({"_id": 2}, {"$set": {"who": "somebody.else"}})
    assert (await audit.verify(4, 6)).first_broken is None
    assert (await audit.verify(3, 6)).first_broken == 2
    await mongo["staff_audit"].delete_one({"_id": 5})
    assert (await audit.verify(4, 5)).first_broken == 5 and (await audit.verify(4, 9)).first_broken == 5
    assert (await audit.verify(7, 9)).first_broken is None


async def test_what_cannot_be_written_is_said(audit: Audit, mongo: Mongo) -> None:
    await mongo.database.command("collMod", "staff_audit", validator={"_id": "never"})
    with pytest.raises(Unavailable, match="audit_unavailable"):
        await audit.append(None, make_entry())
