"""Which live items a package means here: by code where the catalogue has it, else by an exactly equal name; then by region."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from content.package_file import Package, WantedItem
from content.regions import closest, contains

Json = dict[str, Any]
_WIDE = str.maketrans("()", "（）")


@dataclass(frozen=True, slots=True)
class Need:
    """One matter of a step and the live items that are it, by code; none: the catalogue has it not. Items of one group stand for each other."""

    step: int
    wanted: WantedItem
    group: str
    items: tuple[Json, ...]


def spellings(names: Iterable[str]) -> list[str]:
    """The names as written, and with narrow and with wide brackets: how an exact query finds them."""
    folded = [(name, unicodedata.normalize("NFKC", name)) for name in names]
    return sorted({spelling for name, narrow in folded for spelling in (name, narrow, narrow.translate(_WIDE))})


def needs(package: Package, items: Sequence[Json]) -> list[Need]:
    """Every matter of every step, in order, also the ones nothing was found for."""
    found = []
    for number, step in enumerate(package.steps):
        for wanted in step.items:
            live = tuple(meant(wanted, items))
            group = f"step {number}" if step.one_of else live[0]["code"] if live else wanted.name
            found.append(Need(number, wanted, group, live))
    return found


def serving(found: Iterable[Need], region: str | None) -> list[Need]:
    """The same matters with only the items that serve a region."""
    return [replace(need, items=tuple(nearby(need.items, region))) for need in found]


def meant(wanted: WantedItem, items: Sequence[Json]) -> list[Json]:
    """The live items a matter means, by code. An item's own name counts before its short name, everyday names and catalogue name."""
    by_code = [item for item in items if item["code"] in wanted.codes]
    if by_code:
        return _in_order(by_code)
    names = {_plain(name) for name in wanted.all_names}
    for names_of in (_own, _short, _everyday, _catalogue):
        if found := [item for item in items if names & {_plain(name) for name in names_of(item)}]:
            return _in_order(found)
    return []


def nearby(items: Sequence[Json], region: str | None) -> list[Json]:
    """The items of the closest place that serves `region`, and those without a place. Where none does: those inside of it."""
    if not region:
        return list(items)
    everywhere = [item for item in items if not _place(item)]
    placed = [item for item in items if _place(item)]
    nearest = closest([_place(item) for item in placed], region)
    if nearest is not None:
        return _in_order(everywhere + [item for item in placed if contains(nearest, _place(item)) and contains(_place(item), nearest)])
    return everywhere or [item for item in placed if contains(region, _place(item))]


def _in_order(items: Iterable[Json]) -> list[Json]:
    return sorted(items, key=lambda item: str(item["code"]))


def _place(item: Json) -> str:
    return str((item["region"] or {}).get("code") or "")


def _plain(name: str) -> str:
    return "".join(unicodedata.normalize("NFKC", name).split()).casefold()


def _own(item: Json) -> list[str]:
    return [item["name"]]


def _short(item: Json) -> list[str]:
    return [item["short_name"]] if item["short_name"] else []


def _everyday(item: Json) -> list[str]:
    return list(item["everyday_names"])


def _catalogue(item: Json) -> list[str]:
    return [item["catalogue_name"]] if item["catalogue_name"] else []
