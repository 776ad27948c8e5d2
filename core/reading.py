"""Reading an item that is partly odd: what cannot be used is put aside with its path and a reason, and the rest of the item stands.

Only code, version, name and department are worth refusing an item for. Nothing is dropped: what is put aside is kept under `source`.
"""

import typing
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from core.items import Item

DEEPEST = 60  # levels of nesting that a database takes with room to spare
_INT64 = 2**63
_WHY = {
    "missing": "缺少必要的内容",
    "too_long": "太长",
    "too_short": "不能为空",
    "pattern": "格式不对",
    "greater_than": "数值超出范围",
    "less_than": "数值超出范围",
    "type": "类型不对",
    "parsing": "类型不对",
}
_ROUNDS = 200  # each puts at least one value aside


@dataclass(frozen=True, slots=True)
class Odd:
    """One value that could not be used. `field` is its path ("materials.0.copies"), `value` its beginning as text."""

    field: str
    value: str
    why: str


def read_item(raw: dict[str, Any]) -> tuple[Item, list[Odd]]:
    """The item and what was odd about it. Raises ValidationError when a needed field is missing or wrong.

    The smallest part around a wrong value that may be unrecorded is taken out whole: of a material its number of copies, but all the
    materials when one of them has no name, because a list with one missing would look complete.
    """
    kept, found = _storable(raw), list[Odd]()
    aside: dict[str, Any] = {}
    for _ in range(_ROUNDS):
        try:
            item = Item.model_validate(kept)
        except ValidationError as exc:
            errors = exc.errors(include_url=False, include_context=False)
            if any(not _part(error["loc"]) for error in errors):
                raise
            for path, kind in {_part(error["loc"]): error["type"] for error in errors}.items():
                if (taken := _take(kept, path)) is not None:
                    name = ".".join(str(step) for step in path)
                    aside[name] = taken[0]
                    found.append(Odd(name, _short(taken[0]), why(kind)))
            continue
        if aside:
            taken_names = {name if name not in item.source else f"{name} (item)": value for name, value in aside.items()}
            item = item.model_copy(update={"source": item.source | taken_names})
        return item, found
    raise ValueError("too much of it cannot be read")


def why(kind: str) -> str:
    """What an operator reads for a kind of pydantic's errors."""
    return next((told for part, told in _WHY.items() if part in kind), "内容不符合契约")


def _part(loc: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """The longest beginning of `loc` that names a field with a default; () if there is none."""
    best: tuple[int | str, ...] = ()
    model: type[BaseModel] | None = Item
    for place, step in enumerate(loc):
        if isinstance(step, int):
            continue
        field = model.model_fields.get(step) if model is not None else None
        if field is None:
            break
        if not field.is_required():
            best = loc[: place + 1]
        model = model_of(field.annotation)
    return best


def model_of(annotation: Any) -> type[BaseModel] | None:
    """The model inside `tuple[Fee, ...] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in typing.get_args(annotation) if (found := model_of(part)) is not None), None)


def _take(within: Any, path: tuple[int | str, ...]) -> tuple[Any] | None:
    """Take the value out; None if an error before took it with its surroundings."""
    *way, last = path
    for step in way:
        try:
            within = within[step]
        except (KeyError, IndexError, TypeError):
            return None
    return (within.pop(last),) if isinstance(within, dict) and last in within else None


def _short(value: Any) -> str:
    return str(value)[:200]


def _storable(value: Any, depth: int = 0) -> Any:
    """A copy in which every part fits a database: no number over 64 bits, no NUL in a name, not too deep. What does not fit becomes text."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -_INT64 <= value < _INT64 else str(value)
    if isinstance(value, dict | list) and depth >= DEEPEST:
        return _short(value)
    if isinstance(value, dict):
        return {str(key).replace("\0", "␀"): _storable(one, depth + 1) for key, one in value.items()}
    return [_storable(one, depth + 1) for one in value] if isinstance(value, list | tuple) else value
