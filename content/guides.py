"""The guide of an item: what a resident must know, part by part, and honestly "not recorded" where the item is silent."""

from datetime import datetime
from typing import Any

import orjson

from content import situations
from content.closures import Closure
from content.lists import credible_visits
from content.standing import Standing
from content.standing import unknown_item as unknown_item
from kit.money import yuan

_UNITS = {"working_days": "个工作日", "calendar_days": "个自然日"}
_WAYS = {"web": "网址", "email": "邮箱", "post": "信函", "address": "窗口"}


SHAPE = 4  # grows when `guide` changes what it makes, so that kept guides are made anew


def guide(item: dict[str, Any], situation: str | None = None, standing: Standing | None = None) -> dict[str, Any]:
    """Shape a stored item, without its date. Every part is {recorded, text, …}. Without a `standing` it is in effect, undated.

    `situation` is a comma-separated list of option ids. `asked`: questions whose answer would still shorten the materials.
    Raises Invalid for options the item does not have and for two answers to one question.
    Elements that came after the first release are read with `get`: an item stored before may lack them until the core sends it again.
    """
    chosen = situations.chosen(item, situation)
    return {
        "code": item["code"],
        "version": item["version"],
        "name": item["name"],
        "kind": item["kind"],
        "department": item["department"]["name"],
        "region": item["region"],
        "audience": item["audience"],
        "themes": item["themes"],
        "situations": item["situations"],
        "asked": situations.asked(item, chosen),
        "parts": {
            "materials": _materials(situations.shown(item, chosen)),
            "fee": _fees(item["fees"]) | {"online_payment": item.get("online_payment")},
            "time_limit": _limits(item["statutory_limit"], item["promised_limit"], item.get("special_procedures")),
            "location": _places(item["places"]) | {name: item.get(name) for name in ("handling_area", "self_service")},
            "process": _steps(item["steps"]),
            "conditions": _text(item["conditions"]) | {"quantity_limit": item.get("quantity_limit")},
            "contact": _contact(item),
            "visits": _visits(credible_visits(item), item.get("visits_reason")),
            "delivery": _delivery(item["delivery"], item.get("materials_by_courier")),
        },
        "online": item["online"],
        "online_url": item["online_url"],
        "mobile_url": item.get("mobile_url"),
        "online_depth": item.get("online_depth"),
        "booking": item.get("booking"),
        "booking_url": item.get("booking_url"),
        "handling_kind": item.get("handling_kind"),
        "handling_forms": item.get("handling_forms"),
        "legal_basis": item["legal_basis"],
        "results": item["results"],
        "intermediaries": item.get("intermediaries"),
        "reconsideration": item.get("reconsideration"),
        "litigation": item.get("litigation"),
        "faq": item["faq"],
        **(standing or Standing(item, "in_effect")).told,
    }


def encoded(
    item: dict[str, Any],
    situation: str | None = None,
    *,
    dates: tuple[datetime | None, datetime | None] = (None, None),
    replaced_by: tuple[str, ...] = (),
) -> bytes:
    """The guide of an item in effect from the one date to the other, as JSON, ready for `dated`."""
    return orjson.dumps(guide(item, situation, Standing(item, "in_effect", None, replaced_by, *dates)))


def closed_online(body: bytes, closure: Closure) -> bytes:
    """The guide of an item in effect while it is closed for online handling."""
    told = orjson.loads(body)
    if told["state"] != "in_effect":
        return body
    return orjson.dumps({**told, "can_apply": False, "closed": closure.told, "notice": closure.notice})


def dated(body: bytes, as_of: str | None) -> bytes:
    """Put the date in front: `as_of` is when the core last confirmed the catalogue (RFC 3339 +08:00)."""
    return b'{"as_of":' + orjson.dumps(as_of) + b"," + body[1:]


def _materials(materials: list[dict[str, Any]] | None) -> dict[str, Any]:
    if materials is None:
        return _missing(items=[])
    text = "；".join(one["name"] for one in materials) or "无需提交材料"
    return {"recorded": True, "text": text, "items": materials}


def _fees(fees: list[dict[str, Any]] | None) -> dict[str, Any]:
    if fees is None:
        return _missing(items=[])
    if not fees:
        return {"recorded": True, "text": "不收费", "items": []}
    told = []
    for fee in fees:
        amount = f"{yuan(fee['amount_fen'])} 元" if fee["amount_fen"] is not None else (fee["standard"] or "金额未登记")
        told.append(f"{fee['name']}：{amount}")
    return {"recorded": True, "text": "；".join(told), "items": fees}


def _limits(statutory: dict[str, Any] | None, promised: dict[str, Any] | None, special: list[dict[str, Any]] | None) -> dict[str, Any]:
    """Special procedures (听证, 检验 …) take their own days, which the limit does not count: a resident must hear of both."""
    told = [f"{label}{_days(limit)}" for label, limit in (("承诺", promised), ("法定", statutory)) if limit is not None]
    if not told:
        return _missing(statutory=None, promised=None, special_procedures=special)
    if special:
        told.append("不含" + "、".join(one["name"] + (f"（{_days(one)}）" if one["days"] is not None else "") for one in special))
    return {"recorded": True, "text": "，".join(told), "statutory": statutory, "promised": promised, "special_procedures": special}


def _days(limit: dict[str, Any]) -> str:
    if not limit["days"]:
        return "当场办结"
    return f"{limit['days']}{_UNITS.get(limit['unit'], limit['unit'])}"


def _places(places: list[dict[str, Any]] | None) -> dict[str, Any]:
    if not places:
        return _missing(items=[])
    return {"recorded": True, "text": "；".join(f"{one['name'] or ''} {one['address']}".strip() for one in places), "items": places}


def _steps(steps: list[dict[str, Any]] | None) -> dict[str, Any]:
    if not steps:
        return _missing(items=[])
    return {"recorded": True, "text": " → ".join(one["name"] for one in steps), "items": steps}


def _contact(item: dict[str, Any]) -> dict[str, Any]:
    ask, complain = item.get("consultation") or {}, item.get("supervision") or {}
    consult, complaint = item["consult_phone"] or ask.get("phone"), item["complaint_phone"] or complain.get("phone")
    ways = {"consultation": item.get("consultation"), "supervision": item.get("supervision")}
    told = []
    for label, own, phone, channels in (("咨询", "咨询电话", consult, ask), ("监督投诉", "监督投诉", complaint, complain)):
        told += [f"{own}：{phone}"] if phone else []
        told += [f"{label}{way}：{channels[name]}" for name, way in _WAYS.items() if channels.get(name)]
    if not told:
        return _missing(consult=None, complaint=None, **ways)
    return {"recorded": True, "text": "；".join(told), "consult": consult, "complaint": complaint, **ways}


def _visits(visits: int | None, reason: str | None) -> dict[str, Any]:
    if visits is None:
        return _missing(count=None, reason=reason)
    told = f"最多跑 {visits} 次" + (f"：{reason}" if reason else "") if visits else "无需到现场"
    return {"recorded": True, "text": told, "count": visits, "reason": reason}


def _delivery(delivery: bool | None, materials: bool | None) -> dict[str, Any]:
    """`available`: the result comes by courier. `materials`: papers may go in by courier."""
    if delivery is None and materials is None:
        return _missing(available=None, materials=None)
    told = [] if delivery is None else ["结果可以快递送达" if delivery else "不支持快递送达"]
    told += [] if materials is None else ["材料可以快递提交" if materials else "材料不能快递提交"]
    return {"recorded": True, "text": "；".join(told), "available": delivery, "materials": materials}


def _text(text: str | None) -> dict[str, Any]:
    return {"recorded": True, "text": text} if text else _missing()


def _missing(**shape: Any) -> dict[str, Any]:
    return {"recorded": False, "text": "未登记，请致电办理部门或 12345 核实", **shape}
