"""Broadcasts for staff: written, submitted, approved by somebody else, watched and stopped. A department's broadcasts are its own; the city's need the whole scope."""

from datetime import timedelta
from typing import Any

from kit.clock import at_edge, at_edge_or_none, now
from miniapp_api import broadcasting
from miniapp_api.gate import Call, Routes
from miniapp_api.shapes import NoBody
from miniapp_api.shapes_broadcasts import (
    Broadcast,
    BroadcastEntries,
    BroadcastEntry,
    BroadcastQuery,
    BroadcastRejection,
    BroadcastWish,
    Preview,
    Progress,
)
from notify import broadcasts
from notify.broadcasts import TEXTS, Segment, State, Wish
from payments.pages import cursor, place
from staff.roles import ALL, within

routes = Routes()

_PATH = "/staff/v1/broadcasts/<broadcast_id:str>"
_STARTED = (State.APPROVED, State.RUNNING, State.DONE, State.STOPPED)


@routes.add("POST", "/staff/v1/broadcasts", who="staff", may="broadcast.write", summary="拟一条群发", body=BroadcastWish, reply=Broadcast, status=201)
async def draft(call: Call) -> Broadcast:
    made = await broadcasts.draft(call.deps.broadcasts, await _wish(call), call.staff.id)
    call.acted_on(made["_id"])
    return await _shape(call, made)


@routes.add("PUT", _PATH, who="staff", may="broadcast.write", summary="改群发的草稿", body=BroadcastWish, reply=Broadcast)
async def change(call: Call, broadcast_id: str) -> Broadcast:
    await _found(call, broadcast_id)
    return await _shape(call, await broadcasts.change(call.deps.broadcasts, broadcast_id, await _wish(call), call.staff.id))


@routes.add("POST", f"{_PATH}/submit", who="staff", may="broadcast.write", summary="提交审批：内容、范围从此不变", body=NoBody, reply=Broadcast)
async def submit(call: Call, broadcast_id: str) -> Broadcast:
    await _found(call, broadcast_id)
    people = broadcasting.people(call.deps)
    return await _shape(call, await broadcasts.submit(call.deps.broadcasts, people, broadcast_id, call.staff.id))


@routes.add("POST", f"{_PATH}/approve", who="staff", may="broadcast.approve", summary="批准群发（不能是拟稿的人）", body=NoBody, reply=Broadcast)
async def approve(call: Call, broadcast_id: str) -> Broadcast:
    await _found(call, broadcast_id)
    return await _shape(call, await broadcasts.approve(call.deps.broadcasts, broadcast_id, call.staff.id))


@routes.add("POST", f"{_PATH}/reject", who="staff", may="broadcast.approve", summary="不批准群发", body=BroadcastRejection, reply=Broadcast)
async def reject(call: Call, broadcast_id: str) -> Broadcast:
    await _found(call, broadcast_id)
    return await _shape(call, await broadcasts.reject(call.deps.broadcasts, broadcast_id, call.staff.id, call.body.reason))


@routes.add("POST", f"{_PATH}/stop", who="staff", may="broadcast.stop", summary="马上停止群发，不能恢复", body=NoBody, reply=Broadcast)
async def stop(call: Call, broadcast_id: str) -> Broadcast:
    await _found(call, broadcast_id)
    return await _shape(call, await broadcasts.stop(call.deps.broadcasts, broadcast_id, call.staff.id))


@routes.add("GET", "/staff/v1/broadcasts", who="staff", may="broadcast.read", summary="群发", query=BroadcastQuery, reply=BroadcastEntries)
async def listed(call: Call) -> BroadcastEntries:
    query: BroadcastQuery = call.query
    scope = call.staff.scope
    departments, regions = [None if ALL in given else sorted(given) for given in (scope.departments, scope.regions)]
    rows = await call.deps.broadcasts.listed([query.state] if query.state else [], (departments, regions), place(query.cursor), query.limit)
    after = cursor(rows[-1]["made_at"], rows[-1]["_id"]) if len(rows) == query.limit else None
    return BroadcastEntries(items=[BroadcastEntry(**_entry(row)) for row in rows], next_cursor=after)


@routes.add("GET", _PATH, who="staff", may="broadcast.read", summary="一条群发：样子和进度", reply=Broadcast)
async def look(call: Call, broadcast_id: str) -> Broadcast:
    return await _shape(call, await _found(call, broadcast_id))


async def _found(call: Call, broadcast_id: str) -> dict[str, Any]:
    row = await broadcasts.found(call.deps.broadcasts, broadcast_id)
    if not within(call.staff.scope, row["department"], row["region"]):
        raise broadcasts.unknown()
    return row


async def _wish(call: Call) -> Wish:
    asked: BroadcastWish = call.body
    segment = Segment(asked.segment.channel, asked.segment.item_code, asked.segment.states, asked.segment.since)
    wish = Wish(asked.title, asked.body, asked.urgent, asked.page, segment, asked.rate)
    return await broadcasting.placed(call.deps, call.staff.scope, wish)


def _entry(row: dict[str, Any]) -> dict[str, Any]:
    same: dict[str, Any] = {key: row.get(key) for key in ("state", "title", "urgent", "segment", "department", "told", "made_by", "approved_by")}
    return {"id": row["_id"], "state_text": TEXTS[State(row["state"])], "made_at": at_edge(row["made_at"]), **same}


async def _shape(call: Call, row: dict[str, Any]) -> Broadcast:
    same: dict[str, Any] = {
        key: row.get(key) for key in ("body", "page", "rate", "region", "submitted_by", "rejected_by", "rejected_because", "stopped_by")
    }
    same |= {key: at_edge_or_none(row.get(key)) for key in ("submitted_at", "approved_at")}
    preview = Preview(**row["preview"]) if row.get("preview") else None
    return Broadcast(**_entry(row), **same, preview=preview, progress=await _progress(call, row))


async def _progress(call: Call, row: dict[str, Any]) -> Progress | None:
    if row["state"] not in _STARTED or row.get("approved_at") is None:
        return None
    pushed, waiting = await call.deps.broadcasts.outcomes(row["_id"])
    runs = row["state"] in (State.APPROVED, State.RUNNING)
    left = max(0, row["preview"]["count"] - row["told"] - row["already"]) if runs else 0
    return Progress(
        told=row["told"],
        already=row["already"],
        left=left,
        pushed=pushed,
        waiting=waiting,
        started_at=at_edge_or_none(row.get("started_at")),
        finished_at=at_edge_or_none(row.get("finished_at")),
        estimated_end=at_edge(now() + timedelta(seconds=left / row["rate"])) if runs else None,
    )
