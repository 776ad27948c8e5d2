"""A catalogue grown to any size, as real provincial ones are: the same items again at one district after the other.

The division tree is made up (province 99, next to the sandbox's own 990100). Same items, size and seed: same catalogue.
"""

import random
import re
from dataclasses import dataclass

from bench.search.engine import Item

CITIES, COUNTIES, TOWNS = 12, 9, 40
WITH_VARIANT, WITH_PLACE = 0.10, 0.05  # share of copies with another name; the rest keep theirs
_VARIANTS = ("个人", "单位", "首次", "变更", "延续", "补发", "注销", "委托代办", "线上申请", "县级权限", "现场核查", "告知承诺")
_FIRST = "临云石青清安永宁平和丰兴盛昌德仁义文武金银玉宝龙凤鹤松柏"
_SECOND = "河江溪湖泉山岭坪田原陵城阳水口桥塘沙洲港岗浦"
_PART = re.compile(r"[一-鿿]{2,}?[省市区县]")  # of a region's name: 湖东省, 临江市
_PROVINCIAL = re.compile(r"厅$")


@dataclass(frozen=True, slots=True)
class Place:
    """One division: GB/T 2260 code, grown to nine digits for towns, and its names."""

    code: str
    name: str
    full_name: str
    level: str


def divisions(seed: int) -> list[Place]:
    """Every county of a made-up province, then every town. Codes and full names are unique."""
    draw = random.Random(seed)  # noqa: S311 - repeatable, no secret
    names = [first + second for first in _FIRST for second in _SECOND]
    draw.shuffle(names)
    cities, counties = [f"{name}市" for name in names[:CITIES]], iter(names[CITIES:])
    found, towns = [], []
    for city in range(CITIES):
        for county in range(COUNTIES):
            name = next(counties) + ("区" if county < COUNTIES // 3 else "县")
            place = Place(f"99{city + 2:02}{county + 2:02}", name, cities[city] + name, "县级")
            found.append(place)
            for number, town in enumerate(draw.sample(names, TOWNS)):
                towns.append(Place(f"{place.code}{number + 1:03}", f"{town}镇", f"{place.full_name}{town}镇", "镇级"))
    return found + towns


def grow(items: list[Item], size: int, seed: int = 1) -> list[Item]:
    """The given items, then copies of all of them at one place after the other, until there are `size`; fewer are cut off.

    Copies share the parts they do not change. Raises ValueError when the places do not suffice.
    """
    draw = random.Random(seed)  # noqa: S311 - repeatable, no secret
    grown = items[:size]
    places = divisions(seed)
    if size > len(items) * (len(places) + 1):
        raise ValueError(f"{len(items)} items at {len(places)} places make no {size}")
    for place in places:
        missing = size - len(grown)
        if missing <= 0:
            break
        taken = items if missing >= len(items) else draw.sample(items, missing)
        grown.extend(_at(item, place, draw) for item in taken)
    return grown


def _at(item: Item, place: Place, draw: random.Random) -> Item:
    here = "|".join(_PART.findall((item.get("region") or {}).get("name", ""))) or "(?!)"
    department, moved = re.subn(f"(?:{here})+", place.name, item["department"]["name"].strip())
    name = re.sub(f"(?:{here})+", place.name, item["name"])
    return {
        **item,
        "code": f"{item['code']}-{place.code}",
        "name": _name(name, place, draw.random(), draw.choice(_VARIANTS)),
        "department": {"name": _PROVINCIAL.sub("局", department if moved else place.name + department), "code": None},
        "region": {"code": place.code, "name": place.full_name},
        "level": place.level,
    }


def _name(name: str, place: Place, lot: float, variant: str) -> str:
    if lot < WITH_VARIANT:
        return f"{name}（{variant}）"
    if lot < WITH_VARIANT + WITH_PLACE:
        return f"{place.name}{name}"
    return name
