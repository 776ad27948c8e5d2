"""Drafts, their pre-check and their submission."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any

from cases import drafts, precheck
from cases.drafts import Change
from cases.submit import Asked, Filed, one_case, several_cases, submit
from content.closures import Closure, first_of
from content.standing import to_apply
from core.licences import Licence
from kit.clock import at_edge, at_edge_or_none
from kit.errors import FieldError, Forbidden, Invalid, Outside
from miniapp_api import draft_view, item_steps
from miniapp_api.draft_view import View
from miniapp_api.gate import Call, Routes
from miniapp_api.may import may_apply, may_show_licences, wait_not
from miniapp_api.routes.files import owner_of
from miniapp_api.routes.licences import masked
from miniapp_api.shapes import ClosedOnline, NoBody
from miniapp_api.shapes_drafts import (
    Covered,
    Draft,
    DraftChange,
    DraftEntry,
    DraftItem,
    Drafts,
    FormChanged,
    FormerAnswer,
    FoundProblem,
    NewDraft,
    Prechecked,
    Receipt,
    Submitted,
    SubmittedPart,
)

routes = Routes()
_VERSION = re.compile(r'^(?:W/)?"?(\d{1,9})"?$')


@routes.add("POST", "/v1/drafts", who="resident", summary="开始一份申请", body=NewDraft, reply=Draft, status=201)
async def start(call: Call) -> Draft:
    item = await to_apply(call.deps.content, call.body.item_code)
    known = await draft_view.known(call.deps, call.resident, item)
    draft = await drafts.start(call.deps.applying.desk, owner_of(call), item, known)
    return shape(await draft_view.view(call.deps, draft, owner_of(call)))


@routes.add("GET", "/v1/drafts", who="resident", summary="我的草稿", reply=Drafts)
async def mine(call: Call) -> Drafts:
    rows = await call.deps.applying.desk.drafts.drafts(owner_of(call))
    closures = await call.deps.content.closures.of_all([one["code"] for row in rows for one in _items(row)])
    items = []
    for row in rows:
        closed = first_of([closures[one["code"]] for one in _items(row) if one["code"] in closures])
        items.append(DraftEntry(id=row["_id"], updated_at=at_edge(row["updated_at"]), closed=_closed(closed), **_fields(row)))
    return Drafts(items=items)


@routes.add("GET", "/v1/drafts/<draft_id:str>", who="resident", summary="打开草稿", reply=Draft)
async def read(call: Call, draft_id: str) -> Draft:
    return shape(await _seen(call, draft_id))


@routes.add("PATCH", "/v1/drafts/<draft_id:str>", who="resident", summary="修改草稿（可带 If-Match: 版本）", body=DraftChange, reply=Draft)
async def change(call: Call, draft_id: str) -> Draft:
    asked, owner = call.body, owner_of(call)
    seen = await _seen(call, draft_id)
    if asked.situations is not None:
        draft_view.check_situations(seen.item, asked.situations)
    materials = None if asked.materials is None else [one.model_dump() for one in asked.materials]
    wish = Change(asked.answers, materials, asked.situations, _if_match(call))
    changed = await drafts.change(call.deps.applying.desk, seen.draft, seen.item, wish, owner)
    return shape(await draft_view.view(call.deps, changed, owner))


@routes.add("POST", "/v1/drafts/<draft_id:str>/precheck", who="resident", summary="预审：提交前一次说清全部问题", body=NoBody, reply=Prechecked)
async def check(call: Call, draft_id: str) -> Prechecked:
    owner, steps = owner_of(call), call.deps.item_steps
    draft = await drafts.open_draft(call.deps.applying.desk.drafts, draft_id, owner)
    codes = item_steps.codes_of(draft, draft_view.to_hand_in(draft))
    async with item_steps.counted(steps, codes, "check"):
        seen = await draft_view.view(call.deps, draft, owner, to_submit=draft["state"] == "open")
        ours, theirs = await asyncio.gather(draft_view.found_by_us(call.deps, seen, owner), _by_core(call, seen))
    found = [FoundProblem(field=one.field, message=one.message, source=one.source, blocks=one.blocks) for one in [*ours, *(theirs or ())]]
    blocked, silent = any(one.blocks for one in found), theirs is None and call.resident.person_id is not None
    item_steps.pre_checked(steps, codes, blocked=blocked, core_silent=silent)
    if not blocked and codes and "checked_at" not in draft:
        await call.deps.applying.desk.drafts.passed_check(draft_id)
    return Prechecked(findings=found, core_checked=theirs is not None)


@routes.add("POST", "/v1/drafts/<draft_id:str>/submit", who="resident", summary="提交申请", body=NoBody, reply=Submitted, status=201, idempotent=True)
async def submit_draft(call: Call, draft_id: str) -> Submitted:
    if call.resident.person_id is None:
        raise Forbidden("real_name_needed", "提交申请前请先完成实名认证")
    draft = await drafts.open_draft(call.deps.applying.desk.drafts, draft_id, owner_of(call))
    codes = item_steps.codes_of(draft, draft_view.to_hand_in(draft))
    async with item_steps.counted(call.deps.item_steps, codes, "submit"):
        filed = await submit(call.deps.applying.filing, await asked_of(call, draft))
    item_steps.submitted(call.deps.item_steps, codes, filed)
    if draft["project_code"] is not None:
        return _submitted_together(draft, several_cases(filed, may_wait=wait_not(call)))
    return _submitted(one_case(filed, may_wait=wait_not(call)))


async def asked_of(call: Call, draft: dict[str, Any]) -> Asked:
    """What was handed in before the item ended is seen through; what is open is looked at as it is today."""
    owner = owner_of(call)
    if draft["state"] != "open":
        return Asked(draft, (), owner, call.resident.channel)
    await may_apply(call)
    seen = await draft_view.view(call.deps, draft, owner, to_submit=True)
    parts = seen.parts
    if any(one.get("licence_id") for one in seen.draft["materials"]) or any(part.covers for part in parts):
        parts = await may_show_licences(call, seen)
    found = precheck.blocking(await draft_view.found_by_us(call.deps, seen, owner))
    return Asked(seen.draft, parts, owner, call.resident.channel, found)


def shape(seen: View) -> Draft:
    row = seen.draft
    return Draft(
        id=row["_id"],
        item_version=row["item_version"],
        items=[DraftItem(**one) for one in row["items"]],
        project_code=row["project_code"],
        state=row["state"],
        answers=row["answers"],
        former_answers=[FormerAnswer(field=name, title=kept["title"], value=kept["value"]) for name, kept in row["former"].items()],
        materials=row["materials"],
        situations=row["situations"],
        form=seen.item["form"],
        form_changes=[
            FormChanged(field=one.field, how=list(one.how), title_before=one.title_before, title_after=one.title_after) for one in seen.changes
        ],
        wanted=[dict(one) for one in seen.facts.wanted],
        covered=[_covered(name, licence) for name, licence in seen.facts.covered.items()],
        closed=_closed(seen.closed),
        licences_known=seen.facts.licences is not None,
        updated_at=at_edge(row["updated_at"]),
        **_fields(row),
    )


async def _seen(call: Call, draft_id: str) -> View:
    owner = owner_of(call)
    return await draft_view.view(call.deps, await drafts.open_draft(call.deps.applying.desk.drafts, draft_id, owner), owner)


async def _by_core(call: Call, seen: View) -> list[precheck.Found] | None:
    """None before the real name is known: the core is asked for somebody."""
    caller, applying = call.resident, call.deps.applying
    if caller.person_id is None or caller.subject is None:
        return None
    try:
        applicant = await applying.filing.people.applicant(caller.subject.key, caller.person_id, caller.resident_id)
    except Outside:
        return None
    return await draft_view.found_by_core(call.deps, seen, applicant, caller.subject.key)


def _submitted(filed: Filed) -> Submitted:
    told = f"已提交“{filed.item_name}”，办件编号 {filed.case_no}，可在“我的办件”查看进度"
    if filed.case_no is None:
        told = f"已收到“{filed.item_name}”，正在提交…请勿重新填写，稍后在“我的办件”查看"
    receipt = Receipt(
        receipt_no=filed.request_id,
        item_name=filed.item_name,
        submitted_at=at_edge(filed.submitted_at),
        text=told,
        progress_secret=filed.progress_secret,
    )
    return Submitted(case_no=filed.case_no, receipt=receipt, http_status=202 if filed.case_no is None else 201)


def _submitted_together(draft: dict[str, Any], filed: Sequence[Filed]) -> Submitted:
    """What the core has not taken yet is finished by the worker; what it refused is open again in the draft."""
    taken, refused = sum(one.case_no is not None for one in filed), sum(one.refused is not None for one in filed)
    told = f"“{draft['item_name']}”共 {len(filed)} 件，已提交 {taken} 件"
    told += f"，{refused} 件没有被接受，请在草稿里改好再提交" if refused else ""
    waiting = len(filed) - taken - refused
    told += f"，{waiting} 件正在提交…请勿重新填写" if waiting else ""
    submitted_at = at_edge(min(one.submitted_at for one in filed))
    receipt = Receipt(receipt_no=draft["project_code"], item_name=draft["item_name"], submitted_at=submitted_at, text=told, progress_secret=None)
    parts = [
        SubmittedPart(
            item_code=one.item_code,
            item_name=one.item_name,
            receipt_no=one.request_id,
            case_no=one.case_no,
            refused=one.refused is not None,
            progress_secret=one.progress_secret,
        )
        for one in filed
    ]
    status = 202 if waiting else 201
    return Submitted(case_no=None, receipt=receipt, project_code=draft["project_code"], parts=parts, http_status=status)


def _if_match(call: Call) -> int | None:
    given = call.request.headers.get("if-match")
    if given is None or given == "*":
        return None
    match = _VERSION.match(given)
    if match is None:
        raise Invalid("input_invalid", "If-Match 应为草稿的版本号", errors=(FieldError("If-Match", "应为草稿的版本号"),))
    return int(match[1])


def _covered(name: str, licence: Licence) -> Covered:
    expires_at = at_edge_or_none(licence.expires_at)
    return Covered(
        material=name,
        licence_id=licence.licence_id,
        licence_type=licence.type,
        licence_name=licence.name,
        number=masked(licence.number),
        expires_at=expires_at,
    )


def _items(row: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Rows of an earlier release know one item."""
    return row.get("items") or [{"code": row["item_code"]}]


def _closed(closure: Closure | None) -> ClosedOnline | None:
    return ClosedOnline(**closure.told) if closure is not None else None


def _fields(row: dict[str, Any]) -> dict[str, Any]:
    kind = "joint" if row.get("project_code") else "single"
    return {**{key: row[key] for key in ("item_code", "item_name", "version")}, "kind": kind}
