"""A record of the Guangdong catalogue format (one JSON object a line, TASK_CODE …) as an item of the core's contract.

What the source does not say stays null; whatever has no field of its own is kept under `source`.
"""

import re
from typing import Any

Json = dict[str, Any]

_NOTHING = {"", "无", "无。", "办理地点：无", "无线下办理窗口"}
_LIMIT = re.compile(r"(\d+)\((工作日|自然日)\)")
_UNITS = {"工作日": "working_days", "自然日": "calendar_days"}
_USED = {
    "TASK_CODE", "TASK_NAME", "TASK_TYPE_TEXT", "CATANAME", "DEPT_NAME", "ORGCODE", "AREACODE", "AREA_CODE_TEXT", "matter_level", "matter_short",
    "matter_daily", "handle_time", "handle_time_limit", "visit_number", "handle_location", "accept_standard", "material_intro",
    "service_object_name", "theme_category", "consult_phone", "complain_phone", "courier_service", "ONLINECHECK", "URL", "CATAID", "co_department",
}  # fmt: skip


def item(record: Json) -> Json:
    """Everything but `version`, which the core gives. Raises KeyError without TASK_CODE, TASK_NAME or DEPT_NAME."""
    limits = {name: _limit(record.get(field)) for name, field in (("statutory_limit", "handle_time"), ("promised_limit", "handle_time_limit"))}
    visits = int(record["visit_number"]) if str(record.get("visit_number") or "").isdecimal() else None
    online = {"1": True, "0": False}.get(str(record.get("ONLINECHECK")))
    delivery = {"是": True, "否": False, "不支持": False}.get(str(record.get("courier_service")))
    understood = {"handle_time": limits["statutory_limit"], "handle_time_limit": limits["promised_limit"]}
    understood |= {"visit_number": visits, "ONLINECHECK": online, "courier_service": delivery}
    odd = {field: record[field] for field, meant in understood.items() if meant is None and _said(record.get(field))}
    place = _said(record.get("handle_location"))
    short = _said(record.get("matter_short"))
    return {
        "code": record["TASK_CODE"],
        "name": _said(record["TASK_NAME"]) or record["TASK_CODE"],
        "kind": _said(record.get("TASK_TYPE_TEXT")),
        "short_name": short,
        "everyday_names": [one for one in [_said(record.get("matter_daily"))] if one],
        "catalogue_name": _said(record.get("CATANAME")),
        "base_code": record.get("CATAID"),
        "department": {"name": _said(record["DEPT_NAME"]) or "未登记", "code": record.get("ORGCODE")},
        "co_departments": [one for one in [_said(record.get("co_department"))] if one],
        "region": {"code": record["AREACODE"], "name": record.get("AREA_CODE_TEXT") or ""} if record.get("AREACODE") else None,
        "level": _said(record.get("matter_level")),
        "audience": _list(record.get("service_object_name")) or [],
        "themes": _list(record.get("theme_category")) or [],
        "conditions": _said(record.get("accept_standard")),
        "materials": _materials(record.get("material_intro")),
        **limits,
        "places": [{"address": re.sub("^办理地点：", "", place)}] if place else None,
        "consult_phone": _said(record.get("consult_phone")),
        "complaint_phone": _said(record.get("complain_phone")),
        "visits": visits,
        "online": online,
        "online_url": _said(record.get("URL")),
        "delivery": delivery,
        "source": {key: value for key, value in record.items() if key not in _USED and value is not None} | odd,
    }


def _said(value: Any) -> str | None:
    """The text, or None where the source's many ways of saying nothing stand."""
    text = str(value).strip().strip("\u3000\xa0") if isinstance(value, str | int | float) else ""
    return None if text in _NOTHING else text


def _list(value: Any) -> list[str] | None:
    if isinstance(value, list):
        return [text for text in (_said(one) for one in value) if text]
    text = _said(value)
    return [text] if text else None


def _materials(value: Any) -> list[Json] | None:
    """无 is "not recorded", not "not needed"."""
    names = _list(value)
    return [{"name": name[:500]} for name in names] if names else None


def _limit(value: Any) -> Json | None:
    match = _LIMIT.fullmatch(str(value).strip()) if value else None
    return {"days": int(match[1]), "unit": _UNITS[match[2]], "text": match[0]} if match else None
