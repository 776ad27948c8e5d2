"""Taking files in: whole or not at all, once for the same bytes, for their owner alone, released when clean, gone when nothing uses them."""

import asyncio
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cases import file_scan, file_store, files
from cases.file_check import Checker, Limits
from cases.file_keeping import FileFact, Filekeeping, Received, Scanner
from cases.file_store import Files, Owner
from kit import blobs as blobs_module
from kit import outbox as outbox_module
from kit.blobs import BlobMissing, GridBlobs
from kit.clamd import Clamd
from kit.clock import now
from kit.crypto import CannotDecrypt, Keyring
from kit.errors import Conflict, Invalid, NotFound, NotReached, Unknown
from kit.mongo import Mongo, Tx
from kit.outbox import Outbox, Row
from kit.pieces import Pieces
from tests.cases.corpus import EICAR, make_jpeg, make_pdf, make_stream
from tests.cases.pretend_clamd import PretendClamd, clamd_at

WANG, LI = Owner("person:P1", "P1", "r_1"), Owner("person:P2", "P2", "r_2")
SHARE = (10_000_000, 100)
MakeKeeping = Callable[..., Filekeeping]


@pytest.fixture
async def keeping(mongo: Mongo, keys: Keyring) -> Filekeeping:
    for module in (file_store, blobs_module, outbox_module):
        await mongo.create_indexes(module.INDEXES)
    checker = Checker(Limits(20 << 20, 50_000_000, 200), None)
    return Filekeeping(mongo, Files(mongo, keys), GridBlobs(mongo), Outbox(mongo), checker, None, SHARE)


@pytest.fixture
async def clamd() -> AsyncIterator[PretendClamd]:
    async with clamd_at() as own:
        yield own


@asynccontextmanager
async def sent(raw: bytes, name: str = "照片.jpg") -> AsyncIterator[Received]:
    with tempfile.TemporaryFile() as file:
        file.write(raw)
        file.flush()
        yield Received(file, hashlib.sha256(raw).hexdigest(), name)


async def take_in(keeping: Filekeeping, raw: bytes, owner: Owner = WANG, name: str = "照片.jpg") -> FileFact:
    async with sent(raw, name) as received:
        return await files.take_in(keeping, received, owner)


async def content(keeping: Filekeeping, file_id: str) -> bytes:
    return b"".join([piece async for piece in files.open_content(keeping, file_id)])


async def counts(mongo: Mongo) -> tuple[int, int, int]:
    """(rows, blobs, chunks)"""
    found = [await mongo[name].count_documents({}) for name in ("files", "blobs.files", "blobs.chunks")]
    return found[0], found[1], found[2]


async def row_of(mongo: Mongo, file_id: str) -> dict[str, Any]:
    row = await mongo["files"].find_one({"_id": file_id})
    assert row is not None
    return row


async def test_a_pdf_comes_back_byte_for_byte_and_lies_sealed(keeping: Filekeeping, mongo: Mongo) -> None:
    raw = make_pdf(2, filler=600_000)
    fact = await take_in(keeping, raw, name="身份证 正面.docx")
    assert (fact.size, fact.media_type, fact.pages, fact.state, fact.name) == (len(raw), "application/pdf", 2, "ready", "身份证 正面.pdf")
    assert fact.sha256 == hashlib.sha256(raw).hexdigest() and await content(keeping, fact.id) == raw
    stored = b"".join([chunk["data"] async for chunk in mongo["blobs.chunks"].find().sort("n", 1)])
    row = await row_of(mongo, fact.id)
    assert b"%PDF" not in stored and len(stored) == len(raw) + 16 * 3
    assert "身份证" not in str(row) and fact.sha256 not in str(row) and row["purpose"] is None


async def test_the_same_bytes_again_are_the_same_file_for_the_same_owner_only(keeping: Filekeeping, mongo: Mongo) -> None:
    photo = make_jpeg()
    first = await take_in(keeping, photo)
    kept = await content(keeping, first.id)
    assert kept != photo
    assert (await take_in(keeping, photo, name="别的名字.jpg")).id == first.id
    assert (await take_in(keeping, kept)).id == first.id  # downloaded and sent again
    assert (await take_in(keeping, photo + b"\0camera's trailer")).id == first.id  # other bytes, the same pixels
    other = await take_in(keeping, photo, LI)
    assert other.id != first.id
    rows = [row async for row in mongo["files"].find()]
    assert len(rows) == 2 and not set(rows[0]["digests"]) & set(rows[1]["digests"])


async def test_the_same_bytes_at_the_same_moment_are_one_file(keeping: Filekeeping, mongo: Mongo) -> None:
    raw = make_pdf(filler=300_000)
    facts = await asyncio.gather(*(take_in(keeping, raw) for _ in range(6)))
    assert len({fact.id for fact in facts}) == 1 and await counts(mongo) == (1, 1, 2)
    room = await mongo["file_room"].find_one({"_id": WANG.key})
    assert room is not None and (room["bytes"], room["files"]) == (len(raw), 1)


async def test_nobody_else_sees_a_file(keeping: Filekeeping) -> None:
    fact = await take_in(keeping, make_jpeg())
    for act in (files.one(keeping.store, fact.id, LI), files.download(keeping, fact.id, LI), files.remove(keeping, fact.id, LI)):
        with pytest.raises(NotFound):
            await act
    with pytest.raises(Invalid) as refusal:
        await files.ready(keeping.store, ["f_none", fact.id], LI)
    assert [one.field for one in refusal.value.errors] == ["files.0", "files.1"]
    assert (await files.one(keeping.store, fact.id, WANG)).id == fact.id


async def test_a_refused_file_leaves_nothing(keeping: Filekeeping, mongo: Mongo) -> None:
    with pytest.raises(Invalid):
        await take_in(keeping, b"<html>")
    assert await counts(mongo) == (0, 0, 0)


async def test_changed_cut_and_swapped_chunks_are_found_when_read(keeping: Filekeeping, mongo: Mongo) -> None:
    fact, other = await take_in(keeping, make_pdf(filler=900_000)), await take_in(keeping, make_pdf(filler=900_000))
    chunks = mongo["blobs.chunks"]
    last = await chunks.find_one({"files_id": fact.id}, sort=[("n", -1)])
    assert last is not None
    await chunks.delete_one({"_id": last["_id"]})
    with pytest.raises(CannotDecrypt):
        await content(keeping, fact.id)
    theirs = await chunks.find_one({"files_id": other.id, "n": last["n"]})
    assert theirs is not None
    await chunks.insert_one({**last, "data": theirs["data"]})
    with pytest.raises(CannotDecrypt):
        await content(keeping, fact.id)
    await chunks.update_one({"_id": last["_id"]}, {"$set": {"data": last["data"]}})
    assert len(await content(keeping, fact.id)) == fact.size


# use


async def test_a_used_file_stays_and_an_unused_one_is_forgotten_after_seven_days(keeping: Filekeeping, mongo: Mongo) -> None:
    used, unused = await take_in(keeping, make_pdf(1)), await take_in(keeping, make_pdf(2))
    await files.attach(keeping.store, None, [used.id], "draft:d_1")
    await files.attach(keeping.store, None, [used.id], "case:q_1")
    assert await files.sweep(keeping) == 0
    await mongo["files"].update_many({"forget_at": {"$exists": True}}, {"$set": {"forget_at": now() - timedelta(seconds=1)}})
    assert await files.sweep(keeping) == 1
    with pytest.raises(NotFound):
        await files.one(keeping.store, unused.id, WANG)
    with pytest.raises(BlobMissing):
        _ = [piece async for piece in keeping.blobs.read(unused.id)]
    await keeping.store.detach(None, [used.id], "draft:d_1")
    assert "forget_at" not in await row_of(mongo, used.id)
    await keeping.store.detach(None, [used.id], "case:q_1")
    left = (await row_of(mongo, used.id))["forget_at"] - now()
    assert timedelta(days=6, hours=23) < left <= timedelta(days=7)
    room = await mongo["file_room"].find_one({"_id": WANG.key})
    assert room is not None and (room["bytes"], room["files"]) == (used.size, 1)


async def test_a_file_in_use_cannot_be_deleted_and_a_deleted_one_cannot_be_used(keeping: Filekeeping, mongo: Mongo) -> None:
    used, unused = await take_in(keeping, make_pdf(1)), await take_in(keeping, make_pdf(2))
    await files.attach(keeping.store, None, [used.id], "draft:d_1")
    with pytest.raises(Conflict, match="file_in_use"):
        await files.remove(keeping, used.id, WANG)
    await files.remove(keeping, unused.id, WANG)
    with pytest.raises(NotFound):
        await files.remove(keeping, unused.id, WANG)

    async def use(tx: Tx) -> None:
        await files.attach(keeping.store, tx, [used.id, unused.id], "draft:d_2")

    with pytest.raises(Conflict, match="file_gone"):
        await mongo.transaction(use)
    assert (await row_of(mongo, used.id))["used_by"] == ["draft:d_1"]
    assert await counts(mongo) == (1, 1, 1)


async def test_attaching_and_deleting_at_once_never_leaves_a_used_file_without_its_bytes(keeping: Filekeeping, mongo: Mongo) -> None:
    for n in range(8):
        fact = await take_in(keeping, make_pdf(1, filler=100 + n))
        outcomes = await asyncio.gather(
            files.attach(keeping.store, None, [fact.id], "draft:d_1"), files.remove(keeping, fact.id, WANG), return_exceptions=True
        )
        row = await mongo["files"].find_one({"_id": fact.id})
        assert (row is None) == isinstance(outcomes[0], Conflict) and (row is not None) == isinstance(outcomes[1], Conflict)
        if row is not None:
            assert len(await content(keeping, fact.id)) == fact.size


async def test_an_owners_share_holds_also_side_by_side(keeping: Filekeeping, mongo: Mongo) -> None:
    narrow = replace(keeping, share=(700_000, 100))
    outcomes = await asyncio.gather(*(take_in(narrow, make_pdf(filler=200_000)) for _ in range(6)), return_exceptions=True)
    kept = [one for one in outcomes if isinstance(one, FileFact)]
    assert len(kept) == 3 and all(isinstance(one, Conflict) and one.code == "file_quota" for one in outcomes if not isinstance(one, FileFact))
    assert (await counts(mongo))[:2] == (3, 3)
    await files.remove(keeping, kept[0].id, WANG)
    await take_in(narrow, make_pdf(filler=200_000))
    two = replace(keeping, share=(10**9, 3))
    with pytest.raises(Conflict, match="file_quota"):
        await files.room_left(two, WANG)
    await files.room_left(two, LI)


async def test_what_a_resident_uploaded_before_the_real_name_is_the_persons(keeping: Filekeeping, mongo: Mongo) -> None:
    before = Owner("resident:r_1", None, "r_1")
    photo, pdf = make_jpeg(), make_pdf(3)
    one, two, twice = await take_in(keeping, photo, before), await take_in(keeping, pdf, before), await take_in(keeping, pdf, WANG)

    async def bind(tx: Tx) -> int:
        return await keeping.store.adopt(tx, "r_1", WANG)

    assert await mongo.transaction(bind) == 2 and await mongo.transaction(bind) == 0
    assert {row["_id"] for row in await keeping.store.of_owner(WANG.key)} == {one.id, two.id, twice.id}
    assert (await take_in(keeping, await content(keeping, one.id), WANG)).id == one.id
    assert (await take_in(keeping, pdf, WANG)).id == twice.id
    rooms = {row["_id"]: (row["bytes"], row["files"]) async for row in mongo["file_room"].find()}
    assert rooms == {before.key: (0, 0), WANG.key: (one.size + two.size + twice.size, 3)}


async def test_new_keys_seal_the_files_key_anew_and_leave_the_bytes(keeping: Filekeeping, mongo: Mongo) -> None:
    old, index = os.urandom(32), os.urandom(32)
    before = replace(keeping, store=Files(mongo, Keyring({"k1": old}, "k1", index)))
    fact = await take_in(before, make_pdf(filler=300_000))
    stored = [chunk["data"] async for chunk in mongo["blobs.chunks"].find().sort("n", 1)]
    after = replace(keeping, store=Files(mongo, Keyring({"k1": old, "k2": os.urandom(32)}, "k2", index)))
    assert await after.store.seal_anew() == 1 and await after.store.seal_anew() == 0
    assert (await row_of(mongo, fact.id))["data_key"].startswith("k2:")
    assert len(await content(after, fact.id)) == fact.size
    assert [chunk["data"] async for chunk in mongo["blobs.chunks"].find().sort("n", 1)] == stored


# breaking off


class Breaks:
    """A store of blobs that dies in the middle of a put."""

    def __init__(self, within: GridBlobs) -> None:
        self._within = within

    async def put(self, name: str, pieces: Pieces) -> None:
        async def half() -> AsyncIterator[bytes]:
            async for piece in pieces:
                yield piece
                raise ConnectionResetError

        await self._within.put(name, half())  # type: ignore[arg-type]  # an iterator is enough here

    def read(self, name: str) -> Pieces:
        return self._within.read(name)

    async def delete(self, name: str) -> None:
        await self._within.delete(name)


async def test_a_file_half_stored_is_seen_by_nobody_and_swept_away_in_an_hour(keeping: Filekeeping, mongo: Mongo) -> None:
    raw = make_pdf(filler=2_000_000)
    with pytest.raises(ConnectionResetError):
        await take_in(replace(keeping, blobs=Breaks(GridBlobs(mongo))), raw)
    half = await mongo["files"].find_one({})
    assert half is not None and half["state"] == "storing"
    with pytest.raises(NotFound):
        await files.one(keeping.store, half["_id"], WANG)
    with pytest.raises(NotFound):
        await content(keeping, half["_id"])
    again = await take_in(keeping, raw)  # does not wait for the sweep
    assert again.id != half["_id"] and await files.sweep(keeping) == 0
    await mongo["files"].update_one({"_id": half["_id"]}, {"$set": {"forget_at": now() - timedelta(seconds=1)}})
    assert await files.sweep(keeping) == 1
    assert (await counts(mongo))[:2] == (1, 1) and len(await content(keeping, again.id)) == len(raw)


async def test_a_deletion_that_broke_off_is_finished_by_the_sweep(keeping: Filekeeping, mongo: Mongo) -> None:
    fact = await take_in(keeping, make_pdf())
    assert await keeping.store.doom(fact.id, WANG.key)  # and the process died here
    with pytest.raises(NotFound):
        await files.one(keeping.store, fact.id, WANG)
    await asyncio.sleep(0.002)  # the clock counts milliseconds
    assert await files.sweep(keeping) == 1 and await counts(mongo) == (0, 0, 0)
    room = await mongo["file_room"].find_one({"_id": WANG.key})
    assert room is not None and (room["bytes"], room["files"]) == (0, 0)


# the scanner


def with_virus() -> bytes:
    return make_pdf(objects=(make_stream(EICAR),))


async def due(keeping: Filekeeping, file_id: str) -> Row:
    await keeping.outbox.hurry(f"scan:{file_id}")
    row = await keeping.outbox.take([file_scan.SCAN])
    assert row is not None and row.key == f"scan:{file_id}"
    return row


async def test_a_clean_file_is_ready_at_once_and_a_virus_is_the_answer(keeping: Filekeeping, mongo: Mongo, clamd: PretendClamd) -> None:
    scanning = replace(keeping, scanner=Clamd(clamd.url))
    clean = await take_in(scanning, make_pdf(filler=1_000_000))
    assert clean.state == "ready" and clamd.scanned == [clean.size]
    with pytest.raises(Invalid) as refusal:
        await take_in(scanning, with_virus())
    assert "安全检查" in refusal.value.title
    row = await mongo["files"].find_one({"state": "refused"})
    assert row is not None and row["reason"] == "infected" and "digests" not in row
    assert (await counts(mongo))[1] == 1 and await mongo["outbox"].count_documents({"kind": file_scan.TELL}) == 0
    with pytest.raises(Conflict, match="file_not_ready"):
        await files.download(scanning, row["_id"], WANG)
    room = await mongo["file_room"].find_one({"_id": WANG.key})
    assert room is not None and (room["bytes"], room["files"]) == (clean.size, 1)


@pytest.mark.parametrize("mood", ["garbled", "small", "hangs_up", "away"])
async def test_without_the_scanners_word_nothing_is_released(keeping: Filekeeping, clamd: PretendClamd, mood: str) -> None:
    clamd.mood = mood
    scanner: Scanner = Clamd("tcp://127.0.0.1:9" if mood == "away" else clamd.url)
    scanning = replace(keeping, scanner=scanner)
    fact = await take_in(scanning, make_pdf())
    assert fact.state == "scanning"
    with pytest.raises(Conflict, match="file_not_ready"):
        await files.download(scanning, fact.id, WANG)
    with pytest.raises(NotFound):
        await content(scanning, fact.id)
    with pytest.raises(Invalid):
        await files.ready(scanning.store, [fact.id], WANG)
    with pytest.raises(Conflict):
        await files.attach(scanning.store, None, [fact.id], "draft:d_1")
    with pytest.raises((NotReached, Unknown)):
        await file_scan.scan(scanning, await due(scanning, fact.id))
    assert (await files.one(scanning.store, fact.id, WANG)).state == "scanning"


async def test_the_worker_releases_later_and_tells_of_a_virus_once(keeping: Filekeeping, mongo: Mongo, clamd: PretendClamd) -> None:
    away, back = replace(keeping, scanner=Clamd("tcp://127.0.0.1:9")), replace(keeping, scanner=Clamd(clamd.url))
    clean, bad = await take_in(away, make_pdf()), await take_in(away, with_virus())
    row = await due(back, clean.id)
    await file_scan.scan(back, row)
    await file_scan.scan(back, row)
    assert (await files.one(back.store, clean.id, WANG)).state == "ready"
    row = await due(back, bad.id)
    await file_scan.scan(back, row)
    await file_scan.scan(back, row)
    refused = await files.one(back.store, bad.id, WANG)
    assert (refused.state, refused.reason) == ("refused", "infected")
    assert await mongo["outbox"].count_documents({"kind": file_scan.TELL, "payload.file_id": bad.id}) == 1
    assert await mongo["blobs.chunks"].count_documents({"files_id": bad.id}) == 0
    assert (await take_in(away, with_virus())).id != bad.id  # not found again by its bytes


async def test_a_virus_found_by_a_process_that_died_is_deleted_by_the_next(keeping: Filekeeping, mongo: Mongo, clamd: PretendClamd) -> None:
    away, back = replace(keeping, scanner=Clamd("tcp://127.0.0.1:9")), replace(keeping, scanner=Clamd(clamd.url))
    bad = await take_in(away, with_virus())
    await file_scan._turned_away(back, bad.id, False)  # and then it died
    assert await mongo["blobs.chunks"].count_documents({"files_id": bad.id}) == 1
    row = await due(back, bad.id)
    await file_scan.scan(back, row)
    assert await mongo["blobs.chunks"].count_documents({"files_id": bad.id}) == 0 and await back.outbox.state(row.key) == "done"


async def test_hot_queries_use_an_index(keeping: Filekeeping, mongo: Mongo) -> None:
    await take_in(keeping, make_pdf())
    for query in ({"digests": "x"}, {"owner": "o", "state": {"$in": list(file_store.SEEN)}}, {"forget_at": {"$lt": now()}}):
        plan = await mongo["files"].find(query).explain()
        assert "COLLSCAN" not in str(plan["queryPlanner"]["winningPlan"]), query
