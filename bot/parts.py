"""One part of one guide as a few sentences a resident can use. Nothing is said that the guide does not hold; what it lacks is said to be lacking."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bot.cleaning import plain
from bot.reply import LONGEST, Part
from kit.phones import first_phone

Json = Mapping[str, Any]

LABELS: dict[Part, str] = {
    "materials": "申请材料",
    "fee": "收费",
    "time_limit": "办理时限",
    "location": "办理地点",
    "process": "办理流程",
    "conditions": "受理条件",
    "progress": "办理进度",
    "contact": "咨询电话",
    "visits": "到现场次数",
    "delivery": "寄送方式",
    "overview": "办事指南",
}
QUESTIONS: dict[Part, str] = {
    "materials": "需要什么材料",
    "fee": "要多少钱",
    "time_limit": "多久能办好",
    "location": "在哪里办",
    "process": "怎么办理",
    "conditions": "办理条件是什么",
    "progress": "进度怎么查",
    "contact": "咨询电话是多少",
    "visits": "要跑几次",
    "delivery": "能不能快递",
    "overview": "办事指南",
}
_NAME = 60  # characters of a name
_MORE = "\n……没有列完，点开卡片看全部。"


def told(guide: Json, part: Part, options: Sequence[str] = ()) -> str:
    """At most LONGEST characters. `options`: the situations the guide was made for."""
    text = _TELLERS[part](guide)
    if part == "materials" and (mine := _chosen(guide, options)):
        text = f"您的情况（{mine}），{text}"
    if closed := guide.get("closed"):
        text = f"{named(guide)}暂停网上办理：{plain(closed['message'], 90).rstrip('。')}。可以到办事窗口办理，或拨打 12345。\n{text}"
    elif guide.get("notice"):
        text = f"{guide['notice']}{text}"
    return plain(text, LONGEST)


def is_recorded(guide: Json, part: Part) -> bool:
    return part in ("overview", "progress") or bool(guide["parts"][part]["recorded"])


def named(guide: Json) -> str:
    return f"《{plain(guide['name'], _NAME)}》"


def _is_online(guide: Json) -> bool:
    """Not while it is closed for online handling; that and what to do instead is the guide's notice."""
    return bool(guide["online"]) and not guide.get("closed")


def whom_to_ask(guide: Json) -> str:
    """The department and its number; where it gave none, no number is said."""
    phone = phone_of(guide["parts"]["contact"]["consult"])
    return f"请咨询{plain(guide['department'], _NAME)}" + (f"：{phone}" if phone else "，或拨打政务服务热线")


def phone_of(text: str | None) -> str | None:
    """A number short enough to dial: the whole text if it is one, else the first in it."""
    if not text:
        return None
    return plain(text, _NAME) if len(text) <= 30 else first_phone(text)


def _materials(guide: Json) -> str:
    part = guide["parts"]["materials"]
    if not part["recorded"]:
        return _missing(guide, "materials")
    items = part["items"]
    if not items:
        return f"{named(guide)}不用提交材料。"
    return _listed(f"{named(guide)}要准备这些材料：", [_material(one) for one in items])


def _chosen(guide: Json, options: Sequence[str]) -> str:
    return "、".join(plain(one["title"], 40) for question in guide["situations"] for one in question["options"] if one["id"] in options)


def _material(one: Json) -> str:
    kind = f"（{one['original']}）" if one.get("original") else ""
    when = f"（{'、'.join(one['only_if'])}时）" if one.get("only_if") else ""
    return plain(one["name"], 80) + kind + when


def _fee(guide: Json) -> str:
    part = guide["parts"]["fee"]
    if not part["recorded"]:
        return _missing(guide, "fee")
    if not part["items"]:
        return f"{named(guide)}不收费。"
    reductions = [one["reduction"] for one in part["items"] if one.get("reduction")]
    return f"{named(guide)}收费：{part['text']}。" + (f"减免：{reductions[0]}" if reductions else "")


def _time_limit(guide: Json) -> str:
    part = guide["parts"]["time_limit"]
    return f"{named(guide)}办理时限：{part['text']}。" if part["recorded"] else _missing(guide, "time_limit")


def _location(guide: Json) -> str:
    part = guide["parts"]["location"]
    if part["recorded"]:
        return _listed(f"{named(guide)}的办理地点：", [_place(one) for one in part["items"]])
    return _missing(guide, "location") + ("可以网上办，点卡片进入。" if _is_online(guide) else "")


def _place(one: Json) -> str:
    return _address(one) + (f"（{one['hours']}）" if one.get("hours") else "")


def _address(one: Json) -> str:
    return f"{one.get('name') or ''} {one['address']}".strip()


def _process(guide: Json) -> str:
    part, online = guide["parts"]["process"], _is_online(guide)
    where = "可以网上办，点卡片进入。" if online else ""
    if part["recorded"]:
        return _listed(f"{named(guide)}这样办：", [one["name"] for one in part["items"]]) + where
    place = guide["parts"]["location"]
    if online or not place["recorded"]:
        return (f"{named(guide)}{where}" if online else "") + _missing(guide, "process", short=online)
    return _missing(guide, "process") + _listed("办理地点：", [_place(place["items"][0])])


def _conditions(guide: Json) -> str:
    part = guide["parts"]["conditions"]
    if not part["recorded"]:
        return _missing(guide, "conditions")
    return plain(f"{named(guide)}的受理条件：{part['text']}", LONGEST - 30) + "\n您的情况是否符合，以窗口审核为准。"


def _contact(guide: Json) -> str:
    part = guide["parts"]["contact"]
    if not part["recorded"]:
        return f"{named(guide)}没有登记咨询电话，{whom_to_ask(guide)}。"
    return f"{named(guide)}：{part['text']}。"


def _visits(guide: Json) -> str:
    part = guide["parts"]["visits"]
    return f"{named(guide)}：{part['text']}。" if part["recorded"] else _missing(guide, "visits")


def _delivery(guide: Json) -> str:
    part = guide["parts"]["delivery"]
    return f"{named(guide)}：{part['text']}。" if part["recorded"] else _missing(guide, "delivery")


def _progress(guide: Json) -> str:
    """The item itself knows nobody's progress: where it is asked."""
    online = "也可以网上查，点卡片进入。" if guide["online"] else ""
    return f"{named(guide)}办到哪一步：登录后在“我的办件”里看。{online}还不清楚的，{whom_to_ask(guide)}。"


def _overview(guide: Json) -> str:
    """The facts people ask for first, those that are recorded."""
    parts = guide["parts"]
    facts = [f"由{plain(guide['department'], _NAME)}办理"]
    facts += ["可以网上办"] if _is_online(guide) else []
    facts += [f"时限：{plain(parts['time_limit']['text'], 60)}"] if parts["time_limit"]["recorded"] else []
    if parts["fee"]["recorded"]:
        facts.append(f"收费：{plain(parts['fee']['text'], 60)}" if parts["fee"]["items"] else "不收费")
    facts += [parts["visits"]["text"]] if parts["visits"]["recorded"] else []
    materials = parts["materials"]
    if materials["recorded"]:
        facts += [] if materials["items"] else ["不用提交材料"]
    if parts["location"]["recorded"]:
        facts.append(f"地点：{plain(_address(parts['location']['items'][0]), 60)}")
    return f"{named(guide)}{'；'.join(facts)}。您想了解哪一方面？"


def _missing(guide: Json, part: Part, *, short: bool = False) -> str:
    whom = whom_to_ask(guide)
    return f"具体步骤没有登记，{whom}。" if short else f"{named(guide)}没有登记{LABELS[part]}，{whom}。"


def _listed(head: str, lines: list[str]) -> str:
    """A line each as far as they fit, without numbers: every figure of a reply is one of the item's. A list that goes on says so."""
    if len(lines) == 1:
        return f"{head}{lines[0]}。"
    text = head
    for line in lines:
        more = f"\n· {line}"
        if len(text) + len(more) > LONGEST - len(_MORE):
            return (text if text != head else plain(f"{text}{more}", LONGEST - len(_MORE))) + _MORE
        text += more
    return f"{text}\n"


_TELLERS: dict[Part, Callable[[Json], str]] = {
    "materials": _materials,
    "fee": _fee,
    "time_limit": _time_limit,
    "location": _location,
    "process": _process,
    "conditions": _conditions,
    "progress": _progress,
    "contact": _contact,
    "visits": _visits,
    "delivery": _delivery,
    "overview": _overview,
}
