"""Files in sealed chunks, and where they lie: whole or not at all, and nothing believed that was not written there."""

import os
from collections.abc import AsyncGenerator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit import blobs as blobs_module
from kit.blobs import BlobMissing, GridBlobs
from kit.crypto import CannotDecrypt
from kit.mongo import Mongo
from kit.pieces import Pieces, cut, of_bytes
from kit.sealed_chunks import CHUNK, SEALED, new_key, opened, sealed

KEY = new_key()


async def whole(pieces: Pieces) -> bytes:
    return b"".join([piece async for piece in pieces])


async def some(*pieces: bytes) -> AsyncGenerator[bytes, None]:
    for piece in pieces:
        yield piece


async def chunks_of(plain: bytes, name: str = "f_1", key: bytes = KEY) -> list[bytes]:
    return [chunk async for chunk in sealed(of_bytes(plain), key, name)]


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 17])
async def test_what_was_sealed_opens_whatever_way_the_stored_bytes_come(size: int) -> None:
    plain = os.urandom(size)
    stored = b"".join(await chunks_of(plain))
    assert size < CHUNK - 1 or plain[:64] not in stored  # a single byte is found anywhere by chance
    for step in (len(stored), 1000, SEALED, SEALED + 1):
        pieces = [stored[at : at + step] for at in range(0, len(stored), max(1, step))]
        assert await whole(opened(some(*pieces), KEY, "f_1")) == plain


async def damaged(chunks: list[bytes], name: str = "f_1", key: bytes = KEY) -> bool:
    try:
        await whole(opened(some(*chunks), key, name))
    except CannotDecrypt:
        return True
    return False


async def test_chunks_cut_off_swapped_repeated_changed_or_of_another_file_do_not_open() -> None:
    one, two, three = await chunks_of(os.urandom(2 * CHUNK + 5))
    other = await chunks_of(os.urandom(2 * CHUNK + 5), "f_2")
    assert not await damaged([one, two, three])
    for wrong in ([one, two], [one], [], [two, one, three], [one, three], [one, two, two, three], [one, two, three[:-1]], [one, other[1], three]):
        assert await damaged(wrong), [len(chunk) for chunk in wrong]
    flipped = bytes([one[0] ^ 1]) + one[1:]
    assert await damaged([flipped, two, three])
    assert await damaged([one, two, three], name="f_2")
    assert await damaged([one, two, three], key=new_key())


async def test_nothing_of_a_damaged_chunk_is_given_out() -> None:
    one, two = await chunks_of(b"a" * CHUNK + b"b")
    given = []
    with pytest.raises(CannotDecrypt):
        async for piece in opened(some(one, two[:-1] + bytes([two[-1] ^ 1])), KEY, "f_1"):
            given.append(piece)
    assert given == [b"a" * CHUNK]


@given(st.lists(st.binary(max_size=40)), st.integers(1, 50))
async def test_cutting_anew_loses_nothing_and_marks_one_last(pieces: list[bytes], size: int) -> None:
    chunks = [chunk async for chunk in cut(some(*pieces), size)]
    assert b"".join(chunk for chunk, _ in chunks) == b"".join(pieces)
    assert [last for _, last in chunks] == [False] * (len(chunks) - 1) + [True]
    assert all(len(chunk) == size for chunk, _ in chunks[:-1]) and len(chunks[-1][0]) <= size


@pytest.fixture
async def blobs(mongo: Mongo) -> GridBlobs:
    await mongo.create_indexes(blobs_module.INDEXES)
    return GridBlobs(mongo)


async def test_a_blob_comes_back_as_it_was_put_and_lies_in_gridfs_layout(blobs: GridBlobs, mongo: Mongo) -> None:
    plain = os.urandom(6 * SEALED + 3)
    await blobs.put("f_1", some(plain[:10], plain[10:]))
    assert await whole(blobs.read("f_1")) == plain
    file = await mongo["blobs.files"].find_one({"_id": "f_1"})
    assert file is not None and file["length"] == len(plain) and file["chunkSize"] == SEALED
    numbers = [row["n"] async for row in mongo["blobs.chunks"].find({"files_id": "f_1"}).sort("n", 1)]
    assert numbers == list(range(7))


async def test_a_put_that_breaks_off_is_not_there_and_delete_takes_the_rest_away(blobs: GridBlobs, mongo: Mongo) -> None:
    async def breaks() -> AsyncGenerator[bytes, None]:
        yield bytes(5 * SEALED)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await blobs.put("f_1", breaks())
    assert await mongo["blobs.chunks"].count_documents({}) == 4
    with pytest.raises(BlobMissing):
        await whole(blobs.read("f_1"))
    await blobs.delete("f_1")
    await blobs.delete("f_1")
    assert await mongo["blobs.chunks"].count_documents({}) == 0


async def test_reading_asks_for_half_a_megabyte_at_a_time(blobs: GridBlobs, mongo: Mongo) -> None:
    """The driver's own reader would be sent 16 MB with the first answer."""
    await blobs.put("f_1", some(bytes(20 * SEALED)))
    await mongo.database.command("profile", 2)
    await whole(blobs.read("f_1"))
    await mongo.database.command("profile", 0)
    answers = [row["nreturned"] async for row in mongo["system.profile"].find({"ns": {"$regex": "blobs.chunks$"}, "nreturned": {"$exists": True}})]
    assert len(answers) >= 10 and max(answers) <= 2
