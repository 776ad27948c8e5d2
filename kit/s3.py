"""Files in a bucket of S3 or of what speaks like it: the same sealed chunks as GridBlobs, one after the other in one object.

Up in one PUT, or in parts of 8 MiB where there is more; down in ranges of 1 MiB, so that a slow reader holds no connection and a broken one
goes on where it was. Every call here may be repeated: a name is used once, for the same bytes. Source: Amazon S3 API reference.
"""

import asyncio
import hashlib
import html
import logging
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from io import BytesIO
from typing import Literal
from urllib.parse import quote, urlsplit

from kit.blobs import BlobMissing
from kit.clock import now
from kit.errors import NotReached, Outside, Unknown
from kit.http import Http, Reply, repeated
from kit.pieces import Pieces, cut
from kit.s3_signing import NO_BODY, Access, Ask, signed
from kit.sealed_chunks import SEALED

log = logging.getLogger(__name__)

PARTY = "s3"
PART = 32 * SEALED  # 8 MiB and the tags; S3 wants 5 MiB at least, some stores want all parts but the last of one size
RANGE = 4 * SEALED  # 1 MiB
SECONDS = 30.0  # for one part up or one range down
_AT_ONCE = 2  # puts in this process, each holding one part
_CODE = re.compile(rb"<Code>(\w{1,60})</Code>")
_UPLOAD_ID = re.compile(rb"<UploadId>([^<]{1,2048})</UploadId>")
_UPLOAD = re.compile(rb"<Upload>(.*?)</Upload>", re.DOTALL)
_KEY = re.compile(rb"<Key>([^<]{1,4096})</Key>")
_WHICH = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})")


@dataclass(frozen=True, slots=True)
class Bucket:
    """`endpoint` is scheme://host[:port]; `prefix` stands before every name, "" or ending in a slash. Style "host": the bucket is in the host's name."""

    endpoint: str
    name: str
    access: Access
    style: Literal["path", "host"] = "path"
    prefix: str = ""

    @property
    def origin(self) -> str:
        """For the egress list."""
        parts = urlsplit(self.endpoint)
        return f"{parts.scheme}://{self.name}.{parts.netloc}" if self.style == "host" else f"{parts.scheme}://{parts.netloc}"

    @property
    def root(self) -> str:
        """The bucket's own address."""
        return f"{self.origin}/" if self.style == "host" else f"{self.origin}/{self.name}"

    def key(self, name: str) -> str:
        return self.prefix + name

    def url(self, name: str) -> str:
        return f"{self.root.rstrip('/')}/{quote(self.key(name), safe='/-_.~')}"


class S3Blobs:
    """kit.blobs.Blobs. An object is there when its PUT or the completion of its parts was; never in between.

    Raises Outside, never Refused: a store that says no to us proves nothing about the file, so whoever works in the background comes again.
    """

    def __init__(self, http: Http, bucket: Bucket) -> None:
        self._http, self._bucket = http, bucket
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._aborts: set[asyncio.Task[None]] = set()

    async def put(self, name: str, pieces: Pieces) -> None:
        url, upload = self._bucket.url(name), ""
        tags: list[str] = []
        length = 0
        async with self._turns, aclosing(_parts(pieces)) as parts:
            try:
                async for part, last in parts:
                    if last and not upload:
                        _yes(await self._say("PUT", url, body=part))
                        return
                    upload = upload or await self._begun(url)
                    tags.append(await self._sent(f"{url}?partNumber={len(tags) + 1}&uploadId={_coded(upload)}", part))
                    length += len(part)
                    del part  # not held while the next one gathers
                await self._complete(url, upload, tags, length)
            except BaseException:
                if upload:
                    await self._abandon(url, upload)
                raise

    async def read(self, name: str) -> AsyncGenerator[bytes, None]:
        url, at, total = self._bucket.url(name), 0, 1
        while at < total:
            reply = await self._say("GET", url, headers={"range": f"bytes={at}-{at + RANGE - 1}"})
            if reply.status == 416 and at == 0:
                return  # an empty object has no range
            if reply.status == 404 and _code(reply) == "NoSuchKey":
                raise BlobMissing(name)
            total = _total(_yes(reply), at)
            at += len(reply.body)
            yield reply.body

    async def delete(self, name: str) -> None:
        """What was sent of a put that broke off first: were it the other way round, the put could still be completed in between."""
        url = self._bucket.url(name)
        for upload in await self._unfinished(name):
            await self._abort(url, upload)
        reply = await self._say("DELETE", url)
        if not (reply.status == 404 and _code(reply) == "NoSuchKey"):
            _yes(reply)

    async def _begun(self, url: str) -> str:
        reply = _yes(await self._say("POST", f"{url}?uploads="))
        found = _UPLOAD_ID.search(reply.body)
        if found is None:
            raise Unknown(PARTY, "garbled_reply")
        return html.unescape(found[1].decode())

    async def _sent(self, url: str, part: bytes) -> str:
        """The part's tag, which S3 wants to see again."""
        tag = _yes(await self._say("PUT", url, body=part)).headers.get("etag")
        if not tag:
            raise Unknown(PARTY, "garbled_reply")
        return tag

    async def _complete(self, url: str, upload: str, tags: Sequence[str], length: int) -> None:
        """A lost reply is asked after: the object is there in its whole length, or it is not there."""
        rows = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{html.escape(tag)}</ETag></Part>" for n, tag in enumerate(tags, 1))
        body = f"<CompleteMultipartUpload>{rows}</CompleteMultipartUpload>".encode()
        try:
            _yes(await self._say("POST", f"{url}?uploadId={_coded(upload)}", body=body))
        except Outside:
            reply = await self._say("HEAD", url)
            if reply.status != 200 or reply.headers.get("content-length") != str(length):
                raise

    async def _abandon(self, url: str, upload: str) -> None:
        """Waits a little, also for one who is being cancelled; goes on behind them while the store is slow. What is left then, `delete` takes away."""
        task = asyncio.create_task(self._given_up(url, upload))
        self._aborts.add(task)
        task.add_done_callback(self._aborts.discard)
        await asyncio.wait([task], timeout=2.0)

    async def _given_up(self, url: str, upload: str) -> None:
        try:
            await self._abort(url, upload)
        except Outside as exc:
            log.warning("upload not aborted", extra={"error": str(exc)})

    async def _abort(self, url: str, upload: str) -> None:
        reply = await self._say("DELETE", f"{url}?uploadId={_coded(upload)}")
        if reply.status != 404:
            _yes(reply)

    async def _unfinished(self, name: str) -> list[str]:
        """Uploads of this name that were neither completed nor aborted. Where we may not ask, the bucket's lifecycle rule has to do."""
        key = self._bucket.key(name)
        reply = await self._say("GET", f"{self._bucket.root}?prefix={_coded(key)}&uploads=")
        if reply.status in (403, 405):
            log.warning("unfinished uploads not listed", extra={"error": _code(reply)})
            return []
        rows = [(_KEY.search(row), _UPLOAD_ID.search(row)) for row in _UPLOAD.findall(_yes(reply).body)]
        return [html.unescape(one[1].decode()) for own, one in rows if own and one and html.unescape(own[1].decode()) == key]

    async def _say(self, method: str, url: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Reply:
        """Three attempts within six seconds, signed anew each time. Raises NotReached, Unknown."""
        digest = NO_BODY if body is None else await _digest(body)
        kind = {"content-type": "application/octet-stream"} if method in ("PUT", "POST") else {}  # the client would add it, unsigned
        ask = Ask(method, url, {**kind, **(headers or {})}, digest)

        async def once() -> Reply:
            own = {**signed(ask, self._bucket.access, now()), "accept-encoding": "identity"}  # unsigned: proxies change it
            reply = await self._http.send(PARTY, method, url, headers=own, body=body, seconds=SECONDS, exact=True)
            if reply.status >= 500 or reply.status == 429:
                raise Unknown(PARTY, _code(reply))
            if method == "POST" and b"<Error>" in reply.body and reply.status == 200:  # the head went out before the work was done
                raise Unknown(PARTY, _code(reply))
            return reply

        return await repeated(once, on=(NotReached, Unknown))


async def _parts(pieces: Pieces) -> AsyncGenerator[tuple[bytes, bool], None]:
    """(part, is it the last): PART bytes each, the last one at most. `getvalue` copies nothing."""
    held = BytesIO()
    async with aclosing(cut(pieces, SEALED)) as chunks:
        async for chunk, last in chunks:
            held.write(chunk)
            if last or held.tell() == PART:
                part, held = held.getvalue(), BytesIO()
                yield part, last
                del part


async def _digest(body: bytes) -> str:
    """In steps of well under a millisecond. Not in a thread: its queue would hold the part a little longer than we do."""
    digest = hashlib.sha256()
    for at in range(0, len(body), SEALED):
        digest.update(memoryview(body)[at : at + SEALED])
        await asyncio.sleep(0)
    return digest.hexdigest()


def _coded(value: str) -> str:
    return quote(value, safe="-_.~")


def _code(reply: Reply) -> str:
    """S3's own word for what is wrong."""
    found = _CODE.search(reply.body)
    return found[1].decode() if found else f"http_{reply.status}"


def _yes(reply: Reply) -> Reply:
    """Raises NotReached for a clear no: a key that expired, a clock that is wrong, a bucket that is gone. Nothing was done."""
    if reply.status not in (200, 204, 206):
        raise NotReached(PARTY, _code(reply))
    return reply


def _total(reply: Reply, at: int) -> int:
    """The object's length, of which this is the piece from `at` on. Raises Unknown for any other piece."""
    if reply.status == 200 and at == 0:
        return len(reply.body)  # all of it, by a server that knows no ranges
    found = _WHICH.fullmatch(reply.headers.get("content-range", ""))
    if found is None or int(found[1]) != at or int(found[2]) - at + 1 != len(reply.body) or not reply.body:
        raise Unknown(PARTY, "garbled_reply")
    return int(found[3])
