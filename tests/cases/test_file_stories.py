"""Around taking files in: the owner told of a virus found later, a full disk, too many at once, and settings that cannot work."""

import errno
import hashlib
import tempfile
from types import SimpleNamespace
from typing import Any

import pytest

from cases import file_scan, file_store
from cases.file_check import Checker, Limits, admit
from cases.file_keeping import Filekeeping, Received
from cases.file_store import Files, Owner
from cases.files import take_in
from kit import blobs as blobs_module
from kit import outbox as outbox_module
from kit.blobs import GridBlobs
from kit.clamd import Clamd
from kit.crypto import Keyring
from kit.errors import TooMany, Unavailable
from kit.mongo import Mongo
from kit.outbox import Outbox
from miniapp_api import file_refused, upload
from miniapp_api.settings import Settings, check
from notify import store as notify_store
from notify.store import Messages
from tests.cases.corpus import EICAR, make_pdf, make_stream
from tests.cases.pretend_clamd import clamd_at


async def test_the_owner_is_told_once_of_a_virus_found_later(mongo: Mongo, keys: Keyring) -> None:
    for module in (file_store, blobs_module, outbox_module, notify_store):
        await mongo.create_indexes(module.INDEXES)
    outbox, store, raw = Outbox(mongo), Files(mongo, keys), make_pdf(objects=(make_stream(EICAR),))
    away = Clamd("tcp://127.0.0.1:9")
    keeping = Filekeeping(mongo, store, GridBlobs(mongo), outbox, Checker(Limits(1 << 20, 1, 9), None), away, (10**9, 9))
    with tempfile.TemporaryFile() as file:
        file.write(raw)
        file.flush()
        fact = await take_in(keeping, Received(file, hashlib.sha256(raw).hexdigest(), "病历.pdf"), Owner("person:P1", "P1", "r_1"))
    async with clamd_at() as clamd:
        back = Filekeeping(mongo, store, GridBlobs(mongo), outbox, keeping.checker, Clamd(clamd.url), keeping.share)
        await outbox.hurry(f"scan:{fact.id}")
        row = await outbox.take([file_scan.SCAN])
        assert row is not None
        await file_scan.scan(back, row)
    row = await outbox.take([file_scan.TELL])
    assert row is not None
    deps: Any = SimpleNamespace(files=back, outbox=outbox, messages=Messages(mongo), mongo=mongo)
    await file_refused.tell(deps, row)
    await file_refused.tell(deps, row)
    inbox = await deps.messages.inbox("P1", None, 10)
    assert [one["kind"] for one in inbox] == ["file_refused"] and "病历.pdf" in inbox[0]["text"] and "已经删除" in inbox[0]["text"]
    assert await outbox.state(row.key) == "done"


class FullDisk:
    def write(self, _: bytes) -> int:
        raise OSError(errno.ENOSPC, "no space left on device")

    def flush(self) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")


class Line:
    """A request whose body is here already."""

    def __init__(self, body: bytes) -> None:
        self.request_body: bytes | None = body
        self.protocol = SimpleNamespace(response_timeout=30)
        self.request_max_size = 0

    async def read(self) -> bytes | None:
        body, self.request_body = self.request_body, None
        return body


async def test_a_full_disk_is_a_503_for_uploads_alone() -> None:
    raw = make_pdf(filler=200_000)
    body = b'--X\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + raw + b"\r\n--X--\r\n"
    request: Any = SimpleNamespace(headers={"content-type": "multipart/form-data; boundary=X"})
    sorting = upload._Sorting(upload.Bounds(1 << 20, None, admit), FullDisk())  # type: ignore[arg-type]  # what it needs of a file
    with pytest.raises(Unavailable) as refusal:
        await upload._read(request, Line(body), sorting)
    assert refusal.value.code == "files_unavailable" and refusal.value.retry_after


def test_places_run_out_for_one_owner_before_they_run_out_for_all() -> None:
    places, held = upload.Places(), []
    for _ in range(upload.AT_ONCE_EACH):
        held.append(places.one("person:P1"))
        held[-1].__enter__()
    with pytest.raises(TooMany), places.one("person:P1"):
        pass
    for n in range(upload.AT_ONCE - upload.AT_ONCE_EACH):
        held.append(places.one(f"person:O{n}"))
        held[-1].__enter__()
    with pytest.raises(Unavailable), places.one("person:P2"):
        pass
    for one in held:
        one.__exit__(None, None, None)
    assert not places.taken
    with places.one("person:P1"):
        assert places.taken == {"person:P1": 1}


@pytest.mark.parametrize("url", ["http://clamd:3310", "clamd:3310", "tcp://clamd", "unix:"])
def test_a_wrong_address_of_the_scanner_is_told_at_the_start(url: str) -> None:
    with pytest.raises(Exception) as told:
        check(Settings(clamd_url=url, uploads="/nowhere/at/all"))
    assert "CLAMD_URL" in str(told.value) and "ZHANGBAN_UPLOADS" in str(told.value)
