"""One guide for a package (一件事): its steps, one list of materials, and visits, limits and fees as far as the items record them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from content import situations
from content.guides import guide
from content.lists import credible_visits
from content.material_list import Wanted, combined, paper
from content.package_file import Package
from content.package_items import Need
from kit.errors import FieldError

Json = dict[str, Any]


def package_guide(package: Package, needs: Sequence[Need], same: Mapping[str, str], situation: str | None = None) -> Json:
    """Without its date. What the catalogue does not have or record is said, never made up.

    `situation`: option ids, for every item that offers them, or "<item code>/<option id>" for one item. Raises Invalid.
    """
    items = {item["code"]: item for need in needs for item in need.items}
    options = _options(items, situations.split(situation))
    shown = {code: situations.shown(item, options[code]) for code, item in items.items()}
    wanted = [Wanted(need.group, item["code"], material) for need in needs for item in need.items for material in shown[item["code"]] or ()]
    parts = {code: guide(item)["parts"] for code, item in items.items()}
    missing = [need.wanted.name for need in needs if not need.items]
    return {
        "id": package.id,
        "name": package.name,
        "description": package.description,
        "audience": package.audience,
        "steps": _steps(package, needs),
        "materials": [{**one, "issued_by": _issued_by(one, needs, same)} for one in combined(wanted, same)],
        "materials_not_recorded": [{"code": code, "name": items[code]["name"]} for code in items if shown[code] is None],
        "asked": [question for code, item in items.items() for question in _asked(item, options[code])],
        "visits_total": _visits_total(needs),
        "limit_text": _by_text([(parts[code]["time_limit"]["text"], item["name"]) for code, item in items.items()], missing),
        "fees_text": _by_text([(parts[code]["fee"]["text"], item["name"]) for code, item in items.items()], missing),
    }


def _steps(package: Package, needs: Sequence[Need]) -> list[Json]:
    steps = []
    for number, step in enumerate(package.steps):
        entries: list[Json] = []
        for need in needs:
            if need.step == number:
                entries += [_entry(item) for item in need.items] or [{"code": None, "name": need.wanted.name, "department": None, "found": False}]
        steps.append({"title": step.title, "one_of": step.one_of, "items": entries})
    return steps


def _entry(item: Json) -> Json:
    return {"code": item["code"], "name": item["name"], "department": item["department"]["name"], "found": True}


def _issued_by(material: Json, needs: Sequence[Need], same: Mapping[str, str]) -> list[str]:
    """Items of this package that issue the paper before any item asks for it: the resident gets it on the way."""
    key, first = paper(material["name"], same), min(need.step for need in needs for item in need.items if item["code"] in material["for"])
    earlier = [item for need in needs if need.step < first for item in need.items]
    return [item["code"] for item in earlier if any(paper(result["name"], same) == key for result in item["results"] or ())]


def _options(items: Mapping[str, Json], wanted: Sequence[str]) -> dict[str, frozenset[str]]:
    """The options each item is given. Raises Invalid with everything that is wrong."""
    given: dict[str, set[str]] = {code: set() for code in items}
    unknown: list[FieldError] = []
    for one in wanted:
        code, slash, option = one.rpartition("/")
        meant = [code] if slash and code in items else [] if slash else list(items)
        takers = [code for code in meant if not situations.unknown_options([items[code]], [option])]
        unknown += [] if takers else situations.unknown_options([], [one])
        for code in takers:
            given[code].add(option)
    clashes = [
        FieldError(error.field, f"{items[code]['name']}：{error.message}")
        for code, options in given.items()
        for error in situations.clashing_options(items[code], options)
    ]
    situations.refuse(unknown, clashes)
    return {code: frozenset(options) for code, options in given.items()}


def _asked(item: Json, options: frozenset[str]) -> list[Json]:
    """Open questions of an item, their options spelt so that they can be sent back as they are."""
    open_ones = set(situations.asked(item, options))
    return [
        {
            "code": item["code"],
            "id": question["id"],
            "question": question["question"],
            "options": [{"id": f"{item['code']}/{option['id']}", "title": option["title"]} for option in question["options"]],
        }
        for question in item["situations"]
        if question["id"] in open_ones
    ]


def _visits_total(needs: Sequence[Need]) -> int | None:
    """The most visits all of it takes, one matter at a time; None where any of it is missing or not recorded."""
    groups: dict[str, list[int | None]] = {}
    for need in needs:
        groups.setdefault(need.group, []).extend([credible_visits(item) for item in need.items] or [None])
    told = [visits for group in groups.values() for visits in group if visits is not None]
    if len(told) < sum(len(group) for group in groups.values()):
        return None
    return sum(max(visits for visits in group if visits is not None) for group in groups.values())


def _by_text(texts: Iterable[tuple[str, str]], missing: Sequence[str]) -> str:
    """(text, item's name) told once per text: "承诺1个工作日：甲、乙；承诺当场办结：丙；本地目录没有、未计入：丁" """
    said: dict[str, list[str]] = {}
    for text, name in texts:
        said.setdefault(text, []).append(name)
    told = [f"{text}：{'、'.join(dict.fromkeys(names))}" for text, names in said.items()]
    if missing:
        told.append(f"本地目录没有、未计入：{'、'.join(missing)}")
    return "；".join(told)
