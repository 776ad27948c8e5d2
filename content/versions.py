"""What changed between two versions of an item, said in the elements' own names. `diff` is pure; lists are compared by name, never by position."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from content.standing import edge, known_version, standing
from content.store import Content
from core.items import Item, LegalBasis, Place, Region, Situation, SituationOption, Step
from core.reading import model_of
from kit.clock import at_edge

Json = dict[str, Any]
_NOT_COMPARED = {"code", "version"}
_MOVED = "顺序"


@dataclass(frozen=True, slots=True)
class Difference:
    """`path` like `materials[身份证].copies`, `label` its Chinese name, `before` and `after` the values (None on the side that has none)."""

    path: str
    label: str
    kind: Literal["added", "removed", "changed"]
    before: Any
    after: Any


async def versions_of(store: Content, code: str) -> list[Json]:
    """Newest first: [{version, at, effective_from, effective_to, current}]. Raises NotFound."""
    found = await standing(store, code)
    told = []
    for row in sorted(await store.versions(code), key=lambda row: (row.get("seq", 0), _number(row)), reverse=True):
        current = found.state == "in_effect" and _number(row) == found.item["version"]
        dates = {"effective_from": edge(row.get("starts_at")), "effective_to": edge(row.get("ends_at"))}
        told.append({"version": _number(row), "at": at_edge(row["at"]), **dates, "current": current})
    return told


async def changes(store: Content, code: str, since: int | None, until: int | None) -> Json:
    """{from, to, changes}; by default what the last version changed. Raises NotFound."""
    known = [one["version"] for one in await versions_of(store, code)]
    until = until or (await standing(store, code)).item["version"]
    if since is None:
        place = known.index(until) if until in known else 0
        since = known[place + 1] if place + 1 < len(known) else until
    before, after = await known_version(store, code, since), await known_version(store, code, until)
    return {"from": since, "to": until, "changes": diff(before["item"], after["item"])}


def diff(before: Json, after: Json) -> list[Difference]:
    """Of two stored items. A field an older release did not know counts as not recorded."""
    return list(_fields(Item, before, after, "", ""))


def _fields(model: type[BaseModel], before: Json, after: Json, path: str, label: str) -> Iterator[Difference]:
    for name, field in model.model_fields.items():
        if model is Item and name in _NOT_COMPARED:
            continue
        old, new = (side[name] if name in side else _default(field) for side in (before, after))
        if old != new:
            yield from _values(field.annotation, old, new, f"{path}.{name}".lstrip("."), f"{label} {field.title or name}".lstrip())


def _values(annotation: Any, old: Any, new: Any, path: str, label: str) -> Iterator[Difference]:
    model = model_of(annotation)
    if isinstance(old, list) and isinstance(new, list):
        yield from _named(model, old, new, path, label) if model is not None else _words(old, new, path, label)
    elif isinstance(old, dict) and isinstance(new, dict):
        yield from _fields(model, old, new, path, label) if model is not None else _keys(old, new, path, label)
    else:
        yield _one(path, label, old, new)


def _named(model: type[BaseModel], old: list[Json], new: list[Json], path: str, label: str) -> Iterator[Difference]:
    before, after = _by_name(model, old), _by_name(model, new)
    for name in dict.fromkeys([*before, *after]):
        left, right = _unequal(before.get(name, []), after.get(name, []))
        for number in range(max(len(left), len(right))):
            one, other = (side[number] if number < len(side) else None for side in (left, right))
            at = f"{path}[{name}]" if max(len(left), len(right)) == 1 else f"{path}[{name}#{number + 1}]"
            shown = f"{label}：{_shown(one or other or {}, name)}"
            if one is not None and other is not None:
                yield from _fields(model, one, other, at, shown)
            else:
                yield _one(at, shown, one, other)
    if model is Step:
        both = [[name for name in side if name in before and name in after] for side in (before, after)]
        if both[0] != both[1]:
            yield Difference(path, f"{label} {_MOVED}", "changed", list(before), list(after))


def _words(old: list[Any], new: list[Any], path: str, label: str) -> Iterator[Difference]:
    before, after = Counter(map(str, old)), Counter(map(str, new))
    for word in (before - after).elements():
        yield Difference(f"{path}[{word}]", f"{label}：{word}", "removed", word, None)
    for word in (after - before).elements():
        yield Difference(f"{path}[{word}]", f"{label}：{word}", "added", None, word)


def _keys(old: Json, new: Json, path: str, label: str) -> Iterator[Difference]:
    """Of an object without a type of ours: the form, what the source said besides."""
    for key in dict.fromkeys([*old, *new]):
        if key in old and key in new:
            if old[key] != new[key]:
                yield from _values(None, old[key], new[key], f"{path}.{key}", f"{label} {key}")
        else:
            yield Difference(f"{path}.{key}", f"{label} {key}", "removed" if key in old else "added", old.get(key), new.get(key))


def _one(path: str, label: str, old: Any, new: Any) -> Difference:
    return Difference(path, label, "added" if old is None else "removed" if new is None else "changed", old, new)


def _by_name(model: type[BaseModel], rows: list[Json]) -> dict[str, list[Json]]:
    found: dict[str, list[Json]] = {}
    for row in rows:
        found.setdefault(_name(model, row), []).append(row)
    return found


def _name(model: type[BaseModel], row: Json) -> str:
    """What one element of a list is recognised by."""
    if model in (Situation, SituationOption):
        return str(row["id"])
    if model is Region:
        return str(row["code"])
    if model is LegalBasis:
        return f"{row['law']}{row.get('article') or ''}"
    if model is Place:
        return str(row.get("name") or row["address"])
    return str(row.get("name") or row.get("question"))


def _shown(row: Json, name: str) -> str:
    return str(row.get("question") or row.get("title") or row.get("name") or name)


def _unequal(old: list[Json], new: list[Json]) -> tuple[list[Json], list[Json]]:
    """Of elements with one name, those that are not the same on both sides, in an order that does not depend on their places."""
    left = sorted(orjson.dumps(row, option=orjson.OPT_SORT_KEYS) for row in old)
    right = sorted(orjson.dumps(row, option=orjson.OPT_SORT_KEYS) for row in new)
    same = Counter(left) & Counter(right)
    return [orjson.loads(row) for row in (Counter(left) - same).elements()], [orjson.loads(row) for row in (Counter(right) - same).elements()]


def _default(field: FieldInfo) -> Any:
    made = field.get_default(call_default_factory=True, validated_data={})
    return list(made) if isinstance(made, tuple) else made


def _number(row: Json) -> int:
    """From its id: a version kept by an earlier release has no field for it."""
    return int(row["_id"].rpartition("@")[2])
