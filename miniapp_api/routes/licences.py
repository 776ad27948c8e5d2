"""Licences of whom one acts for: which there are, allowing one to be shown, and every use that was allowed."""

from typing import Any

from cases import drafts
from cases.draft_store import request_id_of
from cases.hand_over import NO_LICENCE
from cases.licence_store import Wish
from cases.licences import FOR_A_CASE, FOR_AN_ITEM, expires_soon, present, presentation_id
from cases.pages import cursor, place
from content.standing import to_handle
from core.licences import Licence, LicenceState
from kit.clock import at_edge, at_edge_or_none, now
from kit.errors import Conflict, NotFound, Outside, Refused, Unavailable
from miniapp_api.gate import Call, Routes
from miniapp_api.may import may_use_licences
from miniapp_api.reminding import licences_read
from miniapp_api.routes.files import owner_of
from miniapp_api.shapes import OwnPage
from miniapp_api.shapes_licences import Authorization, Authorize, LicenceEntries, LicenceEntry, LicenceUse, LicenceUseList
from residents.subjects import bound

routes = Routes()
_STATES = {LicenceState.VALID: "有效", LicenceState.EXPIRED: "已过期", LicenceState.REVOKED: "已注销或吊销", LicenceState.OTHER: "暂不可用"}


@routes.add("GET", "/v1/licences", who="resident", summary="我的证照", reply=LicenceEntries)
async def listed(call: Call) -> LicenceEntries:
    person_id, subject_key = bound(call.resident), owner_of(call).key
    found = await call.deps.applying.licensing.shelf.of(subject_key, fresh=True)
    if found is None:
        return LicenceEntries(items=[], known=False, text="暂时查不到证照，请稍后再看；办事可先上传材料")
    await licences_read(call.deps, person_id, subject_key, found)
    return LicenceEntries(items=[_entry(one) for one in found], known=True, text=f"共 {len(found)} 张证照")


@routes.add(
    "POST",
    "/v1/licences/<licence_id:str>/authorizations",
    who="resident",
    summary="授权出示一张证照",
    body=Authorize,
    reply=Authorization,
    status=201,
    idempotent=True,
)
async def authorize(call: Call, licence_id: str) -> Authorization:
    await may_use_licences(call)
    wish = await _wish(call, licence_id)
    try:
        row = await present(call.deps.applying.licensing, wish)
    except Refused as exc:
        if exc.reason in NO_LICENCE:
            raise Conflict("licence_refused", "这张证照已失效或不能由您出示，请换一张证照或上传材料") from exc
        raise Conflict("core_refused", "政务平台没有接受这次授权，请核对后重试或致电 12345") from exc
    except Outside as exc:
        raise Unavailable("core_unavailable", "政务平台暂时没有回应，请用同一个 Idempotency-Key 稍后再试", retry_after=5) from exc
    return Authorization(code=row["code"], **_use(row, call.resident.person_id))


@routes.add("GET", "/v1/licences/uses", who="resident", summary="证照使用记录", query=OwnPage, reply=LicenceUseList)
async def uses(call: Call) -> LicenceUseList:
    person_id = bound(call.resident)
    rows = await call.deps.applying.licensing.uses.of_subject(owner_of(call).key, place(call.query.cursor), call.query.limit)
    after = cursor(rows[-1]["at"], rows[-1]["_id"]) if len(rows) == call.query.limit else None
    return LicenceUseList(items=[LicenceUse(**_use(row, person_id)) for row in rows], next_cursor=after)


def masked(number: str) -> str:
    """Enough to recognise one's own."""
    shown = min(4, len(number) // 3)
    return f"{number[:shown]}{'*' * (len(number) - 2 * shown)}{number[len(number) - shown :]}"


async def _wish(call: Call, licence_id: str) -> Wish:
    """For a draft the very presentation its submission will use; for an item one for each key."""
    owner, asked = owner_of(call), call.body
    held = await call.deps.applying.licensing.shelf.of(owner.key, fresh=True)
    name = next((one.name for one in held or () if one.licence_id == licence_id), None)
    if held is not None and name is None:
        raise NotFound("licence_unknown", "没有找到这张证照，请刷新后重新选择")
    if asked.draft_id is not None:
        draft = await drafts.open_draft(call.deps.applying.desk.drafts, asked.draft_id, owner)
        if draft["state"] != "open" or draft["project_code"] is not None:
            raise Conflict("draft_submitted", "这份申请已经提交或是几项合办，提交时会自动授权，不用单独授权")
        request_id = request_id_of(draft)
        own, until = presentation_id(request_id, licence_id), now() + FOR_A_CASE
        return Wish(own, licence_id, owner, draft["item_code"], draft["item_name"], asked.purpose, until, name or "", request_id)
    item = await to_handle(call.deps.content, asked.item_code)
    own = presentation_id(owner.key, licence_id, call.resident.resident_id, call.request.headers.get("idempotency-key", ""))
    return Wish(own, licence_id, owner, item["code"], item["name"], asked.purpose, now() + FOR_AN_ITEM, name or "")


def _entry(one: Licence) -> LicenceEntry:
    soon = expires_soon(one, now())
    return LicenceEntry(
        id=one.licence_id,
        type=one.type,
        name=one.name,
        number=masked(one.number),
        issuer=one.issuer,
        issued_at=at_edge(one.issued_at),
        expires_at=at_edge_or_none(one.expires_at),
        expires_soon=soon,
        state=one.state.value,
        text="即将到期，请及时换领" if soon else _STATES[one.state],
    )


def _use(row: dict[str, Any], person_id: str | None) -> dict[str, Any]:
    return {
        "id": row["_id"],
        "licence_id": row["licence_id"],
        "licence_name": row["licence_name"],
        "item_code": row["item_code"],
        "item_name": row["item_name"],
        "receipt_no": row["request_id"],
        "purpose": row["purpose"],
        "at": at_edge(row["at"]),
        "valid_until": at_edge(row["valid_until"]),
        "state": row["state"],
        "by_me": row["person_id"] == person_id,
    }
