"""What a form (JSON Schema 2020-12) asks: its fields, what changed between two of them, and everything that is wrong with answers, at once."""

import logging
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from referencing import Registry

from kit.errors import FieldError

log = logging.getLogger(__name__)

Form = dict[str, Any]

_LISTS = ("allOf", "anyOf", "oneOf")
_BRANCHES = ("if", "then", "else")
_DEEPEST = 8  # levels of conditions; what lies deeper is checked, but is no field of its own
_KEPT = 2_000  # forms
_CHOICES = ("enum", "const", "x-labels")
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


@dataclass(frozen=True, slots=True)
class FormChange:
    """One field of the form that is not what it was. `how`: added | removed, or of a field that stays: kind, choices, title, required."""

    field: str
    how: tuple[str, ...]
    title_before: str | None
    title_after: str | None


def fields(form: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    """Name -> schema of every field, also of those only some answers ask for. The first mention of a name says what it is."""
    found: dict[str, dict[str, Any]] = {}
    for name, spec in _fields(form, form or {}, _DEEPEST):
        found.setdefault(name, spec)
    return found


def title_of(spec: Mapping[str, Any], name: str) -> str:
    return str(spec.get("title") or name)


def changes(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[FormChange]:
    """In the order of the new form, then what is gone. Nothing where one of the two is not recorded."""
    if before is None or after is None or before == after:
        return []
    old, new = fields(before), fields(after)
    found = []
    for name, spec in new.items():
        if name not in old:
            found.append(FormChange(name, ("added",), None, title_of(spec, name)))
        elif how := _how(name, (old[name], before), (spec, after)):
            found.append(FormChange(name, how, title_of(old[name], name), title_of(spec, name)))
    return found + [FormChange(name, ("removed",), title_of(spec, name), None) for name, spec in old.items() if name not in new]


class Checks:
    """Compiled validators by item code and version, for one process. A form whose words changed under one version is compiled anew."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, int], tuple[Form, Draft202012Validator | None]] = OrderedDict()

    def problems(self, code: str, version: int, form: Form | None, answers: dict[str, Any]) -> list[FieldError]:
        """Field paths begin with `answers.`; sorted by them."""
        checker = None if form is None else self._checker((code, version), form)
        if checker is None or form is None:
            return []
        try:
            errors = sorted(checker.iter_errors(answers), key=lambda one: [str(part) for part in one.absolute_path])
        except Exception:
            # A reference to nowhere or a pattern that is none: the core's mistake must not keep a resident from applying.
            log.exception("form cannot be checked", extra={"item_code": code, "version": version})
            return []
        return [one for error in errors for one in _told(error, form)]

    def _checker(self, key: tuple[str, int], form: Form) -> Draft202012Validator | None:
        kept = self._known.get(key)
        if kept is not None and (kept[0] is form or kept[0] == form):
            self._known.move_to_end(key)
            return kept[1]
        self._known[key] = (form, compiled(key, form))
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return self._known[key][1]


def compiled(key: tuple[str, int], form: Form) -> Draft202012Validator | None:
    """None, and an error in the log, for what is no JSON Schema."""
    try:
        Draft202012Validator.check_schema(form)
    except Exception as exc:
        log.error("form is no schema", extra={"item_code": key[0], "version": key[1], "error": type(exc).__name__})
        return None
    # a registry of its own: nothing a form names is ever fetched from anywhere
    return Draft202012Validator(form, format_checker=Draft202012Validator.FORMAT_CHECKER, registry=Registry())


def _fields(form: Mapping[str, Any] | None, node: Any, depth: int) -> Iterator[tuple[str, dict[str, Any]]]:
    if not isinstance(node, dict) or depth < 0:
        return
    node = resolved(form, node)
    properties = node.get("properties")
    if isinstance(properties, dict):
        yield from ((str(name), resolved(form, spec)) for name, spec in properties.items() if isinstance(spec, dict))
    for part in parts_of(node):
        yield from _fields(form, part, depth - 1)


def parts_of(node: Mapping[str, Any]) -> Iterator[Any]:
    """The schemas inside that are about the very same object."""
    for word in _LISTS:
        yield from node[word] if isinstance(node.get(word), list) else ()
    yield from (node[word] for word in _BRANCHES if word in node)
    dependent = node.get("dependentSchemas")
    yield from dependent.values() if isinstance(dependent, dict) else ()


def resolved(form: Mapping[str, Any] | None, spec: dict[str, Any]) -> dict[str, Any]:
    """With what a local reference stands for; what is said beside it counts more."""
    target = spec.get("$ref")
    if not isinstance(target, str) or not target.startswith("#/"):
        return spec
    found: Any = form
    for part in target[2:].split("/"):
        found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
    return {**found, **{word: value for word, value in spec.items() if word != "$ref"}} if isinstance(found, dict) else spec


def kind_of(spec: Mapping[str, Any]) -> tuple[str, ...]:
    """What a field is, as a resident sees it: text, number, a date, one of a list, several …"""
    items = spec.get("items")
    inner = kind_of(items) if isinstance(items, dict) else ()
    chosen = "choice" if "enum" in spec or "const" in spec else ""
    return (str(spec.get("type", "")), str(spec.get("format", "")), chosen, *inner)


def _how(name: str, before: tuple[Mapping[str, Any], Mapping[str, Any]], after: tuple[Mapping[str, Any], Mapping[str, Any]]) -> tuple[str, ...]:
    """Each a field's schema and the whole form's."""
    (old, old_form), (new, new_form) = before, after
    how = ["kind"] if kind_of(old) != kind_of(new) else []
    if not how and any(old.get(word) != new.get(word) for word in _CHOICES):
        how.append("choices")
    if title_of(old, name) != title_of(new, name):
        how.append("title")
    if _is_required(old_form, name) != _is_required(new_form, name):
        how.append("required")
    return tuple(how)


def _is_required(form: Mapping[str, Any], name: str) -> bool:
    required = form.get("required")
    return isinstance(required, list) and name in required


def _told(error: ValidationError, form: Form) -> list[FieldError]:
    path = ".".join(["answers", *(str(part) for part in error.absolute_path)])
    if error.validator == "required":
        missing = [name for name in _names(error.validator_value) if name not in error.instance] if isinstance(error.instance, dict) else []
        name = next((one for one in missing if f"'{one}' is a required" in error.message), "")
        return [FieldError(f"{path}.{name}", f"请填写“{_title(form, [*error.absolute_path, name])}”")]
    if error.validator == "additionalProperties" and isinstance(error.instance, dict) and isinstance(error.schema, dict):
        extras = [name for name in error.instance if name not in error.schema.get("properties", {}) and f"'{name}'" in error.message]
        if extras:
            return [FieldError(f"{path}.{name}", f"表单里没有“{name[:40]}”这一项，请删除") for name in extras]
    sentence = _SENTENCES.get(str(error.validator), "填写的内容不符合要求")
    if error.validator in ("maxLength", "minLength", "maximum", "minimum"):
        sentence += f"（{'最多' if 'max' in str(error.validator) else '至少'} {error.validator_value}）"
    return [FieldError(path, f"“{_title(form, list(error.absolute_path))}”{sentence}")]


def _names(required: Any) -> list[str]:
    return [str(name) for name in required] if isinstance(required, list) else []


def _title(form: Form, path: list[Any]) -> str:
    """The form's own title of a field, or its name."""
    if path and isinstance(path[0], str):
        node: Any = fields(form).get(path[0], {})
        for part in path[1:]:
            node = node.get("properties", {}).get(part, {}) if isinstance(part, str) and isinstance(node, dict) else {}
        return str(node.get("title") or path[-1])
    return str(form.get("title") or (path[-1] if path else "申请内容"))
