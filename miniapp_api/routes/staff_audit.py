"""The audit, for the audit administrator: read and verified, never changed."""

from kit.clock import at_edge
from miniapp_api.gate import Call, Routes
from miniapp_api.shapes_staff import AuditEntry, AuditPage, AuditQuery, AuditRange, AuditVerified

routes = Routes()
MOST = 50_000  # entries verified in one call: about a second


@routes.add("GET", "/staff/v1/audit", who="staff", may="audit.read", summary="审计记录", query=AuditQuery, reply=AuditPage)
async def entries(call: Call) -> AuditPage:
    query: AuditQuery = call.query
    kept = [one async for one in call.deps.audit.entries(query.after, query.limit)]
    items = [AuditEntry.model_validate({key: getattr(one, key) for key in AuditEntry.model_fields} | {"at": at_edge(one.at)}) for one in kept]
    return AuditPage(items=items, next_after=items[-1].seq if len(items) == query.limit else None)


@routes.add("GET", "/staff/v1/audit/verify", who="staff", may="audit.read", summary="校验审计链", query=AuditRange, reply=AuditVerified)
async def verify(call: Call) -> AuditVerified:
    asked: AuditRange = call.query
    last = min(asked.last or asked.first + MOST - 1, asked.first + MOST - 1)
    done = await call.deps.audit.verify(asked.first, last)
    return AuditVerified(
        unbroken=done.first_broken is None,
        first_broken=done.first_broken,
        checked=done.checked,
        last_seq=done.last_seq,
        last_hash=done.last_hash,
        complete=done.first_broken is None and (done.last_seq < last or asked.last == last),
    )
