"""The queue of what reconciliation could not settle by itself: staff take one, write what they found, and close it with a reason.

Each is one compare-and-set; the history only grows. Nothing here moves money.
"""

from collections.abc import Mapping
from typing import Any

from kit.errors import Conflict, FieldError, Invalid, NotFound
from payments.discrepancy_store import Discrepancies

LONGEST = 500  # characters of a note or a reason

KINDS = {
    "only_at_gateway": "长款：渠道有，账上没有",
    "only_in_ledger": "短款：账上有，渠道没有",
    "amount_differs": "金额不符",
    "core_differs": "与核心平台不符",
}
STATES = {"open": "待处理", "healed": "已自动更正", "explained": "已说明", "closed": "已结案"}
ABOUT = {"paid": "支付", "refunded": "退款"}
WHY = {
    "missing": "对方没有这一笔",
    "extra": "核心平台有，账上没有",
    "amount": "金额不同",
    "twice": "同一笔出现多次",
    "unbooked": "核心平台已入账，账上还没有记",
    "other_day": "对方记在另一天",
    "other_account": "账上记在另一个商户号",
    "payment_seen": "已向渠道查实并补记支付",
    "refund_seen": "已向渠道查实并补记退款",
    "settled_again": "已重新核销",
    "reversed_again": "已重新冲销",
    "under_way": "正在补办，下次对账再看",
    "not_certain": "无法自动判定",
    "not_at_gateway": "渠道说没有这一笔",
    "gateway_agrees": "渠道查询有这一笔，但对账单里没有",
    "gateway_amount": "渠道查询的金额不同",
    "no_answer": "对方没有回应，没能查实",
    "too_many": "差错太多，没有逐笔查实",
    "not_tried": "没有尝试自动更正",
    "vanished": "再次对账时已经一致",
}


async def taken(queue: Discrepancies, own: str, who: str, *, instead_of: str | None = None) -> dict[str, Any]:
    """`who` owns it from now on. One that has an owner is only taken over by naming that owner: nobody loses work unawares."""
    seen = {"_id": own, "state": {"$ne": "closed"}, "owner": {"$in": [instead_of, who]}}
    step = {"by": who, "what": "taken"} | ({"instead_of": instead_of} if instead_of else {})
    row = await queue.change(seen, {"owner": who}, step)
    return row if row is not None else await _why_not(queue, own, who)


async def noted(queue: Discrepancies, own: str, who: str, note: str) -> dict[str, Any]:
    """The owner's note; the one before stays in the history."""
    text = _text("note", note)
    row = await queue.change({"_id": own, "owner": who, "state": {"$ne": "closed"}}, {"note": text}, {"by": who, "what": "noted", "note": text})
    return row if row is not None else await _why_not(queue, own, who)


async def closed(queue: Discrepancies, own: str, who: str, reason: str) -> dict[str, Any]:
    """For good: a later run that still finds it leaves it closed."""
    text = _text("reason", reason)
    step = {"by": who, "what": "closed", "reason": text}
    row = await queue.change({"_id": own, "owner": who, "state": "open"}, {"state": "closed", "reason": text}, step)
    return row if row is not None else await _why_not(queue, own, who)


def told(row: Mapping[str, Any]) -> str:
    """Kind and reason in words."""
    return f"{KINDS.get(row['kind'], row['kind'])}（{WHY.get(row['why'], row['why'])}）"


def _text(field: str, given: str) -> str:
    text = given.strip()
    if not 2 <= len(text) <= LONGEST:
        raise Invalid("input_invalid", "填写的内容有误，请按提示修改", errors=(FieldError(field, f"请写 2 到 {LONGEST} 个字"),))
    return text


async def _why_not(queue: Discrepancies, own: str, who: str) -> dict[str, Any]:
    row = await queue.one(own)
    if row is None:
        raise NotFound("discrepancy_unknown", "没有这条差错")
    if row["state"] != "open" and row["owner"] in (None, who):
        raise Conflict("discrepancy_not_open", f"这条差错{STATES[row['state']]}，不用再处理")
    if row["owner"] is None:
        raise Conflict("discrepancy_not_taken", "请先认领这条差错")
    raise Conflict("discrepancy_taken", "这条差错由另一位同事处理，请刷新后再看")
