"""Situations (情形): an option answers the question it belongs to, and a question left open hides nothing.

Pure rules over a stored item. Every question is single-choice.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from kit.errors import FieldError, Invalid

Json = dict[str, Any]
NOBODY_CHOSE: frozenset[str] = frozenset()
MOST_TOLD = 50  # errors in one answer


def split(situation: str | None) -> list[str]:
    """Option ids of a comma-separated list, each once, in order."""
    return list(dict.fromkeys(part.strip() for part in (situation or "").split(",") if part.strip()))


def chosen(item: Json, situation: str | None) -> frozenset[str]:
    """The options a resident chose for this item. Raises Invalid with everything that is wrong with them."""
    wanted = split(situation)
    unknown, clashes = unknown_options([item], wanted), clashing_options(item, wanted)
    refuse(unknown, clashes)
    return frozenset(wanted)


def refuse(unknown: Sequence[FieldError], clashes: Sequence[FieldError]) -> None:
    """Raises Invalid if either holds anything; of a flood of errors the first ones."""
    if unknown:
        raise Invalid("situation_unknown", "这个事项没有您选择的情形，请从列出的情形中选择", errors=(*clashes, *unknown)[:MOST_TOLD])
    if clashes:
        raise Invalid("situation_conflict", "同一个问题只能选一个答案，请重新选择", errors=tuple(clashes)[:MOST_TOLD])


def unknown_options(items: Iterable[Json], wanted: Iterable[str]) -> list[FieldError]:
    """One error for each id that no question of these items offers."""
    known = {option["id"] for item in items for question in item["situations"] for option in question["options"]}
    return [FieldError("situation", f"没有“{one[:64]}”这个情形，请从列出的情形中选择") for one in wanted if one not in known]


def clashing_options(item: Json, wanted: Iterable[str]) -> list[FieldError]:
    """One error for each question of this item that got two answers."""
    given = set(wanted)
    found = []
    for question in item["situations"]:
        titles = list(dict.fromkeys(option["title"] for option in question["options"] if option["id"] in given))
        if len({option["id"] for option in question["options"]} & given) > 1:
            found.append(FieldError("situation", f"“{question['question']}”只能选一个，您选了：{'、'.join(titles)}"))
    return found


def shown(item: Json, options: frozenset[str] = NOBODY_CHOSE) -> list[Json] | None:
    """The materials these answers leave, or None where none are recorded.

    A material tied to questions stays while each of them is open or answered with one of its options. Each comes with
    `why` (titles of the chosen options that call for it) and `only_if` (titles that would, of questions still open).
    A tie to an option that no question offers cannot be answered, and hides nothing.
    """
    if item["materials"] is None:
        return None
    found = []
    for material in item["materials"]:
        ties = _ties(item, material)
        if all(_is_open(question, options) or own & options for question, own in ties):
            why = [one["title"] for question, own in ties for one in question["options"] if one["id"] in own & options]
            open_ones = [(question, own) for question, own in ties if _is_open(question, options) and own != _ids(question)]
            only_if = [one["title"] for question, own in open_ones for one in question["options"] if one["id"] in own]
            found.append({**material, "why": why, "only_if": only_if})
    return found


def asked(item: Json, options: frozenset[str] = NOBODY_CHOSE) -> list[str]:
    """Ids of the questions still open whose answer can take a material off the list, in the item's order."""
    left = shown(item, options) or []
    matters = {question["id"] for material in left for question, own in _ties(item, material) if own != _ids(question)}
    return [question["id"] for question in item["situations"] if question["id"] in matters and _is_open(question, options)]


def _ties(item: Json, material: Json) -> list[tuple[Json, set[str]]]:
    """(question, its options this material names) for each question it is tied to."""
    named = set(material["situations"])
    return [(question, own) for question in item["situations"] if (own := _ids(question) & named)]


def _ids(question: Json) -> set[str]:
    return {option["id"] for option in question["options"]}


def _is_open(question: Json, options: frozenset[str]) -> bool:
    return not _ids(question) & options
