"""Drafts live on the server and follow the item: answers are kept when the form changes, and checked all at once."""

from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from cases.store import Cases
from kit.errors import Conflict, FieldError, Invalid, NotFound, VersionConflict

MAX_ANSWERS = 200

_SENTENCES = {
    "type": "填写的内容类型不对",
    "minLength": "填写的内容太短",
    "maxLength": "填写的内容太长",
    "pattern": "填写的格式不对",
    "format": "填写的格式不对",
    "enum": "请从给出的选项中选择",
    "const": "请从给出的选项中选择",
    "minimum": "填写的数值太小",
    "maximum": "填写的数值太大",
    "additionalProperties": "有表单里没有的内容，请删除",
    "unevaluatedProperties": "有表单里没有的内容，请删除",
    "minItems": "选择的项目太少",
    "maxItems": "选择的项目太多",
}


async def start(store: Cases, resident_id: str, item: dict[str, Any], known: dict[str, str | None]) -> dict[str, Any]:
    """A new draft, with what is already known of the applicant (name, id_number, phone) filled in where the form asks for it."""
    if item["online"] is False:
        raise Conflict("item_not_online", "这个事项暂不能网上申请，请按办事指南到窗口办理")
    properties = (item["form"] or {}).get("properties", {})
    prefilled = {field: known[spec["x-prefill"]] for field, spec in properties.items() if known.get(spec.get("x-prefill"))}
    return await store.add_draft(resident_id, item, prefilled)


async def open_draft(store: Cases, draft_id: str, resident_id: str) -> dict[str, Any]:
    """Raises NotFound, also for somebody else's draft."""
    draft = await store.draft(draft_id, resident_id)
    if draft is None:
        raise NotFound("draft_unknown", "没有找到这份草稿，请从“我的草稿”中重新打开")
    return draft


async def change(
    store: Cases,
    draft: dict[str, Any],
    item: dict[str, Any],
    answers: dict[str, Any],
    materials: list[dict[str, Any]] | None,
    if_match: int | None,
) -> dict[str, Any]:
    """Merge `answers` (null removes one), replace `materials` when given. Raises VersionConflict, Conflict, Invalid."""
    if draft["state"] != "open":
        raise Conflict("draft_submitted", "这份申请已经提交，不能再修改")
    if if_match is not None and if_match != draft["version"]:
        raise VersionConflict("draft_changed", "这份草稿已在别处修改，请刷新后再填写")
    merged = {key: value for key, value in {**draft["answers"], **answers}.items() if value is not None}
    if len(merged) > MAX_ANSWERS:
        raise Invalid("input_invalid", f"填写的项目超过 {MAX_ANSWERS} 个，请删减")
    kept = draft["materials"] if materials is None else materials
    changed = await store.change_draft(draft, merged, kept, item)
    if changed is None:
        raise VersionConflict("draft_changed", "这份草稿已在别处修改，请刷新后再填写")
    return changed


def findings(draft: dict[str, Any], item: dict[str, Any]) -> list[FieldError]:
    """Everything that stands in the way of submitting, at once, per field and material."""
    found = []
    if item["form"] is not None:
        validator = Draft202012Validator(item["form"], format_checker=Draft202012Validator.FORMAT_CHECKER)
        for error in sorted(validator.iter_errors(draft["answers"]), key=lambda one: [str(part) for part in one.absolute_path]):
            found.extend(_told(error, item["form"]))
    names = {material["name"] for material in item["materials"] or ()}
    for place, material in enumerate(draft["materials"]):
        if item["materials"] is not None and material["name"] not in names:
            found.append(FieldError(f"materials.{place}.name", f"办事指南里没有“{material['name'][:40]}”这项材料，请删除"))
    return found


def _told(error: ValidationError, form: dict[str, Any]) -> list[FieldError]:
    path = ".".join(["answers", *(str(part) for part in error.absolute_path)])
    if error.validator == "required":
        missing = [name for name in _names(error.validator_value) if name not in error.instance] if isinstance(error.instance, dict) else []
        name = next((one for one in missing if f"'{one}' is a required" in error.message), "")
        return [FieldError(f"{path}.{name}", f"请填写“{_title(form, [*error.absolute_path, name])}”")]
    sentence = _SENTENCES.get(str(error.validator), "填写的内容不符合要求")
    if error.validator in ("maxLength", "minLength", "maximum", "minimum"):
        sentence += f"（{'最多' if 'max' in str(error.validator) else '至少'} {error.validator_value}）"
    return [FieldError(path, f"“{_title(form, list(error.absolute_path))}”{sentence}")]


def _names(required: Any) -> list[str]:
    return [str(name) for name in required] if isinstance(required, list) else []


def _title(form: dict[str, Any], path: list[Any]) -> str:
    """The form's own title of a field, or its name."""
    node: Any = form
    for part in path:
        node = node.get("properties", {}).get(part, {}) if isinstance(part, str) and isinstance(node, dict) else {}
    return str(node.get("title") or (path[-1] if path else "申请内容"))
