"""Files in a bucket: signed as S3 wants it, there whole or not at all, and what an unwilling store does is told as an outage."""

import asyncio
import json
import os
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kit import blobs as blobs_module
from kit import s3
from kit.blobs import BlobMissing, Blobs, GridBlobs, MovedBlobs
from kit.crypto import CannotDecrypt
from kit.errors import NotReached, Outside, Unknown
from kit.http import Http
from kit.mongo import Mongo
from kit.pieces import Pieces, of_bytes
from kit.s3 import PART, RANGE, S3Blobs
from kit.s3_signing import Access, Ask, host_of, signed
from kit.sealed_chunks import CHUNK, SEALED, new_key, opened, sealed
from miniapp_api.settings_files import NAME, files_s3
from tests.kit.pretend_s3 import PretendS3, s3_at

KEY = new_key()


async def whole(pieces: Pieces) -> bytes:
    return b"".join([piece async for piece in pieces])


@pytest.fixture
async def store() -> AsyncIterator[PretendS3]:
    async with s3_at() as own:
        yield own


@pytest.fixture
async def http(store: PretendS3) -> AsyncIterator[Http]:
    own = Http([store.url, store.bucket(style="host").origin, "http://127.0.0.1:1"])
    yield own
    await own.close()


@pytest.fixture
def blobs(store: PretendS3, http: Http) -> S3Blobs:
    return S3Blobs(http, store.bucket())


def test_the_published_example_gets_the_published_signature() -> None:
    """ "GET Object" of "Signature Calculations for the Authorization Header" in the Amazon S3 API reference."""
    ask = Ask("GET", "https://examplebucket.s3.amazonaws.com/test.txt", {"range": "bytes=0-9"})
    access = Access("us-east-1", "AKIA" + "IOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    assert signed(ask, access, datetime(2013, 5, 24, tzinfo=UTC))["authorization"] == (
        f"AWS4-HMAC-SHA256 Credential={access.access_key}/20130524/us-east-1/s3/aws4_request,"
        "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    )
    lifecycle = Ask("GET", "https://examplebucket.s3.amazonaws.com/?lifecycle", {})
    assert (
        "Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
        in (signed(lifecycle, access, datetime(2013, 5, 24, tzinfo=UTC))["authorization"])
    )
    assert access.secret_key not in repr(access) and "IOSFO" not in repr(access)


def test_the_host_is_signed_as_it_is_sent() -> None:
    assert [host_of(url) for url in ("https://S3.example:443/a", "http://[::1]:9000/", "http://h:80/", "https://h:80/")] == [
        "s3.example",
        "[::1]:9000",
        "h",
        "h:80",
    ]


@pytest.mark.parametrize("style", ["path", "host"])
@pytest.mark.parametrize("size", [0, 1, SEALED, RANGE, RANGE + 1, PART, PART + 1, 2 * PART + 17])
async def test_a_blob_comes_back_as_it_was_put(store: PretendS3, http: Http, size: int, style: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo  # which knows of no zhangban-files.localhost
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest, **named: real("127.0.0.1", *rest, **named))
    blobs, plain = S3Blobs(http, store.bucket(style=style)), os.urandom(size)
    await blobs.put("f_1.2", of_bytes(plain))
    assert await whole(blobs.read("f_1.2")) == plain and store.objects == {"zb/f_1.2": plain} and not store.uploads
    assert store.calls.count("PUT part") == (0 if size <= PART else -(-size // PART))
    assert all(length <= RANGE for length in store.ranges) and sum(store.ranges) == size
    await blobs.delete("f_1.2")
    await blobs.delete("f_1.2")
    assert store.objects == {}


async def test_a_name_that_must_be_encoded_and_another_bucket_s_prefix(store: PretendS3, http: Http) -> None:
    for prefix in ("", "a/b/"):
        blobs = S3Blobs(http, store.bucket(prefix=prefix))
        await blobs.put("文件 +&=~'.1", of_bytes(b"x"))
        assert await whole(blobs.read("文件 +&=~'.1")) == b"x" and f"{prefix}文件 +&=~'.1" in store.objects


async def test_the_same_name_again_is_the_later_one(blobs: S3Blobs) -> None:
    await blobs.put("f_1", of_bytes(b"one"))
    await blobs.put("f_1", of_bytes(bytes(PART + 1)))
    assert await whole(blobs.read("f_1")) == bytes(PART + 1)


async def test_sealed_chunks_that_were_cut_off_swapped_or_changed_in_the_store_do_not_open(store: PretendS3, blobs: S3Blobs) -> None:
    plain = os.urandom(5 * CHUNK + 3)
    await blobs.put("f_1", sealed(of_bytes(plain), KEY, "f_1"))
    assert await whole(opened(blobs.read("f_1"), KEY, "f_1")) == plain
    good = store.objects["zb/f_1"]
    assert plain[:64] not in good and len(good) == len(plain) + 6 * 16
    one, two, rest = good[:SEALED], good[SEALED : 2 * SEALED], good[2 * SEALED :]
    for wrong in (good[:-1], good[: 5 * SEALED], b"", two + one + rest, one + rest, bytes([good[0] ^ 1]) + good[1:]):
        store.objects["zb/f_1"] = wrong
        with pytest.raises(CannotDecrypt):
            await whole(opened(blobs.read("f_1"), KEY, "f_1"))


async def test_no_more_than_one_part_is_gathered_before_it_is_sent(store: PretendS3, blobs: S3Blobs) -> None:
    asked = 0

    async def counted() -> AsyncGenerator[bytes, None]:
        nonlocal asked
        for _ in range(3 * 32 + 1):
            assert asked - store.calls.count("PUT part") * PART <= PART + SEALED
            asked += SEALED
            yield bytes(SEALED)

    await blobs.put("f_1", counted())
    assert store.calls.count("PUT part") == 4 and len(store.objects["zb/f_1"]) == asked


async def test_a_source_that_breaks_and_a_put_that_is_cancelled_leave_nothing(store: PretendS3, blobs: S3Blobs) -> None:
    closed = []

    async def breaks(after: int) -> AsyncGenerator[bytes, None]:
        try:
            yield bytes(after)
            raise ConnectionResetError
        finally:
            closed.append(after)

    for size in (10, PART + SEALED + 1):
        with pytest.raises(ConnectionResetError):
            await blobs.put("f_1", breaks(size))
    assert (store.objects, store.uploads, len(closed)) == ({}, {}, 2) and store.calls[-1] == "DELETE upload"
    store.faults["PUT part"] = ["", "hang"]
    putting = asyncio.create_task(blobs.put("f_1", of_bytes(bytes(2 * PART))))
    await store.reached.wait()
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert (store.objects, store.uploads) == ({}, {})
    with pytest.raises(BlobMissing):
        await whole(blobs.read("f_1"))


async def test_what_a_killed_process_began_is_taken_away_with_its_name_only(store: PretendS3, blobs: S3Blobs) -> None:
    store.uploads |= {"u1": ("zb/f_1", {1: b"x"}), "u&2": ("zb/f_1", {}), "u3": ("zb/f_12", {})}
    await blobs.delete("f_1")
    assert list(store.uploads) == ["u3"]
    store.faults["GET uploads"] = ["403 AccessDenied"]
    store.objects["zb/f_12"] = b"x"
    await blobs.delete("f_12")  # without the right to list: the object goes, the bucket's rule sees to the rest
    assert not store.objects and list(store.uploads) == ["u3"]


@pytest.mark.parametrize("fault", ["cut", "lost", "500 InternalError", "503 SlowDown", "200 InternalError"])
async def test_one_call_that_went_wrong_is_made_again(store: PretendS3, blobs: S3Blobs, fault: str) -> None:
    """ "lost": done, but the reply never came. 200 with an error inside: what S3 does when completing fails late."""
    late = fault.startswith("200")
    names = ["POST upload"] if late else ["PUT part", "POST upload", "POST uploads", "GET object", "DELETE object", "GET uploads", "PUT object"]
    plain = os.urandom(PART + 5)
    for name in names:
        store.faults[name] = [fault]
        await blobs.put("f_1", of_bytes(plain))
        await blobs.put("f_2", of_bytes(b"small"))
        assert await whole(blobs.read("f_1")) == plain and await whole(blobs.read("f_2")) == b"small"
        for blob in ("f_1", "f_2"):
            await blobs.delete(blob)
        assert not store.faults[name] and (store.objects, store.uploads) == ({}, {}), name


async def test_a_completion_whose_every_reply_is_lost_is_asked_after(store: PretendS3, blobs: S3Blobs) -> None:
    store.faults["POST upload"] = ["lost", "cut", "cut"]
    await blobs.put("f_1", of_bytes(bytes(PART + 1)))
    assert "HEAD object" in store.calls and len(store.objects["zb/f_1"]) == PART + 1
    store.faults["POST upload"] = ["cut", "cut", "cut"]  # this one did not happen
    with pytest.raises(Unknown):
        await blobs.put("f_2", of_bytes(bytes(PART + 1)))
    assert "zb/f_2" not in store.objects and not store.uploads


async def test_a_range_that_breaks_off_in_the_middle_is_asked_for_again_and_not_given_twice(store: PretendS3, blobs: S3Blobs) -> None:
    plain = os.urandom(3 * RANGE + 1)
    await blobs.put("f_1", of_bytes(plain))
    store.faults["GET object"] = ["", "broken", "", "broken"]
    assert await whole(blobs.read("f_1")) == plain and len(store.ranges) == 6


async def test_a_store_that_is_away_slow_or_says_no_is_an_outage_and_never_a_missing_file(
    store: PretendS3, http: Http, blobs: S3Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def told(of: Blobs) -> list[str]:
        found = []
        for call in (of.put("f_1", of_bytes(b"x")), whole(of.read("f_1")), of.delete("f_1")):
            with pytest.raises(Outside) as caught:
                await call
            found.append(f"{type(caught.value).__name__} {caught.value.reason}")
        return found

    assert await told(S3Blobs(http, store.bucket(secret_key="another one"))) == ["NotReached SignatureDoesNotMatch"] * 2 + [
        "NotReached SignatureDoesNotMatch"
    ]
    assert await told(S3Blobs(http, store.bucket(name="nobodys"))) == ["NotReached NoSuchBucket"] * 3
    monkeypatch.setattr(s3, "SECONDS", 0.2)
    store.faults["GET object"] = ["hang"] * 3
    with pytest.raises(Unknown, match="timeout"):
        await whole(blobs.read("f_1"))
    monkeypatch.setattr(s3, "now", lambda: datetime.now(UTC) - timedelta(hours=1))
    with pytest.raises(NotReached, match="RequestTimeTooSkewed"):
        await whole(blobs.read("f_1"))
    closed = S3Blobs(Http(["http://127.0.0.1:1"]), s3.Bucket("http://127.0.0.1:1", "bucket", store.bucket().access))
    assert all(one.startswith("NotReached") for one in await told(closed))
    stray = S3Blobs(Http([store.url]), s3.Bucket("http://169.254.169.254", "bucket", store.bucket().access))
    with pytest.raises(NotReached, match="not_on_the_egress_list"):
        await stray.put("f_1", of_bytes(b"x"))


async def test_what_lay_in_mongo_before_is_still_found_and_deleted(blobs: S3Blobs, store: PretendS3, mongo: Mongo) -> None:
    await mongo.create_indexes(blobs_module.INDEXES)
    before = GridBlobs(mongo)
    await before.put("f_1", of_bytes(b"before"))
    moved = MovedBlobs(blobs, before)
    await moved.put("f_2", of_bytes(b"since"))
    assert (await whole(moved.read("f_1")), await whole(moved.read("f_2"))) == (b"before", b"since") and list(store.objects) == ["zb/f_2"]
    for name in ("f_1", "f_2"):
        await moved.delete(name)
        with pytest.raises(BlobMissing):
            await whole(moved.read(name))
    store.faults["GET object"] = ["503 SlowDown"] * 3
    with pytest.raises(Unknown):
        await whole(moved.read("f_1"))  # away is not missing


# the setting

GIVEN = {"endpoint": "https://s3.example.gov.cn/", "region": "cn-1", "bucket": "zhangban", "access_key": "AK1", "secret_key": "0123456789"}


def test_the_setting_says_where_objects_lie_and_hides_its_secrets() -> None:
    assert files_s3("", production=True) == (None, [])
    for style, url in (("path", "https://s3.example.gov.cn/zhangban/a/f_1"), ("host", "https://zhangban.s3.example.gov.cn/a/f_1")):
        bucket, told = files_s3(json.dumps({**GIVEN, "style": style, "prefix": "a/"}), production=True)
        assert bucket is not None and told == [] and bucket.url("f_1") == url and url.startswith(f"{bucket.origin}/")
        assert "0123456789" not in repr(bucket)
    assert files_s3(json.dumps({**GIVEN, "endpoint": "http://minio:9000"}), production=False)[1] == []


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"endpoint": "http://s3.example.gov.cn"}, "https"),
        ({"endpoint": "https://s3.example.gov.cn/zhangban"}, "endpoint"),
        ({"endpoint": "https://u:p" + "@s3.example.gov.cn"}, "endpoint"),
        ({"endpoint": "https://[::1"}, "endpoint"),
        ({"endpoint": None}, "endpoint"),
        ({"region": "cn/1"}, "region"),
        ({"bucket": "A"}, "bucket"),
        ({"access_key": "a/b"}, "access_key"),
        ({"secret_key": "short"}, "secret_key"),
        ({"style": ["host"]}, "style"),
        ({"style": "host", "bucket": "a.bucket"}, "style"),
        ({"prefix": "/a"}, "prefix"),
        ({"prefix": "a/../"}, "prefix"),
        ({"token": "x"}, "token"),
    ],
)
def test_one_thing_wrong_with_the_setting_is_one_sentence(change: dict[str, Any], word: str) -> None:
    bucket, told = files_s3(json.dumps({**GIVEN, **change}), production=True)
    assert bucket is None and len(told) == 1 and told[0].startswith(f"{NAME}：") and word in told[0]
    assert "0123456789" not in told[0]


def test_everything_wrong_with_the_setting_is_told_at_once() -> None:
    assert len(files_s3("{}", production=True)[1]) == 5
    for given in ("[]", "x", '"a"'):
        assert files_s3(given, production=True) == (None, [f"{NAME} 应为 JSON 对象（见 docs/operations.md）"])
