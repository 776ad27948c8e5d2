"""Filing a draft with the core, once. The intent is durable before the core hears of it; an unknown outcome is asked for, never repeated blindly."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from cases.drafts import findings
from cases.store import Cases, request_id_of
from core.client import Core
from core.types import Applicant
from kit.errors import Conflict, Invalid, NotReached, Outside, Refused, Unavailable, Unknown
from kit.mongo import Mongo, Tx
from kit.outbox import Outbox, Row

KIND = "case.submit"
GRACE = 10.0  # seconds the request that recorded the intent has for itself before the worker may take over


class People(Protocol):
    """Supplied by wiring: who the case is filed for."""

    async def applicant(self, person_id: str, resident_id: str) -> Applicant: ...


@dataclass(frozen=True, slots=True)
class Filed:
    """The core holds the case."""

    request_id: str
    case_no: str
    item_name: str
    submitted_at: datetime
    progress_secret: str | None  # the code of the receipt


@dataclass(frozen=True, slots=True)
class Filing:
    """What filing needs: our store, the outbox, the core and the people behind person ids."""

    mongo: Mongo
    store: Cases
    outbox: Outbox
    core: Core
    people: People


async def submit(filing: Filing, draft: dict[str, Any], item: dict[str, Any], person_id: str, channel: str) -> Filed:
    """Raises Invalid with every finding, Conflict when the core refuses, Unavailable while it is away (the intent then stays and is carried out)."""
    request_id = request_id_of(draft)
    if draft["state"] == "open":
        found = findings(draft, item)
        if found:
            raise Invalid("draft_incomplete", "申请还不能提交，请按下列提示一次改好", errors=tuple(found))
        await _record(filing, draft, person_id, channel, item.get("kind"))
    row = await filing.outbox.take_key(_key(request_id))
    if row is not None:
        await _attempt(filing, row)
    return await _outcome(filing, request_id)


async def carry_out(filing: Filing, row: Row) -> None:
    """Worker: finish an intent nobody saw through. Raises Outside to be called again."""
    await _file(filing, row)


async def _record(filing: Filing, draft: dict[str, Any], person_id: str, channel: str, item_kind: str | None) -> None:
    async def intent(tx: Tx) -> None:
        case = await filing.store.record_sending(tx, draft, person_id, channel, item_kind)
        await filing.outbox.put(tx, KIND, _key(case["_id"]), {"request_id": case["_id"]}, delay=GRACE)

    try:
        await filing.mongo.transaction(intent)
    except LookupError as exc:
        raise Conflict("draft_changed", "这份草稿刚刚被修改或提交，请刷新后查看") from exc


async def _attempt(filing: Filing, row: Row) -> None:
    try:
        await _file(filing, row)
    except Outside as exc:
        await filing.outbox.give_back(row, str(exc))


async def _file(filing: Filing, row: Row) -> None:
    request_id = row.payload["request_id"]
    case = await filing.store.by_request(request_id)
    if case is None or case["state"] == "refused":
        await filing.outbox.done(row.key)
        return
    known = await filing.core.find_case(request_id) if row.attempt > 1 else None
    if known is None:
        applicant = await filing.people.applicant(case["person_id"], case["resident_id"])
        item = (case["item_code"], case["item_version"])
        try:
            known = await filing.core.submit(request_id, item, applicant, case["answers"], case["materials"], case["channel"])
        except Refused as exc:
            await _refused(filing, row, request_id, exc.reason)
            return
        except Unknown:
            known = await filing.core.find_case(request_id)
            if known is None:
                raise NotReached("core", "submit_not_seen_there") from None

    async def both(tx: Tx) -> None:
        await filing.store.record_filed(tx, known)
        await filing.outbox.done(row.key, tx)

    await filing.mongo.transaction(both)


async def _refused(filing: Filing, row: Row, request_id: str, reason: str) -> None:
    async def both(tx: Tx) -> None:
        await filing.store.record_refused(tx, request_id, reason)
        await filing.outbox.done(row.key, tx)

    await filing.mongo.transaction(both)


async def _outcome(filing: Filing, request_id: str) -> Filed:
    case = await filing.store.by_request(request_id)
    if case is not None and case["case_no"] is not None and "submitted_at" in case:
        return Filed(request_id, case["case_no"], case["item_name"], case["submitted_at"], filing.store.progress_secret(case))
    if case is not None and case["state"] == "refused":
        raise Conflict("core_refused", "政务平台没有接受这份申请，草稿已保留，请核对后重新提交或致电 12345")
    told = "申请已保存，政务平台暂时没有回应；我们会继续为您提交，请勿重新填写，稍后在“我的办件”查看"
    raise Unavailable("core_unavailable", told, retry_after=5)


def _key(request_id: str) -> str:
    return f"submit:{request_id}"
