"""Administrative division codes: GB/T 2260 (6 digits: province, city, county) with 3 more for the town and 3 more for the village."""

import re
from collections.abc import Iterable

_CODE = re.compile(r"[1-9][0-9]{5}(?:[0-9]{3}){0,2}")


def lineage(code: str) -> list[str]:
    """The code itself, then what it lies in, up to the province. A code of another shape has no parents.

    440106012003 -> 440106012003, 440106012000, 440106012, 440106, 440100, 440000: a town is written with 12 or with 9 digits, so
    both stand in the list.
    """
    if not _CODE.fullmatch(code):
        return [code]
    found = [code]
    if len(code) > 6 and code[6:9] != "000":
        found += [f"{code[:9]}000", code[:9]]
    found += [code[:6], f"{code[:4]}00", f"{code[:2]}0000"]
    return list(dict.fromkeys(found))


def plain(code: str) -> str:
    """The shortest spelling of the same place: 440106000000 -> 440106, 440106012000 -> 440106012."""
    while len(code) > 6 and code.endswith("000") and _CODE.fullmatch(code):
        code = code[:-3]
    return code


def closest(codes: Iterable[str], code: str) -> str | None:
    """Of these codes the one that is `code` or the nearest thing it lies in; None if it lies in none of them."""
    offered = {plain(one): one for one in sorted(codes, reverse=True)}
    return next((offered[place] for place in map(plain, lineage(code)) if place in offered), None)


def contains(outer: str, inner: str) -> bool:
    """True if `inner` is `outer` or lies in it."""
    return plain(outer) in map(plain, lineage(inner))
