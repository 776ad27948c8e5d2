"""What could not go out by a fault of ours, and letting it go again once that is mended."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kit.clock import now
from kit.mongo import Tx
from kit.outbox import Outbox
from notify import push
from notify.kinds import KINDS
from notify.pushing import Pushing

MOST = 10_000  # looked at in one go


@dataclass(frozen=True, slots=True)
class Parked:
    """`own`: a message, or an outbox row that failed again and again (`channel` is then empty). No person's data."""

    own: str
    kind: str
    channel: str
    reason: str
    code: str
    at: datetime


async def parked(pushing: Pushing) -> list[Parked]:
    """The oldest first; one line for each message and channel."""
    found = []
    for row in await pushing.store.parked(MOST):
        for channel, one in row["channels"].items():
            if one["outcome"] == "parked":
                found.append(Parked(row["_id"], row["kind"], channel, one["reason"] or "", one.get("answer") or "", row["parked_at"]))
    rows = await pushing.outbox.parked([push.KIND], MOST)
    return found + [Parked(row.key, row.kind, "", row.error, "", row.parked_at) for row in rows]


async def retry(pushing: Pushing, only: Collection[str] = ()) -> int:
    """Parked channels are tried again, of messages somebody still waits for; the rest end as expired on their own walk. How many were."""
    again = 0
    for row in await pushing.store.parked(MOST):
        if only and row["_id"] not in only:
            continue

        async def both(tx: Tx, row: dict[str, Any] = row) -> bool:
            if not await pushing.store.reopen(tx, row):
                return False
            key, until = f"push:{row['_id']}:{row['parked_at']:%Y%m%d%H%M%S%f}", now() + push.worth(row["kind"])
            await pushing.outbox.put_many(tx, push.KIND, [(key, {"message_id": row["_id"]}, until)])
            return True

        again += await pushing.mongo.transaction(both)
    for stuck in await _stuck(pushing.outbox, only):
        again += await pushing.outbox.retry_parked(stuck)
    return again


async def _stuck(outbox: Outbox, only: Collection[str]) -> list[str]:
    return [row.key for row in await outbox.parked([push.KIND], MOST) if not only or row.key in only]


def title(kind: str) -> str:
    return KINDS[kind].title if kind in KINDS else kind
