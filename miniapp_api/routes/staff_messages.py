"""For staff: what was sent about a case, by which channel, and what the platform said. No words of it, and not to whom."""

from typing import Any

from kit.clock import at_edge
from kit.errors import NotFound
from miniapp_api.gate import Call, Routes
from miniapp_api.item_place import place_of
from miniapp_api.shapes_messages import SentEntry, SentList, channel_outcome
from staff.roles import within

routes = Routes()
SHOWN = 200


@routes.add("GET", "/staff/v1/cases/<case_no:str>/messages", who="staff", may="messages.read", summary="一件办件发过哪些消息", reply=SentList)
async def of_case(call: Call, case_no: str) -> SentList:
    await _within_scope(call, case_no)
    return SentList(items=[_shape(row) for row in await call.deps.messages.of_case(case_no, SHOWN)])


async def _within_scope(call: Call, case_no: str) -> None:
    """A case of another department is not told from one that is not there."""
    case = await call.deps.cases.by_number(case_no)
    item = await call.deps.catalogue.item(case["item_code"]) if case is not None else None
    if item is None or not within(call.staff.scope, *place_of(item)):
        raise NotFound("case_unknown", "没有找到这件办件，请核对办件编号")


def _shape(row: dict[str, Any]) -> SentEntry:
    channels = [channel_outcome(name, one) for name, one in row["channels"].items()]
    return SentEntry(id=row["_id"], kind=row["kind"], at=at_edge(row["at"]), read=row["read_at"] is not None, channels=channels)
