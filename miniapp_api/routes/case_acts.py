"""What the applicant does about a case that is filed: answers a notice of corrections, takes the case back."""

from typing import Any

from cases import acting
from cases.corrections import Correction, correct
from cases.states import TEXTS
from cases.withdraw import withdraw
from miniapp_api.gate import Call, Routes
from miniapp_api.may import may_apply, may_use_licences, wait_not
from miniapp_api.routes.cases import item_as_filed, own_case
from miniapp_api.routes.files import owner_of
from miniapp_api.shapes_acts import Acted, Corrections, Withdrawal

routes = Routes()


@routes.add("POST", "/v1/cases/<case_no:str>/corrections", who="resident", summary="一次补正全部事项", body=Corrections, reply=Acted, idempotent=True)
async def corrections(call: Call, case_no: str) -> Acted:
    await may_apply(call)
    materials: list[dict[str, Any]] = [one.model_dump() for one in call.body.materials]
    if any(one["licence_id"] for one in materials):
        await may_use_licences(call)
    row = await own_case(call, case_no)
    asked = Correction(call.body.answers, materials, await item_as_filed(call.deps.content, row), owner_of(call))
    applying = call.deps.applying
    done = await correct(applying.acting, applying.checks, row, asked, may_wait=wait_not(call))
    return _shape(done, "补正材料已提交，等待审核" if done.done else "补正材料已收到，正在提交…")


@routes.add("POST", "/v1/cases/<case_no:str>/withdraw", who="resident", summary="撤回申请", body=Withdrawal, reply=Acted, idempotent=True)
async def take_back(call: Call, case_no: str) -> Acted:
    await may_apply(call)
    row = await own_case(call, case_no)
    done = await withdraw(call.deps.applying.acting, row, call.body.reason, owner_of(call), may_wait=wait_not(call))
    return _shape(done, "申请已撤回" if done.done else "撤回请求已收到，正在提交…")


def _shape(done: acting.Acted, text: str) -> Acted:
    return Acted(
        case_no=done.case_no,
        act_id=done.act_id,
        done=done.done,
        state=done.case_state,
        state_text=TEXTS[done.case_state],
        text=text,
        http_status=200 if done.done else 202,
    )
