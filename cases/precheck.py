"""Everything that stands in the way of an application, told at once and before it is submitted: by our own rules, and by the core's.

What `blocks` must be put right before submitting. The rest is what a window would ask for: better known now than on the way back home.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cases import hand_over
from cases.drafts import file_problems
from cases.file_store import Owner
from cases.forms import Checks
from cases.hand_over import HandOver
from core.case_acts import PrecheckAsk
from core.licences import Licence
from core.types import Applicant, Finding
from kit.errors import FieldError, Outside

PATIENCE = 8.0  # seconds for the core's word, with the files it has not seen yet

Source = Literal["form", "materials", "files", "core"]


@dataclass(frozen=True, slots=True)
class Found:
    field: str
    message: str
    source: Source
    blocks: bool = True


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rules look at. `wanted`: the materials the chosen situations leave; `covered`: those a licence stands for.

    `licences` None: the core does not tell now.
    """

    item: Mapping[str, Any]
    wanted: Sequence[Mapping[str, Any]]
    licences: Sequence[Licence] | None
    covered: Mapping[str, Licence]


async def local(over: HandOver, checks: Checks, draft: Mapping[str, Any], facts: Facts, owner: Owner) -> list[Found]:
    """Form, materials, files. Nothing leaves the house."""
    item = facts.item
    form = [Found(one.field, one.message, "form") for one in checks.problems(item["code"], item["version"], item["form"], draft["answers"])]
    files = [Found(one.field, one.message, "files") for one in await file_problems(over.files.store, draft["materials"], owner)]
    return form + _materials(draft["materials"], facts) + files


def blocking(found: Sequence[Found]) -> list[FieldError]:
    return [FieldError(one.field, one.message) for one in found if one.blocks]


async def by_core(over: HandOver, draft: Mapping[str, Any], facts: Facts, applicant: Applicant, subject_key: str) -> list[Found] | None:
    """What the core would object to. None: it did not say, or cannot yet."""
    try:
        async with asyncio.timeout(PATIENCE):
            brought = await hand_over.bring(over, draft["materials"])
            ask = PrecheckAsk(
                item_code=facts.item["code"],
                item_version=facts.item["version"],
                applicant=applicant,
                subject=subject_key,
                answers=dict(draft["answers"]),
                materials=hand_over.told(draft["materials"], brought),
            )
            return _told(await over.acts.precheck(ask), draft["materials"])
    except (Outside, TimeoutError):
        return None


def _materials(handed: Sequence[Mapping[str, Any]], facts: Facts) -> list[Found]:
    item, found = facts.item, []
    known = {str(one["name"]): one for one in item["materials"] or ()}
    wanted = {str(one["name"]): one for one in facts.wanted}
    for place, one in enumerate(handed):
        name, path = str(one["name"]), f"materials.{place}"
        if item["materials"] is not None and name not in known:
            found.append(Found(f"{path}.name", f"办事指南里没有“{name[:40]}”这项材料，请删除", "materials"))
        elif name in known and name not in wanted:
            found.append(Found(f"{path}.name", f"按您选择的情形不需要“{name[:40]}”，可以删去", "materials", blocks=False))
        found += _way(one, path, facts)
    given = {str(one["name"]) for one in handed}
    missing = [one for name, one in wanted.items() if one.get("required") and name not in given and name not in facts.covered]
    return found + [Found(f"materials.{one['name']}", _missing(one), "materials", blocks=False) for one in missing]


def _way(one: Mapping[str, Any], path: str, facts: Facts) -> list[Found]:
    """How one material comes."""
    name, licence_id = str(one["name"])[:40], one.get("licence_id")
    if licence_id and facts.licences is not None and name not in facts.covered and str(one["name"]) not in facts.covered:
        return [Found(f"{path}.licence_id", f"选来代替“{name}”的证照已失效或不是您的，请换一张或上传文件", "materials")]
    if one["hand_in"] == "online" and not licence_id and not one.get("files"):
        return [Found(f"{path}.files", f"“{name}”选择了网上提交，请上传文件或选择证照；也可以改为到窗口提交", "materials")]
    if one["hand_in"] == "courier" and facts.item.get("materials_by_courier") is False:
        return [Found(f"{path}.hand_in", f"这个事项的材料不能寄递，“{name}”请改为网上或窗口提交", "materials")]
    return []


def _missing(one: Mapping[str, Any]) -> str:
    only_if = "、".join(str(title) for title in one.get("only_if") or ())
    told = f"还缺“{str(one['name'])[:40]}”，请上传文件，或选择到窗口提交"
    return f"如果“{only_if}”，{told}" if only_if else told


def _told(findings: Sequence[Finding], handed: Sequence[Mapping[str, Any]]) -> list[Found]:
    places = {str(one["name"]): place for place, one in enumerate(handed)}
    found = []
    for one in findings:
        path = "case"
        if one.target == "field" and one.name:
            path = f"answers.{one.name.removeprefix('answers.')}"
        elif one.target == "material" and one.name:
            path = f"materials.{places.get(one.name, one.name)}"
        found.append(Found(path, f"{one.problem}；{one.fix}" if one.fix else one.problem, "core", blocks=False))
    return found
