"""One file from a multipart body, straight to disk: never whole in memory, and refused at the first byte too many or too wrong."""

import asyncio
import hashlib
import re
import tempfile
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast
from urllib.parse import unquote

import multipart
from sanic import Request
from sanic.exceptions import PayloadTooLarge, SanicException

from cases.file_check import no_room
from cases.file_keeping import Received
from cases.file_kinds import HEAD
from kit.errors import AppError, FieldError, Invalid, TooLarge, TooMany, TooSlow, Unavailable

ENVELOPE = 64 * 1024  # bytes of a multipart body that are not the file
SILENCE, WHOLE = 15.0, 600.0  # seconds without a byte; seconds for all of it
AT_ONCE, AT_ONCE_EACH = 64, 24  # uploads in this process: of all, of one owner
ANSWER = 90.0  # seconds from the last byte to the answer: a queue, the look, the storing and the scan
LINGER = 64 * 1024 * 1024  # what is read and thrown away after a refusal, so that the client gets to read it
_BUFFER = 64 * 1024  # what Sanic gathers before it stops reading
_PURPOSE = re.compile(rb"^[a-z0-9_-]{0,40}$")


@dataclass(slots=True)
class Places:
    """How many uploads run in this process, and whose."""

    taken: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def one(self, owner: str) -> Iterator[None]:
        """Raises TooMany, Unavailable."""
        if self.taken[owner] >= AT_ONCE_EACH:
            raise TooMany("too_many_requests", "正在上传的文件太多，请等前面的传完再传", retry_after=5)
        if self.taken.total() >= AT_ONCE:
            raise Unavailable("files_busy", "正在上传的人较多，请稍后再试", retry_after=10)
        self.taken[owner] += 1
        try:
            yield
        finally:
            self.taken[owner] -= 1
            if not self.taken[owner]:
                del self.taken[owner]


@dataclass(frozen=True, slots=True)
class Bounds:
    """`most`: bytes of the file; `folder`: where it is put, without a name, so that nothing stays when this process dies; `admit` judges its first bytes."""

    most: int
    folder: str | None
    admit: Callable[[bytes], None]


@asynccontextmanager
async def received(request: Request, bounds: Bounds) -> AsyncIterator[Received]:
    """The field `file` and, if given, `purpose`. The file is gone afterwards. Raises Invalid, TooLarge, TooSlow, Unavailable."""
    stream: Any = request.stream
    with tempfile.TemporaryFile(dir=bounds.folder) as file:
        try:
            got = await _read(request, stream, _Sorting(bounds, cast("BinaryIO", file)))
        except AppError as exc:
            _say_no(stream, at_once=isinstance(exc, TooSlow))
            raise
        yield got


async def _read(request: Request, stream: Any, sorting: "_Sorting") -> Received:
    boundary = _boundary(request)
    most = sorting.bounds.most + ENVELOPE
    stream.request_max_size, stream.protocol.response_timeout = most, ANSWER
    try:
        if int(request.headers.get("content-length", 0)) > most:
            raise too_large(sorting.bounds.most)
        parser = multipart.PushMultipartParser(boundary, max_segment_count=8, header_charset="latin-1")
        async with asyncio.timeout(WHOLE):
            with parser:
                async for chunk in _chunks(stream):
                    for event in () if parser.closed else parser.parse(chunk):
                        await sorting.take(event)
        return await sorting.done()
    except PayloadTooLarge:
        raise too_large(sorting.bounds.most) from None
    except multipart.ParserLimitReached:
        raise _wrong("上传的内容太多：一次只传一个文件，字段名为 file") from None
    except (multipart.MultipartError, SanicException, ValueError):
        raise _wrong("上传的内容不完整或格式不对，请重新选择文件再上传") from None
    except TimeoutError:
        raise TooSlow("upload_too_slow", "上传太慢，已中断；请换到网络较好的地方，或把文件缩小后再试") from None
    except OSError:
        raise no_room() from None


async def _chunks(stream: Any) -> AsyncGenerator[bytes, None]:
    while stream.request_body:
        async with asyncio.timeout(SILENCE):
            chunk = await stream.read()
        if chunk:
            yield chunk


class _Sorting:
    """What the parser says, part by part: the file to disk, the purpose to memory, anything else refused."""

    def __init__(self, bounds: Bounds, file: BinaryIO) -> None:
        self.bounds = bounds
        self._file, self._digest, self._size = file, hashlib.sha256(), 0
        self._head: bytes | None = b""  # until there is enough to judge
        self._part, self._purpose = "", bytearray()
        self._name: str | None = None
        self._waiting = bytearray()

    async def take(self, event: Any) -> None:
        if event is None:
            self._part = ""
        elif isinstance(event, multipart.MultipartSegment):
            self._begin(event)
        elif self._part == "purpose":
            self._purpose += event
            if _PURPOSE.match(self._purpose) is None:
                raise _wrong("用途只能是 40 个以内的小写字母、数字、- 和 _", "purpose")
        else:
            await self._more(event)

    def _begin(self, part: Any) -> None:
        if part.name == "file" and self._name is None:
            self._name = _text(part.filename or "")
        elif part.name == "file":
            raise _wrong("一次只能传一个文件，请分几次上传")
        elif part.name != "purpose" or self._purpose or part.filename:
            raise _wrong("只接受 file（一个文件）和 purpose（用途）两个字段，请删除其他字段")
        self._part = part.name

    async def _more(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self.bounds.most:
            raise too_large(self.bounds.most)
        if self._head is not None:
            self._head += piece[: HEAD - len(self._head)]
            if len(self._head) >= HEAD:
                self._judge()
        self._digest.update(piece)
        if not self._waiting and len(piece) >= _BUFFER:
            await asyncio.to_thread(self._file.write, piece)  # as it is: twenty uploads are twenty of every copy
            return
        self._waiting += piece
        if len(self._waiting) >= _BUFFER:
            await self._flush()

    def _judge(self) -> None:
        head, self._head = self._head or b"", None
        self.bounds.admit(head)

    async def _flush(self) -> None:
        waiting, self._waiting = self._waiting, bytearray()
        await asyncio.to_thread(self._file.write, waiting)

    async def done(self) -> Received:
        if self._name is None:
            raise _wrong("没有收到文件：请用 multipart/form-data 上传，字段名为 file")
        if self._head is not None:
            self._judge()  # shorter than a head
        await self._flush()
        await asyncio.to_thread(self._file.flush)
        return Received(self._file, self._digest.hexdigest(), self._name, self._purpose.decode() or None)


def _boundary(request: Request) -> str:
    try:
        kind, options = multipart.parse_options_header(request.headers.get("content-type", ""))
    except (multipart.MultipartError, ValueError):
        kind, options = "", {}
    boundary = options.get("boundary", "")
    if kind.lower() != "multipart/form-data" or not 0 < len(boundary) <= 200:
        raise _wrong("请用 multipart/form-data 上传一个文件，字段名为 file")
    return str(boundary)


def _text(raw: str) -> str:
    """Names come as UTF-8, percent-encoded by some libraries, and from old Windows clients as GBK; the parser was told Latin-1, which loses nothing."""
    as_sent = raw.encode("latin-1", errors="replace")
    for charset in ("utf-8", "gb18030"):
        try:
            return unquote(as_sent.decode(charset))
        except UnicodeDecodeError:
            continue
    return raw


def _say_no(stream: Any, *, at_once: bool) -> None:
    """The connection ends with this answer. Sanic would cut it after 1 MiB of unread body, which resets it before the client has read why."""
    stream.keep_alive = False
    if at_once:
        stream.request_body = None  # nothing more is waited for
    else:
        stream.request_max_size = stream.protocol.request_max_size = LINGER


def too_large(most: int) -> TooLarge:
    return TooLarge("body_too_large", f"文件太大，最大 {most // (1024 * 1024)} MB，请压缩或拆分后再上传")


def _wrong(told: str, name: str = "file") -> Invalid:
    return Invalid("input_invalid", told, errors=(FieldError(name, told),))
