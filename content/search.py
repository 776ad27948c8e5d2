"""Search over the catalogue: tantivy finds candidates, their names decide the order. Built from the store and swapped in whole when it changes.

Items that say the same about themselves (one item in many districts) are one family: indexed once, and shown for the region asked.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import tantivy

from content import certainty
from content.asked import Asked, Lexicon, Listener, terms
from content.coverage import Coverage
from content.everyday import EverydayNames
from content.explained import Explained, Question
from content.listing import Entry, Filters, Listing
from content.marks import marks
from content.text import HAN, Segmenter, folded, pairs

INDEXED = (
    "code", "name", "short_name", "everyday_names", "catalogue_name", "department", "region", "audience", "themes", "conditions", "materials.name",
    "online", "visits", "places", "promised_limit", "handling_kind",
)  # fmt: skip
_FIELDS = {"name": 1.0, "everyday": 0.6, "about": 0.15}
_WIDE, _NARROW = 36, 4  # terms of a question looked up in names, and in the rest: the rarest and heaviest
_KEPT_QUERIES = 20_000
_CANDIDATES = 20
_CONDITIONS = 600  # characters of the conditions that are indexed
_EXPLAINED = 1.5  # what an item that explains the whole question gains, as an exponent
_NAME, _ALIAS, _ACT = 0.3, 0.6, 0.2  # for a name asked for as a whole, for an everyday name, for an act asked for
_LIKED = 0.02
_LIT = 0.5  # weight from which a pair is marked in names
_SURE, _UNMET = 0.14, 0.16  # share of a name that must be asked for, and what a longer phrase for something else costs
_RELEVANT = 0.1  # of the best score; the rest is noise
_PER_FAMILY = 3  # members shown of one family when no region is asked


@dataclass(frozen=True, slots=True)
class Found:
    """One hit, enough for a list entry. `score` only when there was a query; `marks`: stretches of the name that were asked for."""

    code: str
    name: str
    department: str
    region: str | None
    score: float | None
    marks: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """`sure` false: nothing here is what was asked, only the nearest. `mended`: the question as understood, when it was mistyped."""

    hits: tuple[Found, ...]
    total: int
    sure: bool = True
    mended: str | None = None
    places: Sequence[int] = ()  # of everything found, for facets
    evidence: certainty.Evidence | None = None
    matter: tuple[float, ...] = ()

    @property
    def certainty(self) -> float:
        """0 to 1, that the first hit is what was asked."""
        return certainty.certainty(self.evidence) if self.evidence else 0.0

    @property
    def topical(self) -> float:
        """0 to 1, that the question names a matter by itself."""
        return certainty.topical(self.matter) if self.matter else 0.0


@dataclass(frozen=True, slots=True)
class _Family:
    """`names`: the folded name, then everyday names. `members`: places in the listing, by code."""

    names: tuple[str, ...]
    members: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Ranked:
    """`covered`: share of the name that was asked for; `explained`: share of the question the item answers to."""

    score: float
    covered: float
    explained: Explained
    family: _Family


class Index:
    """Immutable once built, but for the everyday names; a new catalogue revision gets a new one. `views` tips the balance between equals.

    `breathe` is called between small pieces of the building, so that whoever builds beside other work can let that go on.
    """

    def __init__(
        self,
        items: Iterable[dict[str, Any]],
        revision: int,
        names: EverydayNames,
        views: Mapping[str, int] | None = None,
        breathe: Callable[[], None] = lambda: None,
    ) -> None:
        self.revision = revision
        kept = sorted(items, key=lambda one: one["code"])
        self.listing = Listing(kept, breathe)
        self._views = views or {}
        grouped: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for place, item in enumerate(kept):
            breathe()
            grouped[_identity(item)].append(place)
        texts = {place[0]: _names(kept[place[0]]) for place in grouped.values()}
        segmenter = Segmenter(_own_words(texts.values(), names))
        self._families = [_Family(texts[members[0]], tuple(members)) for members in grouped.values()]
        counts: Counter[str] = Counter()  # families that have a term in a name
        self._in_field: dict[str, set[str]] = {"name": set(), "everyday": set()}
        lexicon = Lexicon()
        self._schema = _schema()
        self._index = tantivy.Index(self._schema)
        writer = self._index.writer(heap_size=50_000_000, num_threads=1)
        for number, family in enumerate(self._families):
            breathe()
            fields = _fields(kept[family.members[0]], family.names, segmenter)
            counts.update({term for field in self._in_field for term in fields[field]})
            for field, known in self._in_field.items():
                known.update(fields[field])
            for name in family.names:
                lexicon.learn(segmenter.words(name))
            values = self.listing.values(family.members)
            writer.add_document(tantivy.Document(family=number, **{field: " ".join(said) for field, said in fields.items()}, **values))
        writer.commit()
        writer.wait_merging_threads()
        self._index.reload()
        self._searcher = self._index.searcher()
        for phrase in names.phrases:
            lexicon.learn(phrase.words)
        lexicon.close(breathe)
        segmenter.done()
        self.listener = Listener(segmenter, lexicon, names, (term for term in counts if len(term) == 2))
        families = len(self._families)
        self._rarities = {term: math.log(1 + (families - count + 0.5) / (count + 0.5)) for term, count in counts.items()}
        self._unknown = math.log(2 * families + 2)  # of a term that no name has
        self._queries: dict[tuple[str, str], tantivy.Query] = {}
        self.use(names)

    def use(self, names: EverydayNames) -> None:
        """Exchange the everyday names, and with them everything worked out from the old ones."""
        self.listener.names = names
        self._coverage = Coverage(self._rarity, names.implied)
        self._acts: dict[str, frozenset[str]] = {}

    def find(self, query: str, filters: Filters, offset: int, limit: int) -> Answer:
        """A page of hits. Without words in the query: every item the filters leave, by code."""
        if not query.strip():
            places = self.listing.places(filters)
            page = [self.listing.entries[place] for place in places[offset : offset + limit]]
            return Answer(tuple(Found(one.code, one.name, one.department, one.region or None, None) for one in page), len(places), places=places)
        asked = self.listener.asked(query)
        question = Question(asked, self.listener.names)
        admitted = self.listing.asked(filters)
        ranked = self._ranked(asked, question, admitted)
        matter = certainty.matter(question, self._rarities, self._unknown)
        if not ranked:
            return Answer((), 0, sure=False, mended=asked.mended, matter=matter)
        found: list[tuple[float, int]] = []
        for one in ranked:
            if one.score < ranked[0].score * _RELEVANT:
                break
            shown = self.listing.chosen(one.family.members, admitted)
            found.extend((one.score, place) for place in (shown if filters.region else shown[:_PER_FAMILY]))
        lit = {term for term, weight in asked.terms.items() if weight >= _LIT and len(term) == 2}
        hits = [self._found(self.listing.entries[place], score, lit) for score, place in found[offset : offset + limit]]
        best, names = ranked[0], ranked[0].family.names
        scores = (best.score, next((one.score for one in ranked if one.family.names[0] != names[0]), 0.0), self._unknown)
        seen = certainty.evidence(asked, question, names, best.explained, best.covered, scores)
        return Answer(tuple(hits), len(found), _sure(best, question), asked.mended, tuple(place for _, place in found), seen, matter)

    def suggestible(self) -> Iterable[str]:
        """Every name and everyday name, folded."""
        return (name for family in self._families for name in family.names)

    def _ranked(self, asked: Asked, question: Question, admitted: Mapping[str, Sequence[str]]) -> list[_Ranked]:
        """Best first; equal scores by code, so that every process answers the same."""
        acts = {word for one in asked.heard if one.phrase.act for word in one.phrase.words}
        acts |= {act for act in self.listener.names.acts if act in asked.meant}
        ranked = []
        for score, number in self._candidates(asked, admitted):
            family = self._families[number]
            share = self._coverage.share
            covered = max(share(name, asked.terms) * (_ALIAS if place else 1.0) for place, name in enumerate(family.names))
            explained = question.by(self._coverage.pairs(name) for name in family.names)
            score *= math.exp(_EXPLAINED * explained.share) * math.sqrt(1 + explained.things) * (1 + _NAME * covered)
            score *= 1 + _ACT * (not acts.isdisjoint(self._acts_in(family.names[0])))
            ranked.append(_Ranked(round(score * self._liking(family), 4), covered, explained, family))
        return sorted(ranked, key=lambda one: (-one.score, one.family.members[0]))

    def _liking(self, family: _Family) -> float:
        """A little more for what is read often: 10,000 readers weigh 8 %."""
        if not self._views:
            return 1.0
        return 1 + _LIKED * math.log10(1 + max(self._views.get(self.listing.entries[one].code, 0) for one in family.members[:5]))

    def _acts_in(self, name: str) -> frozenset[str]:
        found = self._acts.get(name)
        if found is None:
            found = self._acts[name] = frozenset(act for act in self.listener.names.acts if act in name)
        return found

    def _candidates(self, asked: Asked, admitted: Mapping[str, Sequence[str]]) -> list[tuple[float, int]]:
        weighed = sorted(((weight * self._rarity(term), term, weight) for term, weight in asked.terms.items()), reverse=True)
        named = [(term, weight) for _, term, weight in weighed if term in self._rarities][:_WIDE]
        other = [(term, weight) for _, term, weight in weighed[:_NARROW]]
        parts = []
        for field, boost in _FIELDS.items():
            here = self._in_field.get(field)
            for term, weight in other if here is None else [one for one in named if one[0] in here]:
                query = tantivy.Query.boost_query(self._looking_for(field, term), boost * weight)
                parts.append((tantivy.Occur.Should, query))
        if not parts:
            return []
        scored = tantivy.Query.boolean_query(parts)
        kept = [
            (tantivy.Occur.Must, tantivy.Query.const_score_query(tantivy.Query.term_set_query(self._schema, field, list(values)), 0.0))
            for field, values in admitted.items()
        ]
        query = tantivy.Query.boolean_query([(tantivy.Occur.Must, scored), *kept]) if kept else scored
        hits = self._searcher.search(query, limit=_CANDIDATES, count=False).hits
        numbers = self._searcher.fast_field_values("family", [address for _, address in hits])
        return [(score, int(number)) for (score, _), number in zip(hits, numbers, strict=True) if number is not None]

    def _looking_for(self, field: str, term: str) -> tantivy.Query:
        """Kept, as the same few thousand terms come again and again."""
        known = self._queries.get((field, term))
        if known is None:
            if len(self._queries) > _KEPT_QUERIES:
                self._queries.clear()
            known = self._queries[field, term] = tantivy.Query.term_query(self._schema, field, term)
        return known

    def _rarity(self, term: str) -> float:
        return self._rarities.get(term) or self._unknown

    def _found(self, entry: Entry, score: float, lit: Set[str]) -> Found:
        return Found(entry.code, entry.name, entry.department, entry.region or None, round(score, 3), marks(entry.name, lit))


def _sure(best: _Ranked, question: Question) -> bool:
    """Whether the best hit is what was asked for. Fitted on questions with and without an item; docs/decisions/0016 has the figures."""
    return best.covered - _UNMET * min(question.unmet(best.explained), 8) >= _SURE


def _identity(item: dict[str, Any]) -> tuple[str, ...]:
    return (*_names(item), folded(item["catalogue_name"] or ""))


def _names(item: dict[str, Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, (folded(one) for one in (item["name"], *item["everyday_names"], item["short_name"] or "")))))


def _own_words(texts: Iterable[tuple[str, ...]], names: EverydayNames) -> Iterable[str]:
    """The catalogue's words for the dictionary: stretches of names between punctuation, and the official words of the everyday names."""
    for text in texts:
        for name in text:
            yield from (run for run in HAN.findall(name) if 2 <= len(run) <= 8)
    for phrase in names.phrases:
        yield from (word for word in phrase.words if 2 <= len(word) <= 8)


def _fields(item: dict[str, Any], names: Sequence[str], segmenter: Segmenter) -> dict[str, list[str]]:
    about = [
        item["catalogue_name"] or "",
        item["department"]["name"],
        *item["themes"],
        *(one["name"] for one in item.get("materials") or ()),
        (item.get("conditions") or "")[:_CONDITIONS],
    ]
    return {
        "name": terms(names[0], segmenter),
        "everyday": [term for name in names[1:] for term in terms(name, segmenter)],
        "about": pairs(folded(" ".join(about))),
    }


def _schema() -> Any:
    builder = tantivy.SchemaBuilder()
    for field in _FIELDS:
        builder.add_text_field(field, tokenizer_name="whitespace", index_option="freq")
    for field in Listing.FIELDS:
        builder.add_text_field(field, tokenizer_name="raw", index_option="basic")
    builder.add_integer_field("family", indexed=False, fast=True)
    return builder.build()
