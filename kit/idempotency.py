"""Idempotency-Key: the same key and body give the byte-equal answer; another body is 422; still running is 409.

The answer is kept in the transaction of the effect, sealed: it may hold a code that only its reader may see. A refusal frees the key, so that
a corrected request may use it again.
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from kit.clock import now
from kit.crypto import Keyring
from kit.errors import InFlight, Invalid
from kit.mongo import ASCENDING, DuplicateKeyError, IndexModel, Mongo, Tx

COLLECTION = "idempotency"
INDEXES = {
    COLLECTION: [
        IndexModel([("forget_at", ASCENDING)], name="forget", expireAfterSeconds=0),
        IndexModel([("who", ASCENDING)], name="of_one"),
    ]
}
RUNNING_FOR = 15  # seconds after which a crashed attempt may be taken over


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes


class Keys:
    """One row per (scope, key). `keep_days=None` keeps it forever (money)."""

    def __init__(self, mongo: Mongo, keys: Keyring) -> None:
        self._rows = mongo[COLLECTION]
        self._keys = keys

    async def begin(self, scope: str, key: str, body: bytes, who: str | None = None) -> Answer | None:
        """None: go on, the key is ours. `who`: whose answer it will be, so that it goes with them. Raises InFlight (409) or Invalid (422)."""
        row_id, digest = _row_id(scope, key), hashlib.sha256(body).hexdigest()
        fresh = {"_id": row_id, "digest": digest, "who": who, "until": now() + timedelta(seconds=RUNNING_FOR), "forget_at": now() + timedelta(days=1)}
        try:
            await self._rows.insert_one(fresh)
            return None
        except DuplicateKeyError:
            pass
        row = await self._rows.find_one({"_id": row_id})
        if row is None:
            raise InFlight("request_in_flight", "上一次相同的请求正在处理，请稍候再试")
        if row["digest"] != digest:
            raise Invalid("idempotency_key_reused", "同一个 Idempotency-Key 用在了不同的内容上，请为新的请求换一个")
        if "status" in row:
            return Answer(row["status"], self._opened(row_id, row["body"]))
        taken = {"_id": row_id, "until": row["until"], "status": {"$exists": False}}
        if row["until"] < now() and (await self._rows.update_one(taken, {"$set": {"until": fresh["until"]}})).modified_count:
            return None
        raise InFlight("request_in_flight", "上一次相同的请求正在处理，请稍候再试", retry_after=1)

    async def finish(self, scope: str, key: str, answer: Answer, tx: Tx | None = None, keep_days: int | None = 30) -> None:
        """Keep the answer, in the transaction that makes it true."""
        row_id = _row_id(scope, key)
        sealed = self._keys.seal(answer.body.decode(), f"idempotency/body/{row_id}")
        change: dict[str, dict[str, object]] = {"$set": {"status": answer.status, "body": sealed}}
        if keep_days is None:
            change["$unset"] = {"forget_at": ""}
        else:
            change["$set"]["forget_at"] = now() + timedelta(days=keep_days)
        await self._rows.update_one({"_id": row_id}, change, session=tx)

    async def free(self, scope: str, key: str) -> None:
        """Nothing came of it: the key may be used again."""
        await self._rows.delete_one({"_id": _row_id(scope, key), "status": {"$exists": False}})

    def _opened(self, row_id: str, body: bytes | str) -> bytes:
        """Bytes are the answers of an earlier release, which were not sealed."""
        return body if isinstance(body, bytes) else self._keys.open(body, f"idempotency/body/{row_id}").encode()


def _row_id(scope: str, key: str) -> str:
    return hashlib.sha256(f"{scope}\n{key}".encode()).hexdigest()
