"""The inbox, and consents for pushes."""

from typing import Any

from kit.clock import at_edge
from kit.errors import NotFound
from miniapp_api.gate import Call, Raw, Routes
from miniapp_api.routes.cases import before, cursor
from miniapp_api.shapes import PageQuery
from miniapp_api.shapes_messages import ConsentAnswer, Consents, ConsentsQuery, ConsentState, MessageEntry, MessageList, channel_outcome
from notify import consents
from residents.changes import address

routes = Routes()


@routes.add("GET", "/v1/messages", who="resident", summary="我的消息", query=PageQuery, reply=MessageList)
async def inbox(call: Call) -> MessageList:
    rows = await call.deps.messages.inbox(_whose(call), before(call.query.cursor), call.query.limit)
    after = cursor(rows[-1]["at"]) if len(rows) == call.query.limit else None
    return MessageList(items=[_shape(row) for row in rows], next_cursor=after)


@routes.add("POST", "/v1/messages/<message_id:str>/read", who="resident", summary="标为已读", status=204)
async def read(call: Call, message_id: str) -> Raw:
    if not await call.deps.messages.mark_read(message_id, _whose(call)):
        raise NotFound("message_unknown", "没有找到这条消息")
    return Raw(b"", status=204)


@routes.add("GET", "/v1/messages/consents", who="resident", summary="现在应请求授权的消息模板", query=ConsentsQuery, reply=Consents)
async def to_ask(call: Call) -> Consents:
    query: ConsentsQuery = call.query
    return await _consents(call, query.moment)


@routes.add("POST", "/v1/messages/consents", who="resident", summary="登记订阅授权结果", body=list[ConsentAnswer], reply=Consents)
async def answered(call: Call) -> Consents:
    given = [(one.template_key, one.result) for one in call.body[:20]]
    caller, pushing = call.resident, call.deps.pushing
    await consents.reported(pushing.consents, caller.resident_id, caller.channel, given, pushing.channels.get(caller.channel))
    return await _consents(call)


async def _consents(call: Call, moment: str = "") -> Consents:
    caller, pushing, at_once = call.resident, call.deps.pushing, call.deps.settings.ask_at_once
    rows = await consents.to_ask(pushing.consents, caller.resident_id, (caller.channel, pushing.channels.get(caller.channel)), at_once, moment)
    return Consents(items=[ConsentState(**row) for row in rows], at_once=at_once)


def _whose(call: Call) -> str:
    """The person's, or the account's own while nobody stands behind it: it may be told that it was taken away."""
    return address(call.resident.person_id, call.resident.resident_id)


def _shape(row: dict[str, Any]) -> MessageEntry:
    channels = [channel_outcome(name, one) for name, one in row["channels"].items()]
    return MessageEntry(
        id=row["_id"],
        kind=row["kind"],
        case_no=row["case_no"],
        text=row["text"],
        at=at_edge(row["at"]),
        read=row["read_at"] is not None,
        channels=channels,
    )
