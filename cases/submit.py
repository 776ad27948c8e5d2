"""Filing a draft with the core, once. The intent is durable before the core hears of it; an unknown outcome is asked for, never repeated blindly.

One draft may be several cases (一件事): they are recorded together, filed side by side, and each is finished by itself.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from cases import files, hand_over
from cases.draft_store import Drafts, request_id_of
from cases.drafts import file_ids
from cases.file_store import Owner
from cases.follower import Follower, record_filed
from cases.hand_over import NO_LICENCE, About, HandOver
from cases.store import Cases, Sending
from core.case_acts import Submission
from core.client import Core
from core.types import Applicant, Case
from kit.errors import Conflict, FieldError, Invalid, NotReached, Refused, Unavailable, Unknown
from kit.mongo import Mongo, Tx
from kit.outbox import Outbox, Row

KIND = "case.submit"
GRACE = 10.0  # seconds the request that recorded the intent has for itself before the worker may take over
PATIENCE = 20.0  # seconds the resident is kept waiting; the worker goes on


class People(Protocol):
    """Supplied by wiring: the natural person a case of this subject names. Raises NotReached, Refused."""

    async def applicant(self, subject_key: str | None, person_id: str, resident_id: str) -> Applicant: ...


class Admission(Protocol):
    """Supplied by wiring: whether items may be handed in online, to the last moment."""

    async def still_open(self, tx: Tx, names: Mapping[str, str], whose: str) -> None:
        """`names`: code -> name; `whose`: the same for the same submission. Raises Conflict."""
        ...


@dataclass(frozen=True, slots=True)
class Part:
    """One item of what is submitted: (code, version, name, kind), its own answers and materials. `covers`: see hand_over.wanted_covers."""

    item: tuple[str, int, str, str | None]
    answers: Mapping[str, Any]
    materials: Sequence[Mapping[str, Any]]
    covers: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """A resident submits this draft as these parts; `found` is everything that stands in the way of it."""

    draft: Mapping[str, Any]
    parts: Sequence[Part]
    owner: Owner
    channel: str
    found: Sequence[FieldError] = ()


@dataclass(frozen=True, slots=True)
class Filed:
    """A case as far as it is: `case_no` None while the core has not taken it. `refused`: the core's word, for good."""

    request_id: str
    item_code: str
    item_name: str
    case_no: str | None
    submitted_at: datetime
    progress_secret: str | None  # the code of the receipt
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Filing:
    """What filing needs: our stores, the outbox, the core and the people behind person ids."""

    mongo: Mongo
    store: Cases
    drafts: Drafts
    outbox: Outbox
    core: Core
    people: People
    over: HandOver
    follower: Follower | None = None
    admission: Admission | None = None


async def submit(filing: Filing, asked: Asked) -> list[Filed]:
    """Every case of it, in the order of the parts. Raises Invalid with every finding, Conflict. What the core has not taken yet is carried out."""
    if asked.draft["state"] == "open":
        if asked.found:
            raise Invalid("draft_incomplete", "申请还不能提交，请按下列提示一次改好", errors=tuple(asked.found))
        await _record(filing, asked)
    request_id = request_id_of(asked.draft)
    own = [row for row in await filing.store.of_draft(asked.draft["_id"]) if _is_of(row["_id"], request_id)]
    await asyncio.gather(*(_at_once(filing, row["_id"]) for row in own if row["case_no"] is None))
    return [_filed(filing, row) for row in await filing.store.of_draft(asked.draft["_id"]) if _is_of(row["_id"], request_id)]


def one_case(found: Sequence[Filed], *, may_wait: bool) -> Filed:
    """Raises Conflict when the core refused it, Unavailable while it is away, unless the client `may_wait` for it."""
    one = found[0]
    if one.refused in NO_LICENCE:
        raise Conflict("licence_refused", "要出示的证照已失效或不能由您出示，草稿已保留，请换一张证照或上传材料后重新提交")
    if one.refused == "file_gone":
        raise Conflict("file_gone", "有的文件刚刚被删除或没有通过检查，请刷新后重新上传")
    if one.refused is not None:
        raise Conflict("core_refused", "政务平台没有接受这份申请，草稿已保留，请核对后重新提交或致电 12345")
    if one.case_no is None and not may_wait:
        told = "申请已保存，政务平台暂时没有回应；我们会继续为您提交，请勿重新填写，稍后在“我的办件”查看"
        raise Unavailable("core_unavailable", told, retry_after=5)
    return one


def several_cases(found: Sequence[Filed], *, may_wait: bool) -> Sequence[Filed]:
    """Some taken is an answer. Raises Conflict when the core refused every one, Unavailable as long as it took none, unless the client `may_wait`."""
    if any(one.case_no is not None for one in found):
        return found
    waiting = [one for one in found if one.refused is None]
    one_case(waiting or found, may_wait=may_wait)
    return found


async def carry_out(filing: Filing, row: Row) -> None:
    """Worker: finish an intent nobody saw through. Raises Outside to be called again."""
    await _file(filing, row)


def part_id(request_id: str, number: int, project_code: str | None) -> str:
    """Of a single item its draft's request id; of several together each its own."""
    return request_id if project_code is None else f"{request_id}-{number + 1}"


def _is_of(own: str, request_id: str) -> bool:
    return own == request_id or own.rpartition("-")[0] == request_id


async def _record(filing: Filing, asked: Asked) -> None:
    request_id = request_id_of(asked.draft)

    async def intent(tx: Tx) -> None:
        await filing.drafts.submitted(tx, asked.draft, request_id)
        await filing.drafts.taken_up(tx, asked.draft["_id"])
        for number, part in enumerate(asked.parts):
            own = part_id(request_id, number, asked.draft.get("project_code"))
            await filing.store.record_sending(tx, _sending(asked, part, own))
            await files.attach(filing.over.files.store, tx, sorted(file_ids(part.materials)), f"case:{own}")
            await filing.outbox.put(tx, KIND, _key(own), {"request_id": own}, delay=GRACE)
        if filing.admission is not None:  # last: what it holds is held shortest
            await filing.admission.still_open(tx, {code: name for code, _, name, _ in (part.item for part in asked.parts)}, request_id)

    try:
        await filing.mongo.transaction(intent)
    except LookupError as exc:
        raise Conflict("draft_changed", "这份草稿刚刚被修改或提交，请刷新后查看") from exc


def _sending(asked: Asked, part: Part, own: str) -> Sending:
    if asked.owner.person_id is None:
        raise LookupError("nobody stands behind the resident")
    return Sending(
        request_id=own,
        draft_id=asked.draft["_id"],
        subject_key=asked.owner.key,
        person_id=asked.owner.person_id,
        resident_id=asked.owner.resident_id,
        channel=asked.channel,
        item=part.item,
        answers=part.answers,
        materials=[*part.materials, *part.covers],
        project_code=asked.draft.get("project_code"),
    )


async def _at_once(filing: Filing, request_id: str) -> None:
    await filing.outbox.at_once(_key(request_id), lambda row: _file(filing, row), PATIENCE)


async def _file(filing: Filing, row: Row) -> None:
    request_id = row.payload["request_id"]
    case = await filing.store.by_request(request_id)
    if case is None or case["state"] == "refused":
        await filing.outbox.done(row.key)
        return
    known = await filing.core.find_case(request_id) if row.attempt > 1 else None
    if known is None:
        try:
            async with hand_over.held(filing.outbox, row):
                known = await _hand_in(filing, case)
        except Refused as exc:
            await _refused(filing, row, case, exc.reason)
            return
    held: Case = known

    async def both(tx: Tx) -> None:
        await record_filed(filing.store, filing.follower, tx, held)
        await filing.outbox.done(row.key, tx)

    await filing.mongo.transaction(both)


async def _hand_in(filing: Filing, case: dict[str, Any]) -> Case:
    """Papers first, then the case. Raises Refused for good, NotReached when it certainly is not there."""
    request_id = case["_id"]
    ask = await _submission(filing, case)
    try:
        return await filing.over.acts.submit(ask)
    except Unknown:
        known = await filing.core.find_case(request_id)
        if known is None:
            raise NotReached("core", "submit_not_seen_there") from None
        return known


async def _submission(filing: Filing, case: dict[str, Any]) -> Submission:
    subject = case.get("subject_key") or f"person:{case['person_id']}"
    owner = Owner(subject, case["person_id"], case["resident_id"])
    materials: Sequence[Mapping[str, Any]] = case["materials"]
    if any(one.get("cover") for one in materials):
        materials = await filing.store.settle_materials(case, await hand_over.choose_licences(filing.over.licensing, subject, materials))
    facts = await hand_over.bring(filing.over, materials)
    about = About(owner, case["item_code"], case["item_name"], case["_id"])
    shown = await hand_over.show_licences(filing.over, materials, about)
    return Submission(
        request_id=case["_id"],
        item_code=case["item_code"],
        item_version=case["item_version"],
        applicant=await filing.people.applicant(subject, case["person_id"], case["resident_id"]),
        answers=case["answers"],
        materials=hand_over.told(materials, facts, shown),
        channel=case["channel"],
        subject=subject,
        by_person_id=case["person_id"],
        project_code=case.get("project_code"),
        joint_id=case["draft_id"] if case.get("project_code") else None,
    )


async def _refused(filing: Filing, row: Row, case: Mapping[str, Any], reason: str) -> None:
    """Its draft is open again: for all of it, or for the one item of several that was refused."""

    async def both(tx: Tx) -> None:
        if await filing.store.record_refused(tx, case["_id"], reason) is not None:
            await filing.drafts.reopened(tx, case["draft_id"], case["item_code"] if case.get("project_code") else None)
            await filing.over.files.store.detach(tx, sorted(file_ids(case["materials"])), f"case:{case['_id']}")
        await filing.outbox.done(row.key, tx)

    await filing.mongo.transaction(both)


def _filed(filing: Filing, row: Mapping[str, Any]) -> Filed:
    known = row["case_no"] is not None and "submitted_at" in row
    refused = str(row.get("refused_because")) if row["state"] == "refused" else None
    return Filed(
        request_id=row["_id"],
        item_code=row["item_code"],
        item_name=row["item_name"],
        case_no=row["case_no"] if known else None,
        submitted_at=row["submitted_at"] if known else row["created_at"],
        progress_secret=filing.store.progress_secret(dict(row)),
        refused=refused,
    )


def _key(request_id: str) -> str:
    return f"submit:{request_id}"
