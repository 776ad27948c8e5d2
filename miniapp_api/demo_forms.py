"""Something valid for every field that a form demands: for the demo, tests and benches, which do not know the forms beforehand."""

import re
from typing import Any

from miniapp_api.demo_walk import Json


def answers(form: Json | None, known: Json) -> Json:
    """Something valid in every required field of a form that is not filled in yet."""
    properties = (form or {}).get("properties", {})
    return {name: sample(properties.get(name, {})) for name in (form or {}).get("required", []) if name not in known}


def sample(spec: Json) -> Any:
    if "enum" in spec:
        return spec["enum"][0]
    kind = spec.get("type", "string")
    if kind in ("integer", "number"):
        return spec.get("minimum", 1)
    if kind == "array":
        return [sample(spec.get("items", {}))] * max(1, spec.get("minItems", 1))
    if kind in ("boolean", "object"):
        return True if kind == "boolean" else {}
    return "2026-11-02" if spec.get("format") == "date" else matching(spec)


def matching(spec: Json) -> str:
    """The first of a few everyday values that the field's own rules accept."""
    pattern, least, most = spec.get("pattern", ""), spec.get("minLength", 1), spec.get("maxLength", 100)
    values = (
        "演示填写的内容",
        "演示",
        "13800138000",
        "11010519491231002X",
        "91110000101623741K",
        "临A12345",
        "江A12345",
        "2026",
        "2026-11",
        "123456",
        "1",
    )
    return next((one for one in values if least <= len(one) <= most and re.search(pattern, one)), "演" * least)
