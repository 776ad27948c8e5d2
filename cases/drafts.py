"""Drafts live on the server and follow the item: answers are kept when the form changes, and what changed is told.

Whoever acts for the subject goes on with its drafts, on every channel. An item here is what the catalogue says, or several of them as one
(cases/joint.py): code, version, name, form, materials, and `parts`, the items behind it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cases import files
from cases.draft_store import Content, Drafts, Head, seen
from cases.file_store import Files, Owner
from cases.forms import FormChange, changes, fields, title_of
from kit.errors import Conflict, FieldError, Invalid, NotFound, VersionConflict
from kit.mongo import Mongo, Tx

MAX_ANSWERS = 200
MAX_FILES = 200  # in all materials of a draft together

Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Desk:
    """What drafts need: the stores of drafts and of the files in them."""

    mongo: Mongo
    drafts: Drafts
    files: Files


@dataclass(frozen=True, slots=True)
class Change:
    """What a resident does to a draft. Of `answers`, null removes one; `materials` and `situations` None: as they were."""

    answers: Mapping[str, Any]
    materials: Sequence[Mapping[str, Any]] | None = None
    situations: Sequence[str] | None = None
    if_match: int | None = None


async def start(desk: Desk, owner: Owner, item: Item, known: Mapping[str, str | None], project_code: str | None = None) -> dict[str, Any]:
    """A new draft, with what is already known of the applicant (name, id_number, phone, …) filled in where the form asks for it."""
    for part in parts_of(item):
        if part["online"] is False:
            raise Conflict("item_not_online", "这个事项暂不能网上申请，请按办事指南到窗口办理")
    prefilled = {field: known[spec["x-prefill"]] for field, spec in fields(item["form"]).items() if known.get(str(spec.get("x-prefill")))}
    content = Content(prefilled, {}, [], [], [seen(part) for part in parts_of(item)])
    return await desk.drafts.add(owner, Head(item["code"], item["version"], item["name"], project_code), content)


async def open_draft(drafts: Drafts, draft_id: str, owner: Owner) -> dict[str, Any]:
    """Raises NotFound, also for somebody else's draft."""
    draft = await drafts.draft(draft_id, owner)
    if draft is None:
        raise NotFound("draft_unknown", "没有找到这份草稿，请从“我的草稿”中重新打开")
    return draft


def parts_of(item: Item) -> Sequence[Item]:
    """The items behind it: itself, if it is one."""
    found: Sequence[Item] = item.get("parts") or [item]
    return found


def fitted(draft: Mapping[str, Any], item: Item, before: Mapping[str, Any] | None) -> dict[str, Any]:
    """The draft under the item as it is now. `before`: the form it was last saved under, if that is on record and another one.

    What was typed stays: an answer whose field is gone moves to `former`, and comes back should its field come back.
    """
    now_seen = [seen(part) for part in parts_of(item)]
    made = {**draft, "items": now_seen, "item_version": item["version"], "item_name": item["name"]}
    if before is None or item["form"] is None or draft["state"] != "open":
        return made if draft["state"] == "open" else dict(draft)
    old, new = fields(before), fields(item["form"])
    gone = {name: {"title": title_of(old[name], name), "value": value} for name, value in draft["answers"].items() if name in old and name not in new}
    former = {**draft["former"], **gone}
    back = {name: kept["value"] for name, kept in former.items() if name in new and name not in draft["answers"]}
    answers = {name: value for name, value in draft["answers"].items() if name not in gone} | back
    return {**made, "answers": answers, "former": {name: kept for name, kept in former.items() if name not in new}}


def form_changes(begun_with: Mapping[str, Any] | None, item: Item) -> list[FormChange]:
    """What is not as it was when the draft was begun; it stays told until the draft is submitted."""
    return changes(begun_with, item["form"])


async def change(desk: Desk, draft: dict[str, Any], item: Item, asked: Change, owner: Owner) -> dict[str, Any]:
    """`draft` as `fitted` gave it. Raises VersionConflict, Conflict, Invalid with everything that is wrong with the files."""
    if draft["state"] != "open":
        raise Conflict("draft_submitted", "这份申请已经提交，不能再修改")
    if asked.if_match is not None and asked.if_match != draft["version"]:
        raise _changed_elsewhere()
    content = _merged(draft, item, asked)
    before, after = file_ids(draft["materials"]), file_ids(content.materials)
    if asked.materials is not None:
        check_materials(content.materials)
        await check_files(desk.files, content.materials, owner)

    async def write(tx: Tx) -> dict[str, Any] | None:
        changed = await desk.drafts.change(tx, draft, Head(item["code"], item["version"], item["name"]), content, owner.person_id)
        if changed is not None and before != after:
            await files.attach(desk.files, tx, sorted(after - before), user(draft))
            await desk.files.detach(tx, sorted(before - after), user(draft))
        return changed

    changed = await desk.mongo.transaction(write)
    if changed is None:
        raise _changed_elsewhere()
    return changed


def user(draft: Mapping[str, Any]) -> str:
    """What a file is used by as long as it is part of the draft."""
    return f"draft:{draft['_id']}"


def file_ids(materials: Sequence[Mapping[str, Any]]) -> set[str]:
    return {str(one) for material in materials for one in material.get("files") or ()}


def check_materials(materials: Sequence[Mapping[str, Any]]) -> None:
    """Raises Invalid: each material comes once, in one way, and with not too many files."""
    names = [str(one["name"]) for one in materials]
    wrong = [FieldError(f"materials.{n}.name", f"“{name[:40]}”重复了，请合并成一项") for n, name in enumerate(names) if name in names[:n]]
    both = [n for n, one in enumerate(materials) if one.get("files") and one.get("licence_id")]
    wrong += [FieldError(f"materials.{n}.licence_id", "已选择出示证照，不用再上传文件；请保留一种方式") for n in both]
    if sum(len(one.get("files") or ()) for one in materials) > MAX_FILES:
        wrong.append(FieldError("materials", f"文件超过 {MAX_FILES} 个，请合并或删减"))
    if wrong:
        raise Invalid("input_invalid", "材料填写有误，请按提示修改", errors=tuple(wrong))


async def check_files(store: Files, materials: Sequence[Mapping[str, Any]], owner: Owner) -> None:
    """Raises Invalid that names every file that cannot be used, or is not the subject's own."""
    wrong = await file_problems(store, materials, owner)
    if wrong:
        raise Invalid("input_invalid", "有的文件还不能使用，请按提示处理", errors=tuple(wrong))


async def file_problems(store: Files, materials: Sequence[Mapping[str, Any]], owner: Owner) -> list[FieldError]:
    """One query, however many materials there are."""
    places = [(f"materials.{n}.files.{m}", str(one)) for n, each in enumerate(materials) for m, one in enumerate(each.get("files") or ())]
    if not places:
        return []
    try:
        await files.ready(store, [one for _, one in places], owner, "at")
    except Invalid as exc:
        return [replace(one, field=places[int(one.field.rpartition(".")[2])][0]) for one in exc.errors]
    return []


def _merged(draft: Mapping[str, Any], item: Item, asked: Change) -> Content:
    """An old client's answer to a field that is gone stays with the former ones."""
    gone = {name: value for name, value in asked.answers.items() if name in draft["former"]}
    here = {name: value for name, value in asked.answers.items() if name not in gone}
    former = {name: kept for name, kept in draft["former"].items() if gone.get(name, "") is not None}
    former |= {name: {**draft["former"][name], "value": value} for name, value in gone.items() if value is not None}
    merged = {key: value for key, value in {**draft["answers"], **here}.items() if value is not None}
    if len(merged) > MAX_ANSWERS * len(parts_of(item)):
        raise Invalid("input_invalid", f"填写的项目超过 {MAX_ANSWERS} 个，请删减")
    materials = draft["materials"] if asked.materials is None else asked.materials
    situations = draft["situations"] if asked.situations is None else asked.situations
    return Content(merged, former, materials, situations, draft["items"])


def _changed_elsewhere() -> VersionConflict:
    return VersionConflict("draft_changed", "这份草稿已在别处修改，请刷新后再填写")
