"""What residents are told of their appointments and their place in the line, in words. Nothing that says who they are."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from kit.clock import in_words
from notify.kinds import Value
from notify.told import Told
from notify.values import plain

MOVED = "appointment_moved"

# what happened -> (at most five characters, the sentence); {when}, {place}, {number}, {note} are the appointment's
_SAID = {
    "booked": ("预约成功", "预约成功：{when}，{place}，预约号 {number}。请带齐材料，到大厅出示预约二维码签到；不能前往请提前取消"),
    "moved": ("已改期", "已改到 {when}，{place}，预约号 {number}；原来的预约已取消"),
    "refused": ("未约成", "没有约成（{when}，{place}）：{why}。{then}"),
    "cancelled": ("已取消", "已取消（{when}，{place}）。需要时可以重新预约"),
    "closed": ("大厅取消", "被大厅取消（{when}，{place}）{note}。给您带来不便，请重新选择时间，或直接到窗口办理，大厅取消不计入未到记录"),
    "no_show": ("未到", "记为未到（{when}，{place}）。90 天内未到两次的，30 天内不能在线预约，仍可直接到窗口办理；如有异议或确有原因，请致电 12345"),
    "excused": ("已谅解", "的未到记录（{when}，{place}）经核实已取消，不影响您以后预约"),
}
_LINE = {
    "offered": ("有号了", "有号了：{when}，{place}。请在 {until} 前到“我的候补”确认，过时让给下一位；窗口也在放号，以确认时的结果为准"),
    "lapsed": ("候补过时", "的候补号（{when}，{place}）没有在 {until} 前确认，已让给下一位；需要的请重新排队"),
    "waiting_again": ("继续候补", "的候补号没有约成：{why}。您的位置不变，有号时再告诉您"),
    "line_over": ("候补结束", "的候补已经结束：您选的日期里没有等到号。可以重新排队，或直接到窗口办理"),
}
# the core's no -> why nothing came of it, and what to do then
_CHOOSE = "请重新选择时间，或直接到窗口办理"
_WHY = {
    "slot_full": ("号源已满", _CHOOSE),
    "slot_closed": ("大厅停止了这个时段", _CHOOSE),
    "unknown_slot": ("大厅撤销了这个时段", _CHOOSE),
    "slot_over": ("这个时段已经开始", _CHOOSE),
    "unknown_person": ("大厅没有查到来办事的人的实名信息", "请带身份证件到窗口取号办理"),
    "not_reached": ("大厅系统一直没有答复，号源已放回", "请重新预约，或直接到窗口办理"),
}
_OTHER = ("大厅没有接受这次预约", _CHOOSE)
KINDS = frozenset({*_SAID, *_LINE})


@dataclass(frozen=True, slots=True)
class About:
    """`number`: the one called in the hall. `note`: the hall's own words, "" where it said none. `problem`: why it was not made, in the core's word."""

    appointment_id: str
    item_name: str
    starts_at: datetime
    place: str
    number: str
    note: str
    case_no: str | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Offered:
    starts_at: datetime
    place: str
    until: datetime


def told(kind: str, about: About) -> Told | None:
    """None: nobody needs to hear of that."""
    if kind not in _SAID:
        return None
    short, sentence = _SAID[kind]
    note = f"：{about.note}" if about.note else ""
    why, then = _WHY.get(about.problem, _OTHER)
    text = sentence.format(when=in_words(about.starts_at), place=about.place, number=about.number, note=note, why=why, then=then)
    fields: dict[str, Value] = {
        "item": about.item_name,
        "state": short,
        "at": about.starts_at,
        "place": about.place,
        "number": about.number or "-",
    }
    page = f"pages/appointment/detail?id={quote(about.appointment_id, safe='')}"
    return Told(MOVED, plain(f"您的“{about.item_name}”预约{text}。")[:2000], fields, page, about.case_no)


def of_line(kind: str, item_name: str, offered: Offered | None, at: datetime, problem: str = "") -> Told | None:
    """`at`: when it happened, for what has no place of its own. `problem`: why an offer led to nothing, in the core's word."""
    if kind not in _LINE or (offered is None and kind in ("offered", "lapsed")):
        return None
    short, sentence = _LINE[kind]
    text, when, place = sentence.replace("{why}", _WHY.get(problem, _OTHER)[0]), at, "-"
    if offered is not None:
        when, place = offered.starts_at, offered.place
        text = text.format(when=in_words(when), place=place, until=in_words(offered.until))
    fields: dict[str, Value] = {"item": item_name, "state": short, "at": when, "place": place, "number": "-"}
    return Told(MOVED, plain(f"您排队候补的“{item_name}”{text}。")[:2000], fields, "pages/appointment/waiting")
