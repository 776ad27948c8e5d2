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
from cases.joint import common_path
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
class Own:
    """What one item is given. `names`: its field names -> those the resident sees; `places`: its material names -> where they stand in the draft."""

    item: Mapping[str, Any]
    answers: Mapping[str, Any]
    materials: Sequence[Mapping[str, Any]]
    names: Mapping[str, str]
    places: Mapping[str, str]

    def seen_as(self, field: str) -> str:
        return common_path(field, self.names) if self.names else field


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rules look at. `wanted`: the materials the chosen situations leave; `covered`: those a licence stands for; `own`: item by item.

    `licences` None: the core does not tell now.
    """

    item: Mapping[str, Any]
    wanted: Sequence[Mapping[str, Any]]
    licences: Sequence[Licence] | None
    covered: Mapping[str, Licence]
    own: Sequence[Own]


async def local(over: HandOver, checks: Checks, draft: Mapping[str, Any], facts: Facts, owner: Owner) -> list[Found]:
    """Form, materials, files. Nothing leaves the house."""
    form = [Found(one.seen_as(told.field), told.message, "form") for one in facts.own for told in _form(checks, one)]
    form = list(dict.fromkeys(form))  # what several items ask for is told once
    files = [Found(one.field, one.message, "files") for one in await file_problems(over.files.store, draft["materials"], owner)]
    return form + _materials(draft["materials"], facts) + files


def blocking(found: Sequence[Found]) -> list[FieldError]:
    return [FieldError(one.field, one.message) for one in found if one.blocks]


async def by_core(over: HandOver, own: Sequence[Own], applicant: Applicant, subject_key: str) -> list[Found] | None:
    """What the core would object to. None: it did not say of every item, or cannot yet."""
    try:
        async with asyncio.timeout(PATIENCE):
            told = await asyncio.gather(*(_asked(over, one, applicant, subject_key) for one in own))
    except (Outside, TimeoutError):
        return None
    return list(dict.fromkeys(one for each in told for one in each))


async def _asked(over: HandOver, own: Own, applicant: Applicant, subject_key: str) -> list[Found]:
    brought = await hand_over.bring(over, own.materials)
    ask = PrecheckAsk(
        item_code=own.item["code"],
        item_version=own.item["version"],
        applicant=applicant,
        subject=subject_key,
        answers=dict(own.answers),
        materials=hand_over.told(own.materials, brought),
    )
    return _told(await over.acts.precheck(ask), own)


def _form(checks: Checks, own: Own) -> list[FieldError]:
    return checks.problems(own.item["code"], own.item["version"], own.item["form"], dict(own.answers))


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


def _told(findings: Sequence[Finding], own: Own) -> list[Found]:
    found = []
    for one in findings:
        path = "case"
        if one.target == "field" and one.name:
            path = own.seen_as(f"answers.{one.name.removeprefix('answers.')}")
        elif one.target == "material" and one.name:
            path = own.places.get(one.name, f"materials.{one.name}")
        found.append(Found(path, f"{one.problem}；{one.fix}" if one.fix else one.problem, "core", blocks=False))
    return found
