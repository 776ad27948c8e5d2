"""Several items applied for together (一件事): begun as one draft, followed in one view under its project code."""

from collections.abc import Sequence
from typing import Any

from cases import drafts, limits
from cases.joint import MOST, new_project_code
from content.standing import standing, to_apply
from core.types import CaseState
from kit.clock import now
from kit.errors import FieldError, Invalid, NotFound
from miniapp_api import draft_view
from miniapp_api.gate import Call, Routes
from miniapp_api.routes.cases import entry, item_as_filed
from miniapp_api.routes.drafts import shape
from miniapp_api.routes.files import owner_of
from miniapp_api.shapes_drafts import Draft
from miniapp_api.shapes_joint import Joint, JointCase, NewJoint

routes = Routes()
_URGENT: tuple[limits.Colour, ...] = ("red", "amber", "green")
_DECIDED = frozenset({CaseState.APPROVED.value, CaseState.REJECTED.value, CaseState.ISSUED.value, CaseState.WITHDRAWN.value})


@routes.add("POST", "/v1/joint", who="resident", summary="几个事项一起申请：一张表、一份材料", body=NewJoint, reply=Draft, status=201)
async def start(call: Call) -> Draft:
    name, codes = await _chosen(call, call.body)
    items = [await to_apply(call.deps.content, code) for code in codes]
    project_code = new_project_code()
    item = await draft_view.together(call.deps, project_code, name or f"{items[0]['name']}等 {len(items)} 项"[:200], items)
    known = await draft_view.known(call.deps, call.resident, item)
    draft = await drafts.start(call.deps.applying.desk, owner_of(call), item, known, project_code)
    return shape(await draft_view.view(call.deps, draft, owner_of(call)))


@routes.add("GET", "/v1/joint/<project_code:str>", who="resident", summary="合办事项的总进度", reply=Joint)
async def progress(call: Call, project_code: str) -> Joint:
    subject = call.resident.subject
    rows = await call.deps.cases.of_project(subject.key, project_code) if subject is not None else []
    if not rows:
        raise NotFound("joint_unknown", "没有找到这组合办的事项，请从“我的办件”中打开")
    newest = list({row["item_code"]: row for row in rows}.values())  # what was refused and handed in again counts once
    draft = await drafts.open_draft(call.deps.applying.desk.drafts, rows[0]["draft_id"], owner_of(call))
    cases = [await _case(call, row) for row in newest]
    decided = sum(row["state"] in _DECIDED for row in newest)
    return Joint(
        project_code=project_code,
        name=draft["item_name"],
        colour=next((one for one in _URGENT if any(case.colour == one for case in cases)), None),
        text=_in_words(newest, decided),
        decided=decided,
        total=len(newest),
        draft_id=draft["_id"],
        cases=cases,
    )


async def _chosen(call: Call, asked: NewJoint) -> tuple[str | None, list[str]]:
    """(the package's name, item codes). Raises Invalid."""
    if asked.package_id is None:
        return None, _enough(list(dict.fromkeys(asked.item_codes or ())))
    guide = await call.deps.packages.guide(asked.package_id, None, asked.region)
    found = [(step, one["code"]) for step in guide["steps"] for one in step["items"] if one["found"]]
    if asked.item_codes is not None:
        known = {code for _, code in found}
        wrong = [FieldError(f"item_codes.{n}", "这个一件事里没有这个事项") for n, code in enumerate(asked.item_codes) if code not in known]
        return guide["name"], _enough(list(dict.fromkeys(asked.item_codes)), wrong)
    choices = [step["title"] for step in guide["steps"] if step["one_of"] and len([one for one in step["items"] if one["found"]]) > 1]
    wrong = [FieldError("item_codes", f"“{title}”里的事项只办一个，请用 item_codes 选定要办的事项") for title in choices]
    online = [code for _, code in found if await _is_online(call, code)]
    return guide["name"], _enough(list(dict.fromkeys(online)), wrong)


def _enough(codes: list[str], wrong: Sequence[FieldError] = ()) -> list[str]:
    problems = list(wrong)
    if not problems and not 2 <= len(codes) <= MOST:
        problems.append(FieldError("item_codes", f"可以网上一起申请的事项有 {len(codes)} 个，应为 2 到 {MOST} 个"))
    if problems:
        raise Invalid("joint_not_possible", "这几个事项不能合在一起申请，请按提示调整", errors=tuple(problems))
    return codes


async def _is_online(call: Call, code: str) -> bool:
    return bool((await standing(call.deps.content, code)).told["can_apply"])


async def _case(call: Call, row: dict[str, Any]) -> JointCase:
    found = limits.shape(row, await item_as_filed(call.deps.content, row), call.deps.workdays.current, now())
    refused = row["state"] == "refused"
    told = entry(row) | ({"state_text": "未被接受"} if refused else {})
    return JointCase(**told, colour=found.colour, refused=refused)


def _in_words(rows: Sequence[dict[str, Any]], decided: int) -> str:
    refused, sending = (sum(row["state"] == state for row in rows) for state in ("refused", "sending"))
    told = f"共 {len(rows)} 件，已办出结果 {decided} 件"
    told += f"，{sending} 件正在提交" if sending else ""
    return told + (f"，{refused} 件没有被接受，请在草稿里改好再提交" if refused else "")
