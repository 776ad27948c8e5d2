"""Broadcasts: staff tell a segment of residents something. Who had a hand in one never approves it; what was submitted is what is told.

draft ──> submitted ──> approved ──> running ──> done
  │           ├──> rejected │            │
  └───────────┴─────────────┴────────────┴──> stopped     for good
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol

from kit.clock import BEIJING, now
from kit.errors import Conflict, FieldError, Forbidden, Invalid, NotFound
from kit.ids import new_id
from kit.log import mask
from notify.broadcast_store import Broadcasts
from notify.kinds import KINDS, Value
from notify.told import Told
from notify.values import for_alipay, for_sms, plain, wechat_data


class State(StrEnum):
    DRAFT = "draft"
    SUBMITTED = "submitted"
    APPROVED = "approved"  # the next worker takes it up
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    REJECTED = "rejected"


TEXTS: Mapping[State, str] = {
    State.DRAFT: "草稿",
    State.SUBMITTED: "待审批",
    State.APPROVED: "已批准，即将开始",
    State.RUNNING: "正在发送",
    State.DONE: "已发完",
    State.STOPPED: "已停止",
    State.REJECTED: "未批准",
}
LIVE = (State.DRAFT.value, State.SUBMITTED.value, State.APPROVED.value, State.RUNNING.value)

# Where a tap may lead: pages of our own mini-program, which must be in its released version (WeChat answers 41030 otherwise).
PAGES: Mapping[str, str] = {
    "pages/index/index": "首页",
    "pages/me/messages": "我的消息",
    "pages/me/security": "账号与安全",
    "pages/me/files": "我的文件",
    "pages/case/list": "我的办件",
    "pages/order/list": "我的缴费",
    "pages/licence/list": "我的证照",
}
LONGEST_TITLE, LONGEST_BODY, LONGEST_REASON = 20, 500, 200  # characters; a WeChat `thing` shows 20
USUAL_RATE, FASTEST_RATE = 50, 200  # people a second
_LINK = re.compile(r"(?i)[a-z][a-z0-9+.-]*://|www\.|[a-z0-9-]+\.(?:com|cn|net|org|gov|top|xyz|vip|cc|info|shop|site|club|app|me|io)(?![a-z0-9])")


@dataclass(frozen=True, slots=True)
class Segment:
    """Whom. Nothing given: everybody who has an account. `channel` alone: who has one there. With `item_code`, `states` (open | finished) or `since`
    (the first day of filing, Beijing): whose case is such a one, filed through `channel` if that is given too."""

    channel: str | None = None
    item_code: str | None = None
    states: str | None = None
    since: date | None = None

    @property
    def is_about_cases(self) -> bool:
        return bool(self.item_code or self.states or self.since)

    @property
    def filed_from(self) -> datetime | None:
        """`since` as the moment it began."""
        return datetime(self.since.year, self.since.month, self.since.day, tzinfo=BEIJING) if self.since else None


@dataclass(frozen=True, slots=True)
class Wish:
    """`rate`: people a second. `department`, `region`: whose matter it is (staff/roles.py); None: the whole city's."""

    title: str
    body: str
    urgent: bool
    page: str
    segment: Segment
    rate: int = USUAL_RATE
    department: str | None = None
    region: str | None = None


class Audience(Protocol):
    """Supplied by wiring: who is in a segment, as inbox addresses (a person id, or "resident:<id>" of an account nobody stands behind)."""

    async def count(self, segment: Segment) -> int: ...

    async def page(self, segment: Segment, after: str, limit: int) -> list[str]:
        """The next ones after the address `after` ("": the first), in an order of its own, at most `limit`, each once; empty: there are no more."""


def wrong_in(wish: Wish) -> list[FieldError]:
    """Everything that is wrong: lengths, links, numbers of people, unknown pages, a rate or a day that cannot be."""
    title, body = _tidy(wish.title), _tidy(wish.body)
    wrong = [*_wrong_words("title", title, LONGEST_TITLE), *_wrong_words("body", body, LONGEST_BODY)]
    if wish.page not in PAGES:
        wrong.append(FieldError("page", f"只能跳转到本小程序的页面：{'、'.join(f'{page}（{name}）' for page, name in PAGES.items())}"))
    if not 1 <= wish.rate <= FASTEST_RATE:
        wrong.append(FieldError("rate", f"每秒发送人数应为 1 到 {FASTEST_RATE}，平时用 {USUAL_RATE}"))
    since = wish.segment.filed_from
    if since is not None and since > now():
        wrong.append(FieldError("segment.since", "起始日期不能晚于今天"))
    return wrong


def refusal(wrong: Sequence[FieldError]) -> Invalid:
    return Invalid("input_invalid", "填写的内容有误，请按提示修改", errors=tuple(wrong))


def checked(wish: Wish) -> dict[str, Any]:
    """The wish as it is kept. Raises Invalid with everything that is wrong."""
    if wrong := wrong_in(wish):
        raise refusal(wrong)
    segment = wish.segment
    chosen = {"channel": segment.channel, "item_code": segment.item_code, "states": segment.states}
    kept = {"title": _tidy(wish.title), "body": _tidy(wish.body), "urgent": wish.urgent, "page": wish.page, "rate": wish.rate}
    place = {"department": wish.department, "region": wish.region}
    return {**kept, **place, "segment": {**chosen, "since": segment.since.isoformat() if segment.since else None}}


async def draft(store: Broadcasts, wish: Wish, staff_id: str) -> dict[str, Any]:
    row = {"_id": new_id("bc"), **checked(wish), "state": State.DRAFT.value, "made_by": staff_id, "makers": [staff_id], "made_at": now()}
    row |= {"revision": 1, "cursor": "", "told": 0, "already": 0}
    await store.add(row)
    return row


async def change(store: Broadcasts, own: str, wish: Wish, staff_id: str) -> dict[str, Any]:
    """Raises Conflict once it was submitted. Whoever changes it has a hand in it."""
    changed = await store.change(own, checked(wish), staff_id)
    return changed or await _not_in(store, own, State.DRAFT)


async def submit(store: Broadcasts, audience: Audience, own: str, staff_id: str) -> dict[str, Any]:
    """Words and segment stand from now on, with what they look like and how many there are. Raises Conflict: no draft, changed just now, nobody in it."""
    row = await found(store, own)
    if row["state"] != State.DRAFT:
        raise _decided(row)
    count = await audience.count(segment_of(row))
    if count == 0:
        raise Conflict("broadcast_to_nobody", "现在没有符合条件的人，请调整发送范围")
    submitted = await store.submit(own, row["revision"], staff_id, preview(row, count))
    return submitted or await _not_in(store, own, State.DRAFT)


async def approve(store: Broadcasts, own: str, staff_id: str) -> dict[str, Any]:
    """From now on workers tell people. Maker is not checker: raises Forbidden for whoever wrote, changed or submitted it; Conflict when decided."""
    approved = await store.approve(own, staff_id)
    if approved is not None:
        return approved
    row = await found(store, own)
    if row["state"] == State.SUBMITTED:
        raise Forbidden("own_broadcast", "群发不能由拟稿或提交的人自己审批，请交给另一位审批人")
    raise _decided(row)


async def reject(store: Broadcasts, own: str, staff_id: str, reason: str) -> dict[str, Any]:
    """For good; a new draft may be made."""
    rejected = await store.move(own, (State.SUBMITTED.value,), State.REJECTED.value, {"rejected_by": staff_id, "rejected_because": reason})
    return rejected or await _not_in(store, own, State.SUBMITTED)


async def stop(store: Broadcasts, own: str, staff_id: str) -> dict[str, Any]:
    """At once and for good: nobody is told after the batch that is being written this moment. The second time changes nothing."""
    stopped = await store.move(own, LIVE, State.STOPPED.value, {"stopped_by": staff_id})
    if stopped is not None:
        return stopped
    row = await found(store, own)
    if row["state"] == State.STOPPED:
        return row
    raise _decided(row)


async def found(store: Broadcasts, own: str) -> dict[str, Any]:
    row = await store.broadcast(own)
    if row is None:
        raise unknown()
    return row


def segment_of(row: Mapping[str, Any]) -> Segment:
    kept = row["segment"]
    since = date.fromisoformat(kept["since"]) if kept["since"] else None
    return Segment(kept["channel"], kept["item_code"], kept["states"], since)


def told(row: Mapping[str, Any], at: datetime) -> Told:
    """What everybody is told. `at`: when it was approved, so that all read the same."""
    kind = KINDS["notice_urgent" if row["urgent"] else "notice"]
    fields: dict[str, Value] = {"title": row["title"], "at": at, "body": row["body"]}
    return Told(kind.key, plain(f"{row['title']}：{row['body']}"), fields, row["page"], broadcast_id=row["_id"])


def preview(row: Mapping[str, Any], count: int) -> dict[str, Any]:
    """How it will look on every channel, and how many people it is for. `sms` None: no SMS is sent of this kind."""
    one = told(row, now())
    kind = KINDS[one.kind]
    sms = kind.sms or None
    for name in kind.sms_fields:
        sms = sms and sms.replace(f"${{{name}}}", for_sms(kind.fields[name], one.fields[name]))
    return {
        "count": count,
        "inbox": one.text,
        "wechat": {key: value["value"] for key, value in wechat_data(kind, kind.wechat, one.fields).items()},
        "alipay": {f"keyword{n}": for_alipay(kind.fields[name], one.fields[name]) for n, name in enumerate(kind.alipay, 1)},
        "sms": sms,
    }


def unknown() -> NotFound:
    return NotFound("broadcast_unknown", "没有找到这条群发，请刷新列表")


def _tidy(text: str) -> str:
    """One line without marks that nobody sees."""
    seen = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in text)
    return re.sub(r" +", " ", seen).strip()


def _wrong_words(field: str, text: str, longest: int) -> list[FieldError]:
    folded, wrong = unicodedata.normalize("NFKC", text), []
    if not text:
        wrong.append(FieldError(field, "请填写此项"))
    if len(text) > longest:
        wrong.append(FieldError(field, f"最多 {longest} 个字，现在有 {len(text)} 个"))
    if _LINK.search(folded):
        wrong.append(FieldError(field, "不能带网址，请用“跳转页面”，或写明到小程序哪里办理"))
    if mask(folded) != folded:
        wrong.append(FieldError(field, "不能带身份证号、手机号等个人的号码；联系电话请写单位座机或 12345"))
    return wrong


async def _not_in(store: Broadcasts, own: str, state: State) -> dict[str, Any]:
    """Why a move did not happen."""
    row = await found(store, own)
    if row["state"] == state:
        raise Conflict("broadcast_changed", "这条群发刚刚被改过，请刷新后再看一遍")
    raise _decided(row)


def _decided(row: Mapping[str, Any]) -> Conflict:
    return Conflict("broadcast_decided", f"这条群发现在是“{TEXTS[State(row['state'])]}”，不能这样操作，请刷新后查看")
