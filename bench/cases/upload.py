"""Twenty files of 10 MB sent at the same moment: what the API process and the processes it starts need more memory for.

Half are photos of 12 megapixels, every second one held sideways, which are drawn anew; half are PDFs. A stack of its own, warm: one small file
of each kind went through before. Memory is VmRSS, what two processes share counted twice, looked at every 5 ms.
"""

import asyncio
import io
import os
import tempfile
import time
from pathlib import Path

import aiohttp
from PIL import Image
from pypdf import PdfWriter
from pypdf.generic import StreamObject

from bench.figures import percentile, progress, report, rss_mb
from miniapp_api.stack import Stack
from tests.api.house import House, Resident, make_resident

FILES, SIZE = 20, 10_000_000  # bytes


def measure() -> None:
    with tempfile.TemporaryDirectory(prefix="zhangban-bench-") as folder:
        stack = Stack(Path(folder))
        try:
            stack.start(progress)
            asyncio.run(_measure(stack))
        finally:
            stack.stop()


async def _measure(stack: Stack) -> None:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=300)) as http:
        resident = await make_resident(House(stack, http))
        for raw in (_photo(640, 480, 1), _pdf(1000)):
            await _send(resident, raw)
        progress(f"  making {FILES} files of {SIZE // 1_000_000} MB")
        raws = [_photo(4000, 3000, 6 if n % 4 else 1) if n % 2 else _pdf(SIZE) for n in range(FILES)]
        sizes = [len(raw) / 1e6 for raw in raws]
        pid = stack.children["api"].pid
        before, peak = rss_mb(pid), _Peak(pid)
        watching = asyncio.create_task(peak.watch())
        progress(f"  sending, {min(sizes):.1f} to {max(sizes):.1f} MB")
        started = time.monotonic()
        taken = await asyncio.gather(*(_send(resident, raw) for raw in raws))
        took = time.monotonic() - started
        peak.done = True
        await watching
        own = "API process and the one that opens a file, above the API alone before"
        told = f"{FILES} files of {SIZE // 1_000_000} MB at once, half photos drawn anew, half PDFs; {own}: {before:.0f} MB"
        report("upload_rss_growth_mb", peak.all - before, "MB", "lower", 100, told, FILES)
        report("upload_api_rss_growth_mb", peak.own - before, "MB", "lower", 100, "the same, API process alone", FILES)
        report("upload_all_s", took, "s", "lower", None, "the same, until the last is stored; client and stores on the same machine", FILES)
        report("upload_p50_s", percentile(taken, 0.5), "s", "lower", None, "the same, each from its first byte", FILES)


class _Peak:
    """The most memory seen, of the process alone and with its children."""

    def __init__(self, pid: int) -> None:
        self._pid, self.done, self.own, self.all = pid, False, 0.0, 0.0

    async def watch(self) -> None:
        await asyncio.to_thread(self._watch)

    def _watch(self) -> None:
        while not self.done:
            own = rss_mb(self._pid)
            self.own, self.all = max(self.own, own), max(self.all, own + sum(_rss(child) for child in _children(self._pid)))
            time.sleep(0.005)


def _children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            found += [int(one) for one in (task / "children").read_text().split()]
        except OSError:  # the thread has ended
            continue
    return found


def _rss(pid: int) -> float:
    """Nothing for one that is still a fork on its way to exec: its pages are the API's."""
    try:
        return rss_mb(pid) if b"cases.file_child" in Path(f"/proc/{pid}/cmdline").read_bytes() else 0.0
    except (OSError, StopIteration):  # it has ended
        return 0.0


async def _send(resident: Resident, raw: bytes) -> float:
    form = aiohttp.FormData()
    form.add_field("file", io.BytesIO(raw), filename="file", content_type="application/octet-stream")
    headers = {"Authorization": f"Bearer {resident.token}"}
    started = time.monotonic()
    async with resident.house.http.post(f"{resident.house.stack.api}/v1/files", data=form, headers=headers) as reply:
        if reply.status != 201:
            raise SystemExit(f"upload: {reply.status} {(await reply.read())[:300]!r}")
    return time.monotonic() - started


def _photo(width: int, height: int, orientation: int) -> bytes:
    """Noise of a quality that gives 10 MB at 12 megapixels, with what a phone writes beside it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = io.BytesIO()
    Image.effect_noise((width, height), 40).convert("RGB").save(out, "JPEG", quality=95, exif=exif)
    return out.getvalue()


def _pdf(size: int) -> bytes:
    """Three pages, and scans that do not compress."""
    writer = PdfWriter()
    for _ in range(3):
        writer.add_blank_page(595, 842)
    for _ in range(4):
        scan = StreamObject()
        scan.set_data(os.urandom(size // 4))
        writer._add_object(scan)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()
