"""The life of a file whose bytes lie in a bucket, and what a resident meets while the bucket is away."""

import asyncio
import hashlib
import json
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from cases import file_scan, file_store, files
from cases.file_check import Checker, Limits
from cases.file_keeping import FileFact, Filekeeping, Received
from cases.file_store import Files, Owner
from kit import blobs as blobs_module
from kit import outbox as outbox_module
from kit.blobs import GridBlobs, MovedBlobs
from kit.clamd import Clamd
from kit.clock import now
from kit.crypto import CannotDecrypt, Keyring
from kit.errors import NotFound, Outside, Unavailable
from kit.http import Http
from kit.mongo import Mongo
from kit.outbox import Outbox
from kit.s3 import S3Blobs
from kit.sealed_chunks import SEALED
from miniapp_api import wiring_files
from miniapp_api.routes import files as routes
from miniapp_api.settings import BadSettings, Settings, check
from miniapp_api.streaming import begun
from tests.cases.corpus import EICAR, make_pdf, make_stream
from tests.cases.pretend_clamd import clamd_at
from tests.kit.pretend_s3 import ACCESS_KEY, BUCKET, REGION, SECRET_KEY, PretendS3, s3_at

WANG = Owner("person:P1", "P1", "r_1")
AWAY = ["503 SlowDown"] * 3


@pytest.fixture
async def bucket() -> AsyncIterator[PretendS3]:
    async with s3_at() as own:
        yield own


@pytest.fixture
async def keeping(mongo: Mongo, keys: Keyring, bucket: PretendS3) -> AsyncIterator[Filekeeping]:
    for module in (file_store, blobs_module, outbox_module):
        await mongo.create_indexes(module.INDEXES)
    http = Http([bucket.url])
    checker = Checker(Limits(20 << 20, 50_000_000, 200), None)
    yield Filekeeping(mongo, Files(mongo, keys), S3Blobs(http, bucket.bucket()), Outbox(mongo), checker, None, (100_000_000, 100))
    await http.close()


async def take_in(keeping: Filekeeping, raw: bytes) -> FileFact:
    with tempfile.TemporaryFile() as file:
        file.write(raw)
        file.flush()
        return await files.take_in(keeping, Received(file, hashlib.sha256(raw).hexdigest(), "合同.pdf"), WANG)


async def content(keeping: Filekeeping, file_id: str) -> bytes:
    return b"".join([piece async for piece in files.open_content(keeping, file_id)])


async def test_a_file_lies_sealed_in_the_bucket_comes_back_and_goes(keeping: Filekeeping, bucket: PretendS3, mongo: Mongo) -> None:
    raw = make_pdf(2, filler=9_500_000)
    fact = await take_in(keeping, raw)
    assert await content(keeping, fact.id) == raw and (await take_in(keeping, raw)).id == fact.id
    [(key, stored)] = bucket.objects.items()
    assert key == f"zb/{fact.id}" and b"%PDF" not in stored and "PUT part" in bucket.calls
    assert await mongo["blobs.chunks"].count_documents({}) == 0
    bucket.objects[key] = stored[SEALED:]
    with pytest.raises(CannotDecrypt):
        await content(keeping, fact.id)
    await files.remove(keeping, fact.id, WANG)
    assert bucket.objects == {}


async def test_while_the_bucket_is_away_an_upload_is_a_503_that_leaves_nothing_and_a_deletion_is_finished_later(
    keeping: Filekeeping, bucket: PretendS3, mongo: Mongo
) -> None:
    raw = make_pdf(filler=300_000)
    bucket.faults["PUT object"] = [*AWAY]
    with pytest.raises(Unavailable) as refusal:
        await take_in(keeping, raw)
    assert refusal.value.code == "files_unavailable" and bucket.objects == {}
    half = await mongo["files"].find_one({})
    assert half is not None and half["state"] == "storing"
    fact = await take_in(keeping, raw)
    bucket.faults["DELETE object"] = [*AWAY, *AWAY]
    await files.remove(keeping, fact.id, WANG)
    assert list(bucket.objects) == [f"zb/{fact.id}"]
    with pytest.raises(NotFound):
        await files.one(keeping.store, fact.id, WANG)
    await mongo["files"].update_many({}, {"$set": {"forget_at": now() - timedelta(seconds=1)}})
    with pytest.raises(Outside):
        await files.sweep(keeping)  # still away
    assert await files.sweep(keeping) == 2 and bucket.objects == {} and await mongo["files"].count_documents({}) == 0


async def test_a_download_while_the_bucket_is_away_is_a_503_and_not_half_an_answer(keeping: Filekeeping, bucket: PretendS3) -> None:
    raw = make_pdf(filler=3_000_000)
    fact = await take_in(keeping, raw)
    caller = SimpleNamespace(subject=SimpleNamespace(key=WANG.key), person_id="P1", resident_id="r_1")
    call: Any = SimpleNamespace(deps=SimpleNamespace(files=keeping), resident=caller, request=SimpleNamespace(method="GET"))
    bucket.faults["GET object"] = [*AWAY]
    with pytest.raises(Unavailable) as refusal:
        await routes.content(call, fact.id)
    assert refusal.value.code == "files_unavailable"
    stream: Any = await routes.content(call, fact.id)
    assert b"".join([piece async for piece in stream.pieces]) == raw
    call.request.method, before = "HEAD", len(bucket.calls)
    head: Any = await routes.content(call, fact.id)
    assert head.pieces is None and head.headers["Content-Length"] == str(len(raw)) and len(bucket.calls) == before


async def test_what_has_begun_is_closed_with_its_reader_and_may_be_empty() -> None:
    closed = asyncio.Event()

    async def pieces() -> AsyncGenerator[bytes, None]:
        try:
            yield b"one"
            yield b"two"
        finally:
            closed.set()

    async def none() -> AsyncGenerator[bytes, None]:
        for piece in list[bytes]():
            yield piece

    reading = await begun(pieces())
    assert await anext(reading) == b"one"
    await reading.aclose()
    assert closed.is_set() and [piece async for piece in await begun(none())] == []


async def test_the_scanner_reads_from_the_bucket_and_waits_while_it_is_away(keeping: Filekeeping, bucket: PretendS3) -> None:
    async with clamd_at() as clamd:
        scanned = replace(keeping, scanner=Clamd(clamd.url))
        bucket.faults["GET object"] = [*AWAY]
        fact = await take_in(scanned, make_pdf(objects=(make_stream(EICAR),)))
        assert fact.state == "scanning"
        row = await scanned.outbox.take_key(f"scan:{fact.id}")
        assert row is not None
        await file_scan.scan(scanned, row)  # as the worker does
        assert (await files.one(scanned.store, fact.id, WANG)).state == "refused" and bucket.objects == {}


def test_the_setting_chooses_the_bucket_and_is_checked_with_the_others(mongo: Mongo, keys: Keyring) -> None:
    given = {"endpoint": "https://s3.example.gov.cn", "region": REGION, "bucket": BUCKET, "access_key": ACCESS_KEY, "secret_key": SECRET_KEY}
    http = Http([])

    def chosen(settings: Settings) -> object:
        return wiring_files.keeping(settings, mongo, keys, Outbox(mongo), http).blobs

    assert isinstance(chosen(Settings(files_s3=None)), GridBlobs)
    with_bucket = Settings(files_s3=json.dumps(given))  # type: ignore[arg-type]
    assert isinstance(chosen(with_bucket), MovedBlobs)
    place = wiring_files.bucket(with_bucket)
    assert place is not None and place.origin == "https://s3.example.gov.cn"
    with pytest.raises(BadSettings) as caught:
        check(Settings(profile="production", files_s3=json.dumps({**given, "endpoint": "http://minio:9000"})))  # type: ignore[arg-type]
    assert any(one.startswith("ZHANGBAN_FILES_S3：endpoint 在正式环境") for one in caught.value.problems)
