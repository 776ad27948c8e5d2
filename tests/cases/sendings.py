"""Cases about to be filed, for tests of what becomes of them."""

from typing import Any

from cases.store import Cases, Sending
from kit.ids import new_id
from kit.mongo import Mongo, Tx


def make_sending(answers: dict[str, Any] | None = None, kind: str | None = None, **more: Any) -> Sending:
    """Filed by P1 for themselves."""
    given: dict[str, Any] = {"request_id": new_id("q"), "draft_id": new_id("d"), "subject_key": "person:P1", "person_id": "P1", "resident_id": "r1"}
    given |= {"channel": "wechat", "item": ("I1", 1, "事项", kind), "answers": answers or {}, "materials": []}
    return Sending(**{**given, **more})


async def record(mongo: Mongo, cases: Cases, sending: Sending) -> str:
    """Its request id."""

    async def write(tx: Tx) -> str:
        await cases.record_sending(tx, sending)
        return sending.request_id

    return await mongo.transaction(write)
