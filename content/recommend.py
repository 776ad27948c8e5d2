"""Matters that may be of use to somebody now, each with its "because". Pure rules over facts that are known here; nothing is kept and nothing leaves.

A rule whose matter this catalogue does not have shows nothing.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice, product
from typing import Any, Literal

from content.catalogue import Catalogue
from content.certainty import CERTAIN
from content.kept import Kept
from content.listing import Filters
from content.package_items import meant, spellings
from content.packages import Packages
from content.recommend_file import SLOTS, RecommendationFile, Rule, Rules
from kit.clock import BEIJING
from kit.errors import NotFound

Audience = Literal["person", "enterprise"]
MOST = 8  # shown at once
_OF_A_RULE = 3  # findings of one rule: three licences that end are enough
_REMEMBERED = 2_000  # questions put to the search
_AUDIENCES: Mapping[Audience, str] = {"person": "自然人", "enterprise": "法人"}


@dataclass(frozen=True, slots=True)
class Held:
    """A valid licence."""

    type: str
    name: str
    issued_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Decided:
    item_name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a subject; what is not known now is simply empty. `under_way`: codes of items applied for already."""

    audience: Audience
    at: datetime
    born: date | None = None
    wards: tuple[date, ...] = ()
    licences: tuple[Held, ...] = ()
    decided: tuple[Decided, ...] = ()
    under_way: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A package or an item."""

    rule: str
    name: str
    because: str
    package: str | None = None
    item_code: str | None = None

    @property
    def about(self) -> str:
        return self.package or self.item_code or ""


class Recommending:
    """Built once per process."""

    def __init__(self, catalogue: Catalogue, packages: Packages, file: RecommendationFile) -> None:
        self._catalogue, self._packages, self._file = catalogue, packages, file
        self._named: Kept[list[dict[str, Any]]] = Kept()
        self._asked: Kept[dict[tuple[Audience, str], tuple[str, str] | None]] = Kept()

    async def of(self, facts: Facts, dismissed: Collection[str] = ()) -> list[Recommendation]:
        """In the file's order, each matter once. Raises Unavailable while there is no good file or no catalogue."""
        book = await self._file.book()
        revision = self._catalogue.state.revision
        items = await self._named.get((revision, self._file.edition), lambda: self._read(book))
        packages = {row["id"]: row["name"] for row in await self._packages.listed(None) if row["items_found"]}
        asked = await self._asked.get((revision, self._catalogue.finder.revision), _nothing)
        found: dict[str, Recommendation] = {}
        unwanted: set[str] = set(facts.under_way)  # what a dismissed rule says is not said by another one either
        for rule in book.rules:
            if rule.audience != facts.audience:
                continue
            for slots in islice(findings(rule, facts), _OF_A_RULE):
                for one in self._of_rule(rule, slots, (packages, items, asked)):
                    if rule.id in dismissed:
                        unwanted.add(one.about)
                    found.setdefault(one.about, one)
        return [one for about, one in found.items() if about not in unwanted][:MOST]

    async def known(self, rule: str) -> None:
        """Raises NotFound, Unavailable."""
        if all(one.id != rule for one in (await self._file.book()).rules):
            raise NotFound("recommendation_unknown", "没有找到这条推荐，请刷新页面")

    def _of_rule(self, rule: Rule, slots: Mapping[str, str], known: Any) -> Iterator[Recommendation]:
        packages, items, asked = known
        because = rule.because.format_map(slots)
        for own in rule.packages:
            if own in packages:
                yield Recommendation(rule.id, packages[own], because, package=own)
        for wanted in rule.items:
            if live := meant(wanted, items):
                yield Recommendation(rule.id, live[0]["name"], because, item_code=live[0]["code"])
        for words in rule.search:
            if (hit := self._look_up(rule.audience, words.format_map(slots), asked)) is not None:
                yield Recommendation(rule.id, hit[1], because, item_code=hit[0])
                break  # the words are ways to ask for one matter

    def _look_up(self, audience: Audience, words: str, asked: dict[tuple[Audience, str], tuple[str, str] | None]) -> tuple[str, str] | None:
        """(code, name) where the search is sure; the same words are asked once per catalogue."""
        if (audience, words) not in asked:
            answer = self._catalogue.finder.find(words, Filters(audience=_AUDIENCES[audience]), 0, 1, counted=False)
            sure = bool(answer.hits) and answer.certainty >= CERTAIN
            if len(asked) >= _REMEMBERED:
                asked.clear()
            asked[audience, words] = (answer.hits[0].code, answer.hits[0].name) if sure else None
        return asked[audience, words]

    async def _read(self, book: Rules) -> list[dict[str, Any]]:
        wanted = [item for rule in book.rules for item in rule.items]
        codes: Sequence[str] = sorted({code for one in wanted for code in one.codes})
        return await self._catalogue.store.named(codes, spellings(name for one in wanted for name in one.all_names))


def findings(rule: Rule, facts: Facts) -> Iterator[dict[str, str]]:
    """One set of words per way in which all conditions hold; nothing when one does not."""
    looks = [list(_LOOKS[name](getattr(rule.when, name), facts)) for name in SLOTS if getattr(rule.when, name) is not None]
    for each in product(*looks):
        yield {name: value for slots in each for name, value in slots.items()}


def _age(span: Any, facts: Facts) -> Iterator[dict[str, str]]:
    if facts.born is not None and span.holds(years := _months(facts.born, facts.at) // 12):
        yield {"age": str(years)}


def _ward(span: Any, facts: Facts) -> Iterator[dict[str, str]]:
    for born in sorted(facts.wards, reverse=True):
        if span.holds(months := _months(born, facts.at)):
            yield {"ward_age": f"{months // 12}岁" if months >= 12 else f"{months}个月" if months else "刚出生"}


def _expires(wanted: Any, facts: Facts) -> Iterator[dict[str, str]]:
    for one in sorted((one for one in facts.licences if one.expires_at is not None), key=lambda one: str(one.expires_at)):
        if one.expires_at is not None and wanted.fits(one.type) and wanted.days.holds(days := _days(facts.at, one.expires_at)):
            end = one.expires_at.astimezone(BEIJING)
            yield {"licence": one.name, "days": str(days), "day": f"{end.year}年{end.month}月{end.day}日"}


def _licensed(wanted: Any, facts: Facts) -> Iterator[dict[str, str]]:
    for one in facts.licences:
        if wanted.fits(one.type) and wanted.days.holds(days := _days(one.issued_at, facts.at)):
            yield {"licence": one.name, "days": str(days)}


def _decided(wanted: Any, facts: Facts) -> Iterator[dict[str, str]]:
    for one in facts.decided:
        if any(word in one.item_name for word in wanted.names) and wanted.days.holds(days := _days(one.at, facts.at)):
            yield {"item": one.item_name, "days": str(days)}


_LOOKS: Mapping[str, Any] = {"age": _age, "ward_months": _ward, "expires": _expires, "licensed": _licensed, "decided": _decided}


def _months(born: date, at: datetime) -> int:
    """Whole months of age, by the calendar of Beijing. -1 for somebody who is not born yet."""
    today = at.astimezone(BEIJING).date()
    return max(-1, (today.year - born.year) * 12 + today.month - born.month - (today.day < born.day))


def _days(since: datetime, until: datetime) -> int:
    """Beijing days from one to the other; -1 where they are the other way round."""
    return max(-1, (until.astimezone(BEIJING).date() - since.astimezone(BEIJING).date()).days)


async def _nothing() -> dict[tuple[Audience, str], tuple[str, str] | None]:
    return {}


def birthday(id_number: str) -> date | None:
    """As it stands in a resident ID number (GB 11643); None for one of another kind."""
    digits = id_number[6:14]
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8])) if len(id_number) == 18 and digits.isdecimal() else None
    except ValueError:
        return None


def births(id_numbers: Iterable[str]) -> tuple[date, ...]:
    return tuple(born for one in id_numbers if (born := birthday(one)) is not None)
