"""Looking at what came: in a process of its own for each file, one at a time, so that strangers' files cost this process neither memory nor safety."""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import IO, BinaryIO, cast

from cases.file_kinds import MEDIA, Kind, Refusal, kind_of
from kit.errors import FieldError, Invalid, Unavailable

WALL_SECONDS, QUEUE_SECONDS = 25.0, 45.0  # of one look; waiting for one's turn

# No secret of ours. glibc gives what is freed back to the system only below a threshold of its own that grows: fixed, a turned picture peaks at 70 MB, not 87.
_ENVIRONMENT = {"PATH": os.defpath, "MALLOC_MMAP_THRESHOLD_": "131072"}

_SENTENCES = {
    "empty": "这个文件是空的，请重新选择",
    "type": "只能上传 JPG、PNG 图片和 PDF、OFD 文件，请换一种格式",
    "heic": "这是 HEIC 格式的照片，请先转成 JPG：苹果手机可在“设置—相机—格式”中选“兼容性最佳”后重拍，或截图后上传",
    "other_picture": "这种图片格式不能上传，请转成 JPG 或 PNG",
    "office": "请不要直接上传 Word、Excel 等文档，先另存为或打印成 PDF 再上传",
    "archive": "不能上传压缩包或 Office 文档：请逐个上传其中的文件，文档请先另存为 PDF",
    "damaged_picture": "图片不完整或已损坏，打不开，请重新拍照或换一张",
    "damaged_pdf": "PDF 不完整或已损坏，打不开，请重新导出或打印成 PDF 再上传",
    "damaged_ofd": "OFD 不完整或不符合标准，打不开，请重新下载，或导出成 PDF 再上传",
    "pixels": "图片的像素太多，请缩小后再上传（如用手机的普通拍照模式）",
    "pages": "页数太多，请拆成几个文件分别上传",
    "locked": "文件加了密码或限制，请先取消保护（如打印成 PDF）再上传",
    "script": "PDF 里含有会自动运行的内容，请打印成 PDF 后上传新的文件",
    "carries": "文件里夹带了附件或多媒体，请打印成 PDF 后上传新的文件，附件请分别上传",
    "two_in_one": "这个文件里还藏着别的内容，请重新拍照、导出或打印成 PDF 后再上传",
    "names": "OFD 内部的文件名不合规范，请重新下载，或导出成 PDF 再上传",
    "bomb": "文件展开后过大，请导出成 PDF 再上传",
    "complicated": "文件太复杂，处理不了：图片请改存为 JPG，文档请打印成 PDF 再上传",
    "infected": "文件没有通过安全检查，已经删除；请用杀毒软件检查设备，再换一个文件上传",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one file: bytes, pixels, pages."""

    size: int
    pixels: int
    pages: int


@dataclass(frozen=True, slots=True)
class Checked:
    """What may be kept: `file` is the picture drawn anew, or the document as it came."""

    media_type: str
    ending: str
    pages: int | None
    file: BinaryIO


def refused(reason: str) -> Invalid:
    """The refusal a resident reads. An unknown reason is a damaged file."""
    told = _SENTENCES.get(reason, _SENTENCES["type"])
    return Invalid("file_refused", told, errors=(FieldError("file", told),))


def no_room() -> Unavailable:
    """The disk is full, or the store of files away: uploads are refused, everything else goes on."""
    return Unavailable("files_unavailable", "暂时不能上传文件，请稍后再试；已填写的内容不会丢失", retry_after=60)


def admit(head: bytes) -> None:
    """As soon as the first bytes are here: what cannot be taken need not be received. Raises Invalid."""
    try:
        kind_of(head)
    except Refusal as exc:
        raise refused(exc.reason) from None


class Checker:
    """`folder` holds what is drawn anew, without a name: a killed process leaves nothing there. None: the system's."""

    def __init__(self, limits: Limits, folder: str | None) -> None:
        self.limits = limits
        self._folder = folder
        self._turn = asyncio.Semaphore(1)  # two decoders side by side would take 100 MB more, on the same processors

    @asynccontextmanager
    async def checked(self, file: BinaryIO) -> AsyncIterator[Checked]:
        """Raises Invalid with what to do, Unavailable when too many wait. The file handed out is closed afterwards."""
        with tempfile.TemporaryFile(dir=self._folder) as drawn:
            try:
                async with asyncio.timeout(QUEUE_SECONDS):
                    await self._turn.acquire()
            except TimeoutError:
                raise Unavailable("files_busy", "正在上传的人较多，请稍后再试", retry_after=10) from None
            try:
                told = await self._child(file, drawn)
            finally:
                self._turn.release()
            if "full" in told:
                raise no_room()
            if "kind" not in told:
                raise refused(str(told.get("refused")))
            kind = cast("Kind", told["kind"])
            media_type, ending = MEDIA[kind]
            pages = cast("int | None", told.get("pages"))
            yield Checked(media_type, ending, pages, cast("BinaryIO", drawn) if kind in ("jpeg", "png") else file)

    async def _child(self, file: BinaryIO, drawn: IO[bytes]) -> dict[str, object]:
        """Killed when it takes too long or nobody waits for it any more. One that died says nothing: the file was too much for it."""
        command = [sys.executable, "-I", "-m", "cases.file_child", str(drawn.fileno()), str(self.limits.pixels), str(self.limits.pages)]
        child = await asyncio.create_subprocess_exec(
            *command,
            stdin=file.fileno(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            pass_fds=(drawn.fileno(),),
            env={**_ENVIRONMENT, **({"TMPDIR": self._folder} if self._folder else {})},
        )
        try:
            async with asyncio.timeout(WALL_SECONDS):
                told, _ = await child.communicate()
        except TimeoutError:
            return {"refused": "complicated"}
        finally:
            with suppress(ProcessLookupError):
                child.kill()
        if child.returncode != 0:
            return {"refused": "complicated"}
        answer: dict[str, object] = json.loads(told)
        return answer
