"""The guide of an item: what a resident must know, part by part, and honestly "not recorded" where the item is silent."""

from typing import Any

import orjson

from content import situations
from kit.errors import NotFound
from kit.money import yuan

UNKNOWN_ITEM = "没有找到这个事项，它可能已更名或下架，请重新搜索"
_UNITS = {"working_days": "个工作日", "calendar_days": "个自然日"}


SHAPE = 2  # grows when `guide` changes what it makes, so that kept guides are made anew


def guide(item: dict[str, Any], situation: str | None = None) -> dict[str, Any]:
    """Shape a stored item, without its date. Every part is {recorded, text, …}.

    `situation` is a comma-separated list of option ids. `asked`: questions whose answer would still shorten the materials.
    Raises Invalid for options the item does not have and for two answers to one question.
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
            "fee": _fees(item["fees"]),
            "time_limit": _limits(item["statutory_limit"], item["promised_limit"]),
            "location": _places(item["places"]),
            "process": _steps(item["steps"]),
            "conditions": _text(item["conditions"]),
            "contact": _contact(item["consult_phone"], item["complaint_phone"]),
            "visits": _visits(item["visits"]),
            "delivery": _delivery(item["delivery"]),
        },
        "online": item["online"],
        "online_url": item["online_url"],
        "legal_basis": item["legal_basis"],
        "results": item["results"],
        "faq": item["faq"],
        "can_apply": item["online"] is not False,
    }


def encoded(item: dict[str, Any], situation: str | None = None) -> bytes:
    """The guide as JSON, ready for `dated`."""
    return orjson.dumps(guide(item, situation))


def dated(body: bytes, as_of: str | None) -> bytes:
    """Put the date in front: `as_of` is when the core last confirmed the catalogue (RFC 3339 +08:00)."""
    return b'{"as_of":' + orjson.dumps(as_of) + b"," + body[1:]


def unknown_item() -> NotFound:
    return NotFound("item_unknown", UNKNOWN_ITEM)


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


def _limits(statutory: dict[str, Any] | None, promised: dict[str, Any] | None) -> dict[str, Any]:
    told = []
    for label, limit in (("承诺", promised), ("法定", statutory)):
        if limit is not None:
            told.append(f"{label}{limit['days']}{_UNITS[limit['unit']]}" if limit["days"] else f"{label}当场办结")
    if not told:
        return _missing(statutory=None, promised=None)
    return {"recorded": True, "text": "，".join(told), "statutory": statutory, "promised": promised}


def _places(places: list[dict[str, Any]] | None) -> dict[str, Any]:
    if not places:
        return _missing(items=[])
    return {"recorded": True, "text": "；".join(f"{one['name'] or ''} {one['address']}".strip() for one in places), "items": places}


def _steps(steps: list[dict[str, Any]] | None) -> dict[str, Any]:
    if not steps:
        return _missing(items=[])
    return {"recorded": True, "text": " → ".join(one["name"] for one in steps), "items": steps}


def _contact(consult: str | None, complaint: str | None) -> dict[str, Any]:
    told = [f"{label}：{phone}" for label, phone in (("咨询电话", consult), ("监督投诉", complaint)) if phone]
    if not told:
        return _missing(consult=None, complaint=None)
    return {"recorded": True, "text": "；".join(told), "consult": consult, "complaint": complaint}


def _visits(visits: int | None) -> dict[str, Any]:
    if visits is None:
        return _missing(count=None)
    return {"recorded": True, "text": f"最多跑 {visits} 次" if visits else "无需到现场", "count": visits}


def _delivery(delivery: bool | None) -> dict[str, Any]:
    if delivery is None:
        return _missing(available=None)
    return {"recorded": True, "text": "结果可以快递送达" if delivery else "不支持快递送达", "available": delivery}


def _text(text: str | None) -> dict[str, Any]:
    return {"recorded": True, "text": text} if text else _missing()


def _missing(**shape: Any) -> dict[str, Any]:
    return {"recorded": False, "text": "未登记，请致电办理部门或 12345 核实", **shape}
