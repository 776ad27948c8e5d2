"""A record of the Guangdong catalogue format (one JSON object a line, TASK_CODE …) as an item of the core's contract.

What the source does not say stays null; whatever has no field of its own, or cannot be read, is kept under `source`.
"""

import re
from typing import Any

Json = dict[str, Any]

_NOTHING = {"", "无", "无。", "办理地点：无", "无线下办理窗口"}
_PLACE = "办理地点："
_LIMIT = re.compile(r"(\d{1,4})[(（](工作日|自然日)[)）]")
_UNITS = {"工作日": "working_days", "自然日": "calendar_days"}
_USED = {
    "TASK_CODE", "TASK_NAME", "TASK_TYPE_TEXT", "CATANAME", "DEPT_NAME", "ORGCODE", "AREACODE", "AREA_CODE_TEXT", "matter_level", "matter_short",
    "matter_daily", "handle_time", "handle_time_limit", "visit_number", "handle_location", "accept_standard", "material_intro",
    "service_object_name", "theme_category", "consult_phone", "complain_phone", "courier_service", "ONLINECHECK", "URL", "CATAID", "co_department",
}  # fmt: skip


def item(record: Json) -> Json:
    """Everything but `version`, which the core gives. Raises KeyError without TASK_CODE, TASK_NAME or DEPT_NAME."""
    daily, short = _said(record.get("matter_daily")), _said(record.get("matter_short"))
    made = {
        "code": record["TASK_CODE"],
        "name": _said(record["TASK_NAME"]) or record["TASK_CODE"],
        "kind": _said(record.get("TASK_TYPE_TEXT")),
        "short_name": short,
        "everyday_names": list(dict.fromkeys(name for name in (daily, short) if name)),
        "catalogue_name": _said(record.get("CATANAME")),
        "base_code": _said(record.get("CATAID")),
        "department": {"name": _said(record["DEPT_NAME"]) or "未登记", "code": _said(record.get("ORGCODE"))},
        "co_departments": _list(record.get("co_department")) or [],
        "region": _region(record),
        "level": _said(record.get("matter_level")),
        "audience": _list(record.get("service_object_name")) or [],
        "themes": _list(record.get("theme_category")) or [],
        "conditions": _said(record.get("accept_standard")),
        "materials": _materials(record.get("material_intro")),
        "steps": None,
        "statutory_limit": _limit(record.get("handle_time")),
        "promised_limit": _limit(record.get("handle_time_limit")),
        "fees": None,
        "places": _places(record.get("handle_location")),
        "consult_phone": _said(record.get("consult_phone")),
        "complaint_phone": _said(record.get("complain_phone")),
        "visits": _visits(record.get("visit_number")),
        "online": {"1": True, "0": False}.get(_said(record.get("ONLINECHECK")) or ""),
        "online_url": _said(record.get("URL")),
        "delivery": {"是": True, "否": False, "不支持": False}.get(_said(record.get("courier_service")) or ""),
    }
    return made | {"source": _source(record, made)}


def _source(record: Json, made: Json) -> Json:
    """Fields without a place of their own, and values that were given but could not be read."""
    read_from = {"statutory_limit": "handle_time", "promised_limit": "handle_time_limit", "visits": "visit_number", "online": "ONLINECHECK"}
    read_from |= {"delivery": "courier_service", "places": "handle_location"}
    odd = {field for name, field in read_from.items() if made[name] is None and _says_something(record.get(field))}
    return {key: value for key, value in record.items() if value is not None and (key not in _USED or key in odd)}


def _says_something(value: Any) -> bool:
    return _said(value) is not None if isinstance(value, str | int | float) else bool(value)


def _said(value: Any) -> str | None:
    """The text, or None where the source's many ways of saying nothing stand."""
    text = str(value).strip() if isinstance(value, str | int | float) else ""
    return None if text in _NOTHING else text


def _list(value: Any) -> list[str] | None:
    if isinstance(value, list):
        return [text for text in (_said(one) for one in value) if text]
    text = _said(value)
    return [text] if text else None


def _materials(value: Any) -> list[Json] | None:
    """无 is "not recorded", not "not needed"; so is an empty list."""
    names = _list(value)
    return [{"name": name[:500]} for name in names] if names else None


def _region(record: Json) -> Json | None:
    code = _said(record.get("AREACODE"))
    return {"code": code, "name": _said(record.get("AREA_CODE_TEXT")) or ""} if code else None


def _places(value: Any) -> list[Json] | None:
    place = _said(value)
    address = _said(place.removeprefix(_PLACE)) if place else None
    return [{"address": address}] if address else None


def _visits(value: Any) -> int | None:
    text = _said(value) or ""
    return int(text) if re.fullmatch(r"[0-9]{1,4}", text) else None


def _limit(value: Any) -> Json | None:
    """30(工作日): days, their unit, and the source's own words."""
    match = _LIMIT.fullmatch(_said(value) or "")
    return {"days": int(match[1]), "unit": _UNITS[match[2]], "text": match[0]} if match else None
