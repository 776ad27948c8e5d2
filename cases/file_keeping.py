"""What uploads need to know and to have: the stores, the checks, and a file as others see it."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

from cases.file_check import Checker
from cases.file_store import Files, State
from kit.blobs import Blobs
from kit.mongo import Mongo
from kit.outbox import Outbox
from kit.pieces import Pieces
from kit.sealed_chunks import opened


class Scanner(Protocol):
    """kit.clamd.Clamd."""

    async def scan(self, pieces: Pieces) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Received:
    """What came, in a file without a name: `sha256` of it, and the name the client gave."""

    file: BinaryIO
    sha256: str
    name: str
    purpose: str | None = None


@dataclass(frozen=True, slots=True)
class FileFact:
    """What a draft, a case or the core needs to know of a file. `sha256` (hexadecimal) and `size` are of what is kept."""

    id: str
    sha256: str
    name: str
    size: int
    media_type: str
    state: State
    pages: int | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Filekeeping:
    """What uploads need. `share`: most bytes and files of one owner; without a scanner files are ready at once."""

    mongo: Mongo
    store: Files
    blobs: Blobs
    outbox: Outbox
    checker: Checker
    scanner: Scanner | None
    share: tuple[int, int]


def plain(keeping: Filekeeping, row: dict[str, Any]) -> AsyncGenerator[bytes, None]:
    """What is kept, piece by piece; `row` is the store's."""
    return opened(keeping.blobs.read(row["_id"]), bytes.fromhex(row["data_key"]), row["_id"])


def fact_of(row: dict[str, Any]) -> FileFact:
    return FileFact(row["_id"], row["sha256"], row["name"], row["size"], row["media_type"], row["state"], row["pages"], row.get("reason"))
