"""Uploads: taken in whole or not at all, found again by their owner's same bytes, released when clean, forgotten when nothing uses them."""

import asyncio
import hashlib
import io
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, BinaryIO, cast

from cases.file_check import Checked, no_room, refused
from cases.file_keeping import FileFact, Filekeeping, Received, fact_of, plain
from cases.file_names import tidy
from cases.file_scan import GRACE, SCAN, scan_at_once
from cases.file_store import Files, NewFile, NoRoom, Owner, State
from kit.clock import now
from kit.errors import Conflict, FieldError, Invalid, NotFound, Outside
from kit.ids import new_id
from kit.kill_points import reached
from kit.mongo import DuplicateKeyError, Tx
from kit.pieces import of_file
from kit.sealed_chunks import new_key, sealed

log = logging.getLogger(__name__)


async def take_in(keeping: Filekeeping, received: Received, owner: Owner) -> FileFact:
    """The stored file, new or the owner's own with the same bytes. Raises Invalid (what to do), Conflict, Unavailable."""
    known = await keeping.store.same(owner.key, received.sha256)
    if known is not None:
        return await _again(keeping, known)
    async with keeping.checker.checked(received.file) as checked:
        file = await _described(checked, received)
        known = await keeping.store.same(owner.key, file.sha256)
        if known is not None:
            await keeping.store.also_came_as(known["_id"], owner.key, received.sha256)
            return await _again(keeping, known)
        return await _store(keeping, file, checked, owner)


async def room_left(keeping: Filekeeping, owner: Owner) -> None:
    """Asked before anything is received. Raises Conflict."""
    if not await keeping.store.has_room(owner.key, keeping.share):
        raise _no_room_left()


async def one(store: Files, file_id: str, owner: Owner) -> FileFact:
    """Raises NotFound, also for somebody else's."""
    return fact_of(await _row(store, file_id, owner))


async def ready(store: Files, file_ids: Sequence[str], owner: Owner, field: str = "files") -> list[FileFact]:
    """In the order asked for. Raises Invalid that names each one that cannot be used, as `field`.n."""
    found = await store.some(file_ids, owner.key)
    problems = [FieldError(f"{field}.{n}", told) for n, file_id in enumerate(file_ids) if (told := _problem(found.get(file_id))) is not None]
    if problems:
        raise Invalid("input_invalid", "有的文件还不能使用，请按提示处理", errors=tuple(problems))
    return [fact_of(found[file_id]) for file_id in file_ids]


async def attach(store: Files, tx: Tx | None, file_ids: Sequence[str], to: str) -> None:
    """`to` ("draft:…", "case:…") uses them from now on, so they stay. Raises Conflict when one has gone since it was `ready`."""
    if file_ids and not await store.attach(tx, file_ids, to):
        raise Conflict("file_gone", "有的文件刚刚被删除或没有通过检查，请刷新后重新上传")


async def open_content(keeping: Filekeeping, file_id: str) -> AsyncGenerator[bytes, None]:
    """Plain text, piece by piece, each proved. Raises NotFound unless the file is ready, CannotDecrypt when it was tampered with."""
    row = await keeping.store.any_file(file_id)
    if row is None or row["state"] != "ready":
        raise _unknown()
    async with aclosing(plain(keeping, row)) as pieces:
        async for piece in pieces:
            yield piece


async def download(keeping: Filekeeping, file_id: str, owner: Owner) -> tuple[FileFact, AsyncGenerator[bytes, None]]:
    """For its owner. Raises NotFound, Conflict while it is scanned or when it was refused."""
    row = await _row(keeping.store, file_id, owner)
    told = _problem(row)
    if told is not None:
        raise Conflict("file_not_ready", told)
    return fact_of(row), open_content(keeping, file_id)


async def remove(keeping: Filekeeping, file_id: str, owner: Owner) -> None:
    """Raises NotFound, Conflict while a draft or case uses it."""
    await _row(keeping.store, file_id, owner)
    if not await keeping.store.doom(file_id, owner.key):
        raise Conflict("file_in_use", "申请里正在使用这个文件，请先在申请里去掉它")
    await _forget_now_or_later(keeping, file_id)


async def sweep(keeping: Filekeeping) -> int:
    """Job: what nobody used, what was never stored whole, what a deletion left behind. How many files went."""
    gone = 0
    for file_id in await keeping.store.overdue(now()):
        if await keeping.store.doom(file_id, before=now()):
            await _forget(keeping, file_id)
            gone += 1
    return gone


async def _described(checked: Checked, received: Received) -> NewFile:
    sha256, size = await asyncio.to_thread(_measured, checked.file)
    name = tidy(received.name, checked.ending)
    return NewFile(new_id("f"), received.sha256, sha256, size, checked.media_type, checked.pages, name, received.purpose, new_key())


def _measured(file: BinaryIO) -> tuple[str, int]:
    file.seek(0)
    digest = hashlib.file_digest(cast("io.BufferedRandom", file), "sha256").hexdigest()
    return digest, file.tell()


async def _store(keeping: Filekeeping, file: NewFile, checked: Checked, owner: Owner) -> FileFact:
    """Row, bytes, then both visible at once. Whatever breaks off in between is swept away."""
    await keeping.store.begin(file, owner)
    reached("file_begun")
    state: State = "scanning" if keeping.scanner is not None else "ready"

    async def reveal(tx: Tx) -> None:
        await keeping.store.reveal(tx, file, owner, state, keeping.share)
        if state == "scanning":
            await keeping.outbox.put(tx, SCAN, f"scan:{file.id}", {"file_id": file.id}, delay=GRACE)

    try:
        await keeping.blobs.put(file.id, sealed(of_file(checked.file), file.data_key, file.id))
        reached("file_stored")
        await keeping.mongo.transaction(reveal)
    except Outside as exc:
        raise no_room() from exc
    except NoRoom:
        await _drop(keeping, file.id)
        raise _no_room_left() from None
    except DuplicateKeyError:
        await _drop(keeping, file.id)
        known = await keeping.store.same(owner.key, file.received) or await keeping.store.same(owner.key, file.sha256)
        if known is None:
            raise
        return await _again(keeping, known)
    if state == "scanning":
        await scan_at_once(keeping, file.id)
        return _told(fact_of(await _row(keeping.store, file.id, owner)))
    return FileFact(file.id, file.sha256, file.name, file.size, file.media_type, state, file.pages)


async def _again(keeping: Filekeeping, row: dict[str, Any]) -> FileFact:
    await keeping.store.keep(row["_id"])
    return fact_of(row)


async def _drop(keeping: Filekeeping, file_id: str) -> None:
    if await keeping.store.doom(file_id):
        await _forget_now_or_later(keeping, file_id)


async def _forget_now_or_later(keeping: Filekeeping, file_id: str) -> None:
    """Doomed is gone for everybody; while the store of the bytes is away they wait for the sweep."""
    try:
        await _forget(keeping, file_id)
    except Outside as exc:
        log.warning("file forgotten later", extra={"file": file_id, "error": str(exc)})


async def _forget(keeping: Filekeeping, file_id: str) -> None:
    await keeping.blobs.delete(file_id)
    await keeping.mongo.transaction(lambda tx: keeping.store.forget(tx, file_id))


async def _row(store: Files, file_id: str, owner: Owner) -> dict[str, Any]:
    row = await store.file(file_id, owner.key)
    if row is None:
        raise _unknown()
    return row


def _problem(row: dict[str, Any] | None) -> str | None:
    if row is None:
        return "没有找到这个文件，请重新上传"
    if row["state"] == "scanning":
        return "文件正在做安全检查，请稍候再试"
    return refused(row["reason"]).title if row["state"] == "refused" else None


def _told(fact: FileFact) -> FileFact:
    """A scanner's no is the answer to the upload, where it came in time."""
    if fact.state == "refused":
        raise refused(fact.reason or "infected")
    return fact


def _unknown() -> NotFound:
    return NotFound("file_unknown", "没有找到这个文件，它可能已被删除，请重新上传")


def _no_room_left() -> Conflict:
    return Conflict("file_quota", "您上传的文件太多了，请先删除不用的文件")
