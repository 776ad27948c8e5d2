"""The virus scanner's word. Nothing is released before it; while the scanner is away, files wait."""

import logging

from cases.file_keeping import Filekeeping, plain
from kit.errors import Outside
from kit.mongo import Tx
from kit.outbox import Row

log = logging.getLogger(__name__)

SCAN = "file.scan"
TELL = "file.refused"  # a story of miniapp_api tells the owner
GRACE = 15.0  # seconds the request that stored a file has for scanning it before the worker may take over


async def scan_at_once(keeping: Filekeeping, file_id: str) -> None:
    """While the one who sent it waits. When the scanner is away the worker goes on."""
    row = await keeping.outbox.take_key(f"scan:{file_id}")
    if row is None:
        return
    try:
        await scan(keeping, row, told=True)
    except Outside as exc:
        await keeping.outbox.give_back(row, str(exc))


async def scan(keeping: Filekeeping, row: Row, *, told: bool = False) -> None:
    """Worker, and the request that stored the file, which is `told` by its own answer.

    Raises Outside while the scanner is away: the file stays unreleased and the row comes back.
    """
    file = await keeping.store.any_file(row.payload["file_id"])
    if file is not None and file["state"] == "scanning":
        if keeping.scanner is None:
            await _released(keeping, file["_id"], row)  # the operators switched scanning off
            return
        found = await keeping.scanner.scan(plain(keeping, file))
        if found is None:
            await _released(keeping, file["_id"], row)
            return
        log.warning("file refused", extra={"file": file["_id"], "found": found})
        await _turned_away(keeping, file["_id"], told)
    if file is not None and file["state"] in ("scanning", "refused"):
        await keeping.blobs.delete(file["_id"])  # refused before, if the process died between the two
    await keeping.outbox.done(row.key)


async def _released(keeping: Filekeeping, file_id: str, row: Row) -> None:
    async def both(tx: Tx) -> None:
        await keeping.store.released(tx, file_id)
        await keeping.outbox.done(row.key, tx)

    await keeping.mongo.transaction(both)


async def _turned_away(keeping: Filekeeping, file_id: str, told: bool) -> None:
    """Where nobody waits for the answer, a message must tell."""

    async def both(tx: Tx) -> None:
        file = await keeping.store.turned_away(tx, file_id, "infected")
        if file is not None and file["person_id"] is not None and not told:
            await keeping.outbox.put(tx, TELL, f"tell:file:{file_id}", {"file_id": file_id})

    await keeping.mongo.transaction(both)
