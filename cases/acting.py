"""Acts on a filed case, each reaching the core once: the intent is durable first, and after an unknown outcome the core is asked before it is told again."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cases import files, hand_over
from cases.act_store import Act, CaseActs
from cases.drafts import file_ids
from cases.follower import Follower, record_filed
from cases.hand_over import HandOver
from cases.store import Cases
from core.types import Case, CaseState
from kit.errors import Conflict, NotReached, Refused, Unavailable, Unknown
from kit.mongo import Mongo, Tx
from kit.outbox import Outbox, Row

GRACE = 10.0  # seconds the request that recorded the intent has for itself before the worker may take over
PATIENCE = 20.0  # seconds the resident is kept waiting; the worker goes on
KINDS = {"correction": "case.correct", "withdrawal": "case.withdraw"}


@dataclass(frozen=True, slots=True)
class Acting:
    """What acts on a case need."""

    mongo: Mongo
    store: Cases
    acts: CaseActs
    outbox: Outbox
    over: HandOver
    follower: Follower | None = None


@dataclass(frozen=True, slots=True)
class Acted:
    """How far it is: `state` done with the case as it is now, or sending."""

    act_id: str
    case_no: str
    done: bool
    case_state: CaseState


# One attempt: (send it, or None if `only_look`). Raises Refused, NotReached, Unknown.
Way = Callable[[Acting, dict[str, Any], dict[str, Any]], Awaitable[Case]]
Look = Callable[[Acting, dict[str, Any]], Awaitable[Case | None]]


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of act is done at the core, looked for there, and what else becomes true with it."""

    send: Way
    look: Look
    also: Callable[[Acting, Tx, dict[str, Any]], Awaitable[None]]


async def record(acting: Acting, act: Act) -> None:
    """Raises Conflict while the same act with other content is on its way or done."""

    async def write(tx: Tx) -> None:
        found, refusals = await acting.acts.begin(tx, act)
        if found == "other" and act.kind == "correction":  # another reason to withdraw is the same withdrawal
            raise Conflict("correction_under_way", "上一次补正正在提交，请稍后在办件详情查看")
        if found == "new":
            await files.attach(acting.over.files.store, tx, sorted(file_ids(act.materials)), f"case:{act.request_id}")
            await acting.outbox.put(tx, KINDS[act.kind], _key(act.id, refusals), {"act_id": act.id}, delay=GRACE)

    await acting.mongo.transaction(write)


async def at_once(acting: Acting, kind: Kind, act_id: str) -> None:
    """As far as it goes while the resident waits."""
    act = await acting.acts.act(act_id)
    if act is not None and act["state"] == "sending":
        await acting.outbox.at_once(_key(act_id, act["refusals"]), lambda row: carry_out(acting, kind, row), PATIENCE)


async def carry_out(acting: Acting, kind: Kind, row: Row) -> None:
    """Raises Outside to be called again."""
    act = await acting.acts.act(row.payload["act_id"])
    case = None if act is None else await acting.store.by_request(act["request_id"])
    if act is None or case is None or act["state"] != "sending":
        await acting.outbox.done(row.key)
        return
    known = await kind.look(acting, act) if row.attempt > 1 else None
    if known is None:
        try:
            async with hand_over.held(acting.outbox, row):
                known = await _send(acting, kind, act, case)
        except Refused as exc:
            await _refused(acting, row, act, exc.reason)
            return
    held: Case = known

    async def both(tx: Tx) -> None:
        await acting.acts.done(tx, act["_id"])
        await kind.also(acting, tx, act)
        await record_filed(acting.store, acting.follower, tx, held)
        await acting.outbox.done(row.key, tx)

    await acting.mongo.transaction(both)


async def outcome(acting: Acting, act_id: str, told: Mapping[str, Conflict], *, may_wait: bool) -> Acted:
    """Raises Conflict (`told`: the core's word -> ours) when the core refused it, Unavailable while it is away, unless the client `may_wait`."""
    act = await acting.acts.act(act_id)
    case = None if act is None else await acting.store.by_request(act["request_id"])
    if act is None or case is None:
        raise LookupError("an act is not on record")
    if act["state"] == "refused":
        other = Conflict("core_refused", "政务平台没有接受，请核对后重试或致电 12345")
        raise told.get(act["refused_because"], other)
    if act["state"] != "done" and not may_wait:
        raise Unavailable("core_unavailable", "已保存，政务平台暂时没有回应；我们会继续为您提交，请勿重复操作，稍后在办件详情查看", retry_after=5)
    return Acted(act_id, act["case_no"], act["state"] == "done", CaseState(case["state"]))


async def _send(acting: Acting, kind: Kind, act: dict[str, Any], case: dict[str, Any]) -> Case:
    try:
        return await kind.send(acting, act, case)
    except Unknown:
        known = await kind.look(acting, act)
        if known is None:
            raise NotReached("core", "act_not_seen_there") from None
        return known


async def _refused(acting: Acting, row: Row, act: Mapping[str, Any], reason: str) -> None:
    async def both(tx: Tx) -> None:
        await acting.acts.refused(tx, act["_id"], reason)
        await acting.outbox.done(row.key, tx)

    await acting.mongo.transaction(both)


def _key(act_id: str, refusals: int) -> str:
    return f"act:{act_id}:{refusals}"
