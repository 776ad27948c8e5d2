"""A caller on the hotline asks how far their cases are. State and next step, nothing else; every look is counted and audited with its reason."""

import re
from typing import Any

from cases.states import TEXTS
from core.subjects import person_key
from core.types import CaseState
from kit.clock import at_edge
from kit.log import mask
from miniapp_api.gate import Call, Routes
from miniapp_api.privacy.access import looked
from miniapp_api.shapes_residents import HotlineCase, HotlineCases, HotlineQuery
from residents.challenges import tidy
from residents.masks import masked_name

routes = Routes()

LIMIT = 60  # an hour and member of staff
SHOWN = 20  # the newest cases
_NEXT = {
    CaseState.SENDING: "正在提交到政务平台，不用再操作",
    CaseState.SUBMITTED: "等待受理，请留意小程序消息",
    CaseState.ACCEPTED: "部门正在办理",
    CaseState.CORRECTIONS: "需要补正材料，请本人在小程序“我的办件”查看并一次补齐",
    CaseState.APPROVED: "已通过，等待制证或领取通知",
    CaseState.REJECTED: "未获批准，请本人在小程序查看原因和救济途径",
    CaseState.ISSUED: "已办结，可按通知领取结果",
    CaseState.WITHDRAWN: "已撤回，需要时可重新申请",
}


@routes.add("POST", "/staff/v1/hotline/cases", who="staff", may="hotline.read", summary="热线查询办件进度", body=HotlineQuery, reply=HotlineCases)
async def look(call: Call) -> HotlineCases:
    """The same for a pair nobody has and for somebody without cases."""
    residents, asked = call.deps.residents, call.body
    await residents.tries.begin([("hotline", call.staff.id, LIMIT)], f"一小时最多查询 {LIMIT} 次，请稍后再查")
    name, id_number = tidy(asked.name, asked.id_number)
    person = await residents.person_with(name, id_number)
    reason = _reason(asked.reason, name, id_number)
    call.acted_on(f"{person.id if person else 'nobody'}: {reason}")
    if person is not None:
        await looked(call.deps, person.id, call.staff.username, "办件进度", reason)
    rows = await call.deps.cases.cases(person_key(person.id), None, SHOWN) if person is not None else []
    return HotlineCases(name=masked_name(name), items=[_shape(row) for row in rows])


def _reason(given: str, name: str, id_number: str) -> str:
    """For the audit, which holds no personal data: without the name, numbers and whatever is long enough to be one."""
    text = given.replace(name, "*").replace(id_number, "*")
    return re.sub(r"\d{5,}[0-9Xx]?", "*", mask(text))[:100]


def _shape(row: dict[str, Any]) -> HotlineCase:
    state = CaseState(row["state"])
    case_no = str(row["case_no"] or row["_id"])
    return HotlineCase(
        item_name=row["item_name"],
        case_no=f"****{case_no[-4:]}",
        state=state,
        state_text=TEXTS[state],
        next_step=_NEXT.get(state, "请留意小程序消息"),
        submitted_at=at_edge(row.get("submitted_at") or row["created_at"]),
    )
