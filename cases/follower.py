"""Who keeps account of cases without being part of them: told of a case in the transaction that writes it. Supplied by wiring."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from cases.store import Cases
from core.types import Case
from kit.mongo import Tx


class Follower(Protocol):
    async def moved(self, tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None: ...


async def record_filed(store: Cases, follower: Follower | None, tx: Tx, held: Case) -> None:
    """The core holds the case, and whoever follows it knows."""
    row = await store.record_filed(tx, held)
    if follower is not None and row is not None:
        await follower.moved(tx, [row])
