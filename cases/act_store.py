"""Every query of what applicants do about a case that is filed: corrections and withdrawals, each an intent before the core hears of it.

sending -> done          the core took it
        -> refused       the core's clear no; the same act may be tried again, with other content
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from kit.clock import now
from kit.crypto import Keyring
from kit.mongo import ASCENDING, IndexModel, Mongo, Tx

Kind = Literal["correction", "withdrawal"]
INDEXES = {"case_acts": [IndexModel([("request_id", ASCENDING), ("kind", ASCENDING), ("version", ASCENDING)])]}
SEALED = ("answers", "reason")  # fields


@dataclass(frozen=True, slots=True)
class Act:
    """`version` is that of the case it answers. Its id follows from the case and that version, so that one notice is answered once."""

    id: str
    kind: Kind
    request_id: str
    case_no: str
    version: int
    person_id: str
    resident_id: str
    answers: Mapping[str, Any] = field(default_factory=dict)
    materials: Sequence[Mapping[str, Any]] = ()
    reason: str = ""


class CaseActs:
    def __init__(self, mongo: Mongo, keys: Keyring) -> None:
        self._acts = mongo["case_acts"]
        self._keys = keys

    async def begin(self, tx: Tx, act: Act) -> tuple[Literal["new", "same", "other"], int]:
        """(whether there was one already and with what content, how often the core had refused it)."""
        kept = await self._acts.find_one({"_id": act.id}, session=tx)
        content = self._content(act)
        if kept is None:
            await self._acts.insert_one({"_id": act.id, **content, "refusals": 0}, session=tx)
            return "new", 0
        if kept["state"] != "refused":
            return ("same" if kept["digest"] == content["digest"] else "other"), int(kept["refusals"])
        await self._acts.update_one({"_id": act.id}, {"$set": content}, session=tx)
        return "new", int(kept["refusals"])

    async def act(self, act_id: str) -> dict[str, Any] | None:
        return self._opened(await self._acts.find_one({"_id": act_id}))

    def is_like(self, row: Mapping[str, Any], act: Act) -> bool:
        """Whether the same was asked before."""
        return bool(row["digest"] == self._content(act)["digest"])

    async def corrected(self, request_id: str) -> dict[str, Any]:
        """Answers that were put right so far, the latest of each."""
        found: dict[str, Any] = {}
        rows = self._acts.find({"request_id": request_id, "kind": "correction", "state": "done"}).sort("version", ASCENDING)
        async for row in rows:
            found |= (self._opened(row) or {})["answers"]
        return found

    async def done(self, tx: Tx, act_id: str) -> None:
        await self._acts.update_one({"_id": act_id}, {"$set": {"state": "done", "done_at": now()}}, session=tx)

    async def refused(self, tx: Tx, act_id: str, reason: str) -> bool:
        """False when that was known."""
        change = {"$set": {"state": "refused", "refused_because": reason}, "$inc": {"refusals": 1}}
        return bool((await self._acts.update_one({"_id": act_id, "state": "sending"}, change, session=tx)).modified_count)

    def _content(self, act: Act) -> dict[str, Any]:
        plain = orjson.dumps([act.answers, list(act.materials), act.reason], option=orjson.OPT_SORT_KEYS).decode()
        return {
            "kind": act.kind,
            "request_id": act.request_id,
            "case_no": act.case_no,
            "version": act.version,
            "person_id": act.person_id,
            "resident_id": act.resident_id,
            "answers": self._keys.seal(orjson.dumps(act.answers).decode(), f"case_acts/answers/{act.id}"),
            "reason": self._keys.seal(act.reason, f"case_acts/reason/{act.id}"),
            "materials": [dict(one) for one in act.materials],
            "digest": self._keys.index(f"case_acts/{act.id}", plain),
            "state": "sending",
            "at": now(),
        }

    def _opened(self, row: dict[str, Any] | None) -> dict[str, Any] | None:
        if row is None:
            return None
        answers = orjson.loads(self._keys.open(row["answers"], f"case_acts/answers/{row['_id']}"))
        return row | {"answers": answers, "reason": self._keys.open(row["reason"], f"case_acts/reason/{row['_id']}")}
