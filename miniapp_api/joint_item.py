"""Story: several items as if they were one, for a draft: their forms merged by `cases`, their papers by `content`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cases.joint import merged
from content import situations
from content.material_list import Wanted, combined, paper

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Papers:
    """`names`: item code -> common name -> the item's own names for that paper. `wanted`: what the chosen situations leave, under common names."""

    materials: list[Json]
    names: dict[str, dict[str, list[str]]]
    wanted: list[Json]


def joint_item(code: str, name: str, items: Sequence[Json], same: Mapping[str, str]) -> Json:
    """What `cases.drafts` takes for an item. Its version grows with any of theirs."""
    form = merged(name, [item["form"] for item in items])
    found = papers(items, same, [])
    return {
        "code": code,
        "version": sum(item["version"] for item in items),
        "name": name,
        "kind": None,
        "form": form.form,
        "materials": found.materials if all(item["materials"] is not None for item in items) else None,
        "situations": asked(items),
        "online": True,
        "materials_by_courier": False if all(item["materials_by_courier"] is False for item in items) else None,
        "parts": list(items),
        "names": {item["code"]: dict(own) for item, own in zip(items, form.names, strict=True)},
        "same": same,
    }


def papers(items: Sequence[Json], same: Mapping[str, str], options: Sequence[str]) -> Papers:
    """Common names do not depend on what was chosen."""
    every = _combined(items, same, [])
    usual = {paper(one["name"], same): str(one["name"]) for one in every}
    names: dict[str, dict[str, list[str]]] = {item["code"]: {} for item in items}
    for item in items:
        for material in item["materials"] or ():
            names[item["code"]].setdefault(usual[paper(material["name"], same)], []).append(material["name"])
    wanted = [{**one, "name": usual[paper(one["name"], same)]} for one in _combined(items, same, options)]
    return Papers(every, names, wanted)


def options_of(item: Json, options: Sequence[str]) -> frozenset[str]:
    """`<item code>/<option>` is for that item, a bare one for every item that offers it."""
    offered = {option["id"] for question in item["situations"] for option in question["options"]}
    given = {one.rpartition("/")[2] for one in options if one.rpartition("/")[0] in ("", item["code"])}
    return frozenset(given & offered)


def check_situations(items: Sequence[Json], options: Sequence[str]) -> None:
    """Raises Invalid with everything that is wrong."""
    known = {f"{prefix}{option}" for item in items for option in _offered(item) for prefix in ("", f"{item['code']}/")}
    unknown = situations.unknown_options([], [one for one in options if one not in known])
    clashes = [error for item in items for error in situations.clashing_options(item, options_of(item, options))]
    situations.refuse(unknown, clashes)


def asked(items: Sequence[Json]) -> list[Json]:
    """Every item's questions, spelt so that the options can be sent back as they are."""
    return [
        {
            **question,
            "id": f"{item['code']}/{question['id']}",
            "options": [{**option, "id": f"{item['code']}/{option['id']}"} for option in question["options"]],
        }
        for item in items
        for question in item["situations"]
    ]


def _offered(item: Json) -> list[str]:
    return [option["id"] for question in item["situations"] for option in question["options"]]


def _combined(items: Sequence[Json], same: Mapping[str, str], options: Sequence[str]) -> list[Json]:
    shown = [(item["code"], material) for item in items for material in situations.shown(item, options_of(item, options)) or ()]
    kinds: dict[str, set[str | None]] = {}
    for _, material in shown:
        kinds.setdefault(paper(material["name"], same), set()).add(material.get("licence_type"))
    found = combined([Wanted(code, code, material) for code, material in shown], same)
    return [{**one, "licence_type": _only(kinds[paper(one["name"], same)])} for one in found]


def _only(kinds: set[str | None]) -> str | None:
    """A licence stands for the paper only where it does so for every item."""
    return next(iter(kinds)) if len(kinds) == 1 else None
