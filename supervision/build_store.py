"""How far the facts have been made from the cases, in which shape: one row. Whoever makes them holds it by lease and by the database's clock.

Two rounds, the second some minutes later: a process of the release before may still write cases without their facts, or with facts of its own shape.
A city without cases needs none.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from kit.ids import new_nonce
from kit.mongo import AFTER, DuplicateKeyError, IndexModel, Mongo, Tx
from supervision.facts import SHAPE

LEASE = 15  # seconds; longer than a step's transaction may take
ROUNDS = 2
ROUND_PAUSE = 600  # seconds until the second round: a release is changed one process after the other
INDEXES: Mapping[str, list[IndexModel]] = {"supervision_builds": []}
_ID = "case_facts"
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class LostBuild(LookupError):
    """The lease ran out, or an operator began anew: somebody else goes on."""


@dataclass(frozen=True, slots=True)
class Build:
    """A round that is ours. `last`: id of the last case that is done; `cases`: how many are; `rounds`: how many went through before."""

    holder: str
    last: str
    cases: int
    rounds: int


class Builds:
    def __init__(self, mongo: Mongo) -> None:
        self._builds = mongo["supervision_builds"]

    async def is_whole(self) -> bool:
        """Every case there was has its fact, in the shape this release counts."""
        row = await self._builds.find_one({"_id": _ID}, {"built": 1})
        return row is not None and row["built"] == SHAPE

    async def take(self) -> Build | None:
        """Ours to go on with for LEASE seconds. None: all is done, another has it, or the second round is not due yet."""
        row = await self._there()
        if row["built"] == SHAPE and row["building"] is None:
            return None  # as nearly always: a read
        undone = {"$or": [{"built": {"$ne": SHAPE}}, {"building": {"$ne": None}}]}
        free = {"$expr": {"$and": [{"$lte": ["$held_until", "$$NOW"]}, {"$lte": ["$due_at", "$$NOW"]}]}}
        return await self._hold({"_id": _ID, **undone, **free}, {"$eq": ["$building", SHAPE]}, 0)

    async def take_anew(self) -> Build:
        """From the first case, in one round, whoever is at it: an operator asks. Facts that were whole stay so meanwhile."""
        await self._there()
        build = await self._hold({"_id": _ID}, False, ROUNDS - 1)
        if build is None:
            raise LostBuild
        return build

    async def advance(self, tx: Tx, build: Build, last: str, cases: int) -> Build:
        """In the transaction that wrote the facts of these `cases`, up to `last`. Raises LostBuild: nothing of it may be written."""
        change = {"last": {"$literal": last}, "cases": {"$add": ["$cases", cases]}, "held_until": _until(LEASE)}
        if not (await self._builds.update_one(_mine(build), [{"$set": change}], session=tx)).matched_count:
            raise LostBuild
        return replace(build, last=last, cases=build.cases + cases)

    async def end_round(self, build: Build) -> bool:
        """No case is left. True: the facts are whole; False: once more later. Raises LostBuild."""
        whole = build.rounds + 1 >= ROUNDS or build.cases == 0
        change: dict[str, Any] = {"held_until": "$$NOW", "holder": None, "last": "", "cases": {"$literal": build.cases if whole else 0}}
        if whole:
            change |= {"built": {"$literal": SHAPE}, "building": None, "built_at": "$$NOW", "due_at": "$$NOW"}
        else:
            change |= {"rounds": {"$literal": build.rounds + 1}, "due_at": _until(ROUND_PAUSE)}
        if not (await self._builds.update_one(_mine(build), [{"$set": change}])).matched_count:
            raise LostBuild
        return whole

    async def _hold(self, wanted: Mapping[str, Any], goes_on: Any, rounds: int) -> Build | None:
        """`goes_on`: an expression, whether what stands there is gone on with; otherwise it begins with the first case."""
        hold = {
            "holder": new_nonce(),
            "held_until": _until(LEASE),
            "building": {"$literal": SHAPE},
            "built": {"$cond": [{"$eq": ["$built", SHAPE]}, "$built", None]},  # of another shape nothing is whole once this has begun
            "last": {"$cond": [goes_on, "$last", ""]},
            "cases": {"$cond": [goes_on, "$cases", {"$literal": 0}]},
            "rounds": {"$cond": [goes_on, "$rounds", {"$literal": rounds}]},
        }
        row = await self._builds.find_one_and_update(wanted, [{"$set": hold}], return_document=AFTER)
        return None if row is None else Build(row["holder"], row["last"], row["cases"], row["rounds"])

    async def _there(self) -> dict[str, Any]:
        if (row := await self._builds.find_one({"_id": _ID})) is not None:
            return row
        nothing = {"built": None, "building": None, "last": "", "cases": 0, "rounds": 0, "holder": None, "held_until": _LONG_AGO, "due_at": _LONG_AGO}
        with suppress(DuplicateKeyError):  # another process was first
            await self._builds.update_one({"_id": _ID}, {"$setOnInsert": nothing}, upsert=True)
        return nothing


def _mine(build: Build) -> dict[str, Any]:
    return {"_id": _ID, "holder": build.holder, "last": build.last}


def _until(seconds: int) -> dict[str, Any]:
    return {"$dateAdd": {"startDate": "$$NOW", "unit": "second", "amount": seconds}}
