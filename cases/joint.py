"""Several items applied for together (一件事): one form that asks everything once, one list of materials, and each item's own share of both.

A field is the same one as another item's where both are filled in from the same known thing (`x-prefill`), or have the same title and kind.
"""

import copy
import secrets
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cases.forms import Form, fields, kind_of, title_of
from kit.clock import BEIJING, now

MOST = 10  # items
_LISTS = ("allOf", "anyOf", "oneOf")
_BRANCHES = ("if", "then", "else", "not")
_BY_NAME = ("dependentRequired", "dependentSchemas")
_WORDS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True, slots=True)
class Merged:
    """`form` None: none of the items records one. `names`: for each item its own field names -> those of `form`."""

    form: Form | None
    names: tuple[Mapping[str, str], ...]


def new_project_code() -> str:
    """项目码 of a joint matter: a day and 50 random bits, e.g. XM20261128-7KQ2M9XV4T."""
    return f"XM{now().astimezone(BEIJING):%Y%m%d}-{''.join(secrets.choice(_WORDS) for _ in range(10))}"


def merged(title: str, forms: Sequence[Form | None]) -> Merged:
    """In the order of the items and of their fields. The same forms give the same names, in whatever process."""
    names: list[dict[str, str]] = []
    taken: dict[str, str] = {}  # what a field is -> its name in the merged form
    properties: dict[str, list[Form]] = {}
    whole: Form = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, "type": "object"}
    required: list[str] = []
    conditions: list[Form] = []
    definitions: Form = {}
    for number, form in enumerate(forms):
        own = _names(form, taken, set(properties))
        names.append(own)
        moved = _moved(form or {}, number)
        for name, spec in fields(moved).items():
            properties.setdefault(own[name], []).append(spec)
        required += [own.get(name, name) for name in _strings(moved.get("required"))]
        definitions |= moved.get("$defs") or {}
        conditions += _conditions(moved, own)
    if not any(forms):
        return Merged(None, tuple(names))
    whole |= {"properties": {name: _both(specs) for name, specs in properties.items()}, "required": list(dict.fromkeys(required))}
    whole |= {"allOf": conditions} if conditions else {}
    return Merged(whole | ({"$defs": definitions} if definitions else {}), tuple(names))


def share(answers: Mapping[str, Any], names: Mapping[str, str], form: Form | None) -> dict[str, Any]:
    """An item's own answers out of the common ones. Without a form of its own it is given nothing but what others do not ask for."""
    if form is None:
        return {}
    return {own: answers[common] for own, common in names.items() if common in answers}


def common_path(field: str, names: Mapping[str, str]) -> str:
    """`answers.street.no` of an item's own form -> where it stands in the common one."""
    for own in sorted(names, key=len, reverse=True):
        if field == f"answers.{own}" or field.startswith(f"answers.{own}."):
            return f"answers.{names[own]}{field[len('answers.') + len(own) :]}"
    return field


def own_materials(handed: Iterable[Mapping[str, Any]], of_item: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """What was handed in for the common list, under the item's own names. `of_item`: common name -> the item's names for that paper."""
    return [{**one, "name": own} for one in handed for own in of_item.get(str(one["name"]), ())]


def _names(form: Form | None, taken: dict[str, str], used: set[str]) -> dict[str, str]:
    """The item's field names -> the merged form's. A field of this very item is never the same as another of it."""
    found: dict[str, str] = {}
    for name, spec in fields(form).items():
        what = _what(name, spec)
        common = taken.get(what)
        if common is None or common in found.values():
            common = name if name not in used and name not in found.values() else _free(name, used | set(found.values()))
            taken.setdefault(what, common)
        found[name] = common
        used.add(common)
    return found


def _what(name: str, spec: Mapping[str, Any]) -> str:
    if spec.get("x-prefill"):
        return f"prefill {spec['x-prefill']}"
    title = "".join(unicodedata.normalize("NFKC", title_of(spec, name)).split()).casefold()
    choices = sorted(map(str, spec["enum"])) if isinstance(spec.get("enum"), list) else []  # codes of another list mean something else
    return f"title {title} {kind_of(spec)} {choices}"


def _free(name: str, used: set[str]) -> str:
    number = 2
    while f"{name}_{number}" in used:
        number += 1
    return f"{name}_{number}"


def _moved(form: Form, number: int) -> Form:
    """With its definitions under names of their own, so that two forms' do not meet."""
    definitions = form.get("$defs")
    if not isinstance(definitions, dict):
        return form
    prefix = f"item{number + 1}_"
    moved: Form = _renamed_refs(copy.deepcopy({**form, "$defs": {f"{prefix}{name}": spec for name, spec in definitions.items()}}), prefix)
    return moved


def _renamed_refs(node: Any, prefix: str) -> Any:
    if isinstance(node, dict):
        ref = node.get("$ref")
        here = {"$ref": f"#/$defs/{prefix}{ref[8:]}"} if isinstance(ref, str) and ref.startswith("#/$defs/") else {}
        return {word: _renamed_refs(value, prefix) for word, value in node.items()} | here
    return [_renamed_refs(one, prefix) for one in node] if isinstance(node, list) else node


def _both(specs: Sequence[Form]) -> Form:
    """The first says how it looks; what the others demand must hold too."""
    first, *others = specs
    more = [bare for spec in others if (bare := _demands(spec)) and bare != _demands(first)]
    return {**first, "allOf": [*first.get("allOf", []), *more]} if more else first


def _demands(spec: Form) -> Form:
    return {word: value for word, value in spec.items() if word not in ("title", "description", "default", "examples") and not word.startswith("x-")}


def _conditions(form: Form, own: Mapping[str, str]) -> list[Form]:
    """if/then, allOf … of one item, in the merged form's names."""
    parts = {word: form[word] for word in (*_LISTS, *_BRANCHES, *_BY_NAME) if word in form}
    return [_translated(parts, own)] if parts else []


def _translated(node: Any, own: Mapping[str, str]) -> Any:
    """A schema about the same object, with its field names changed; what lies inside a field stays."""
    if not isinstance(node, dict):
        return node
    found: Form = {}
    for word, value in node.items():
        if word == "properties" and isinstance(value, dict):
            found[word] = {own.get(name, name): spec for name, spec in value.items()}
        elif word == "required":
            found[word] = [own.get(name, name) for name in _strings(value)]
        elif word in _LISTS and isinstance(value, list):
            found[word] = [_translated(one, own) for one in value]
        elif word in _BRANCHES:
            found[word] = _translated(value, own)
        elif word == "dependentRequired" and isinstance(value, dict):
            found[word] = {own.get(name, name): [own.get(one, one) for one in _strings(needs)] for name, needs in value.items()}
        elif word == "dependentSchemas" and isinstance(value, dict):
            found[word] = {own.get(name, name): _translated(one, own) for name, one in value.items()}
        elif word not in ("additionalProperties", "unevaluatedProperties"):
            found[word] = value
    return found


def _strings(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
