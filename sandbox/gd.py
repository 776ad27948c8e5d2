"""A record of the Guangdong catalogue format (one JSON object a line, TASK_CODE …) as an item of the core's contract.

What the source does not say stays null; whatever has no field of its own, or cannot be read, is kept under `source`. `odd` names it.
"""

import re
from typing import Any

Json = dict[str, Any]

_NOTHING = {"", "无", "无。", "办理地点：无", "无线下办理窗口"}
_PLACE = "办理地点："
_LIMIT = re.compile(r"(\d{1,4})[(（](工作日|自然日)[)）]")
_UNITS = {"工作日": "working_days", "自然日": "calendar_days"}
_URL = re.compile(r"https?://\S+")
_YES, _COURIER = {"1": True, "0": False}, {"是": True, "否": False, "不支持": False}
_LONGEST = 500  # characters of a name in the contract
_WHOLE_CODE, _VARIANT_CODE = 31, 33
_PHONE = re.compile(r"(?<!\d)(?:0\d{2,3}[-—－ ]?)?\d{5,8}(?!\d)|(?<!\d)1\d{10}(?!\d)")

# Each of the 41 fields of the format: what it becomes, or "source" where the contract has no element for it.
FIELDS = {
    "TASK_CODE": "code", "TASK_NAME": "name", "subTaskName": "source", "CATANAME": "catalogue_name", "parentCatalogName": "parent_name",
    "parentCatalogId": "parent_code", "subCatalogName": "source", "CATAID": "base_code", "matter_name": "source", "matter_short": "short_name",
    "matter_daily": "everyday_names", "matter_code": "source", "TASK_TYPE": "source", "TASK_TYPE_TEXT": "kind", "matter_type": "source",
    "DEPT_NAME": "department", "ORGCODE": "department", "co_department": "co_departments", "AREACODE": "region", "AREA_CODE_TEXT": "region",
    "matter_level": "level", "district": "source", "handle_time": "statutory_limit", "handle_time_limit": "promised_limit",
    "visit_number": "visits", "LIMIT_SCENE_NUM": "source", "handle_location": "places", "accept_standard": "conditions",
    "material_intro": "materials", "service_object_name": "audience", "theme_category": "themes", "consult_phone": "consult_phone",
    "complain_phone": "complaint_phone", "courier_service": "delivery", "bear_paltform": "source", "online_book": "source",
    "ONLINECHECK": "online", "online_book_addr": "booking_url", "URL": "online_url", "TASK_STATE": "source", "TASK_TAG": "source",
}  # fmt: skip
# Written twice in the source. The second is kept under `source`; where the two differ, that is odd.
_SAME = {"parentCatalogName": "CATANAME", "matter_type": "TASK_TYPE_TEXT", "LIMIT_SCENE_NUM": "visit_number", "district": "matter_level"}
_LISTS = ("material_intro", "service_object_name", "theme_category")


def item(record: Json) -> Json:
    """Everything but `version`, which the core gives. Raises KeyError without TASK_CODE, TASK_NAME or DEPT_NAME."""
    daily, short = _said(record.get("matter_daily")), _said(record.get("matter_short"))
    code, booking = record["TASK_CODE"], _url(record.get("online_book_addr"))
    made = {
        "code": code,
        "name": _said(record["TASK_NAME"]) or code,
        "kind": _said(record.get("TASK_TYPE_TEXT")),
        "short_name": short,
        "everyday_names": list(dict.fromkeys(name for name in (daily, short) if name)),
        "catalogue_name": _said(record.get("CATANAME")),
        "base_code": _said(record.get("CATAID")),
        "implementation_code": code[:_WHOLE_CODE] if _is_variant(code) else None,
        "handling_code": code if _is_variant(code) else None,
        "parent_code": _said(record.get("parentCatalogId")),
        "parent_name": _said(record.get("parentCatalogName")),
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
        "visits": None if _only_a_counter(record) else _visits(record.get("visit_number")),
        "online": _YES.get(_said(record.get("ONLINECHECK")) or ""),
        "online_url": _url(record.get("URL")),
        "booking": True if booking else None,  # online_book repeats ONLINECHECK and says nothing of booking
        "booking_url": booking,
        "delivery": _COURIER.get(_said(record.get("courier_service")) or ""),
    }
    return made | {"source": {key: record[key] for key in _kept(record, made)}}


def odd(record: Json) -> list[Json]:
    """What was odd about a record that `item` reads: [{field, value, why}]. Nothing said in one of the usual ways is not odd."""
    made = item(record)
    found = [_odd(key, record[key], "不认识的字段，原样保留") for key in record if _is_strange(record, key)]
    unread = _unread(record, made)
    for key in FIELDS.keys() & record.keys():
        found += [_odd(key, record[key], why) for why in _why(record, unread, key)]
    return sorted(found, key=lambda one: (one["field"], one["why"]))


def _why(record: Json, unread: set[str], key: str) -> list[str]:
    value, told = record[key], list[str]()
    said = _said(value)
    if key in _LISTS and isinstance(value, str):
        told.append("应为列表，写成了文字")
    if key in unread and not (key == "visit_number" and _only_a_counter(record)):
        told.append("内容读不懂，原样保留")
    if _has_stray_spaces(value):
        told.append("有多余的空格或全角、不换行空格")
    if _SAME.get(key) in record and said != _said(record[_SAME[key]]):
        told.append(f"与 {_SAME[key]} 不一致")
    if key in ("TASK_NAME", "DEPT_NAME") and said is None:
        told.append("必填而没有填写")
    if key in ("handle_time", "handle_time_limit") and said is not None and "自然日" in said:
        told.append("按自然日计，不是工作日")
    if key == "accept_standard" and said is not None and said.endswith((":", "：")):
        told.append("以冒号结尾，后面的条件缺失")
    if key in ("consult_phone", "complain_phone") and said is not None and len(_PHONE.findall(said)) != 1:
        told.append("一栏里有几个号码" if len(_PHONE.findall(said)) else "不是电话号码")
    if key == "visit_number" and _only_a_counter(record):
        told.append("写 0 次，但只有窗口、不能网上办理，按未登记处理")
    return told


def _odd(field: str, value: Any, why: str) -> Json:
    return {"field": field, "value": str(value)[:200], "why": why}


def _kept(record: Json, made: Json) -> list[str]:
    """Fields without an element of their own that say something, and values that are not, or not wholly, in the item."""
    unread = _unread(record, made)
    return [key for key in record if key in unread or (FIELDS.get(key) == "source" and _says_something(record[key])) or _is_strange(record, key)]


def _unread(record: Json, made: Json) -> set[str]:
    """Elements that were given and yet are not in the item."""
    given = {key for key, name in FIELDS.items() if name != "source" and key in record and _says_something(record[key])}
    return {key for key in given if not _carried(key, record[key], made)}


def _carried(key: str, value: Any, made: Json) -> bool:
    if isinstance(value, list):
        return key in (*_LISTS, "co_department") and all(isinstance(one, str) and len(one) <= _LONGEST for one in value)
    if not isinstance(value, str | int | float) or isinstance(value, bool) or (key == "material_intro" and len(str(value)) > _LONGEST):
        return False
    return made[FIELDS[key]] not in (None, [])


def _is_strange(record: Json, key: str) -> bool:
    return key not in FIELDS and record[key] is not None


def _only_a_counter(record: Json) -> bool:
    """No visit, it says, though there is a counter and no way to apply online: that nobody need come is not believed."""
    return _said(record.get("visit_number")) == "0" and _said(record.get("ONLINECHECK")) == "0" and bool(_places(record.get("handle_location")))


def _has_stray_spaces(value: Any) -> bool:
    texts = value if isinstance(value, list) else [value]
    return any(isinstance(one, str) and (one != one.strip() or "\u3000" in one or "\xa0" in one) for one in texts)


def _says_something(value: Any) -> bool:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return _said(value) is not None
    return value is not None and value not in ([], {})


def _said(value: Any) -> str | None:
    """The text, or None where the source's many ways of saying nothing stand."""
    text = str(value).strip() if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
    return None if text in _NOTHING else text


def _list(value: Any) -> list[str] | None:
    if isinstance(value, list):
        return [text for text in (_said(one) for one in value) if text]
    text = _said(value)
    return [text] if text else None


def _materials(value: Any) -> list[Json] | None:
    """无 is "not recorded", not "not needed"; so is an empty list."""
    names = _list(value)
    return [{"name": name[:_LONGEST]} for name in names] if names else None


def _region(record: Json) -> Json | None:
    code = _said(record.get("AREACODE"))
    return {"code": code, "name": _said(record.get("AREA_CODE_TEXT")) or ""} if code else None


def _places(value: Any) -> list[Json] | None:
    place = _said(value)
    address = _said(place.removeprefix(_PLACE)) if place else None
    return [{"address": address}] if address else None


def _visits(value: Any) -> int | None:
    text = _said(value) or ""
    return int(text) if re.fullmatch(r"[0-9]{1,2}", text) else None


def _url(value: Any) -> str | None:
    text = _said(value) or ""
    return text if _URL.fullmatch(text) else None


def _limit(value: Any) -> Json | None:
    """30(工作日): days, their unit, and the source's own words."""
    match = _LIMIT.fullmatch(_said(value) or "")
    return {"days": int(match[1]), "unit": _UNITS[match[2]], "text": match[0]} if match else None


def _is_variant(code: Any) -> bool:
    """A variant of an item: the item's own 31 characters and two more."""
    return isinstance(code, str) and len(code) == _VARIANT_CODE
