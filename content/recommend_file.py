"""The operators' file of recommendations: which matters are suggested to whom, and the reason that is told with each.

A rule looks only at what the house knows of the subject anyway: age, wards' ages, licences, decided cases. Never at searches or reading.
"""

import string
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from content.operators_file import LOOK_AGAIN, OperatorsFile, Row, parsed
from content.package_file import WantedItem, Words
from kit.errors import Unavailable

BUILT_IN = Path(__file__).parent / "defaults" / "recommendations.json"

Whole = Annotated[int, Field(ge=0, le=40_000)]


class Span(Row):
    """`from` and `to`, both counted in."""

    first: Whole = Field(alias="from")
    last: Whole = Field(alias="to")

    @model_validator(mode="after")
    def _in_order(self) -> "Span":
        if self.first > self.last:
            raise ValueError("from is greater than to")
        return self

    def holds(self, value: int) -> bool:
        return self.first <= value <= self.last


class LicenceDays(Row):
    """Licences of one of these types (none named: any), and how many days since they were issued or until they end."""

    types: list[Words] = Field(default=[])
    days: Span

    def fits(self, kind: str) -> bool:
        return not self.types or kind in self.types


class Decided(Row):
    """A case that was decided in the subject's favour, whose matter has one of these words in its name."""

    names: Annotated[list[Words], Field(min_length=1)]
    days: Span


class When(Row):
    """All that is set must hold."""

    age: Span | None = None  # whole years
    ward_months: Span | None = None  # age of a minor in one's care
    expires: LicenceDays | None = None  # a valid licence ends in so many days
    licensed: LicenceDays | None = None  # a valid licence was issued so many days ago
    decided: Decided | None = None

    @model_validator(mode="after")
    def _something(self) -> "When":
        if not self.set:
            raise ValueError("no condition")
        return self

    @property
    def set(self) -> list[str]:
        return [name for name in SLOTS if getattr(self, name) is not None]


# Condition -> what its finding may be called in `because` and `search`.
SLOTS: dict[str, frozenset[str]] = {
    "age": frozenset({"age"}),
    "ward_months": frozenset({"ward_age"}),
    "expires": frozenset({"licence", "days", "day"}),
    "licensed": frozenset({"licence", "days"}),
    "decided": frozenset({"item", "days"}),
}


class Rule(Row):
    """`packages` by id, `items` by code or by an exactly equal name, `search`: words as a resident would ask them; {licence} and the like are filled in."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,39}$")]
    audience: Literal["person", "enterprise"]
    when: When
    packages: list[Words] = Field(default=[])
    items: list[WantedItem] = Field(default=[])
    search: list[Words] = Field(default=[])
    because: Annotated[str, Field(min_length=3, max_length=200, pattern="^因为")]

    @model_validator(mode="after")
    def _whole(self) -> "Rule":
        if not (self.packages or self.items or self.search):
            raise ValueError("recommends nothing: packages, items or search is needed")
        known = {slot for name in self.when.set for slot in SLOTS[name]}
        for text in (self.because, *self.search):
            try:
                asked = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
            except ValueError as exc:
                raise ValueError(f"braces do not match: {text}") from exc
            if unknown := sorted(asked - known):
                raise ValueError(f"{{{unknown[0]}}} is not known under these conditions: {text}")
        return self


class Rules(Row):
    """The whole file. What stands first is shown first."""

    rules: list[Rule]

    @model_validator(mode="after")
    def _each_id_once(self) -> "Rules":
        ids = [one.id for one in self.rules]
        if twice := sorted({one for one in ids if ids.count(one) > 1}):
            raise ValueError(f"rules: id used twice: {', '.join(twice)}")
        return self


def read(raw: bytes) -> Rules:
    """Raises BrokenFile."""
    return parsed(raw, Rules)


class RecommendationFile(OperatorsFile[Rules]):
    """`book` raises Unavailable if there has never been a good one since the process started."""

    def __init__(self, path: Path = BUILT_IN, *, look_again: float = LOOK_AGAIN) -> None:
        super().__init__(path, Rules, "recommendations", _missing, look_again=look_again)


def _missing() -> Unavailable:
    return Unavailable("recommendations_unavailable", "推荐事项暂时无法显示，请稍后再试", retry_after=30)
