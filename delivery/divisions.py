"""Provinces, cities and counties an address is picked from. Read once; it comes with a release."""

import functools
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

TABLE = Path(__file__).parent / "divisions_of_china" / "divisions.tsv"
Division = tuple[str, str]  # (code, name)


def below(parent: str) -> list[Division]:
    """What lies in this division, by code; of "" the provinces; [] for a county and for what there is not."""
    return _tree().get(parent, [])


def named(parent: str, name: str) -> str | None:
    """The code of the one of this name in `parent`."""
    return next((code for code, own in below(parent) if own == name), None)


@functools.cache
def _tree() -> Mapping[str, list[Division]]:
    found = defaultdict[str, list[Division]](list)
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        code, name = line.split("\t")
        found[_parent(code)].append((code, name))
    return dict(found)


def _parent(code: str) -> str:
    if code.endswith("0000"):
        return ""
    return f"{code[:2]}0000" if code.endswith("00") else f"{code[:4]}00"
