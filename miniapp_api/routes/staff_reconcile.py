"""Reconciliation for staff: runs, and the queue of what it could not settle by itself. Nothing here moves money."""

from datetime import timedelta
from typing import Any

from kit.clock import BEIJING, at_edge, at_edge_or_none, now
from miniapp_api.gate import Call, Routes
from miniapp_api.routes.cases import before, cursor
from miniapp_api.shapes_reconcile import Discrepancies, Discrepancy, DiscrepancyNote, DiscrepancyQuery, DiscrepancyTake, Run, Runs, Step
from payments import discrepancies
from payments.discrepancies import KINDS, STATES, WHY

routes = Routes()
SHOWN = timedelta(days=100)


@routes.add("GET", "/staff/v1/reconciliations", who="staff", may="reconcile.read", summary="每日对账的结果", reply=Runs)
async def runs(call: Call) -> Runs:
    since = (now() - SHOWN).astimezone(BEIJING).date().isoformat()
    return Runs(items=[_run(row) for row in await call.deps.reconciliations.records(since)])


@routes.add("GET", "/staff/v1/discrepancies", who="staff", may="reconcile.read", summary="对账差错", query=DiscrepancyQuery, reply=Discrepancies)
async def listed(call: Call) -> Discrepancies:
    query: DiscrepancyQuery = call.query
    asked = {"state": query.state if query.state != "all" else "", "day": query.day, "kind": query.kind}
    wanted = {name: value for name, value in asked.items() if value}
    rows = await call.deps.discrepancies.listed(wanted, before(query.cursor), query.limit)
    after = cursor(rows[-1]["found_at"]) if len(rows) == query.limit else None
    return Discrepancies(items=[_shape(row) for row in rows], next_cursor=after)


@routes.add(
    "POST",
    "/staff/v1/discrepancies/<discrepancy:str>/take",
    who="staff",
    may="discrepancy.note",
    summary="认领一条差错",
    body=DiscrepancyTake,
    reply=Discrepancy,
)
async def take(call: Call, discrepancy: str) -> Discrepancy:
    return _shape(await discrepancies.taken(call.deps.discrepancies, _own(discrepancy), call.staff.username, instead_of=call.body.instead_of))


@routes.add(
    "POST",
    "/staff/v1/discrepancies/<discrepancy:str>/note",
    who="staff",
    may="discrepancy.note",
    summary="记下查到了什么",
    body=DiscrepancyNote,
    reply=Discrepancy,
)
async def note(call: Call, discrepancy: str) -> Discrepancy:
    return _shape(await discrepancies.noted(call.deps.discrepancies, _own(discrepancy), call.staff.username, call.body.text))


@routes.add(
    "POST",
    "/staff/v1/discrepancies/<discrepancy:str>/close",
    who="staff",
    may="discrepancy.note",
    summary="写明原因并结案",
    body=DiscrepancyNote,
    reply=Discrepancy,
)
async def close(call: Call, discrepancy: str) -> Discrepancy:
    return _shape(await discrepancies.closed(call.deps.discrepancies, _own(discrepancy), call.staff.username, call.body.text))


def _own(shown: str) -> str:
    """Ids hold slashes, which a path cannot."""
    return shown.replace("~", "/")


def _run(row: dict[str, Any]) -> Run:
    finished, counts = row.get("finished_at"), row.get("counts") or {}
    return Run(
        day=row["day"],
        gateway=row["gateway"],
        state=row["state"],
        runs=row["runs"],
        open=sum(states.get("open", 0) for states in counts.values()),
        totals=row.get("totals"),
        statement_sha256=row.get("statement_sha256"),
        finished_at=at_edge_or_none(finished),
    )


def _shape(row: dict[str, Any]) -> Discrepancy:
    steps = [
        Step(at=at_edge(one["at"]), by=str(one["by"]), what=str(one["what"]), text=one.get("note") or one.get("reason")) for one in row["history"]
    ]
    same: dict[str, Any] = {key: row.get(key) for key in ("kind", "day", "gateway", "order_no", "refund_no", "amounts", "state", "owner", "note")}
    return Discrepancy(
        id=str(row["_id"]).replace("/", "~"),
        kind_text=KINDS.get(row["kind"], row["kind"]),
        why_text=WHY.get(row["why"], row["why"]),
        state_text=STATES.get(row["state"], row["state"]),
        history=steps,
        **same,
    )
