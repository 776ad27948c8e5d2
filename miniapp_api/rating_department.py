"""Story: who is to put a bad rating right. A department of the catalogue, of the rated item, or the one that has it now; no other is ever asked."""

from difflib import get_close_matches

from kit.errors import FieldError, Invalid
from miniapp_api.wiring import Deps
from ratings.values import Rating, Rectification

MOST = 5  # names offered
_NEAR = 0.3  # of difflib's 0 to 1: 人社局 and 临江市人力资源和社会保障局 have 0.375
_SHOWN = 40  # characters of what was asked for


async def known(deps: Deps, asked: str, seen: Rectification, rating: Rating) -> str:
    """As it is written. Raises Invalid, with the names that are near, for one that nobody answers to: it would lie there unseen."""
    name = asked.strip()
    theirs = {one for one in (seen.department, rating.about.department) if one}
    if name in theirs:
        return name
    names = theirs | await deps.content.departments()
    if name in names:
        return name
    raise Invalid("input_invalid", "没有这个部门，请修改后再分派", errors=(FieldError("to", _told(name, names)),))


def _told(name: str, names: set[str]) -> str:
    near = get_close_matches(name, sorted(names), MOST, _NEAR)
    shown = name if len(name) <= _SHOWN else f"{name[:_SHOWN]}…"
    offered = f"名称相近的有：{'、'.join(near)}" if near else "也没有名称相近的，请按事项清单里的部门名称填写"
    return f"事项清单里没有“{shown}”这个部门；{offered}"
