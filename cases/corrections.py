"""Answering a notice of corrections, in one round: everything it asks for is there, or everything that is missing is told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cases import acting, hand_over
from cases.act_store import Act
from cases.acting import Acted, Acting, Kind
from cases.drafts import check_materials, file_problems
from cases.file_store import Owner
from cases.forms import Checks
from cases.hand_over import NO_LICENCE, About
from cases.moves import projection_of
from cases.notices import Notice, unanswered
from core.case_acts import CorrectionAsk
from core.types import Case
from kit.errors import Conflict, FieldError, Invalid
from kit.mongo import Tx

Materials = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Correction:
    """What the resident puts right. `item`: as the case was filed under, if that version is on record."""

    answers: Mapping[str, Any]
    materials: Materials
    item: Mapping[str, Any] | None
    owner: Owner


async def correct(desk: Acting, checks: Checks, row: Mapping[str, Any], asked: Correction, *, may_wait: bool) -> Acted:
    """`row`: the case. Raises Invalid with everything that is missing or wrong, Conflict, Unavailable while the core is away."""
    notices = projection_of(row)
    notice = notices.open_notice or (notices.notices[-1] if notices.notices else None)
    if notice is None:
        raise _not_waiting()
    act = _act(row, notice, asked)
    before = await desk.acts.act(act.id)
    if notices.open_notice is None and (before is None or not desk.acts.is_like(before, act)):
        raise _not_waiting()
    if before is None or before["state"] == "refused":
        await _check(desk, checks, (row, notice), asked)
        await acting.record(desk, act)
    elif not desk.acts.is_like(before, act):
        raise Conflict("correction_under_way", "上一次补正正在提交，请稍后在办件详情查看")
    await acting.at_once(desk, CORRECTION, act.id)
    return await acting.outcome(desk, act.id, _told(), may_wait=may_wait)


def _act(row: Mapping[str, Any], notice: Notice, asked: Correction) -> Act:
    """Its id is the notice's: however often and with whatever key it is answered, the core sees one correction."""
    if asked.owner.person_id is None:
        raise LookupError("nobody stands behind the resident")
    own = f"k{row['_id'][1:]}-{notice.version}"
    who = (asked.owner.person_id, asked.owner.resident_id)
    return Act(own, "correction", row["_id"], row["case_no"], notice.version, *who, asked.answers, asked.materials)


async def _check(desk: Acting, checks: Checks, about: tuple[Mapping[str, Any], Notice], asked: Correction) -> None:
    row, notice = about
    check_materials(asked.materials)
    handed = [{**one, "presentation": one.get("licence_id")} for one in asked.materials]
    wrong = unanswered(notice, asked.answers, handed) + _names(notice, asked) + _ways(asked.materials)
    wrong += await file_problems(desk.over.files.store, asked.materials, asked.owner)
    item = asked.item
    if item is not None and asked.answers:
        filed = await desk.store.by_request(row["_id"])
        whole = {**(filed or {"answers": {}})["answers"], **await desk.acts.corrected(row["_id"]), **asked.answers}
        problems = checks.problems(item["code"], item["version"], item["form"], whole)
        touched = tuple(f"answers.{name}." for name in asked.answers)
        wrong += [one for one in problems if f"{one.field}.".startswith(touched)]
    if wrong:
        raise Invalid("corrections_incomplete", "还有补正事项没有完成，请按下列提示一次改好", errors=tuple(wrong))


def _names(notice: Notice, asked: Correction) -> list[FieldError]:
    """Materials the item lists, or the notice asks for."""
    if asked.item is None or asked.item["materials"] is None:
        return []
    known = {one["name"] for one in asked.item["materials"]} | {one.name for one in notice.findings if one.target == "material"}
    names = [(place, str(one["name"])) for place, one in enumerate(asked.materials)]
    return [FieldError(f"materials.{place}.name", f"这个办件没有“{name[:40]}”这项材料，请删除") for place, name in names if name not in known]


def _ways(materials: Materials) -> list[FieldError]:
    bare = [place for place, one in enumerate(materials) if one["hand_in"] == "online" and not one.get("files") and not one.get("licence_id")]
    return [FieldError(f"materials.{place}.files", "选择了网上提交，请上传文件或选择证照；也可以改为到窗口提交") for place in bare]


async def _send(desk: Acting, act: dict[str, Any], case: dict[str, Any]) -> Case:
    facts = await hand_over.bring(desk.over, act["materials"])
    owner = Owner(case["subject_key"], act["person_id"], act["resident_id"])
    shown = await hand_over.show_licences(desk.over, act["materials"], About(owner, case["item_code"], case["item_name"], case["_id"]))
    materials = hand_over.told(act["materials"], facts, shown)
    return await desk.over.acts.correct(act["case_no"], CorrectionAsk(correction_id=act["_id"], answers=act["answers"], materials=materials))


async def _look(desk: Acting, act: dict[str, Any]) -> Case | None:
    return await desk.over.acts.find_correction(act["case_no"], act["_id"])


async def _also(desk: Acting, tx: Tx, act: dict[str, Any]) -> None:
    """What was handed in again is known when the next notice comes."""
    content = desk.store.fingerprints(act["request_id"], act["answers"], act["materials"])
    await desk.store.record_round(tx, act["request_id"], act["version"], content)


CORRECTION = Kind(_send, _look, _also)


def _told() -> dict[str, Conflict]:
    licence = Conflict("licence_refused", "要出示的证照已失效或不能由您出示，请换一张证照或上传材料后重新补正")
    gone = Conflict("file_gone", "有的文件刚刚被删除或没有通过检查，请刷新后重新上传")
    return {**dict.fromkeys(NO_LICENCE, licence), "file_gone": gone, "not_waiting_for_corrections": _not_waiting()}


def _not_waiting() -> Conflict:
    return Conflict("not_waiting_for_corrections", "这个办件现在不需要补正，请刷新后查看进度")
