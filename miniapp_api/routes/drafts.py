"""Drafts and their submission."""

import re
from typing import Any

from cases import drafts
from cases.submit import submit
from content.standing import standing, to_apply
from content.store import Content
from kit.clock import at_edge
from kit.errors import Conflict, FieldError, Forbidden, Invalid
from miniapp_api.gate import Call, Routes
from miniapp_api.shapes import Draft, DraftChange, DraftEntry, Drafts, NewDraft, NoBody, Receipt, Submitted
from miniapp_api.wiring import Deps

routes = Routes()
_VERSION = re.compile(r'^(?:W/)?"?(\d{1,9})"?$')


@routes.add("POST", "/v1/drafts", who="resident", summary="开始一份申请", body=NewDraft, reply=Draft, status=201)
async def start(call: Call) -> Draft:
    deps, resident_id = call.deps, call.resident.resident_id
    item = await to_apply(deps.content, call.body.item_code)
    return _shape(await drafts.start(deps.cases, resident_id, item, await _known(deps, resident_id)), item)


@routes.add("GET", "/v1/drafts", who="resident", summary="我的草稿", reply=Drafts)
async def mine(call: Call) -> Drafts:
    rows = await call.deps.cases.drafts(call.resident.resident_id)
    return Drafts(items=[DraftEntry(id=row["_id"], updated_at=at_edge(row["updated_at"]), **_fields(row)) for row in rows])


@routes.add("GET", "/v1/drafts/<draft_id:str>", who="resident", summary="打开草稿", reply=Draft)
async def read(call: Call, draft_id: str) -> Draft:
    draft = await drafts.open_draft(call.deps.cases, draft_id, call.resident.resident_id)
    return _shape(draft, await _item(call.deps.content, draft["item_code"]))


@routes.add("PATCH", "/v1/drafts/<draft_id:str>", who="resident", summary="修改草稿（可带 If-Match: 版本）", body=DraftChange, reply=Draft)
async def change(call: Call, draft_id: str) -> Draft:
    deps = call.deps
    draft = await drafts.open_draft(deps.cases, draft_id, call.resident.resident_id)
    item = await _item(deps.content, draft["item_code"])
    materials = None if call.body.materials is None else [one.model_dump() for one in call.body.materials]
    return _shape(await drafts.change(deps.cases, draft, item, call.body.answers, materials, _if_match(call)), item)


@routes.add("POST", "/v1/drafts/<draft_id:str>/submit", who="resident", summary="提交申请", body=NoBody, reply=Submitted, status=201, idempotent=True)
async def submit_draft(call: Call, draft_id: str) -> Submitted:
    deps, caller = call.deps, call.resident
    resident = await deps.residents.resident(caller.resident_id)
    if resident is None or resident.person_id is None:
        raise Forbidden("real_name_needed", "提交申请前请先完成实名认证")
    draft = await drafts.open_draft(deps.cases, draft_id, caller.resident_id)
    recorded = draft["state"] != "open"  # what was handed in before the item ended is seen through
    item = await (_item if recorded else to_apply)(deps.content, draft["item_code"])
    filed = await submit(deps.filing, draft, item, resident.person_id, caller.channel)
    told = f"已提交“{filed.item_name}”，办件编号 {filed.case_no}，可在“我的办件”查看进度"
    receipt = Receipt(
        receipt_no=filed.request_id,
        item_name=filed.item_name,
        submitted_at=at_edge(filed.submitted_at),
        text=told,
        progress_secret=filed.progress_secret,
    )
    return Submitted(case_no=filed.case_no, receipt=receipt)


async def _item(store: Content, code: str) -> dict[str, Any]:
    """Also one that is no longer in effect: a draft can still be read, and what was typed is not lost."""
    return (await standing(store, code)).item


async def _known(deps: Deps, resident_id: str) -> dict[str, str | None]:
    """What the resident need not type again."""
    resident = await deps.residents.resident(resident_id)
    if resident is None:
        raise Conflict("resident_unknown", "请重新登录后再试")
    person = await deps.residents.person(resident.person_id) if resident.person_id else None
    return {"name": person.name if person else None, "id_number": person.id_number if person else None, "phone": resident.phone}


def _if_match(call: Call) -> int | None:
    given = call.request.headers.get("if-match")
    if given is None or given == "*":
        return None
    match = _VERSION.match(given)
    if match is None:
        raise Invalid("input_invalid", "If-Match 应为草稿的版本号", errors=(FieldError("If-Match", "应为草稿的版本号"),))
    return int(match[1])


def _fields(row: dict[str, Any]) -> dict[str, Any]:
    return {key: row[key] for key in ("item_code", "item_name", "version")}


def _shape(row: dict[str, Any], item: dict[str, Any]) -> Draft:
    return Draft(
        id=row["_id"],
        item_version=row["item_version"],
        state=row["state"],
        answers=row["answers"],
        materials=row["materials"],
        form=item["form"],
        updated_at=at_edge(row["updated_at"]),
        **_fields(row),
    )
