"""Story: somebody takes away everything that is held of them. The worker writes it, sealed, piece by piece; it is there for a day."""

import io
import zipfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from cases import files
from kit.clock import at_edge, now
from kit.errors import NotFound, Unauthorized
from kit.ids import new_id
from kit.mongo import Tx
from kit.outbox import Row as Job
from kit.pieces import Pieces
from kit.sealed_chunks import new_key, opened, sealed
from miniapp_api.personal_data import COLLECTIONS
from miniapp_api.privacy.access import looked
from miniapp_api.privacy.held import KINDS, Row, Whose
from miniapp_api.privacy.store import EXPORT_LIFE, Export
from miniapp_api.privacy.whose import confirmed, whose_of
from miniapp_api.wiring import Deps
from residents.sessions import Caller

BUILD = "privacy.export"
DROP = "privacy.export_over"
HOLD = timedelta(seconds=4)  # the lease of the outbox is renewed so often while a long one is written
_ABOUT = "这是掌办保存的、与您有关的信息。办件、证照和缴费单以政务平台保存的为准；核心平台保存的信息请向它的主管部门申请。"


@dataclass(frozen=True, slots=True)
class _Name:
    """Where one attempt writes."""

    blob: str
    key: bytes


async def ask(deps: Deps, caller: Caller, *, with_files: bool) -> Export:
    """Asking twice within a day is one export. Raises Forbidden without a fresh confirmation."""
    whose = await whose_of(deps, caller.resident_id)
    await confirmed(deps, caller, whose)
    known = await deps.privacy.export_of(whose.addresses[:1], with_files)
    if known is not None:
        return known
    await looked(deps, whose.addresses[0], "本人", "导出全部个人信息", "本人申请")
    own = new_id("ex")

    async def both(tx: Tx) -> None:
        await deps.privacy.add_export(tx, own, whose.addresses[0], caller.resident_id, with_files)
        await deps.outbox.put(tx, BUILD, f"export:{own}", {"export_id": own})
        await deps.outbox.put(tx, DROP, f"export_over:{own}", {"export_id": own}, delay=EXPORT_LIFE.total_seconds())

    await deps.mongo.transaction(both)
    return await _own(deps, own, whose)


async def download(deps: Deps, caller: Caller, export_id: str) -> tuple[Export, Pieces | None]:
    """None while it is being written. Raises Forbidden without a fresh confirmation, NotFound for another's and after its day."""
    whose = await whose_of(deps, caller.resident_id)
    await confirmed(deps, caller, whose)
    found = await _own(deps, export_id, whose)
    if found.blob is None or found.data_key is None:
        return found, None
    return found, opened(deps.files.blobs.read(found.blob), found.data_key, found.blob)


async def build(deps: Deps, job: Job) -> None:
    """Worker; payload {export_id}. Each attempt writes under a name of its own and takes away what earlier ones left."""
    asked = await deps.privacy.export(job.payload["export_id"])
    if asked is None or asked.state != "waiting" or asked.expires_at <= now():
        await deps.outbox.done(job.key)
        return
    whose = await _still(deps, asked)
    if whose is None:
        await deps.outbox.done(job.key)
        return
    for earlier in range(1, job.attempt):
        await deps.files.blobs.delete(f"{asked.id}.{earlier}")
    name, sizes = _Name(f"{asked.id}.{job.attempt}", new_key()), [0]
    plain = _zipped(deps, whose) if asked.with_files else document(deps, whose)
    try:
        await deps.files.blobs.put(name.blob, sealed(_counted(_held(deps, job, plain), sizes), name.key, name.blob))
    except _Lost:
        await deps.files.blobs.delete(name.blob)
        return

    async def both(tx: Tx) -> bool:
        ready = await deps.privacy.export_ready(tx, asked.id, name.blob, name.key, sizes[0])
        await deps.outbox.done(job.key, tx)
        return ready

    if not await deps.mongo.transaction(both):
        await deps.files.blobs.delete(name.blob)


async def drop(deps: Deps, job: Job) -> None:
    """Worker; payload {export_id}: its day is over."""
    found = await deps.privacy.export(job.payload["export_id"])
    if found is not None:
        if found.blob is not None:
            await deps.files.blobs.delete(found.blob)
        await deps.privacy.drop_export(found.id)
    await deps.outbox.done(job.key)


async def document(deps: Deps, whose: Whose) -> AsyncGenerator[bytes, None]:
    """{about, made_at, held: {collection: {kind, what, rows}}}, row by row."""
    yield b'{"about":' + orjson.dumps(_ABOUT) + b',"made_at":' + orjson.dumps(at_edge(now())) + b',"held":{'
    for place, (name, held) in enumerate(COLLECTIONS.items()):
        head = {"kind": KINDS[held.kind], "what": held.what} | ({"why": held.why} if held.why else {})
        yield (b"," if place else b"") + orjson.dumps(name) + b":" + orjson.dumps(head)[:-1] + b',"rows":['
        first = True
        async for row in _rows(deps, name, whose):
            yield (b"" if first else b",") + orjson.dumps(_edge(row))
            first = False
        yield b"]}"
    yield b"}}"


async def _rows(deps: Deps, name: str, whose: Whose) -> AsyncIterator[Row]:
    for part in COLLECTIONS[name].parts:
        query = part.find(whose) if part.shows is not None else None
        if query is None or part.shows is None:
            continue
        async for row in deps.privacy.rows(name, query):
            yield part.shows(row, deps.keys, whose)


async def _still(deps: Deps, asked: Export) -> Whose | None:
    """None when the account is gone, or another's, since it was asked for."""
    try:
        whose = await whose_of(deps, asked.resident_id)
    except Unauthorized:
        return None
    return whose if whose.addresses[0] == asked.whose else None


class _Lost(Exception):
    """Our lease ran out: somebody else writes it."""


class _Sink(io.RawIOBase):
    """Where zipfile writes what is then taken away piece by piece; it cannot go back, so sizes come after each entry."""

    def __init__(self) -> None:
        self.held = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.held += data
        return len(data)

    def take(self) -> bytes:
        taken = bytes(self.held)
        self.held.clear()
        return taken


async def _zipped(deps: Deps, whose: Whose) -> AsyncGenerator[bytes, None]:
    """data.json, and every file of the person that is ready."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as made:
        async for piece in _entry(made, sink, "data.json", document(deps, whose)):
            yield piece
        for owner in whose.owners:
            for row in await deps.files.store.of_owner(owner):
                if row["state"] == "ready":
                    name = f"files/{row['_id']}-{row['name']}"
                    async for piece in _entry(made, sink, name, files.open_content(deps.files, row["_id"])):
                        yield piece
    yield sink.take()


async def _entry(made: zipfile.ZipFile, sink: _Sink, name: str, plain: Pieces) -> AsyncGenerator[bytes, None]:
    with made.open(zipfile.ZipInfo(name), "w", force_zip64=True) as entry:
        async with aclosing(plain) as pieces:
            async for piece in pieces:
                entry.write(piece)
                if len(sink.held) > 65536:
                    yield sink.take()
    yield sink.take()


async def _held(deps: Deps, job: Job, plain: Pieces) -> AsyncGenerator[bytes, None]:
    """The lease is kept while it is written. Raises _Lost: whoever goes on takes away what we wrote."""
    held_at = now()
    async with aclosing(plain) as pieces:
        async for piece in pieces:
            if now() - held_at > HOLD:
                if not await deps.outbox.hold(job):
                    raise _Lost
                held_at = now()
            yield piece


async def _counted(plain: Pieces, sizes: list[int]) -> AsyncGenerator[bytes, None]:
    async with aclosing(plain) as pieces:
        async for piece in pieces:
            sizes[0] += len(piece)
            yield piece


async def _own(deps: Deps, export_id: str, whose: Whose) -> Export:
    found = await deps.privacy.export(export_id)
    if found is None or found.whose != whose.addresses[0] or found.expires_at <= now():
        raise NotFound("export_unknown", "没有找到这份导出，它只保留 24 小时，请重新申请")
    return found


def _edge(value: Any) -> Any:
    """Moments as residents read them; everything else as it is."""
    if isinstance(value, datetime):
        return at_edge(value)
    if isinstance(value, dict):
        return {str(key): _edge(one) for key, one in value.items()}
    return [_edge(one) for one in value] if isinstance(value, list | tuple) else value
