"""What was handed in, as fingerprints: enough to see later what stayed as it was, and nothing to read a resident's answers from."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

Place = tuple[str, str]  # ("field", name in the form) | ("material", name in the guide)
Content = Mapping[Place, str]  # place -> keyed digest of what stands there
Digest = Callable[[str], str]  # keyed and of one case: equal answers of two residents do not look alike


@dataclass(frozen=True, slots=True)
class Round:
    """What was handed in again, answering the notice of corrections that came with this version of the case."""

    version: int
    content: Content


def fingerprints(answers: Mapping[str, Any], materials: Sequence[Mapping[str, Any]], digest: Digest) -> dict[Place, str]:
    """One per answer and per material; several papers of one name count as one."""
    found: dict[Place, str] = {("field", name): digest(_text(value)) for name, value in answers.items()}
    by_name: dict[str, list[str]] = {}
    for material in materials:
        by_name.setdefault(str(material["name"]), []).append(_text(material))
    return found | {("material", name): digest("\n".join(sorted(each))) for name, each in by_name.items()}


def standing_at(first: Content, rounds: Iterable[Round], version: int) -> Content:
    """What lay with the core just before its move `version`."""
    content = dict(first)
    for each in sorted((one for one in rounds if one.version < version), key=lambda one: one.version):
        content |= each.content
    return content


def to_rows(content: Content) -> list[dict[str, str]]:
    """As stored: field names may hold what Mongo's keys may not."""
    return [{"target": target, "name": name, "digest": digest} for (target, name), digest in content.items()]


def from_rows(rows: Iterable[Mapping[str, str]]) -> dict[Place, str]:
    return {(row["target"], row["name"]): row["digest"] for row in rows}


def _text(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
