"""A little S3 server: checks every signature by itself, keeps objects and unfinished uploads, and can be told to misbehave.

Written from the API reference, not from kit.s3: what both got wrong the same way would be found by nobody else.
"""

import asyncio
import hashlib
import hmac
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote, urlsplit
from xml.sax.saxutils import escape

from aiohttp import web

from kit.s3 import Bucket
from kit.s3_signing import Access
from tests.listener import listening

REGION, BUCKET, ACCESS_KEY = "cn-test-1", "zhangban-files", "PRETENDACCESS"
SECRET_KEY = hashlib.sha256(b"the pretend store's own").hexdigest()
SMALLEST = 5 * 1024 * 1024  # of a part that is not the last


@dataclass(slots=True)
class PretendS3:
    """`faults`: by "METHOD what" (what: object, part, upload, uploads), what goes wrong the next times, in turn."""

    url: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    uploads: dict[str, tuple[str, dict[int, bytes]]] = field(default_factory=dict)
    faults: dict[str, list[str]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    ranges: list[int] = field(default_factory=list)  # bytes of each range given
    reached: asyncio.Event = field(default_factory=asyncio.Event)  # a call that hangs is here
    count: int = 0

    def bucket(self, *, style: str = "path", prefix: str = "zb/", secret_key: str = SECRET_KEY, name: str = BUCKET) -> Bucket:
        endpoint = self.url.replace("127.0.0.1", "localhost") if style == "host" else self.url
        return Bucket(endpoint, name, Access(REGION, ACCESS_KEY, secret_key), "host" if style == "host" else "path", prefix)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = b"".join([piece async for piece in request.content.iter_any()])
        told = forged(request, body)
        if told is not None:
            return problem(403, told)
        path, query = unquote(urlsplit(request.raw_path).path), dict(request.query)
        if request.host.startswith(f"{BUCKET}."):
            key = path.removeprefix("/")
        else:
            bucket, _, key = path.removeprefix("/").partition("/")
            if bucket != BUCKET:
                return problem(404, "NoSuchBucket")
        return await self._act(request, (key, query, body))

    async def _act(self, request: web.Request, given: tuple[str, dict[str, str], bytes]) -> web.StreamResponse:
        key, query, body = given
        what = "uploads" if "uploads" in query else "part" if "partNumber" in query else "upload" if "uploadId" in query else "object"
        call = f"{request.method} {what}"
        self.calls.append(call)
        fault = faults.pop(0) if (faults := self.faults.get(call)) else ""
        if fault == "hang":
            self.reached.set()
            while request.transport is not None and not request.transport.is_closing():
                await asyncio.sleep(0.02)
            return web.Response()
        if fault == "cut":
            return cut(request)
        if fault and fault not in ("lost", "broken"):
            return problem(int(fault[:3]), fault[4:])
        match call:
            case "GET object" | "HEAD object":
                reply = self._get(request, key)
            case "PUT object":
                self.objects[key] = body
                reply = web.Response(headers={"ETag": tag(body)})
            case "DELETE object":
                self.objects.pop(key, None)
                reply = web.Response(status=204)
            case "GET uploads":
                reply = self._listed(query["prefix"])
            case "POST uploads":
                self.count += 1
                upload = f"up/{self.count}+{key}=="  # what must be encoded in a query, and again in XML
                self.uploads[upload] = (key, {})
                reply = xml(f"<InitiateMultipartUploadResult><UploadId>{escape(upload)}</UploadId></InitiateMultipartUploadResult>")
            case _:
                reply = self._of_upload(call, query, body)
        if fault == "broken":
            return await half(request, reply)
        return cut(request) if fault == "lost" else reply

    def _of_upload(self, call: str, query: dict[str, str], body: bytes) -> web.Response:
        if query["uploadId"] not in self.uploads:
            return problem(404, "NoSuchUpload")
        key, parts = self.uploads[query["uploadId"]]
        if call == "PUT part":
            parts[int(query["partNumber"])] = body
            return web.Response(headers={"ETag": tag(body)})
        if call == "POST upload":
            named = re.findall(r"<Part><PartNumber>(\d+)</PartNumber><ETag>&quot;(\w+)&quot;</ETag></Part>", body.decode())
            if [(int(number), f'"{etag}"') for number, etag in named] != [(number, tag(part)) for number, part in sorted(parts.items())]:
                return problem(400, "InvalidPart")
            if any(len(part) < SMALLEST for number, part in parts.items() if number < len(parts)):
                return problem(400, "EntityTooSmall")
            self.objects[key] = b"".join(parts[number] for number in sorted(parts))
        del self.uploads[query["uploadId"]]
        done = xml("<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>")
        return web.Response(status=204) if call == "DELETE upload" else done

    def _get(self, request: web.Request, key: str) -> web.Response:
        whole = self.objects.get(key)
        if whole is None:
            return problem(404, "NoSuchKey")
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("Range", ""))
        if asked is None:
            return web.Response(body=whole)
        start, end = int(asked[1]), min(int(asked[2]) + 1, len(whole))
        if start >= len(whole):
            return problem(416, "InvalidRange")
        self.ranges.append(end - start)
        return web.Response(status=206, body=whole[start:end], headers={"Content-Range": f"bytes {start}-{end - 1}/{len(whole)}"})

    def _listed(self, prefix: str) -> web.Response:
        rows = [(key, upload) for upload, (key, _) in self.uploads.items() if key.startswith(prefix)]
        listed = "".join(f"<Upload><Key>{escape(key)}</Key><UploadId>{escape(upload)}</UploadId></Upload>" for key, upload in rows)
        return xml(f"<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>{listed}</ListMultipartUploadsResult>")


@asynccontextmanager
async def s3_at() -> AsyncIterator[PretendS3]:
    own = PretendS3()
    async with listening(own.answer) as own.url:
        yield own


def forged(request: web.Request, body: bytes) -> str | None:
    """S3's word for what is wrong with a request's signature."""
    given = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/s3/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})",
        request.headers.get("Authorization", ""),
    )
    if given is None:
        return "AccessDenied"
    access, day, region, names, signature = given.groups()
    stamp, digest = request.headers.get("x-amz-date", ""), request.headers.get("x-amz-content-sha256", "")
    sent = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    if abs(datetime.now(UTC) - sent) > timedelta(minutes=15):
        return "RequestTimeTooSkewed"
    if access != ACCESS_KEY or region != REGION or not stamp.startswith(day):
        return "InvalidAccessKeyId"
    if digest != hashlib.sha256(body).hexdigest():
        return "XAmzContentSHA256Mismatch"
    must = {"host"} | {name.lower() for name in request.headers if name.lower().startswith("x-amz-") or name.lower() == "content-type"}
    if names.split(";") != sorted(names.split(";")) or must - set(names.split(";")):
        return "AccessDenied"
    path, _, query = request.raw_path.partition("?")
    pairs = sorted((name, value) for name, _, value in (one.partition("=") for one in query.split("&") if one))
    lines = "".join(f"{name}:{request.headers[name].strip()}\n" for name in names.split(";"))
    canonical = f"{request.method}\n{path}\n{'&'.join(f'{name}={value}' for name, value in pairs)}\n{lines}\n{names}\n{digest}"
    scope = f"{day}/{region}/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = ("AWS4" + SECRET_KEY).encode()
    for word in (day, region, "s3", "aws4_request"):
        key = hmac.new(key, word.encode(), hashlib.sha256).digest()
    expected = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    return None if hmac.compare_digest(expected, signature) else "SignatureDoesNotMatch"


def tag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def xml(inner: str) -> web.Response:
    return web.Response(body=f'<?xml version="1.0" encoding="UTF-8"?>\n{inner}'.encode(), content_type="application/xml")


def problem(status: int, code: str) -> web.Response:
    made = xml(f"<Error><Code>{code}</Code><Message>pretend</Message></Error>")
    made.set_status(status)
    return made


def cut(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def half(request: web.Request, reply: web.Response) -> web.StreamResponse:
    """The head and half of the body, then nothing."""
    assert isinstance(reply.body, bytes)
    made = web.StreamResponse(status=reply.status, headers={**reply.headers, "Content-Length": str(len(reply.body))})
    await made.prepare(request)
    await made.write(reply.body[: len(reply.body) // 2])
    cut(request)
    return made
