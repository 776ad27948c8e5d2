"""Taking an application back, as long as the core has not decided."""

from collections.abc import Mapping
from typing import Any

from cases import acting
from cases.act_store import Act
from cases.acting import Acted, Acting, Kind
from cases.file_store import Owner
from core.case_acts import WithdrawalAsk
from core.types import Case, CaseState
from kit.errors import Conflict
from kit.mongo import Tx

_OVER = frozenset({CaseState.REJECTED.value, CaseState.ISSUED.value, CaseState.WITHDRAWN.value})


async def withdraw(desk: Acting, row: Mapping[str, Any], reason: str, owner: Owner, *, may_wait: bool) -> Acted:
    """`row`: the case. The second time changes nothing, whatever reason it gives. Raises Conflict, Unavailable while the core is away."""
    if owner.person_id is None:
        raise LookupError("nobody stands behind the resident")
    act = Act(f"w{row['_id'][1:]}", "withdrawal", row["_id"], row["case_no"], row["version"], owner.person_id, owner.resident_id, reason=reason)
    before = await desk.acts.act(act.id)
    if before is None or before["state"] == "refused":
        if row["state"] in _OVER:
            raise _too_late()
        await acting.record(desk, act)
    await acting.at_once(desk, WITHDRAWAL, act.id)
    return await acting.outcome(desk, act.id, {"too_late": _too_late()}, may_wait=may_wait)


async def _send(desk: Acting, act: dict[str, Any], case: dict[str, Any]) -> Case:
    return await desk.over.acts.withdraw(act["case_no"], WithdrawalAsk(withdrawal_id=act["_id"], reason=act["reason"]))


async def _look(desk: Acting, act: dict[str, Any]) -> Case | None:
    return await desk.over.acts.find_withdrawal(act["case_no"], act["_id"])


async def _also(desk: Acting, tx: Tx, act: dict[str, Any]) -> None:
    """Nothing besides."""


WITHDRAWAL = Kind(_send, _look, _also)


def _too_late() -> Conflict:
    return Conflict("case_not_withdrawable", "这个办件已经办出结果，不能再撤回")
